"""Content encodings of request bodies, undone within a limit: gzip, deflate, br, zstd, and stacks of them.

- Nothing larger than the limit is ever made: each decoder is asked for one byte more than that.
- A zstd window is at most 8 MiB, as RFC 9659 has it for HTTP.
- Raw deflate is taken where zlib's frame (RFC 9110, section 8.4.1.2) is missing: several clients send it.
"""

import sys
import zlib
from collections.abc import Callable, Mapping
from typing import Any

import brotli

from router.errors import BadRequest, UnsupportedMedia

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

MOST = 3
"""Encodings of one body; more are refused, since each multiplies what a small body may become."""
_PLAIN = ("", "identity")
_ZSTD_WINDOW_LOG = 23
_MOST_FRAMES = 1_000


class Oversized(Exception):
    """The decoded body is larger than the limit."""


class _Broken(Exception):
    """The bytes are not of the encoding named."""


def decode(body: bytes, encodings: str, limit: int) -> bytes:
    """Undo a `Content-Encoding` field, the last encoding first.

    Args:
        body: As it was sent.
        encodings: The field's value, such as `gzip` or `gzip, zstd`; several fields joined by commas.
        limit: Bytes that each step may come to at most.

    Raises:
        Oversized: it is larger.
        UnsupportedMedia: an encoding is unknown.
        BadRequest: there are too many, or the body is not of the one named.
    """
    names = [name for part in encodings.split(",") if (name := part.strip().lower()) not in _PLAIN]
    if len(names) > MOST:
        raise BadRequest(f"content-encoding: a body has {len(names)} encodings; send at most {MOST}, or none")
    if unknown := next((name for name in names if name not in _DECODERS), ""):
        raise UnsupportedMedia(
            f"content-encoding: `{unknown[:40]}` is not supported; send the body plain, or as "
            f"{', '.join(sorted(_DECODERS.keys() - {'x-gzip'}))}"
        )
    for name in reversed(names):
        try:
            body = _DECODERS[name](body, limit + 1)
        except (zlib.error, brotli.error, zstd.ZstdError, _Broken) as error:
            raise BadRequest(f"content-encoding: the body is not valid {name} ({error})") from error
        if len(body) > limit:
            raise Oversized
    return body


def _framed(make: Callable[[], Any], data: bytes, most: int) -> bytes:
    """Decode frames one behind another, as gzip and zstd allow them."""
    parts: list[bytes] = []
    room = most
    for _ in range(_MOST_FRAMES):
        decoder = make()
        parts.append(decoder.decompress(data, room))
        room -= len(parts[-1])
        if not decoder.eof and room > 0:
            raise _Broken("it ends too early")
        data = decoder.unused_data
        if not data or room <= 0:
            return b"".join(parts)
    raise _Broken("it has too many frames")


def _gzip(data: bytes, most: int) -> bytes:
    return _framed(lambda: zlib.decompressobj(16 + zlib.MAX_WBITS), data, most)


def _deflate(data: bytes, most: int) -> bytes:
    try:
        return _framed(lambda: zlib.decompressobj(zlib.MAX_WBITS), data, most)
    except zlib.error:
        return _framed(lambda: zlib.decompressobj(-zlib.MAX_WBITS), data, most)


def _zstd(data: bytes, most: int) -> bytes:
    options: Mapping[int, int] = {zstd.DecompressionParameter.window_log_max: _ZSTD_WINDOW_LOG}
    return _framed(lambda: zstd.ZstdDecompressor(options=options), data, most)


def _brotli(data: bytes, most: int) -> bytes:
    decoder = brotli.Decompressor()
    parts = [decoder.process(data, output_buffer_limit=most)]
    size = len(parts[0])
    while not decoder.is_finished() and size < most:
        parts.append(decoder.process(b"", output_buffer_limit=most - size))
        if not parts[-1]:
            raise _Broken("it ends too early")
        size += len(parts[-1])
    return b"".join(parts)


_DECODERS: Mapping[str, Callable[[bytes, int], bytes]] = {
    "gzip": _gzip,
    "x-gzip": _gzip,
    "deflate": _deflate,
    "br": _brotli,
    "zstd": _zstd,
}
