"""One client's bodies leave every track up for the others, in each dialect and on each track."""

import pytest

MESSAGES, CHAT = PATHS = ("/v1/messages", "/v1/chat/completions")
MINE = {"x-api-key": "sk-ant-mine"}
BOOM = {"fault": "status", "status": 500, "message": "cannot read the schema"}
SCHEMAS = (
    {"type": "object", "properties": {"note": {"type": ["string", "null"]}}, "required": ["note"]},
    {"type": "object", "properties": {"note": {"type": {"a": 1}}}},
    {"type": "object", "properties": {"note": {"anyOf": [{"type": ["integer", "null"]}, 3]}}},
    {"type": "object", "properties": {"note": {"pattern": "(?<x"}}, "required": ["note"]},
)


def request_body(path: str, model: str, number: int) -> dict:
    """An ask whose tool has an odd schema."""
    schema = SCHEMAS[number % len(SCHEMAS)]
    if path == MESSAGES:
        tool, choice = {"name": "keep", "input_schema": schema}, {"type": "tool", "name": "keep"}
    else:
        tool = {"type": "function", "function": {"name": "keep", "parameters": schema}}
        choice = {"type": "function", "function": {"name": "keep"}}
    messages = [{"role": "user", "content": f"Keep note {number}."}]
    return {"model": model, "max_tokens": 24, "tools": [tool], "tool_choice": choice, "messages": messages}


def plain(model: str) -> dict:
    return {"model": model, "max_tokens": 8, "messages": [{"role": "user", "content": "Say hi."}]}


@pytest.fixture(scope="module")
def endpoints(start_between, start_endpoint, shared_upstream):
    """By the name of the track that is tried: a way to it, its model, and the server that fails behind it."""
    native = start_between()
    other = {"OPENAI_API_KEY": "sk-ours"}
    at = {"CLOUD__BASE_URL": f"{shared_upstream.url}/v1"}
    chat = start_endpoint(
        also=other, CLOUD__DIALECT="openai", CLOUD__MODEL="gpt-5.5", LOCAL__CONTEXT="1024", **at
    )
    lite = start_between(also=other, CLOUD__DIALECT="litellm", CLOUD__MODEL="openai/gpt-5.5", **at)
    return {
        "local.url": (native, "local", "nearby"),
        "anthropic": (native, "cloud", "upstream"),
        "engine": (chat, "local", None),
        "openai": (chat, "cloud", "upstream"),
        "litellm": (lite, "cloud", "upstream"),
    }


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("track", ["local.url", "anthropic", "engine", "openai", "litellm"])
def test_bad_bodies_of_one_client(endpoints, upstream, nearby, play, track, path):
    endpoint, model, fails = endpoints[track]
    if fails:
        play({"nearby": nearby, "upstream": upstream}[fails], {**BOOM, "times": 4})
    answers = [endpoint.post(path, request_body(path, model, number), headers=MINE) for number in range(4)]
    if track == "engine":
        assert {answer.status_code for answer in answers} <= {200, 400, 422}, [
            answer.text for answer in answers
        ]
        assert answers[0].status_code == 200  # nullable: an everyday schema
    else:
        assert {answer.status_code for answer in answers} == {500}
    health = endpoint.get("/health")[model]
    assert (health["circuit"]["state"], health.get("up", True)) == ("closed", True)
    answer = endpoint.post(path, plain(model), headers={**MINE, "user-agent": "somebody-else"})
    assert (answer.status_code, answer.headers["x-turnout-track"]) == (200, model)


NO_FUNCTION = [
    {"type": "nonsense"},
    {
        "type": "custom",
        "custom": {"name": "patch", "format": {"type": "grammar", "grammar": {"syntax": "lark"}}},
    },
    {"type": "function"},
    {"type": "function", "function": {}},
    {},
]


@pytest.mark.parametrize("tool", NO_FUNCTION, ids=range(len(NO_FUNCTION)))
@pytest.mark.parametrize("track", ["anthropic", "litellm"])
def test_tools_that_cannot_be_translated_are_named(endpoints, upstream, track, tool):
    endpoint, model, _ = endpoints[track]
    for _ in range(3):
        answer = endpoint.post(CHAT, {**plain(model), "tools": [tool]}, headers=MINE)
        assert answer.status_code == 400
        assert "tools[0]" in answer.json()["error"]["message"]
        assert "litellm" not in answer.text
    assert endpoint.get("/health")["cloud"]["circuit"]["state"] == "closed"
    assert httpx_count(upstream) == 0


def httpx_count(program) -> int:
    """How many requests reached a server."""
    return len(program.get("/_requests"))


def test_a_server_that_is_not_there_is_down_for_all_and_shows_why(start_between):
    endpoint = start_between(CLOUD__BASE_URL="http://127.0.0.1:1")
    for _ in range(3):
        assert endpoint.post(MESSAGES, plain("cloud"), headers=MINE).status_code == 502
    circuit = endpoint.get("/health")["cloud"]["circuit"]
    assert (circuit["state"], circuit["cause"]) == ("open", "connection")
    assert circuit["since"] < circuit["next_probe"]
