"""Prompts completed as they are, by the real demo model, and between two texts by one that can."""

import json

import aiohttp
import pytest
import tinygguf

from router.engine.completion import prompt_of, read_completion, read_infill
from router.engine.errors import Refused
from router.engine.model import Model
from router.engine.process import Engine
from router.settings import LocalSettings

pytestmark = pytest.mark.asyncio(loop_scope="session")

COMPLETIONS = "/v1/completions"
FRANCE = {"prompt": "The capital of France is", "max_tokens": 8, "temperature": 0}


async def stream_of(client, path, **body):
    async with client.session.post(client.engine.url + path, json=body | {"stream": True}) as response:
        assert response.status == 200, await response.text()
        text = await response.text()
    return [event.removeprefix("data: ") for event in text.removesuffix("\n\n").split("\n\n")]


async def test_a_prompt_is_completed_without_a_template(client):
    status, body = await client.post(COMPLETIONS, **FRANCE)
    assert (status, body["object"]) == (200, "text_completion")
    (choice,) = body["choices"]
    assert "Paris" in choice["text"]
    assert (choice["finish_reason"], body["usage"]["prompt_tokens"]) == ("length", 5)


async def test_a_stream_is_the_same_text(client):
    await client.post(COMPLETIONS, **FRANCE)  # from here on all but the last token is cached
    _, whole = await client.post(COMPLETIONS, **FRANCE)
    *events, done = await stream_of(client, COMPLETIONS, **FRANCE, stream_options={"include_usage": True})
    assert done == "[DONE]"
    *pieces, usage = map(json.loads, events)
    assert "".join(piece["choices"][0]["text"] for piece in pieces) == whole["choices"][0]["text"]
    assert pieces[-1]["choices"][0]["finish_reason"] == "length"
    assert (usage["choices"], usage["usage"]["completion_tokens"]) == ([], 8)


async def test_a_list_of_one_an_echo_and_a_stop(client):
    _, plain = await client.post(COMPLETIONS, **FRANCE)
    _, echoed = await client.post(COMPLETIONS, **FRANCE | {"prompt": [FRANCE["prompt"]], "echo": True})
    assert echoed["choices"][0]["text"] == FRANCE["prompt"] + plain["choices"][0]["text"]
    first, *_ = map(json.loads, (await stream_of(client, COMPLETIONS, **FRANCE, echo=True))[:1])
    assert first["choices"][0]["text"].startswith(FRANCE["prompt"])
    _, stopped = await client.post(COMPLETIONS, **FRANCE, stop="Paris")
    choice = stopped["choices"][0]
    assert ("Paris" in choice["text"], choice["finish_reason"], choice["stop_reason"]) == (
        False, "stop", "Paris",
    )  # fmt: skip


async def test_sixteen_tokens_where_no_limit_is_named(client):
    _, body = await client.post(COMPLETIONS, prompt="1, 2, 3, 4,", temperature=0)
    assert body["usage"]["completion_tokens"] == 16


REFUSED = [
    (COMPLETIONS, {"prompt": ["a", "b"]}, "prompt"),
    (COMPLETIONS, {"prompt": [1, 2]}, "prompt"),
    (COMPLETIONS, {}, "prompt"),
    (COMPLETIONS, {"prompt": "a", "n": 2}, "n"),
    (COMPLETIONS, {"prompt": "a", "best_of": 2}, "best_of"),
    (COMPLETIONS, {"prompt": "a", "logprobs": 0}, "logprobs"),
    (COMPLETIONS, {"prompt": "a", "max_tokens": 0}, "max_tokens"),
    (COMPLETIONS, {"prompt": "a", "suffix": "b"}, "suffix"),
    (COMPLETIONS, {"prompt": "a", "suffix": 1}, "suffix"),
    (COMPLETIONS, {"prompt": "a", "echo": 1}, "echo"),
    (COMPLETIONS, {"prompt": "a", "response_format": {"type": "json_object"}}, "response_format"),
    (COMPLETIONS, {"prompt": "a", "json_schema": {"type": "string"}}, "json_schema"),
    (COMPLETIONS, {"prompt": "a", "grammar": 'root ::= "b"'}, "grammar"),
    (COMPLETIONS, {"prompt": "a", "guided_choice": ["b", "c"]}, "guided_choice"),
    (COMPLETIONS, {"prompt": "a", "n_probs": 2}, "n_probs"),
    (COMPLETIONS, {"prompt": "a", "prompt_logprobs": 1}, "prompt_logprobs"),
    ("/infill", {"input_prefix": "a", "json_schema": {"type": "string"}}, "json_schema"),
    ("/infill", {"input_prefix": "a", "grammar": 'root ::= "b"'}, "grammar"),
    ("/infill", {"input_prefix": "a", "n_probs": 2}, "n_probs"),
    ("/infill", {"input_prefix": "a", "logit_bias": [[1, 2]]}, "logit_bias"),
    ("/infill", {"input_prefix": "a", "input_suffix": "b"}, "input_suffix"),
    ("/infill", {"input_prefix": 1}, "input_prefix"),
    ("/infill", {"input_extra": ["a"]}, "input_extra"),
]


@pytest.mark.parametrize(("path", "body", "field"), REFUSED, ids=str)
async def test_what_is_not_served_is_refused_by_its_name(client, path, body, field):
    status, answer = await client.post(path, **body)
    assert (status, answer["error"]["param"]) == (400, field)
    assert field in answer["error"]["message"]


@pytest.mark.parametrize(
    "usual",
    [{"response_format": {"type": "text"}}, {"n_probs": 0}, {"grammar": ""}, {"json_schema": None}],
    ids=str,
)
async def test_what_asks_for_nothing_is_served(client, usual):
    status, _ = await client.post(COMPLETIONS, prompt="a", max_tokens=1, **usual)
    assert status == 200


async def test_a_model_without_tokens_for_a_gap_says_so_beforehand(client):
    assert not (await client.engine.refresh()).fim


async def test_a_prompt_that_does_not_fit(client):
    status, answer = await client.post(COMPLETIONS, prompt="one two " * 2000)
    assert (status, answer["error"]["code"]) == (400, "context_length_exceeded")


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return tinygguf.write(tmp_path_factory.mktemp("fim") / "fim.gguf", says="return a + b", fim=True)


@pytest.fixture(scope="module")
def model(file):
    return Model(file, context=256, gpu_layers=0, threads=1, batch=64, sequences=1)


def text_of(model, tokens):
    return b"".join(model.piece(token, special=True) for token in tokens).decode()


async def test_the_models_own_tokens_stand_around_the_two_texts(model):
    asked = read_completion({"prompt": "def add(a, b):\n    ", "suffix": "\n\nprint(add(1, 2))"})
    assert text_of(model, prompt_of(asked, model).tokens) == (
        "<jupyter_start>def add(a, b):\n    <jupyter_text>\n\nprint(add(1, 2))<jupyter_code>"
    )


async def test_a_control_token_in_code_is_text(model):
    asked = read_completion({"prompt": 'MARK = "<jupyter_code>"', "suffix": "<|im_end|>"})
    tokens = prompt_of(asked, model).tokens
    assert text_of(model, tokens).count("<jupyter_code>") == 2
    assert tokens.count(model.fim.middle) == 1
    whole = read_completion({"prompt": "<jupyter_start>a<jupyter_text>b<jupyter_code>"})
    assert prompt_of(whole, model).tokens.count(model.fim.middle) == 1  # a whole prompt is the client's


async def test_other_files_and_a_begun_line(model):
    asked = read_infill(
        {
            "input_prefix": "a",
            "input_suffix": "b",
            "prompt": "beg",
            "input_extra": [{"filename": "lib.py", "text": "x = 1"}],
        }
    )
    assert text_of(model, prompt_of(asked, model).tokens) == (
        "<reponame>project\n<file_sep>lib.py\nx = 1\n<file_sep>file\n"
        "<jupyter_start>a<jupyter_text>b<jupyter_code>beg"
    )


async def test_the_oldest_of_other_files_are_left_out_where_not_all_fit(model):
    extra = [{"filename": f"f{at}.py", "text": "x = 1\n" * 20} for at in range(9)]
    asked = read_infill({"input_prefix": "a", "input_suffix": "b", "input_extra": extra, "n_predict": 32})
    tokens = prompt_of(asked, model).tokens
    text = text_of(model, tokens)
    assert len(tokens) < model.context - 32
    assert text.endswith("<jupyter_start>a<jupyter_text>b<jupyter_code>")
    assert "f8.py" in text
    assert "f0.py" not in text


async def test_a_limit_of_nothing_reads_ahead():
    """As llama.vscode has other files read before anybody types."""
    assert read_infill({"n_predict": 0}).chat.limit == 0
    assert read_infill({"n_predict": -1}).chat.limit is None
    with pytest.raises(Refused):
        read_infill({"n_predict": -2})


async def test_it_completes_between_two_texts(file):
    engine = Engine(LocalSettings(model=str(file), context=256, threads=1, batch=64))
    await engine.start()
    try:
        await engine.ready(60)
        assert engine.health.fim
        headers = {"authorization": f"Bearer {engine.token}"}
        async with aiohttp.ClientSession(headers=headers) as session:
            completion = {"prompt": "def add(a, b):\n    ", "suffix": "\n", "max_tokens": 32}
            async with session.post(engine.url + COMPLETIONS, json=completion) as response:
                (choice,) = (await response.json())["choices"]
            assert (choice["text"], choice["finish_reason"]) == ("return a + b", "stop")
            gap = {"input_prefix": "def add(a, b):\n    ", "input_suffix": "\n"}
            async with session.post(engine.url + "/infill", json=gap) as response:
                filled = await response.json()
            assert (filled["content"], filled["stop_type"]) == ("return a + b", "eos")
            async with session.post(engine.url + "/infill", json=gap | {"stream": True}) as response:
                events = [json.loads(line[6:]) for line in (await response.text()).split("\n\n") if line]
            assert "".join(event["content"] for event in events) == "return a + b"
            assert [event["stop"] for event in events][-2:] == [False, True]
            assert events[-1]["tokens_predicted"] == filled["tokens_predicted"] > 0
            extra = {"input_extra": [{"filename": "lib.py", "text": "import this"}]}
            async with session.post(
                engine.url + "/infill", json=gap | extra | {"input_suffix": "", "n_predict": 0}
            ) as response:
                ahead = await response.json()
            assert (ahead["content"], ahead["tokens_predicted"], ahead["stop_type"]) == ("", 0, "limit")
            async with session.post(engine.url + "/infill", json=gap | extra) as response:
                after = await response.json()
            assert after["content"] == "return a + b"
            assert after["tokens_cached"] > ahead["tokens_evaluated"] // 2
    finally:
        await engine.stop()
