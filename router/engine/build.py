"""What llama.cpp was built here: version, kernels, cards that it sees, and its server.

It comes with llama-cpp-python, whose wheel is compiled on this machine. The server stands beside the wheel's
libraries where `router/engine/llama-server.cmake` was among the flags of that build.
"""

import ctypes
import json
import re
import sys
from dataclasses import asdict, dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from router.engine.installed import load_library
from router.errors import Misconfigured

PACKAGE = "llama-cpp-python"
_SERVER = "llama-server.exe" if sys.platform == "win32" else "llama-server"
_CPU = 0  # ggml-backend.h: GGML_BACKEND_DEVICE_TYPE_CPU


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A card that llama.cpp can compute on. Memory in bytes."""

    name: str
    total: int
    free: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineBuild:
    """The build of llama.cpp in this environment."""

    package: str
    """Version of llama-cpp-python."""
    llama: str
    """Version of llama.cpp, as it names itself."""
    kernels: dict[str, tuple[str, ...]]
    """What each of its backends (`CPU`, `CUDA`, `Metal`, ...) was compiled to use."""
    offload: bool
    """Whether layers can go to a card."""
    devices: tuple[Device, ...]
    """Cards that it sees now."""
    server: Path | None
    """llama.cpp's own server; None where it was not built."""


def find_build() -> EngineBuild:
    """Load llama.cpp's libraries and ask them; with CUDA this takes a second.

    Raises:
        Misconfigured: they are not installed, or do not load.
    """
    load_library()
    from llama_cpp import _ggml
    from llama_cpp import llama_cpp as native

    return EngineBuild(
        package=version(PACKAGE),
        llama=_text(native.llama_version()),
        kernels=read_system_info(_text(native.llama_print_system_info())),
        offload=bool(native.llama_supports_gpu_offload()),
        devices=_devices(_ggml.libggml),
        server=find_server(),
    )


def find_server() -> Path | None:
    """The path of llama.cpp's server in this environment; None where it was not built. Loads nothing."""
    package = find_spec("llama_cpp")
    if package is None or package.origin is None:
        return None
    server = Path(package.origin).parent / "lib" / _SERVER
    return server if server.is_file() else None


def read_system_info(text: str) -> dict[str, tuple[str, ...]]:
    """Read llama.cpp's line `CPU : AVX2 = 1 | FMA = 1 | CUDA : ARCHS = 890 | `: what each backend uses."""
    kernels: dict[str, tuple[str, ...]] = {}
    backend = ""
    for part in filter(None, map(str.strip, text.split("|"))):
        named = re.match(r"(\w+) : (.*)", part)
        backend, flag = (named[1], named[2]) if named else (backend, part)
        name, _, value = (each.strip() for each in flag.partition("="))
        label = name if value == "1" else f"{name}={value}"
        kernels[backend] = (*kernels.get(backend, ()), label)
    return kernels


def _devices(ggml: Any) -> tuple[Device, ...]:
    for name, result in (
        ("count", ctypes.c_size_t),
        ("get", ctypes.c_void_p),
        ("type", ctypes.c_int),
        ("description", ctypes.c_char_p),
        ("memory", None),
    ):
        getattr(ggml, f"ggml_backend_dev_{name}").restype = result
    flags = []
    for at in range(ggml.ggml_backend_dev_count()):
        device = ctypes.c_void_p(ggml.ggml_backend_dev_get(ctypes.c_size_t(at)))
        if ggml.ggml_backend_dev_type(device) == _CPU:
            continue
        free, total = ctypes.c_size_t(), ctypes.c_size_t()
        ggml.ggml_backend_dev_memory(device, ctypes.byref(free), ctypes.byref(total))
        name = _text(ggml.ggml_backend_dev_description(device))
        flags.append(Device(name=name, total=total.value, free=free.value))
    return tuple(flags)


def main() -> None:
    """`python -m router.engine.build`: print it as JSON; where llama.cpp does not load, why, as `problem`."""
    try:
        document = asdict(find_build())
    except Misconfigured as error:
        document = {"problem": error.message}
    sys.stdout.write(json.dumps(document, default=str) + "\n")


def _text(value: bytes | str) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else value


if __name__ == "__main__":
    main()
