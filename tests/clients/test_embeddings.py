"""Embeddings through the packages that clients use: OpenAI's and Ollama's in both languages, and litellm."""

import math
import os
from collections.abc import Iterator
from pathlib import Path

import assistants
import ollama
import openai
import pytest
import servers
import tinygguf
from assistants import KEY, Place, Program, run
from servers import Endpoint, Upstream

TEXTS = ["def add(a, b):", "The quick brown fox"]
MODEL = "tiny-embed"


@pytest.fixture(scope="module")
def embedder(running_upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    folder = tmp_path_factory.mktemp("embedder")
    local = {
        "local__url": f"{running_upstream.url}/v1",
        "local__embedding_model": str(tinygguf.write_embedder(folder / f"{MODEL}.gguf")),
    }
    with servers.endpoint(folder, cloud=running_upstream.url, **local) as endpoint:
        yield endpoint


def close(one: list[float], other: list[float]) -> bool:
    return max(abs(a - b) for a, b in zip(one, other, strict=True)) < 1e-3


def test_openais_and_ollamas_python_packages_agree(embedder: Endpoint) -> None:
    with openai.OpenAI(base_url=f"{embedder.url}/v1", api_key=KEY, max_retries=0) as client:
        rows = client.embeddings.create(model=MODEL, input=TEXTS).data
    with ollama.Client(host=embedder.url) as client:
        new = client.embed(MODEL, TEXTS)
        old = client.embeddings(MODEL, TEXTS[0])
        shorter = client.embed(MODEL, TEXTS[0], dimensions=8)
        with pytest.raises(ollama.ResponseError, match="makes no embeddings here") as refused:
            client.embed("llama3", "x")
        assert refused.value.status_code == 400
        assert client.show(MODEL).capabilities == ["embedding"]
    assert (new.model, len(new.embeddings)) == (MODEL, 2)
    for row, vector in zip(rows, new.embeddings, strict=True):
        assert close(row.embedding, list(vector))
    assert close(rows[0].embedding, list(old.embedding))
    assert len(shorter.embeddings[0]) == 8
    assert math.isclose(math.hypot(*shorter.embeddings[0]), 1, abs_tol=1e-6)


def test_litellm(embedder: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    """As other tools embed with it."""
    monkeypatch.setenv("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # or it would fetch one
    litellm = pytest.importorskip("litellm")
    where = {"api_base": f"{embedder.url}/v1", "api_key": KEY, "num_retries": 0}
    answer = litellm.embedding(model=f"openai/{MODEL}", input=TEXTS, **where)
    assert [len(row["embedding"]) for row in answer.data] == [64, 64]
    assert answer.usage.prompt_tokens > 4
    known = {"dimensions": 8, "allowed_openai_params": ["dimensions"]}
    shorter = litellm.embedding(model=f"openai/{MODEL}", input=TEXTS, **known, **where)
    assert [len(row["embedding"]) for row in shorter.data] == [8, 8]
    with ollama.Client(host=embedder.url) as client:
        expected = client.embed(MODEL, TEXTS).embeddings
    by_ollama = litellm.embedding(model=f"ollama/{MODEL}", input=TEXTS, api_base=embedder.url)
    assert all(close(row["embedding"], list(one)) for row, one in zip(by_ollama.data, expected, strict=True))
    with pytest.raises(litellm.BadRequestError, match="makes no embeddings here"):
        litellm.embedding(model="openai/gpt-5", input=TEXTS, **where)


def test_the_javascript_packages(embedder: Endpoint, place: Place) -> None:
    assistants.need("pi")  # which brings OpenAI's
    script = Path(__file__).with_name("embeddings.mjs")
    env = {"PATH": os.environ["PATH"], "HOME": str(place.home)}
    program = Program(argv=("node", str(script), embedder.url, KEY, MODEL), env=env, cwd=place.workspace)
    finished = run(program)
    assert finished.code == 0, finished
    got = finished.result
    assert all(close(a, b) for a, b in zip(got["packed"], got["plain"], strict=True))
    assert all(close(a, b) for a, b in zip(got["ollama"], got["plain"], strict=True))
    assert close(got["older"], got["plain"][0])
    assert got["tokens"] == got["ollamaTokens"] > 4
    assert got["refusal"].startswith("400 ")
    assert "makes no embeddings here" in got["refusal"]
    assert got["ollamaRefusal"].startswith("400 ")
    assert "makes no embeddings here" in got["ollamaRefusal"]
