import struct

import pytest

from router.engine import catalog
from router.errors import Misconfigured


def string(text):
    return struct.pack("<Q", len(text)) + text.encode()


def gguf(*, version=3, context=4096, tensor_offset=0, data=b"\0" * 64):
    """A tiny GGUF: three values, one of them an array, and one tensor."""
    values = (
        string("general.architecture") + struct.pack("<I", 8) + string("qwen2"),
        string("tokenizer.ggml.tokens") + struct.pack("<IIQ", 9, 8, 2) + string("a") + string("b"),
        string("qwen2.context_length") + struct.pack("<II", 4, context),
    )
    tensor = string("token_embd.weight") + struct.pack("<IQIQ", 1, 16, 0, tensor_offset)
    return b"GGUF" + struct.pack("<IQQ", version, 1, len(values)) + b"".join(values) + tensor + data


def test_nothing_named_is_the_demo_model():
    file = catalog.resolve("")
    assert file.name == "SmolLM2-135M-Instruct"
    assert file.arch == "llama"
    assert file.context == 8192
    assert file.size == file.path.stat().st_size


def test_a_named_file(tmp_path):
    path = tmp_path / "qwen-tiny.gguf"
    path.write_bytes(gguf())
    file = catalog.resolve(str(path))
    assert (file.name, file.arch, file.context) == ("qwen-tiny", "qwen2", 4096)


def test_a_missing_file(tmp_path):
    with pytest.raises(Misconfigured, match=r"local\.model: there is no file .*leave it empty"):
        catalog.resolve(str(tmp_path / "none.gguf"))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is empty; download it again"),
        (b"PK\x03\x04 something else", "not a GGUF file"),
        (b"GGUF", "ends early"),
        (gguf()[:60], "ends early"),
        (gguf(data=b""), "ends early"),
        (gguf(tensor_offset=10_000), "ends early"),
        (gguf(version=1), "version 1"),
        (b"GGUF" + struct.pack("<IQQ", 3, 1, 1) + struct.pack("<Q", 2**62), "ends early"),
    ],
)
def test_files_that_cannot_be_used(tmp_path, data, message):
    path = tmp_path / "model.gguf"
    path.write_bytes(data)
    with pytest.raises(Misconfigured, match=rf"local\.model: .*{message}"):
        catalog.resolve(str(path))
