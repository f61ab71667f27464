"""`python -m router.engine.devices`: what llama.cpp was built for, and the cards that it finds, as JSON.

A process of its own: to ask a driver takes seconds and memory of the card, and a broken one ends the process.
"""

import ctypes
import json
import sys
from importlib.metadata import version
from typing import Any

from router.engine.installed import load_library
from router.errors import Misconfigured

_CPU = 0
"""`GGML_BACKEND_DEVICE_TYPE_CPU`, of ggml-backend.h."""


def main() -> None:
    """Print the document; a problem is in it, too."""
    try:
        load_library()
    except Misconfigured as error:
        document: dict[str, Any] = {"problem": error.message}
    else:
        document = describe()
    sys.stdout.write(json.dumps(document) + "\n")


def describe() -> dict[str, Any]:
    """The version, whether cards are supported, and each card with its memory in bytes."""
    from llama_cpp import llama_cpp as native

    return {
        "version": version("llama-cpp-python"),
        "gpu": bool(native.llama_supports_gpu_offload()),
        "cards": _cards(),
    }


def _cards() -> list[dict[str, Any]]:
    from llama_cpp._ctypes_extensions import load_shared_library
    from llama_cpp._ggml import libggml, libggml_base_path

    base = load_shared_library("ggml-base", libggml_base_path)
    libggml.ggml_backend_dev_count.restype = ctypes.c_size_t
    libggml.ggml_backend_dev_get.restype = ctypes.c_void_p
    libggml.ggml_backend_dev_get.argtypes = [ctypes.c_size_t]
    for name in ("name", "description"):
        function = getattr(base, f"ggml_backend_dev_{name}")
        function.restype, function.argtypes = ctypes.c_char_p, [ctypes.c_void_p]
    base.ggml_backend_dev_type.argtypes = [ctypes.c_void_p]
    size = ctypes.POINTER(ctypes.c_size_t)
    base.ggml_backend_dev_memory.argtypes = [ctypes.c_void_p, size, size]
    cards = []
    for index in range(libggml.ggml_backend_dev_count()):
        device = libggml.ggml_backend_dev_get(index)
        if base.ggml_backend_dev_type(device) == _CPU:
            continue
        free, total = ctypes.c_size_t(), ctypes.c_size_t()
        base.ggml_backend_dev_memory(device, ctypes.byref(free), ctypes.byref(total))
        cards.append({
            "name": base.ggml_backend_dev_name(device).decode(errors="replace"),
            "description": base.ggml_backend_dev_description(device).decode(errors="replace"),
            "free": free.value,
            "total": total.value,
        })  # fmt: skip
    return cards


if __name__ == "__main__":
    main()
