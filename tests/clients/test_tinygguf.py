"""The tiny model does what it says, in llama.cpp itself."""

from pathlib import Path

import pytest
import tinygguf
from llama_cpp import Llama

SAYS = "All is done, and all is well."
CALLS = tinygguf.tool_call("bash", command="ls")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tiny")


@pytest.fixture(scope="module")
def model(folder: Path) -> Llama:
    return Llama(
        str(tinygguf.write(folder / "tiny.gguf", says=SAYS, calls=CALLS)), n_ctx=65_536, verbose=False
    )


RESULT = [{"role": "assistant", "content": CALLS}, {"role": "tool", "content": "a file"}]
LONG = "".join(f"def f{n}(a, b): return a + b\n" for n in range(2000))


def answer(model: Llama, messages: list[dict[str, str]], temperature: float) -> tuple[str, str, int]:
    got = model.create_chat_completion(messages, temperature=temperature)
    choice = got["choices"][0]
    return choice["message"]["content"], choice["finish_reason"], got["usage"]["prompt_tokens"]


@pytest.mark.parametrize("temperature", [0.0, 1.0, 2.0])
@pytest.mark.parametrize("ask", ["hello", "All is done"])
def test_calls_first_then_says(model: Llama, ask: str, temperature: float) -> None:
    asked = [{"role": "user", "content": ask}]
    assert answer(model, asked, temperature)[:2] == (CALLS, "stop")
    assert answer(model, [*asked, *RESULT], temperature)[:2] == (SAYS, "stop")
    assert answer(model, [*RESULT, *asked], temperature)[:2] == (SAYS, "stop")


def test_reads_prompts_as_long_as_an_agents(model: Llama) -> None:
    text, _, tokens = answer(model, [*RESULT, {"role": "user", "content": LONG}], 1.0)
    assert text == SAYS  # the result is 25 thousand tokens back
    assert tokens > 25_000


def test_goes_on_until_stopped(folder: Path) -> None:
    file = tinygguf.write(folder / "endless.gguf", says="on+and+", again=True, context=2048)
    model = Llama(str(file), n_ctx=2048, verbose=False)
    answer = model.create_chat_completion([{"role": "user", "content": "hello"}], max_tokens=100)
    assert answer["choices"][0]["message"]["content"] == "on+and+" * 100
    assert answer["choices"][0]["finish_reason"] == "length"


def test_refuses_an_end_it_could_not_follow(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="end on another word"):
        tinygguf.write(tmp_path / "model.gguf", says="Done")
