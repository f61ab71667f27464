"""Completions between two texts by a model that can, through the endpoint, as editors ask for them."""

import json
from collections.abc import Iterator

import httpx
import ollama
import openai
import pytest
import servers
import tinygguf
from assistants import KEY
from servers import Endpoint, Upstream

SAYS = "return a + b"


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
