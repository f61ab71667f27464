"""Embeddings in every dialect, by a tiny model of our own engine, by a local server, and by a provider."""

import base64
import math
import struct

import httpx
import openai
import pytest
import tinygguf

from router.accounts.teams import Budget, Team, Terms
from router.billing.prices import Prices
from router.errors import Misconfigured
from router.ledger.store import LedgerStore
from router.settings import CloudSettings
from router.tracks.providers import for_embeddings
from tests.conftest import wait_for

TEXTS = ["def add(a, b):", "The quick brown fox", "x"]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return tinygguf.write_embedder(tmp_path_factory.mktemp("embedder") / "tiny-embed.gguf")


@pytest.fixture(scope="module")
def endpoint(start_between, tiny):
    return start_between(
        LOCAL__EMBEDDING_MODEL=str(tiny), CLOUD__EMBEDDING_MODEL="openai/text-embedding-3-small"
    )


@pytest.fixture(scope="module")
def cloudy(start_between, shared_upstream, tiny):
    cloudy = start_between(
        also={"OPENAI_API_KEY": "sk-test"},
        LOCAL__EMBEDDING_MODEL=str(tiny),
        CLOUD__EMBEDDING_MODEL="openai/text-embedding-3-small",
        CLOUD__EMBEDDING_URL=shared_upstream.url + "/v1",
    )
    # litellm is imported with the first, which takes seconds, and minutes on a busy machine.
    cloudy.post("/v1/embeddings", {"model": "openai/text-embedding-3-small", "input": "x"}, timeout=300)
    return cloudy


def embed(endpoint, body, path="/v1/embeddings", **options):
    answer = endpoint.post(path, body, **options)
    assert answer.status_code == 200, answer.text
    return answer.json()


def vectors(endpoint, texts, **more):
    rows = embed(endpoint, {"model": "local", "input": texts, **more})["data"]
    assert [row["index"] for row in rows] == list(range(len(rows)))
    return [row["embedding"] for row in rows]


def unpacked(text):
    raw = base64.b64decode(text)
    return list(struct.unpack(f"<{len(raw) // 4}f", raw))


def close(one, other):
    return len(one) == len(other) and max(abs(a - b) for a, b in zip(one, other, strict=True)) < 1e-3


def test_vectors_have_length_one_keep_their_order_and_come_again(endpoint):
    batch = vectors(endpoint, TEXTS)
    assert all(math.isclose(math.hypot(*vector), 1, abs_tol=1e-6) for vector in batch)
    assert all(close(vector, vectors(endpoint, [text])[0]) for vector, text in zip(batch, TEXTS, strict=True))
    assert not close(batch[0], batch[1])
    assert vectors(endpoint, TEXTS) == batch


def test_many_texts_fill_several_batches(endpoint):
    texts = [f"text number {number}" for number in range(100)]
    batch = vectors(endpoint, texts)
    assert close(batch[77], vectors(endpoint, texts[77])[0])


def test_floats_and_base64_say_the_same(endpoint):
    numbers, text = vectors(endpoint, TEXTS[0]), vectors(endpoint, TEXTS[0], encoding_format="base64")
    assert close(unpacked(text[0]), numbers[0])


def test_dimensions_shorten_to_length_one(endpoint):
    whole, short = vectors(endpoint, TEXTS[0])[0], vectors(endpoint, TEXTS[0], dimensions=8)[0]
    length = math.hypot(*whole[:8])
    assert close(short, [number / length for number in whole[:8]])


def test_tokens_of_the_model_are_taken(endpoint):
    tokens = [2, 72, 3]
    assert close(*vectors(endpoint, [tokens, tokens]))
    assert vectors(endpoint, tokens) == vectors(endpoint, [tokens])


def test_ollama_both_ways(endpoint):
    new = embed(endpoint, {"model": "tiny-embed", "input": TEXTS}, "/api/embed")
    assert new["model"] == "tiny-embed"
    assert new["prompt_eval_count"] > 0
    assert all(map(close, new["embeddings"], vectors(endpoint, TEXTS)))
    old = embed(endpoint, {"model": "tiny-embed:latest", "prompt": TEXTS[0]}, "/api/embeddings")
    assert close(old["embedding"], new["embeddings"][0])
    assert embed(endpoint, {"model": "tiny-embed"}, "/api/embed")["embeddings"] == []


NAMES = ["", " auto ", "models/auto", "openai/auto", "auto:latest", "turnout-auto", "LOCAL", "x/local"]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_means_the_same_with_a_provider_before_it(endpoint, name):
    answer = endpoint.post("/api/embed", {"model": name, "input": "x"})
    assert (answer.status_code, answer.headers["x-turnout-model"]) == (200, "tiny-embed")


def test_lm_studio_and_llama_cpp(endpoint):
    expected = vectors(endpoint, TEXTS[0])[0]
    studio = embed(endpoint, {"model": "tiny-embed", "input": TEXTS[0]}, "/api/v0/embeddings")
    assert close(studio["data"][0]["embedding"], expected)
    assert close(embed(endpoint, {"content": TEXTS[0]}, "/embedding")[0]["embedding"][0], expected)


def test_a_long_text_is_refused_and_ollamas_is_cut_and_says_so(endpoint):
    long = "y" * 400
    answer = endpoint.post("/v1/embeddings", {"model": "local", "input": ["z", long]})
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "context_length_exceeded"
    assert "one of your texts has 402 tokens" in answer.json()["error"]["message"]
    whole = endpoint.post("/api/embed", {"model": "local", "input": "y" * 200})
    assert "x-turnout-degraded" not in whole.headers
    cut = endpoint.post("/api/embed", {"model": "local", "input": [long, "z", long]})
    assert cut.headers["x-turnout-degraded"] == "without the end of 2 too long texts"
    same = embed(endpoint, {"model": "local", "input": "y" * 300}, "/api/embed")["embeddings"][0]
    assert close(cut.json()["embeddings"][0], same)
    old = endpoint.post("/api/embeddings", {"model": "local", "prompt": long})
    assert old.headers["x-turnout-degraded"] == "without the end of 1 too long text"
    refused = endpoint.post("/api/embed", {"model": "local", "input": long, "truncate": False})
    assert refused.status_code == 400
    assert "402" in refused.json()["error"]


HUGE = "word " * 400_000
"""Larger than a body that is decoded on the event loop."""


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/v1/embeddings", "input"),
        ("/api/embed", "input"),
        ("/api/embeddings", "prompt"),
        ("/embedding", "content"),
    ],
)
def test_a_huge_text_is_answered_in_its_dialect(endpoint, path, field):
    answer = endpoint.post(path, {"model": "local", field: HUGE})
    if path.startswith("/api"):
        assert answer.status_code == 200, answer.text
        assert answer.headers["x-turnout-degraded"] == "without the end of 1 too long text"
    else:
        assert answer.status_code == 400
        assert "one of your texts has 1600002 tokens" in answer.json()["error"]["message"]


def test_what_a_model_lacks_is_named(endpoint):
    """A field that asks for nothing is not, nor how Ollama is to run a model."""
    named = {"input_type": "query", "embd_normalize": -1}
    answer = endpoint.post("/v1/embeddings", {"model": "local", "input": "x", "stream": False, **named})
    assert answer.headers["x-turnout-degraded"] == "without input_type, embd_normalize"
    ignored = {"keep_alive": "5m", "options": {"num_ctx": 8192}}
    answer = endpoint.post("/api/embed", {"model": "local", "input": "x", **ignored})
    assert answer.status_code == 200
    assert "x-turnout-degraded" not in answer.headers


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "input: must be a string"),
        ({"input": []}, "input: must not be empty"),
        ({"input": ["a", ""]}, "input: must not be empty"),
        ({"input": ["a", 1]}, "not several of these"),
        ({"input": [[1.5]]}, "input[0][0]: must be a token"),
        ({"input": [["a"]]}, "input[0][0]: must be a token"),
        ({"input": [[]]}, "input: must not be empty"),
        ({"input": None}, "input: must be a string"),
        ({"input": ["a", None]}, "input[1]: must be a string"),
        ({"input": {"a": 1}}, "input: must be a string"),
        ({"input": [True]}, "input[0]: must be a string"),
        ({"input": ["x"] * 2049}, "input: holds 2049 texts, and 2048 are taken at once; send several"),
        ({"input": "a", "user": 5}, "user: must be a string"),
        ({"input": "a", "dimensions": -3}, "dimensions: must be an integer from 1"),
        ({"input": "a", "dimensions": True}, "dimensions: must be an integer from 1"),
        ({"input": "a", "encoding_format": "hex"}, "encoding_format: must be `float` or `base64`"),
        ({"input": "a", "dimensions": 0}, "dimensions: must be an integer from 1"),
        ({"input": "a", "dimensions": 65}, "dimensions: this model's vectors have 64 numbers"),
        ({"input": [[9999]]}, "these are no tokens of tiny-embed"),
        ({"input": "a", "model": 1}, "model: must be a string"),
        ({"input": "a", "model": "nearby"}, "model: `nearby` makes no embeddings here; ask for `tiny-embed`"),
        ({"input": "a", "model": "cloud"}, "such as `openai/text-embedding-3-small`"),
        ({"input": "a", "model": "claude-sonnet-5-5"}, "model: `claude-sonnet-5-5` makes no embeddings here"),
        ({"input": "a", "model": "openai/gpt-5"}, "model: `openai/gpt-5` makes no embeddings here"),
        (
            {"input": "a", "model": "mistral/mistral-embed"},
            "`mistral/mistral-embed` makes no embeddings here",
        ),
    ],
)
def test_what_cannot_be_embedded_is_refused_in_openais_words(endpoint, body, said):
    headers = {"anthropic-version": "2023-06-01", "x-api-key": "sk-ant-x"}
    answer = endpoint.post("/v1/embeddings", {"model": "local", **body}, headers=headers)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert said in error["message"]


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        ("/api/embed", {"input": ["a", None]}, "input[1]: must be a string, or an array of strings"),
        ("/api/embed", {"input": [1, 2]}, "input[0]: must be a string, or an array of strings"),
        ("/api/embed", {"input": ["a", ""]}, "input: must not be empty"),
        ("/api/embed", {"input": "x", "truncate": "no"}, "truncate: must be true or false"),
        ("/api/embed", {"input": "x", "model": "gpt-5"}, "`gpt-5` makes no embeddings here"),
        ("/api/embeddings", {"prompt": ["x"]}, "prompt: must be a string"),
    ],
)
def test_what_cannot_be_embedded_is_refused_in_ollamas_words(endpoint, path, body, said):
    answer = endpoint.post(path, {"model": "local", **body})
    assert answer.status_code == 400
    assert set(answer.json()) == {"error"}
    assert said in answer.json()["error"]


@pytest.mark.parametrize("model", ["local", "openai/text-embedding-3-small"])
def test_a_field_that_is_given_twice_is_refused(endpoint, model):
    """Else one would be looked at, and the other embedded."""
    body = f'{{"model": "{model}", "input": "fine", "input": "something else"}}'
    for path in ("/v1/embeddings", "/api/embed"):
        answer = httpx.post(endpoint.url + path, content=body, verify=False)
        assert answer.status_code == 400
        assert "input: this key is given twice" in answer.text


def test_without_an_embedding_model_the_remedy_is_told(start_endpoint):
    plain = start_endpoint(LOCAL__EMBEDDING_MODEL="")
    for path, body in (("/v1/embeddings", {"input": "x"}), ("/api/embed", {"model": "m", "input": "x"})):
        answer = plain.post(path, body)
        assert answer.status_code == 400
        assert "set `local.embedding_model` to a GGUF file" in answer.text


def test_the_row_tells_of_an_embedding_that_cost_nothing(endpoint):
    answer = endpoint.post("/v1/embeddings", {"model": "auto", "input": TEXTS})
    row = endpoint.row(answer)
    assert (row["kind"], row["operation"], row["served_track"]) == ("embedding", "embed", "local")
    assert (row["served_model"], row["rule"], row["end"]) == ("tiny-embed", "asked", "complete")
    assert row["input"] == answer.json()["usage"]["prompt_tokens"] > 0
    assert row["output"] == 0
    assert not row["usage_estimated"]
    assert row["baseline_usd"] == row["cost_usd"] == 0
    assert answer.headers["x-turnout-track"] == "local"


@pytest.mark.timeout(400)
def test_a_provider_embeds_where_its_model_is_named(cloudy, upstream):
    body = {"model": "openai/text-embedding-3-small", "input": TEXTS, "dimensions": 8, "user": "ada"}
    answer = cloudy.post("/v1/embeddings", body)
    assert answer.status_code == 200, answer.text
    data = answer.json()
    assert data["model"] == "openai/text-embedding-3-small"
    assert [len(row["embedding"]) for row in data["data"]] == [8, 8, 8]
    (seen,) = upstream.get("/_requests")
    sent = httpx.Response(200, content=base64.b64decode(seen["body"])).json()
    assert seen["path"] == "/v1/embeddings"
    assert (sent["model"], sent["input"], sent["dimensions"], sent["user"]) == (
        "text-embedding-3-small", TEXTS, 8, "ada",
    )  # fmt: skip
    assert ["authorization", "Bearer sk-test"] in [[n.lower(), v] for n, v in seen["headers"]]
    row = cloudy.row(answer)
    assert (row["kind"], row["served_track"]) == ("embedding", "cloud")
    assert row["input"] == data["usage"]["prompt_tokens"] == seen["bill"]["input"]
    assert row["cost_usd"] == pytest.approx(row["input"] * 2e-8)
    assert row["baseline_usd"] == pytest.approx(row["cost_usd"])


def test_without_a_key_the_setting_of_embeddings_is_named(start_between, shared_upstream):
    keyless = start_between(
        CLOUD__EMBEDDING_MODEL="openai/text-embedding-3-small",
        CLOUD__EMBEDDING_URL=shared_upstream.url + "/v1",
    )
    asked = {"model": "openai/text-embedding-3-small", "input": "x"}
    answer = keyless.post("/v1/embeddings", asked, timeout=300)
    assert answer.status_code == 400
    assert answer.json()["error"]["message"] == (
        "No credential for the cloud track: set `cloud.embedding_key_env`, or the provider's own variable."
    )


def test_a_bare_name_of_the_providers_is_its_model(cloudy, upstream):
    answer = embed(cloudy, {"model": "text-embedding-3-large", "input": "x", "encoding_format": "base64"})
    assert len(unpacked(answer["data"][0]["embedding"])) == 16
    assert len(upstream.get("/_requests")) == 1


@pytest.mark.parametrize("status", [400, 429, 500])
def test_the_providers_refusal_is_passed_on(cloudy, upstream, play, status):
    play(upstream, {"fault": "status", "status": status, "message": "not today", "retry_after": 7})
    answer = cloudy.post("/v1/embeddings", {"model": "text-embedding-3-small", "input": "x"})
    assert answer.status_code == status
    assert "not today" in answer.json()["error"]["message"]
    if status != 400:
        assert answer.headers["retry-after"] == "7"


@pytest.mark.parametrize("fault", ["close", "garbage", "empty", "half"])
def test_a_provider_that_breaks_off_is_an_error(cloudy, upstream, play, fault):
    play(upstream, {"fault": fault})
    answer = cloudy.post("/v1/embeddings", {"model": "text-embedding-3-small", "input": "x"})
    assert answer.status_code == 502
    assert "error" in answer.json()


def test_what_a_provider_is_not_sent_is_named(cloudy, upstream):
    body = {"model": "text-embedding-3-small", "input": "x", "input_type": "query"}
    answer = cloudy.post("/v1/embeddings", body)
    assert answer.headers["x-turnout-degraded"] == "without input_type"
    (seen,) = upstream.get("/_requests")
    assert b"input_type" not in base64.b64decode(seen["body"])


@pytest.mark.timeout(400)
def test_a_provider_that_takes_no_dimensions_is_not_asked(start_between, shared_upstream, upstream):
    mistral = start_between(
        also={"MISTRAL_API_KEY": "sk-test"},
        CLOUD__EMBEDDING_MODEL="mistral/mistral-embed",
        CLOUD__EMBEDDING_URL=shared_upstream.url + "/v1",
    )
    body = {"model": "mistral/mistral-embed", "input": TEXTS}
    refused = mistral.post("/v1/embeddings", {**body, "dimensions": 8}, timeout=300)
    assert refused.status_code == 400, refused.text
    assert "dimensions: this provider's models take none" in refused.json()["error"]["message"]
    assert upstream.get("/_requests") == []
    answer = mistral.post("/v1/embeddings", {**body, "user": "ada"})
    assert answer.status_code == 200, answer.text
    assert len(answer.json()["data"]) == 3
    assert answer.headers["x-turnout-degraded"] == "without user"


@pytest.mark.parametrize("model", ["text-embedding-3-small", "anthropic/claude-sonnet-5-5", "groq/embed"])
def test_a_provider_that_embeds_nothing_is_refused_at_the_start(model):
    with pytest.raises(Misconfigured, match=r"cloud\.embedding_model: no provider"):
        for_embeddings(CloudSettings(embedding_model=model))


@pytest.mark.parametrize(
    ("cloud", "model"),
    [
        ({}, None),
        ({"dialect": "litellm", "model": "groq/llama"}, None),
        ({"dialect": "litellm", "model": "mistral/large"}, "mistral/large"),
        ({"dialect": "openai", "model": "gpt-5"}, "openai/gpt-5"),
        ({"embedding_model": "openai/text-embedding-3-small"}, "openai/text-embedding-3-small"),
    ],
)
def test_whose_models_may_be_named(cloud, model):
    settings = for_embeddings(CloudSettings(**cloud))
    assert (settings and settings.model) == model


def test_a_name_that_litellm_does_not_know_gets_its_dimensions(cloudy, upstream):
    answer = cloudy.post("/v1/embeddings", {"model": "openai/house-model", "input": "x", "dimensions": 8})
    assert len(answer.json()["data"][0]["embedding"]) == 8, answer.text
    (seen,) = upstream.get("/_requests")
    assert b'"dimensions":8' in base64.b64decode(seen["body"])


def test_nobody_goes_to_a_provider_by_default(cloudy, upstream):
    for model in ("", "auto", "local", "tiny-embed"):
        embed(cloudy, {"model": model, "input": "x"})
    assert upstream.get("/_requests") == []


POLICY = """
name: careful
rules: []
otherwise: {to: cloud, why: as usual}
never_cloud: {match: ["(?i)internal only"]}
"""


@pytest.mark.timeout(400)
def test_never_cloud_holds(start_between, shared_upstream, upstream, tiny, tmp_path):
    policy = tmp_path / "careful.yaml"
    policy.write_text(POLICY)
    careful = start_between(
        also={"OPENAI_API_KEY": "sk-test"},
        POLICY=str(policy),
        LOCAL__EMBEDDING_MODEL=str(tiny),
        CLOUD__EMBEDDING_MODEL="openai/text-embedding-3-small",
        CLOUD__EMBEDDING_URL=shared_upstream.url + "/v1",
    )
    named = {"model": "openai/text-embedding-3-small"}
    for text in ("this is INTERNAL ONLY", ["fine", "internal only"], [[1, 2, 3]]):
        answer = careful.post("/v1/embeddings", {**named, "input": text})
        assert answer.status_code == 403, answer.text
        assert "never_cloud" in answer.json()["error"]["message"]
        assert careful.row(answer)["rule"] == "never_cloud"
    assert upstream.get("/_requests") == []
    embed(careful, {"model": "local", "input": "internal only"})
    embed(careful, {**named, "input": "anybody may know"}, timeout=300)
    assert len(upstream.get("/_requests")) == 1


@pytest.mark.timeout(400)
def test_a_keys_models_and_budget_hold(start_between, shared_upstream, upstream, tiny, tmp_path):
    ledger = LedgerStore.open(tmp_path / "ledger.db", prices=Prices(), write=False)
    broke, picky = Terms(budget=Budget(usd=1e-8)), Terms(models=("claude-*",))
    ledger.accounts.add_team(Team(name="broke", zone="UTC", terms=broke))
    ledger.accounts.add_team(Team(name="picky", zone="UTC", terms=picky))
    keys = {
        team: {"authorization": f"Bearer {ledger.accounts.create_key(team=team).secret}"}
        for team in ("broke", "picky")
    }
    ledger.close()
    endpoint = start_between(
        also={"OPENAI_API_KEY": "sk-test"},
        LEDGER=str(tmp_path / "ledger.db"),
        LOCAL__EMBEDDING_MODEL=str(tiny),
        CLOUD__EMBEDDING_MODEL="openai/text-embedding-3-small",
        CLOUD__EMBEDDING_URL=shared_upstream.url + "/v1",
    )
    named = {"model": "openai/text-embedding-3-small", "input": "x " * 200}
    for team, status, said in (
        ("broke", 402, "budget"),
        ("picky", 403, "is not among those this key may use"),
    ):
        answer = endpoint.post("/v1/embeddings", named, headers=keys[team], timeout=300)
        assert answer.status_code == status, answer.text
        assert said in answer.json()["error"]["message"]
        embed(endpoint, {"model": "local", "input": "x"}, headers=keys[team])
    assert endpoint.post("/v1/embeddings", {"input": "x"}).status_code == 401
    assert upstream.get("/_requests") == []


def test_a_local_server_that_embeds_is_asked(start_endpoint, shared_nearby, nearby, shared_upstream):
    near = start_endpoint(
        LOCAL__URL=shared_nearby.url + "/v1", LOCAL__NAME="nearby", CLOUD__BASE_URL=shared_upstream.url
    )
    answer = near.post("/v1/embeddings", {"model": "claude-haiku-5-5", "input": "x"})
    assert answer.status_code == 400
    refused = near.post("/v1/embeddings", {"model": "nomic-embed-text", "input": "x"})
    assert refused.status_code == 400
    assert "has no such model" in refused.json()["error"]["message"]
    named = start_endpoint(
        LOCAL__URL=shared_nearby.url + "/v1",
        LOCAL__NAME="nearby",
        LOCAL__EMBEDDING_NAME="nomic-embed-text",
        CLOUD__BASE_URL=shared_upstream.url,
    )
    for model in ("local", "nomic-embed-text", "nomic-embed-text:latest", ""):
        embed(named, {"model": model, "input": "x"})
    sent = [
        base64.b64decode(row["body"]) for row in nearby.get("/_requests") if row["path"] == "/v1/embeddings"
    ]
    assert len(sent) == 4
    assert all(b'"model":"nomic-embed-text"' in body for body in sent)


def test_a_local_server_gets_the_fields_that_only_it_knows(start_endpoint, nearby):
    named = start_endpoint(LOCAL__URL=nearby.url + "/v1", LOCAL__EMBEDDING_NAME="nomic-embed-text")
    answer = named.post("/v1/embeddings", {"model": "local", "input": "x", "truncate_prompt_tokens": 9})
    assert "x-turnout-degraded" not in answer.headers
    (seen,) = (row for row in nearby.get("/_requests") if row["path"] == "/v1/embeddings")
    assert b'"truncate_prompt_tokens":9' in base64.b64decode(seen["body"])
    answer = named.post("/embedding", {"content": "x", "embd_normalize": -1})
    assert answer.headers["x-turnout-degraded"] == "without embd_normalize"


def test_a_server_with_ollamas_api_cuts_only_where_it_may(start_endpoint, endpoint):
    """An endpoint in front of another, which answers as Ollama does; its address is written without `/v1`."""
    front = start_endpoint(LOCAL__URL=endpoint.url, LOCAL__NAME="local", LOCAL__EMBEDDING_NAME="tiny-embed")
    wait_for(lambda: front.get("/health")["local"]["url"].endswith("/v1"), "the look at the server")
    assert all(map(close, vectors(front, TEXTS), vectors(endpoint, TEXTS)))
    answer = front.post("/v1/embeddings", {"model": "tiny-embed", "input": "y" * 400})
    assert answer.status_code == 400, answer.text
    assert "402 tokens" in answer.json()["error"]["message"]
    assert front.post("/api/embed", {"model": "tiny-embed", "input": "y" * 400}).status_code == 200
    tokens = [2, 72, 3]
    assert close(vectors(front, tokens)[0], vectors(endpoint, tokens)[0])


def test_a_local_server_that_embeds_nothing_is_named(start_endpoint, nearby, play):
    named = start_endpoint(LOCAL__URL=nearby.url + "/v1", LOCAL__EMBEDDING_NAME="chat-model")
    play(nearby, {"fault": "status", "status": 501, "message": "This server does not support embeddings."})
    answer = named.post("/v1/embeddings", {"model": "local", "input": "x"})
    assert answer.status_code == 400
    assert "`chat-model` makes no embeddings here" in answer.json()["error"]["message"]


def test_health_tells_of_what_embeds(endpoint):
    health = endpoint.get("/health")["embeddings"]
    assert health["cloud"] == "openai/text-embedding-3-small"
    local = health["local"]
    assert (local["model"], local["context"], local["state"]) == ("tiny-embed", 256, "ready")


def test_lists_tell_of_the_embedding_model(endpoint):
    rows = {row["id"]: row for row in endpoint.get("/v1/models")["data"]}
    assert (
        rows["tiny-embed"]["capabilities"]
        == rows["openai/text-embedding-3-small"]["capabilities"]
        == ["embedding"]
    )
    assert rows["tiny-embed"]["context_length"] == 256
    tags = {row["name"]: row for row in endpoint.get("/api/tags")["models"]}
    assert tags["tiny-embed:latest"]["capabilities"] == ["embedding"]
    assert endpoint.post("/api/show", {"model": "tiny-embed"}).json()["capabilities"] == ["embedding"]
    studio = {row["id"]: row for row in endpoint.get("/api/v0/models")["data"]}
    assert studio["tiny-embed"]["type"] == "embeddings"
    version = {"anthropic-version": "2023-06-01"}
    claude = httpx.get(endpoint.url + "/v1/models", headers=version, verify=False).json()["data"]
    assert next(row for row in claude if row["id"] == "tiny-embed")["capabilities"]["embedding"]["supported"]


def test_openais_sdk(endpoint):
    with openai.OpenAI(base_url=f"{endpoint.url}/v1", api_key="k", max_retries=0) as client:
        packed = client.embeddings.create(model="local", input=TEXTS)  # asks for base64, and unpacks it
        plain = client.embeddings.create(model="local", input=TEXTS, encoding_format="float")
        assert all(close(a.embedding, b.embedding) for a, b in zip(packed.data, plain.data, strict=True))
        assert packed.usage.total_tokens == plain.usage.prompt_tokens > 0
        with pytest.raises(openai.BadRequestError, match="makes no embeddings here"):
            client.embeddings.create(model="gpt-5", input="x")


def test_a_file_that_embeds_nothing_is_refused_by_its_setting(start_endpoint, tmp_path):
    import gguf

    bare = tinygguf.write_embedder(tmp_path / "bare.gguf", arch="llama", pooling=gguf.PoolingType.NONE)
    endpoint = start_endpoint(LOCAL__EMBEDDING_MODEL=str(bare))
    answer = endpoint.post("/v1/embeddings", {"model": "local", "input": "x"})
    assert answer.status_code == 503
    assert "names no pooling" in answer.json()["error"]["message"]
    assert "names no pooling" in endpoint.get("/health")["embeddings"]["local"]["reason"]
