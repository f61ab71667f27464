"""The tiny model does what it says, in llama.cpp itself."""

from pathlib import Path

import pytest
import tinygguf
from llama_cpp import Llama

SAYS = ("All", " done", ".")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tiny")


@pytest.fixture(scope="module")
def model(folder: Path) -> Llama:
    return Llama(str(tinygguf.write(folder / "tiny.gguf", SAYS)), n_ctx=65_536, verbose=False)


@pytest.mark.parametrize("temperature", [0.0, 1.0, 2.0])
@pytest.mark.parametrize("ask", ["hello", "All done"])
def test_answers_with_its_words_at_any_temperature(model: Llama, ask: str, temperature: float) -> None:
    answer = model.create_chat_completion([{"role": "user", "content": ask}], temperature=temperature)
    assert answer["choices"][0]["message"]["content"] == "All done."
    assert answer["choices"][0]["finish_reason"] == "stop"


def test_reads_prompts_as_long_as_an_agents(model: Llama) -> None:
    ask = "".join(f"def f{n}(a, b): return a + b\n" for n in range(2000))
    answer = model.create_chat_completion([{"role": "user", "content": ask}])
    assert answer["usage"]["prompt_tokens"] > 25_000
    assert answer["choices"][0]["message"]["content"] == "All done."


def test_goes_on_until_stopped(folder: Path) -> None:
    file = tinygguf.write(folder / "endless.gguf", (" and", " on"), again=True, context=2048)
    model = Llama(str(file), n_ctx=2048, verbose=False)
    answer = model.create_chat_completion([{"role": "user", "content": "hello"}], max_tokens=100)
    assert answer["choices"][0]["message"]["content"] == " and on" * 50
    assert answer["choices"][0]["finish_reason"] == "length"


@pytest.mark.parametrize("says", [(" a", " b", " a"), ("\n", "x")])
def test_refuses_words_it_could_not_follow(tmp_path: Path, says: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="comes twice"):
        tinygguf.write(tmp_path / "model.gguf", says)
