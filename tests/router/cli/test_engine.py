"""`turnout engine status`, as a process."""

import json
from importlib.metadata import version

PACKAGE = version("llama-cpp-python")


def test_the_build_is_shown(turnout):
    shown = turnout("engine", "status")
    assert shown.code == 0
    assert f"llama-cpp-python {PACKAGE}" in shown.out
    for name in ("llama.cpp", "kernels, CPU", "card", "llama-server"):
        assert f"\n {name}" in f"\n{shown.out}"


def test_the_build_as_json(turnout):
    build = json.loads(turnout("engine", "status", "--json").out)
    assert build["package"] == PACKAGE
    assert build["llama"]
    assert build["kernels"]["CPU"]
    assert set(build) == {"package", "llama", "kernels", "offload", "devices", "server"}
