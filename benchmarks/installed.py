"""Which of the routers that Turnout is measured beside are installed, and in which version.

Others come from an environment of their own (`make bench` makes `.venv-bench`).
"""

import subprocess
import sys
from pathlib import Path
from types import MappingProxyType
from typing import Literal

PeerName = Literal["turnout", "switchyard", "litellm"]
"""Those that serve, so that their latency can be measured."""
RouterName = Literal["litellm", "uncommon-route"]
"""Those that choose a model, so that their choices can be compared."""
_DISTRIBUTIONS: MappingProxyType[PeerName | RouterName, str] = MappingProxyType(
    {
        "turnout": "turnout",
        "switchyard": "nemo-switchyard",
        "litellm": "litellm",
        "uncommon-route": "uncommon-route",
    }
)


def interpreter(name: PeerName | RouterName, peers: Path) -> Path:
    """The interpreter that runs a peer: our own for Turnout, that of `peers` for others."""
    return Path(sys.executable) if name == "turnout" else peers.absolute() / "bin" / "python"


def version(name: PeerName | RouterName, python: Path) -> str | None:
    """The installed version; `None` where the peer is not installed there."""
    if not python.exists():
        return None
    code = "import importlib.metadata as m, sys; print(m.version(sys.argv[1]))"
    argv = [str(python), "-I", "-c", code, _DISTRIBUTIONS[name]]
    ended = subprocess.run(argv, capture_output=True, check=False, text=True, timeout=30)
    return ended.stdout.strip() or None
