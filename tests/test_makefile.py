"""`make run` says what is missing in one sentence, and compiles nothing for who has a server of their own."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MAKE = shutil.which("make")
SERVER = "http://127.0.0.1:11434"
pytestmark = pytest.mark.skipif(not MAKE, reason="there is no make")


@pytest.fixture
def make(tmp_path):
    """Run make with nothing compiled before; `tools` are the only programs that it finds."""

    def run(
        *arguments: str, tools: tuple[str, ...] = (), **variables: str
    ) -> subprocess.CompletedProcess[str]:
        env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), **variables}
        if tools:
            for tool in ("sh", "sed", *tools):
                (tmp_path / tool).symlink_to(shutil.which(tool) or "/bin/true")
            env["PATH"] = str(tmp_path)
        return subprocess.run(
            [MAKE, "TOOLS=" + env["PATH"], *arguments],
            cwd=ROOT,
            env=env,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


def compiles(made: subprocess.CompletedProcess[str]) -> bool:
    return "pip wheel" in made.stdout


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("GPU=nvidia", "GPU=nvidia: there is no such build; take one of: none cuda metal vulkan hip"),
        ("GPU=CUDA", "take one of: none cuda metal vulkan hip"),
        ("GPU=", "take one of: none cuda metal vulkan hip"),
        ("ENGINE=ollama", "ENGINE=ollama: there is no such engine; take none or llama.cpp"),
    ],
)
def test_an_unknown_word_is_refused(make, word, message):
    made = make("-n", "run", word)
    assert made.returncode == 2
    assert message in made.stderr


def test_an_engine_is_compiled_where_no_server_is_named(make):
    assert compiles(make("-n", "run"))


def test_nothing_is_compiled_for_a_server_of_ones_own(make, tmp_path):
    assert not compiles(make("-n", "run", TURNOUT_LOCAL__URL=SERVER))
    assert not compiles(make("-n", "run", "ENGINE=none"))
    assert compiles(make("-n", "run", "ENGINE=llama.cpp", TURNOUT_LOCAL__URL=SERVER))
    own = tmp_path / ".config" / "turnout" / "turnout.yaml"
    own.parent.mkdir(parents=True)
    own.write_text(f"listen: 127.0.0.1:4800\nlocal:\n  context: 8192\n  url: {SERVER}\n")
    assert not compiles(make("-n", "run"))
    own.write_text("local:\n  context: 8192\ncloud:\n  url: x\n")
    assert compiles(make("-n", "run"))


def test_without_an_engine_all_else_is_installed(make):
    made = make("-n", "run", "ENGINE=none")
    (filtering,) = (line for line in made.stdout.splitlines() if line.startswith("awk"))
    kept = subprocess.run(filtering.partition(">")[0], shell=True, cwd=ROOT, capture_output=True, text=True)  # noqa: PLW1510
    locked = (ROOT / "requirements.txt").read_text()
    assert "llama-cpp-python" not in kept.stdout
    assert kept.stdout.count("==") == locked.count("==") - 1


MISSING = [
    ("none", (), "There is no C++ compiler to build llama.cpp with: install one"),
    ("cuda", ("c++",), "GPU=cuda needs nvcc, which is not here: install the CUDA toolkit"),
    ("vulkan", ("c++",), "GPU=vulkan needs glslc, which is not here: install the Vulkan SDK"),
    ("hip", ("c++",), "GPU=hip needs hipcc, which is not here: install ROCm"),
]


def build(make, tmp_path, gpu: str, *tools: str) -> subprocess.CompletedProcess[str]:
    """Build the wheel with these tools alone; without `mkdir` it gets no further than their check."""
    (tmp_path / "uv").touch()
    wheel = tmp_path / "wheel"
    made = make(
        f"{wheel}/.built", f"WHEEL={wheel}", f"GPU={gpu}", f"UV={tmp_path / 'uv'}", tools=("true", *tools)
    )
    assert made.returncode == 2
    assert not wheel.exists()
    return made


@pytest.mark.parametrize(("gpu", "tools", "message"), MISSING)
def test_what_is_missing_is_one_sentence(make, tmp_path, gpu, tools, message):
    sentence, *rest = build(make, tmp_path, gpu, *tools).stderr.splitlines()
    assert sentence.startswith(message)
    assert len(rest) == 1, "make's own line alone"


def test_a_missing_driver_is_said_before_minutes_are_spent(make, tmp_path):
    made = build(make, tmp_path, "cuda", "c++", "nvcc")
    assert made.stderr.startswith("No NVIDIA driver answers (nvidia-smi)")
