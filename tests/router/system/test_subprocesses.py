"""What is in the working folder is neither a module nor a program of ours."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from router.system.subprocesses import find_program, module_command

TRAPS = (
    "router/__init__.py", "json.py", "logging.py", "runpy.py", "sitecustomize.py", "usercustomize.py",
    "start.py",
)  # fmt: skip


def test_the_working_folder_and_python_variables_are_not_on_the_module_path(tmp_path):
    trap = "import os, pathlib; pathlib.Path(os.environ['TRAP']).write_text(__file__)\n"
    for name in (
        "router/__init__.py",
        "json.py",
        "logging.py",
        "sitecustomize.py",
        "usercustomize.py",
        "start.py",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(trap)
    (tmp_path / "x.pth").write_text("import json\n")
    env = os.environ | {
        "TRAP": str(tmp_path / "ran"),
        "PYTHONPATH": os.pathsep.join([".", str(tmp_path)]),
        "PYTHONSTARTUP": "start.py",
        "PYTHONHOME": "",
        "PYTHONUSERBASE": str(tmp_path),
    }
    ended = subprocess.run(
        module_command("router.scripted", "--help"),
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert "--port" in ended.stdout
    assert not (tmp_path / "ran").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="about modes")
def test_a_program_is_found_by_absolute_folders_only(tmp_path, monkeypatch):
    program = tmp_path / "tool"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    for path in (".", "", ".:", f":{tmp_path}/missing", "../" + tmp_path.name):
        assert find_program("tool", path) is None, path
    monkeypatch.setenv("PATH", f".:{tmp_path}")
    assert find_program("tool") == str(program)
    assert find_program("./tool") is None
    assert find_program(str(program)) == str(program)
    program.chmod(0o644)
    assert find_program("tool") is None


def test_on_windows_a_name_may_end_in_exe(tmp_path, monkeypatch):
    (tmp_path / "tool.EXE").write_bytes(b"")
    (tmp_path / "tool.EXE").chmod(0o755)
    monkeypatch.setenv("PATHEXT", ".COM" + os.pathsep + ".EXE")
    assert find_program("tool", str(tmp_path)) == str(Path(tmp_path, "tool.EXE"))
