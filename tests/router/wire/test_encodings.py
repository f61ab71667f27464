"""Content encodings: undone whatever they are and in whichever order, never beyond the limit."""

import gzip
import zlib

import brotli
import pytest
from backports import zstd

from router.errors import BadRequest
from router.wire.encodings import Oversized, decode

BODY = b'{"model": "auto", "messages": []}' * 20
LIMIT = 100_000


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


PACKERS = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": brotli.compress,
    "zstd": zstd.compress,
}


@pytest.mark.parametrize("name", PACKERS)
def test_each_is_undone(name):
    assert decode(PACKERS[name](BODY), name, LIMIT) == BODY
    assert decode(PACKERS[name](BODY), f" {name.upper()} ", LIMIT) == BODY
    assert decode(PACKERS[name](BODY), name, len(BODY)) == BODY


@pytest.mark.parametrize("field", ["", "identity", "identity, identity", ","])
def test_none_is_none(field):
    assert decode(BODY, field, LIMIT) is BODY


@pytest.mark.parametrize("first", PACKERS)
@pytest.mark.parametrize("second", PACKERS)
def test_stacks_are_undone_the_last_first(first, second):
    packed = PACKERS[second](PACKERS[first](BODY))
    assert decode(packed, f"{first}, {second}", LIMIT) == BODY


def test_frames_one_behind_another():
    for name in ("gzip", "zstd"):
        assert decode(PACKERS[name](BODY) + PACKERS[name](b"!"), name, LIMIT) == BODY + b"!"


def test_deflate_without_its_frame():
    assert decode(raw_deflate(BODY), "deflate", LIMIT) == BODY


@pytest.mark.parametrize("name", PACKERS)
def test_a_bomb_makes_no_more_than_the_limit(name):
    with pytest.raises(Oversized):
        decode(PACKERS[name](b" " * 50_000_000), name, LIMIT)
    with pytest.raises(Oversized):
        decode(PACKERS[name](BODY), name, len(BODY) - 1)


def test_a_bomb_in_a_bomb():
    with pytest.raises(Oversized):
        decode(gzip.compress(gzip.compress(b" " * 50_000_000)), "gzip, gzip", LIMIT)
    with pytest.raises(BadRequest, match="at most 3"):
        decode(BODY, "gzip, gzip, gzip, gzip", LIMIT)


def test_a_window_larger_than_http_allows():
    parameter = zstd.CompressionParameter
    options = {parameter.window_log: 27, parameter.enable_long_distance_matching: 1}
    packed = zstd.ZstdCompressor(options=options)
    with pytest.raises(BadRequest, match="not valid zstd"):
        decode(packed.compress(BODY) + packed.flush(), "zstd", LIMIT)


@pytest.mark.parametrize("name", PACKERS)
@pytest.mark.parametrize("cut", [1, 5, -1])
def test_a_broken_body_is_named(name, cut):
    with pytest.raises(BadRequest, match=f"not valid {name}") as refused:
        decode(PACKERS[name](BODY)[:cut], name, LIMIT)
    assert refused.value.status == 400


@pytest.mark.parametrize("field", ["compress", "gzip, rot13", "aes128gcm"])
def test_an_unknown_one_is_named(field):
    message = "is not supported; send the body plain, or as br, deflate, gzip, zstd"
    with pytest.raises(BadRequest, match=message) as refused:
        decode(BODY, field, LIMIT)
    assert refused.value.status == 415
