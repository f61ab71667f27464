"""The build of llama.cpp in this environment: what it says of itself, and its server."""

import os
import re
import shlex
import shutil
import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest

from router.engine.build import find_build, find_server, read_system_info
from router.system.subprocesses import ROOT


@pytest.mark.parametrize(
    ("text", "kernels"),
    [
        ("", {}),
        ("CPU : SSE3 = 1 | AVX2 = 1 | ", {"CPU": ("SSE3", "AVX2")}),
        (
            "CUDA : ARCHS = 890,900 | USE_GRAPHS = 1 | CPU : NEON = 1 | SVE_CNT = 16 | ",
            {"CUDA": ("ARCHS=890,900", "USE_GRAPHS"), "CPU": ("NEON", "SVE_CNT=16")},
        ),
    ],
)
def test_what_llama_cpp_tells_of_its_kernels_is_read(text, kernels):
    assert read_system_info(text) == kernels


def test_the_build_here_is_described():
    build = find_build()
    assert build.package == version("llama-cpp-python")
    assert build.llama
    assert build.kernels["CPU"]
    assert build.offload or not build.devices
    assert build.server == find_server()


def test_its_server_starts_from_where_it_was_installed_and_is_of_the_same_version():
    server = find_server()
    if server is None:
        pytest.skip("llama-server was not built here")
    told = subprocess.run(
        [server, "--version"], capture_output=True, text=True, check=True, env={}, timeout=60, cwd="/"
    )
    assert f"version: {find_build().llama}" in told.stdout + told.stderr


def test_its_server_needs_no_library_that_a_machine_may_lack():
    server = find_server()
    if server is None:
        pytest.skip("llama-server was not built here")
    names = b"".join(file.read_bytes() for file in server.parent.glob("*llama-*"))
    assert b"libllama" in names
    for library in (b"libssl", b"libcrypto", b"libcurl"):
        assert library not in names


@pytest.mark.skipif(not shutil.which("make"), reason="make is not installed")
@pytest.mark.parametrize(("gpu", "flag"), [("none", None), ("cuda", "-DGGML_CUDA=on")])
def test_the_wheel_is_built_with_the_server_whatever_the_card(tmp_path, gpu, flag):
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("TURNOUT_", "MAKE"))}
    shown = subprocess.run(
        ["make", "--dry-run", f"GPU={gpu}", "run"],
        cwd=ROOT,
        env=clean | {"XDG_CACHE_HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    flags = shlex.split(re.search(r'CMAKE_ARGS="(.*?)"', shown.stdout)[1])
    added = flags.pop()
    assert flags == ([flag] if flag else [])
    name, _, file = added.partition("=")
    assert name == "-DCMAKE_PROJECT_llama.cpp_INCLUDE"
    assert "add_subdirectory(tools/server)" in Path(file).read_text()
