"""llama.cpp is optional: where it is missing or does not load, one sentence says so."""

import json
import os
import subprocess
import sys
from pathlib import Path

from router.engine.installed import engine_problem, load_library

ROOT = Path(__file__).parents[3]
DEVICES = (sys.executable, "-P", "-m", "router.engine.devices")


def devices(**variables: str) -> dict:
    ended = subprocess.run(
        DEVICES, env=os.environ | variables, capture_output=True, text=True, timeout=120, check=True
    )
    return json.loads(ended.stdout)


def test_it_is_here():
    assert engine_problem() == ""
    load_library()


def test_what_it_was_built_for():
    found = devices()
    assert found["version"]
    assert isinstance(found["gpu"], bool)
    assert found["gpu"] or found["cards"] == []


def test_a_library_that_does_not_load(tmp_path):
    package = tmp_path / "llama_cpp"
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('Failed to load libcudart.so.12')")
    problem = devices(PYTHONPATH=str(tmp_path))["problem"]
    assert "cannot be loaded (Failed to load libcudart.so.12)" in problem
    assert "make run GPU=none" in problem


def test_it_is_missing():
    code = (
        "import sys; sys.path.insert(0, '.'); import router.engine.installed as i; print(i.engine_problem())"
    )
    ended = subprocess.run(
        [sys.executable, "-S", "-c", code],  # without what is installed
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert ended.stdout.startswith("llama.cpp is not installed: `make run ENGINE=llama.cpp` compiles it")
    assert "TURNOUT_LOCAL__URL" in ended.stdout
