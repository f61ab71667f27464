"""Each family of models has its own tokens around the two texts, in its own order, as real vocabularies."""

import pytest
import tinygguf

from router.engine.completion import prompt_of, read_completion
from router.engine.errors import Refused
from router.engine.fim import NAMES, find_tokens
from router.engine.model import Model

GAP = {"prompt": "BEFORE", "suffix": "AFTER"}
MODELS = {
    "Qwen2.5-Coder": (
        ["<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>", "<|file_sep|>"],
        "<|fim_prefix|>BEFORE<|fim_suffix|>AFTER<|fim_middle|>",
    ),
    "StarCoder2": (
        ["<fim_prefix>", "<fim_middle>", "<fim_suffix>"],
        "<fim_prefix>BEFORE<fim_suffix>AFTER<fim_middle>",
    ),
    "CodeLlama": (["▁<PRE>", "▁<MID>", "▁<SUF>", "▁<EOT>"], "▁<PRE>BEFORE▁<SUF>AFTER▁<MID>"),
    "DeepSeek-Coder": (
        ["<｜fim▁begin｜>", "<｜fim▁hole｜>", "<｜fim▁end｜>"],  # noqa: RUF001 - as the model has it
        "<｜fim▁begin｜>BEFORE<｜fim▁hole｜>AFTER<｜fim▁end｜>",  # noqa: RUF001
    ),
    "Codestral-22B": (["[PREFIX]", "[MIDDLE]", "[SUFFIX]"], "[SUFFIX]AFTER[PREFIX]BEFORE"),
    "CodeGemma": (
        ["<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>", "<|file_separator|>"],
        "<|fim_prefix|>BEFORE<|fim_suffix|>AFTER<|fim_middle|>",
    ),
    "Granite-Code": (
        ["<fim_prefix>", "<fim_middle>", "<fim_suffix>", "<fim_pad>"],
        "<fim_prefix>BEFORE<fim_suffix>AFTER<fim_middle>",
    ),
    "Seed-Coder": (
        ["<[fim-suffix]>", "<[fim-prefix]>", "<[fim-middle]>"],
        "<[fim-suffix]>AFTER<[fim-prefix]>BEFORE<[fim-middle]>",
    ),
}


@pytest.fixture
def load(tmp_path):
    def make(name, tokens):
        file = tinygguf.write(tmp_path / "fim.gguf", says="return a + b", name=name, control=tokens)
        return Model(file, context=256, gpu_layers=0, threads=1, batch=64, sequences=1, spare=1000)

    return make


@pytest.mark.parametrize("name", MODELS)
def test_a_family_by_its_vocabulary(load, name):
    tokens, expected = MODELS[name]
    model = load(name, tokens)
    prompt = prompt_of(read_completion(GAP), model)
    assert b"".join(model.piece(token, special=True) for token in prompt.tokens).decode() == expected
    ends = {model.piece(token, special=True).decode() for token in prompt.ends}
    assert ends >= set(tokens) - {"[MIDDLE]"}
    assert model.cells == 256 + 64  # spare ones, since it completes


def test_mistrals_vocabulary_alone_makes_no_codestral(load):
    model = load("Mistral-Nemo", ["[PREFIX]", "[MIDDLE]", "[SUFFIX]"])
    assert (model.fim, model.cells) == (None, 256)
    with pytest.raises(Refused, match=r"Qwen2\.5-Coder"):
        prompt_of(read_completion(GAP), model)


def test_what_the_file_names_comes_first():
    named = dict.fromkeys(NAMES, -1) | {"pre": 1, "suf": 2, "mid": 3}
    vocabulary = {"<|fim_prefix|>": 7, "<|fim_suffix|>": 8, "<|fim_middle|>": 9, "<|file_sep|>": 10}
    found = find_tokens(named, vocabulary.get, "")
    assert found.around([20], [21]) == [1, 20, 2, 21, 3]
    assert (found.separator, found.repository) == (10, None)
    assert found.ends >= {1, 2, 3, 10}


def test_a_part_of_a_family_is_none():
    assert find_tokens(dict.fromkeys(NAMES, -1), {"<fim_prefix>": 1}.get, "") is None
