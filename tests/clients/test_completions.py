"""Completions between two texts by a model that can, through the endpoint, as editors ask for them."""

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import ollama
import openai
import pytest
import servers
import tinygguf
from assistants import KEY
from servers import Endpoint, Upstream

SAYS = "return a + b"
Form = Callable[[str], tuple[str, dict[str, Any]]]


@pytest.fixture(scope="module")
def filling(running_upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    folder = tmp_path_factory.mktemp("fim")
    model = tinygguf.write(folder / "fim.gguf", says=SAYS, fim=True)
    with servers.endpoint(folder, cloud=running_upstream.url, local__model=str(model)) as endpoint:
        yield endpoint


def test_openais_package_completes_between_two_texts(filling: Endpoint, upstream: Upstream) -> None:
    with openai.OpenAI(base_url=f"{filling.url}/v1", api_key=KEY, max_retries=0) as client:
        asked = {"model": "auto", "prompt": "def add(a, b):\n    ", "suffix": "\n", "max_tokens": 32}
        whole = client.completions.create(**asked)
        assert (whole.choices[0].text, whole.choices[0].finish_reason) == (SAYS, "stop")
        pieces = list(client.completions.create(stream=True, **asked))
        assert "".join(piece.choices[0].text for piece in pieces) == SAYS
        assert "insert" in client.models.retrieve("local").capabilities
    assert upstream.seen() == []


def test_llama_cpps_clients(filling: Endpoint, upstream: Upstream) -> None:
    asked = {"input_prefix": "def add(a, b):\n    ", "input_suffix": "\n", "n_predict": 32}
    whole = httpx.post(f"{filling.url}/infill", json=asked).json()
    assert (whole["content"], whole["stop"], whole["stop_type"]) == (SAYS, True, "eos")
    streamed = httpx.post(f"{filling.url}/infill", json=asked | {"stream": True}).text
    events = [json.loads(event[6:]) for event in streamed.split("\n\n") if event.startswith("data: ")]
    assert "".join(event["content"] for event in events) == SAYS
    assert upstream.seen() == []


def test_ollamas_package_sees_that_it_can(filling: Endpoint) -> None:
    with ollama.Client(host=filling.url) as client:
        assert "insert" in client.show("local").capabilities


@pytest.fixture(scope="module")
def endless(running_upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    """One whose model goes on until its limit."""
    folder = tmp_path_factory.mktemp("endless")
    model = tinygguf.write(folder / "fim.gguf", says=SAYS, fim=True, again=True)
    with servers.endpoint(folder, cloud=running_upstream.url, local__model=str(model)) as endpoint:
        servers.wait_for(lambda: endpoint.health()["local"]["state"] == "ready")
        yield endpoint


def idle(endpoint: Endpoint) -> bool:
    """Whether nothing runs and nothing waits in the engine."""
    local = endpoint.health()["local"]
    slots = [*local["slots"], *local["completions"]]
    return not (local["queue"] or local["completions_queued"] or any(slot["busy"] for slot in slots))


CODE = "def mean(values):\n    total = sum(values)\n    "
REST = "\n\nprint(mean([1, 2]))\n"
KEYS = "return total / len(values) # mean"[:30]
LIMIT = 400


def openai_body(before: str) -> tuple[str, dict[str, Any]]:
    return "/v1/completions", {"prompt": before, "suffix": REST, "max_tokens": LIMIT}


def lm_studio_body(before: str) -> tuple[str, dict[str, Any]]:
    return "/api/v0/completions", {"prompt": before, "suffix": REST, "max_tokens": LIMIT}


def infill_body(before: str) -> tuple[str, dict[str, Any]]:
    return "/infill", {"input_prefix": before, "input_suffix": REST, "n_predict": LIMIT}


def ollama_body(before: str) -> tuple[str, dict[str, Any]]:
    return "/api/generate", {"prompt": before, "suffix": REST, "options": {"num_predict": LIMIT}}


FORMS = [openai_body, lm_studio_body, infill_body, ollama_body]


def text_of(answer: httpx.Response) -> tuple[str, bool]:
    """The text of an answer, streamed or not, and whether it ended as its dialect says it must."""
    text, ended = "", False
    for line in answer.text.splitlines():
        data = line.removeprefix("data: ").strip()
        if not data or data.startswith(":"):
            continue
        if data == "[DONE]":
            ended = True
            continue
        piece = json.loads(data)
        (choice,) = piece.get("choices") or [{}]
        text += choice.get("text") or piece.get("content") or piece.get("response") or ""
        whole = answer.headers["content-type"] == "application/json"
        ended |= bool(piece.get("stop") or piece.get("done") or (whole and choice.get("finish_reason")))
    return text, ended


@pytest.mark.parametrize(
    ("form", "stream"), [*((form, False) for form in FORMS), (openai_body, True), (ollama_body, True)]
)
def test_a_burst_of_keystrokes_leaves_one_answer_and_no_busy_slot(
    endless: Endpoint, upstream: Upstream, form: Form, stream: bool
) -> None:
    async def run() -> list[httpx.Response]:
        async with httpx.AsyncClient(base_url=endless.url, timeout=120) as client:
            typing = []
            for at in range(len(KEYS)):
                path, body = form(CODE + KEYS[: at + 1])
                typing.append(asyncio.create_task(client.post(path, json=body | {"stream": stream})))
                while len(endless.begun(began)) <= at:  # two that arrive at once have no order
                    await asyncio.sleep(0.01)
            return await asyncio.gather(*typing)

    began = time.time()
    *earlier, last = asyncio.run(run())
    assert {answer.status_code for answer in (*earlier, last)} == {200}
    answers = [text_of(answer) for answer in (*earlier, last)]
    assert all(ended for _, ended in answers)
    assert answers[-1][0].count(SAYS) > LIMIT // 10
    assert all(len(text) < len(answers[-1][0]) for text, _ in answers[:-1])
    if not stream:
        assert {text for text, _ in answers[:-1]} == {""}
    servers.wait_for(lambda: idle(endless), deadline_s=5)
    assert upstream.seen() == []


def test_a_client_that_hangs_up_frees_its_slot(endless: Endpoint) -> None:
    path, body = openai_body(CODE)
    with (
        pytest.raises(httpx.ReadTimeout),
        httpx.Client(timeout=0.5) as client,
    ):
        client.post(endless.url + path, json=body | {"max_tokens": 60_000})
    servers.wait_for(lambda: idle(endless), deadline_s=5)


def test_the_same_completion_in_every_form(filling: Endpoint) -> None:
    texts = {}
    for form in FORMS:
        path, body = form(CODE)
        body |= {"options": {"temperature": 0}} if form is ollama_body else {"temperature": 0}
        for stream in (False, True):
            answer = httpx.post(filling.url + path, json=body | {"stream": stream}, timeout=60)
            texts[path, stream] = text_of(answer)
            assert answer.headers["x-turnout-track"] == "local"
    assert set(texts.values()) == {(SAYS, True)}


def test_a_completion_comes_while_a_chat_writes(endless: Endpoint) -> None:
    """One chat at a time is computed; a completion has a place beside it."""
    with openai.OpenAI(base_url=f"{endless.url}/v1", api_key=KEY, max_retries=0) as client:
        chat = client.chat.completions.create(
            model="local", messages=[{"role": "user", "content": "Go on."}], max_tokens=20_000, stream=True
        )
        next(iter(chat))
        completion = client.completions.create(model="auto", prompt=CODE, suffix=REST, max_tokens=8)
        assert completion.choices[0].finish_reason == "length"
        assert endless.health()["local"]["running"] == 1
        chat.close()
    servers.wait_for(lambda: idle(endless), deadline_s=5)


def test_ollamas_clients_see_by_the_template_that_it_can(filling: Endpoint) -> None:
    """Continue asks for a suffix where the template names one."""
    with ollama.Client(host=filling.url) as client:
        assert ".Suffix" in (client.show("local").template or "")
