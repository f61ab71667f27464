"""The build of llama.cpp in this environment: what it says of itself, and its server."""

import subprocess
from importlib.metadata import version

import pytest

from router.engine.build import find_build, find_server, read_system_info


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
