"""The models a client may ask for: what each name means, in each dialect's list."""

from functools import partial

import anthropic
import httpx
import openai
import pytest

from policies.decide import Decision, claude_model
from router.accounts.teams import Account
from router.app import model_lists
from router.app.model_catalog import Catalog, LocalModel
from router.app.model_routes import listed
from router.billing.prices import Prices
from router.settings import CloudSettings
from router.tracks import providers


def catalog(**cloud):
    settings = CloudSettings(**cloud)
    local = LocalModel(name="Coder-7B", context=32768)
    own_name = partial(providers.own_name, settings)
    return Catalog(local=local, cloud=settings.model, own_name=own_name, row=Prices().row)


CATALOG = catalog()
NAMES = ["auto", "local", "cloud", "claude-sonnet-5-5"]
KEY = "sk-ant-mine"


@pytest.fixture(scope="module")
def endpoint(start_between):
    return start_between(LOCAL__CONTEXT="4096")


@pytest.fixture(scope="module")
def unnamed(start_between):
    """Its local server is asked for the model's name."""
    return start_between(LOCAL__NAME="")


def get(endpoint, path, **headers):
    answer = httpx.get(endpoint.url + path, headers=headers, verify=False, timeout=20)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.parametrize(
    ("name", "track", "served", "context"),
    [
        ("auto", "", "", 1_000_000),
        ("whatever-9", "", "", 1_000_000),
        ("local", "local", "Coder-7B", 32768),
        ("local[1m]", "local", "Coder-7B", 32768),
        ("openai/local", "local", "Coder-7B", 32768),
        ("coder-7b:latest", "local", "Coder-7B", 32768),
        ("litellm_proxy/cloud", "cloud", "claude-sonnet-5-5", 1_000_000),
        ("anthropic/claude-sonnet-4-5", "", "claude-sonnet-4-5", 200_000),
        ("claude-nobody-knows-9", "", "claude-nobody-knows-9", 0),
        ("local:8b", "local", "Coder-7B", 32768),
        ("claude-sonnet-4-5:cloud", "cloud", "claude-sonnet-4-5", 200_000),
    ],
)
def test_what_a_name_means(name, track, served, context):
    model = CATALOG.find(name)
    assert (model.name, model.track, model.served, model.context) == (name, track, served, context)


def test_what_is_not_known_is_left_out():
    catalog = Catalog(local=LocalModel(), cloud="some/model", own_name=lambda _: "", row=lambda _: {})
    rows = model_lists.openai_list(catalog.list())["data"]
    assert [row["id"] for row in rows] == ["auto", "local", "cloud", "some/model"]
    assert not any({"context_length", "max_output_tokens"} & row.keys() for row in rows)
    assert not any("max_input_tokens" in model_lists.anthropic_model(model) for model in catalog.list())
    assert "max_context_length" not in model_lists.lm_studio_model(catalog.find("local"))


NAMED = [
    "auto", "local", "cloud", "claude-opus-5-5", "claude-opus-5-5:cloud", "CLAUDE-OPUS-5-5",
    "claude-opus-5-5:7b", "anthropic.claude-opus-5-5", "anthropic:claude-opus-5-5", "evil/claude-../x",
    "claude-opus-5-5:latest[1m]", "gpt-5", "GPT-5:latest", "openai/o3", "gpt-oss:120b-cloud", "gpt-oss:20b",
    "gemini/gemini-2.5-flash", "x:cloud", "bedrock/anthropic.claude-a-v1:0",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMED)
@pytest.mark.parametrize(
    "cloud",
    [
        {},
        {"dialect": "openai", "model": "gpt-5.1"},
        {"dialect": "openai", "model": "gpt-oss-120b", "base_url": "http://gpu.example/v1"},
        {"dialect": "litellm", "model": "gemini/gemini-2.5-pro"},
        {"dialect": "litellm", "model": "bedrock/anthropic.claude-b-v1:0"},
    ],
    ids=lambda cloud: cloud.get("model", "claude"),
)
def test_a_list_tells_of_the_model_that_is_sent(name, cloud):
    settings = CloudSettings(**cloud)
    found = catalog(**cloud).find(name)
    for model in ("", claude_model(name)):
        decision = Decision(track="cloud", rule="r", why="w", model=model)
        if found.track != "local":
            assert providers.model_for(settings, name, decision) == (found.served or settings.model)
    assert (found.served or "auto") in found.description or "policy decides between" in found.description


def test_a_key_is_shown_what_it_may_use():
    haiku = Account(models=(("claude-haiku-5-5",),))
    assert [model.name for model in listed(CATALOG, haiku)] == ["local", "Coder-7B", "claude-haiku-5-5"]
    assert haiku.allows("claude-haiku-5-5[1m]")
    both = Account(models=(("claude-haiku-5-5[1m]", "claude-*"), ("claude-s*",)))
    shown = ["auto", "local", "cloud", "claude-sonnet-5-5", "Coder-7B"]
    assert [model.name for model in listed(CATALOG, both)] == shown
    assert [model.name for model in listed(CATALOG, Account())] == shown


def test_openais_list(endpoint):
    with openai.OpenAI(base_url=f"{endpoint.url}/v1", api_key=KEY) as client:
        rows = {row.id: row for row in client.models.list()}
        assert list(rows) == [*NAMES, "nearby"]
        assert (rows["local"].max_model_len, rows["local"].context_length) == (4096, 4096)
        assert rows["cloud"].context_window == rows["auto"].context_window == 1_000_000
        assert "vision" in rows["cloud"].capabilities
        assert "vision" not in rows["local"].capabilities
        assert "nearby" in rows["local"].description
        assert client.models.retrieve("openai/local").max_model_len == 4096


def test_anthropics_list(endpoint):
    with anthropic.Anthropic(base_url=endpoint.url, api_key=KEY) as client:
        page = client.models.list(limit=2)
        assert ([row.id for row in page.data], page.has_more) == (NAMES[:2], True)
        assert [row.id for row in page] == [*NAMES, "nearby"]  # page after page
        model = client.models.retrieve("claude-sonnet-4-5")
        assert (model.max_input_tokens, model.max_tokens) == (200_000, 64_000)
        assert model.capabilities.image_input.supported


def test_a_page_before_an_id():
    page = model_lists.anthropic_list(CATALOG.list(), limit=2, before="claude-sonnet-5-5")
    assert ([row["id"] for row in page["data"]], page["has_more"]) == (["local", "cloud"], True)
    assert (page["first_id"], page["last_id"]) == ("local", "cloud")


def test_claude_code_is_given_names_that_it_shows(endpoint):
    fields = {"anthropic-version": "2023-06-01", "user-agent": "claude-cli/2.1.330 (external, cli)"}
    page = get(endpoint, "/v1/models?limit=1000", **fields)
    names = [row["id"] for row in page["data"]]
    assert names == ["anthropic/auto", "anthropic/local", "anthropic/cloud", NAMES[3], "anthropic/nearby"]
    assert all(row["description"] for row in page["data"])
    body = {"model": names[1], "max_tokens": 9, "messages": [{"role": "user", "content": "Say something."}]}
    answer = endpoint.post("/v1/messages", body, headers={"x-api-key": KEY})
    assert (answer.headers["x-turnout-track"], answer.headers["x-turnout-rule"]) == ("local", "asked")


def test_lm_studios_list(endpoint):
    rows = {row["id"]: row for row in get(endpoint, "/api/v0/models")["data"]}
    assert list(rows) == [*NAMES, "nearby"]
    assert (rows["local"]["type"], rows["local"]["max_context_length"]) == ("llm", 4096)
    assert rows["cloud"]["type"] == "vlm"
    assert get(endpoint, "/api/v0/models/local")["loaded_context_length"] == 4096


def test_a_local_server_is_asked_for_its_models_name(unnamed, nearby):
    names = [row["id"] for row in get(unnamed, "/v1/models")["data"]]
    first = nearby.get("/v1/models")["data"][0]["id"]
    assert names == list(dict.fromkeys([*NAMES, first]))


def test_a_local_server_that_is_down_is_listed_all_the_same(start_between):
    down = start_between(LOCAL__URL="http://127.0.0.1:9/v1", LOCAL__NAME="")
    assert [row["id"] for row in get(down, "/v1/models")["data"]] == NAMES
