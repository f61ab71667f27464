"""The local track: the compiler, llama.cpp and what it was built for, the card, the model; or the server."""

import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

from router.diagnosis.check import Check, found_or, green, red, yellow
from router.engine.catalog import ModelFile, resolve
from router.engine.installed import engine_problem
from router.errors import Misconfigured
from router.settings import Settings
from router.system.subprocesses import ROOT, find_program, module_command
from router.tracks.local_server import LocalServer

PATIENCE_S = 60.0
"""How long llama.cpp may take to look for cards."""
COMPILERS = ("c++", "g++", "clang++", "cl")
GB = 1e9


def check_local(settings: Settings, server: LocalServer | None) -> Iterator[Check]:
    """Look at whatever serves the local track."""
    if server is not None:
        yield green("engine", "not needed: local.url names a server")
        yield _server(server)
        return
    missing = engine_problem()
    yield _compiler(needed=bool(missing))
    build = {"problem": missing} if missing else _build()
    problem = build.get("problem", "")
    yield found_or(
        "engine", problem, f"llama.cpp {build.get('llama', '')}, llama-cpp-python {build.get('package', '')}"
    )
    model: ModelFile | None = None
    try:
        model = resolve(settings.local.model)
        yield _model(model, demo=not settings.local.model)
    except Misconfigured as error:
        yield red("model", error.message)
    if not problem:
        yield from _cards(settings, build, model)


def _server(server: LocalServer) -> Check:
    if not server.reachable:
        return red("model", server.problem)
    if server.problem:
        return yellow("model", server.problem)
    tools = "calls tools" if server.abilities and "tools" in server.abilities else "tools: not told"
    window = f"{server.context} tokens" if server.context else "window: not told"
    return green("model", f"{server.model} at {server.url} ({window}, {tools})")


def _compiler(*, needed: bool) -> Check:
    named = os.environ.get("CXX", "").split()[:1]
    compiler = next(filter(None, map(find_program, (*named, *COMPILERS))), None)
    if compiler:
        return green("compiler", compiler)
    if not needed:
        return green("compiler", "none, and none is needed: llama.cpp is compiled already")
    return yellow(
        "compiler",
        "no C++ compiler: install one to compile llama.cpp (apt install build-essential, dnf install gcc-c++ "
        "or xcode-select --install)",
    )


def _build() -> dict[str, Any]:
    """What `router.engine.build` tells; `problem` where it does not."""
    try:
        ended = subprocess.run(
            module_command("router.engine.build"),
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=True,
        )
        build: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    except (OSError, subprocess.SubprocessError, ValueError, IndexError) as error:
        return {"problem": f"llama.cpp does not load ({error}): compile it again with `make run GPU=none`"}
    failed = (line for line in ended.stderr.splitlines() if "failed" in line or "insufficient" in line)
    return build | {"why": next(failed, "").strip()}


def _model(model: ModelFile, *, demo: bool) -> Check:
    window = f"{model.context} tokens" if model.context else "window: not told"
    what = f"{model.name} ({model.size / GB:.1f} GB, {window})"
    if 0 < (memory := _memory()) < model.size:
        return red(
            "model",
            f"{what} is larger than this machine's memory of {memory / GB:.0f} GB: take a smaller one",
        )
    if demo:
        return yellow("model", f"{what}: the demo model, for a try; set local.model to a GGUF file of yours")
    return green("model", what)


def _memory() -> int:
    """Bytes of this machine's memory; 0 where it does not tell."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # Windows
        return 0


def _cards(settings: Settings, build: dict[str, Any], model: ModelFile | None) -> Iterator[Check]:
    """Whether what was compiled fits the card and its driver, and the model its memory."""
    cards = build["devices"]
    if not cards:
        yield _no_card(build)
        return
    for card in cards:
        what = f"{card['name']}, {_gb(card['free'])} of {_gb(card['total'])} free"
        fits = model is None or settings.local.gpu_layers == 0 or model.size < card["free"] or len(cards) > 1
        remedy = "take a smaller model, or set local.gpu_layers to how many layers it shall hold"
        yield green("card", what) if fits else yellow("card", f"{what}, less than the model's file: {remedy}")


def _gb(size: int) -> str:
    return f"{size / GB:.1f} GB"


def _no_card(build: dict[str, Any]) -> Check:
    if build["offload"]:
        why = f" ({build['why']})" if build["why"] else ""
        return red(
            "card",
            f"llama.cpp was compiled for a card, and finds none{why}: install the card's driver, or compile "
            "for the processor: `make run GPU=none`",
        )
    if kind := _unused_card():
        return yellow(
            "card",
            f"llama.cpp was compiled for the processor alone, and there is a card: `make run GPU={kind}`",
        )
    return green("card", "none: the processor computes")


def _unused_card() -> str:
    """The build for a card that this machine seems to have; empty where none is seen."""
    if sys.platform == "darwin" and platform.machine() == "arm64":
        return "metal"
    if _answers("nvidia-smi", "-L"):
        return "cuda"
    return "hip" if os.path.exists("/dev/kfd") else ""  # noqa: PTH110 - a device


def _answers(*command: str) -> bool:
    program = find_program(command[0])
    if program is None:
        return False
    try:
        ended = subprocess.run([program, *command[1:]], capture_output=True, timeout=10, check=False)
    except (OSError, subprocess.SubprocessError):
        return False
    return ended.returncode == 0 and bool(ended.stdout.strip())
