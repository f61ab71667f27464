"""llama.cpp is optional: where it is missing or does not load, one sentence says so."""

import json
import os
import subprocess
import sys
from pathlib import Path

from router.engine.installed import engine_problem, load_library

ROOT = Path(__file__).parents[3]
BUILD = (sys.executable, "-P", "-m", "router.engine.build")


def build(**variables: str) -> dict:
    ended = subprocess.run(
        BUILD, env=os.environ | variables, capture_output=True, text=True, timeout=120, check=True
    )
    return json.loads(ended.stdout)


def test_it_is_here():
    assert engine_problem() == ""
    load_library()
    assert "problem" not in build()


def test_a_library_that_does_not_load(tmp_path):
    package = tmp_path / "llama_cpp"
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('Failed to load libcudart.so.12')")
    problem = build(PYTHONPATH=str(tmp_path))["problem"]
    assert "does not load (Failed to load libcudart.so.12)" in problem
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
