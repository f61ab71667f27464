"""How other programs are started: nothing in the folder where Turnout is used is ever taken for one.

`python -m` puts the working folder first on the module path, `PYTHONPATH` may name a project's, and
Windows looks for programs in the working folder before any other.
"""

import os
import site
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
"""The folder that holds our packages; processes of ours work there, not in the user's folder."""

_START = """\
import runpy, sys
root, module = sys.argv[1:3]
del sys.argv[1:3]
if root not in sys.path:
    sys.path.append(root)
runpy.run_module(module, run_name="__main__", alter_sys=True)
"""


def module_command(module: str, *arguments: str) -> list[str]:
    """The command that runs one of our modules with this interpreter.

    The module path is the installation's: without the working folder (`-P`), without what `PYTHONPATH` and
    the like name (`-E`), and with our own packages at its end, for a checkout that is not installed.
    """
    alone = () if site.ENABLE_USER_SITE else ("-s",)
    return [sys.executable, "-E", "-P", *alone, "-c", _START, str(ROOT), module, *arguments]


def find_program(name: str, path: str | None = None) -> str | None:
    """Find an installed program; returns its absolute path, or None.

    Args:
        name: As it is typed; one with a folder must be absolute.
        path: Folders to look in, as `PATH` has them; `PATH` itself unless given. Relative ones are left out.
    """
    places = (os.environ.get("PATH", os.defpath) if path is None else path).split(os.pathsep)
    folders = [Path(place) for place in places] if Path(name).name == name else [Path(name).parent]
    for folder in filter(Path.is_absolute, folders):
        for ending in _endings():
            program = folder / f"{Path(name).name}{ending}"
            if program.is_file() and os.access(program, os.X_OK):
                return str(program)
    return None


def _endings() -> list[str]:
    """What may follow a program's name: nothing, and on Windows `.EXE` and the like."""
    return ["", *os.environ["PATHEXT"].split(os.pathsep)] if "PATHEXT" in os.environ else [""]
