"""What a policy keeps here never reaches the provider: not asked for, not counted, not failed over."""

import base64
import json
import time

import httpx
import pytest

from router.billing.prices import Prices
from router.ledger.store import LedgerStore

MESSAGES = "/v1/messages"
CHAT = "/v1/chat/completions"
COUNT = MESSAGES + "/count_tokens"
MINE = {"x-api-key": "sk-ant-mine"}
POLICY = """\
name: fenced
hold: none
otherwise: {to: cloud, why: the cloud first}
escalate: {on: [overflow, local_error, slow, unsupported], first_byte_s: 5, to: cloud, at_most: 1}
never_cloud: {paths: ["secrets/**"], match: ["(?i)internal only"], teams: [legal]}
"""
HARMLESS = [{"role": "user", "content": "Say something."}]
MARKED = [{"role": "user", "content": "This is INTERNAL only: say something."}]
USE = {"type": "tool_use", "id": "t", "name": "Read", "input": {"file_path": "/repo/secrets/db.pem"}}
READING = [
    {"role": "user", "content": "Look around."},
    {"role": "assistant", "content": [USE]},
    {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "x"}]},
]
CALL = {"id": "t", "type": "function", "function": {"name": "cat", "arguments": '{"path": "secrets/db.pem"}'}}
CHAT_READING = [
    {"role": "user", "content": "Look around."},
    {"role": "assistant", "content": None, "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "t", "content": "x"},
]
KEPT = [
    (MESSAGES, MARKED, "the conversation matches '(?i)internal only'"),
    (CHAT, MARKED, "the conversation matches '(?i)internal only'"),
    (MESSAGES, READING, "the conversation touches 'secrets/**'"),
    (CHAT, CHAT_READING, "the conversation touches 'secrets/**'"),
    (COUNT, MARKED, "the conversation matches '(?i)internal only'"),
    (COUNT, READING, "the conversation touches 'secrets/**'"),
]
MODELS = ["auto", "cloud", "claude-opus-5-5", "turnout/cloud"]


@pytest.fixture(scope="module")
def fenced(start_between, tmp_path_factory):
    """An endpoint with one key of the team `legal` and one of `web`."""
    folder = tmp_path_factory.mktemp("fenced")
    (folder / "policy.yaml").write_text(POLICY)
    ledger = LedgerStore.open(folder / "ledger.db", prices=Prices(), write=False)
    keys = {team: ledger.accounts.create_key(team=team).secret for team in ("web", "legal")}
    ledger.close()
    endpoint = start_between(POLICY=str(folder / "policy.yaml"), LEDGER=str(folder / "ledger.db"))
    return endpoint, {team: MINE | {"x-turnout-key": key} for team, key in keys.items()}


@pytest.fixture(scope="module")
def private(start_between):
    return start_between(POLICY="private")


TOO_LONG = {
    "fault": "status",
    "status": 400,
    "message": "This model's maximum context length is 4096 tokens. Your messages resulted in 9999 tokens.",
}


@pytest.mark.parametrize("path", [MESSAGES, CHAT])
def test_a_first_request_that_does_not_fit_is_told_which_rule_keeps_it(fenced, nearby, play, path):
    endpoint, headers = fenced
    play(nearby, TOO_LONG)
    answer = endpoint.post(
        path, {"model": "auto", "max_tokens": 9, "messages": MARKED}, headers=headers["web"]
    )
    error = answer.json()["error"]
    assert answer.status_code == 400
    assert error["message"].startswith("never_cloud: the conversation matches '(?i)internal only'; ")
    assert "its window of 4096 tokens is too small for this request of 9999" in error["message"]
    assert error.get("code") is None  # or clients would compact what has nothing to compact
    assert answer.headers["x-should-retry"] == "false"


@pytest.mark.parametrize(
    ("path", "messages", "words"),
    [
        (MESSAGES, READING, "prompt is too long: 9999 tokens > 4096 maximum"),
        (CHAT, CHAT_READING, "This model's maximum context length is 4096 tokens."),
    ],
)
def test_a_later_request_that_does_not_fit_is_compacted(fenced, nearby, play, path, messages, words):
    endpoint, headers = fenced
    play(nearby, TOO_LONG)
    body = {"model": "auto", "max_tokens": 9, "messages": messages}
    answer = endpoint.post(path, body, headers=headers["web"])
    assert answer.json()["error"]["message"].startswith(words)
    assert "never_cloud" in answer.headers["x-turnout-why"]


def assert_stayed_local(endpoint, upstream, answer, why: str) -> None:
    """The answer came from here and says why, its row too, and the provider saw nothing."""
    assert answer.status_code == 200, answer.text
    assert answer.headers["x-turnout-track"] == "local"
    assert answer.headers["x-turnout-rule"] == "never_cloud"
    assert why in answer.headers["x-turnout-why"]
    row = endpoint.row(answer)
    assert (row["cleared"], row["served_track"]) == (0, "local")
    assert why in row["private_why"]
    assert upstream.get("/_requests") == []


@pytest.mark.parametrize(("path", "messages", "why"), KEPT, ids=range(len(KEPT)))
@pytest.mark.parametrize("model", MODELS)
def test_content_that_must_stay_stays(fenced, upstream, nearby, path, messages, why, model):
    endpoint, keys = fenced
    answer = endpoint.post(
        path, {"model": model, "max_tokens": 20, "messages": messages}, headers=keys["web"]
    )
    assert_stayed_local(endpoint, upstream, answer, why)
    assert bool(nearby.get("/_requests")) is (path != COUNT)


SECRET = "mark-of-the-vault"
CHAT_PLACES = {
    "system": [{"role": "system", "content": f"{{}} {SECRET}"}, *HARMLESS],
    "developer": [{"role": "developer", "content": f"{{}} {SECRET}"}, *HARMLESS],
    "part": [{"role": "user", "content": [{"type": "text", "text": f"{{}} {SECRET}"}]}],
    "answer": [*HARMLESS, {"role": "assistant", "content": f"{{}} {SECRET}"}, *HARMLESS],
    "reasoning": [
        *HARMLESS,
        {"role": "assistant", "content": "Yes.", "reasoning_content": f"{{}} {SECRET}"},
        *HARMLESS,
    ],
    "result": [{}, {"role": "tool", "tool_call_id": "t", "content": f"{{}} {SECRET}"}],
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("words", "track", "paths"),
    [("Nothing to hide:", "cloud", [MESSAGES]), ("This is INTERNAL only:", "local", [])],
)
@pytest.mark.parametrize("place", CHAT_PLACES)
def test_a_chat_client_of_an_anthropic_cloud(fenced, upstream, place, words, track, paths, stream):
    endpoint, keys = fenced
    call = CALL | {"function": {"name": "cat", "arguments": '{"path": "src/db.txt"}'}}
    called = {"role": "assistant", "content": None, "tool_calls": [call]}
    messages = json.loads(json.dumps(CHAT_PLACES[place]).replace("{} ", f"{words} "))
    body = {"model": "claude-opus-5-5", "stream": stream, "max_tokens": 20}
    opening = {"role": "user", "content": f"A conversation about {place}, {track}, {stream}."}
    body["messages"] = [opening, *(message or called for message in messages)]
    answer = endpoint.post(CHAT, body, headers=keys["web"])
    assert answer.status_code == 200, answer.text
    assert answer.headers["x-turnout-track"] == track, answer.headers["x-turnout-why"]
    assert [request["path"] for request in upstream.get("/_requests")] == paths


@pytest.mark.parametrize("path", [MESSAGES, CHAT, COUNT])
@pytest.mark.parametrize("model", MODELS)
def test_a_team_that_is_kept_here_stays(fenced, upstream, path, model):
    endpoint, keys = fenced
    body = {"model": model, "max_tokens": 20, "messages": HARMLESS, "stream": path != COUNT}
    answer = endpoint.post(path, body, headers=keys["legal"])
    assert_stayed_local(endpoint, upstream, answer, "team 'legal' is kept here")


PATH_TOLD, WORDS_TOLD = "/repo/secrets/db.pem", "This is INTERNAL only"
PICTURE = base64.b64encode(b"what /repo/secrets/db.pem holds").decode()
OLLAMA_ASK = {"role": "user", "content": "Look around."}
OLLAMA_CALLED = {
    "role": "assistant",
    "tool_calls": [{"function": {"name": "cat", "arguments": {"path": PATH_TOLD}}}],
}
OLLAMA_CALLED_X = {
    "role": "assistant",
    "tool_calls": [{"id": "c", "function": {"name": "x", "arguments": {}}}],
}
OLLAMA_BODIES = {
    "a message": {"messages": [{"role": "user", "content": PATH_TOLD}]},
    "a pattern": {"messages": [{"role": "user", "content": WORDS_TOLD}]},
    "a system message": {"messages": [{"role": "system", "content": PATH_TOLD}, OLLAMA_ASK]},
    "a call": {"messages": [OLLAMA_ASK, OLLAMA_CALLED, {"role": "tool", "content": "x"}]},
    "a result": {
        "messages": [OLLAMA_ASK, OLLAMA_CALLED_X, {"role": "tool", "tool_name": "x", "content": WORDS_TOLD}]
    },
    "a tool's name": {
        "messages": [
            OLLAMA_ASK,
            OLLAMA_CALLED_X,
            {"role": "tool", "tool_call_id": "c", "tool_name": PATH_TOLD, "content": "x"},
        ]
    },
    "thinking": {"messages": [OLLAMA_ASK, {"role": "assistant", "thinking": WORDS_TOLD}, OLLAMA_ASK]},
    "an image": {"messages": [OLLAMA_ASK | {"images": ["AAAA", PICTURE]}]},
    "an image's address": {"messages": [OLLAMA_ASK | {"images": [f"data:text/plain;base64,{PICTURE}"]}]},
    "a field nobody knows": {"messages": [OLLAMA_ASK], "notes": {"kept": [WORDS_TOLD]}},
    "a message's field": {"messages": [OLLAMA_ASK | {"annotations": [PATH_TOLD]}]},
    "a tool": {
        "messages": [OLLAMA_ASK],
        "tools": [{"type": "function", "function": {"name": "x", "description": WORDS_TOLD}}],
    },
    "the form": {"messages": [OLLAMA_ASK], "format": {"type": "object", "description": WORDS_TOLD}},
    "an option": {"messages": [OLLAMA_ASK], "options": {"stop": [WORDS_TOLD]}},
    "the time to keep": {"messages": [OLLAMA_ASK], "keep_alive": WORDS_TOLD},
    "a prompt": {"prompt": f"Look at {PATH_TOLD}"},
    "a prompt's pattern": {"prompt": WORDS_TOLD},
    "a prompt's system text": {"prompt": "Look around.", "system": PATH_TOLD},
    "words in two fields": {"system": "This is internal", "prompt": "only, so be careful."},
    "a prompt's image": {"prompt": "Look around.", "images": ["AAAA", PICTURE]},
    "a raw prompt": {"prompt": PATH_TOLD, "raw": True},
    "a suffix": {"prompt": "def f(a):", "suffix": PATH_TOLD},
    "an escaped prompt": b'{"model":"%b","prompt":"/repo/\\u0073ecrets/db.pem"}',
    "an escaped name": b'{"model":"%b","pr\\u006fmpt":"/repo/secrets/db.pem"}',
    "half a letter": b'{"model":"%b","prompt":"\\ud83d /repo/secrets/db.pem"}',
}


@pytest.mark.parametrize("model", ["auto", "cloud", "claude-opus-5-5:latest"])
@pytest.mark.parametrize("name", OLLAMA_BODIES)
def test_no_field_of_ollamas_lets_anything_out(fenced, upstream, name, model):
    endpoint, keys = fenced
    body = OLLAMA_BODIES[name]
    path = "/api/chat" if isinstance(body, dict) and "messages" in body else "/api/generate"
    content = body % model.encode() if isinstance(body, bytes) else json.dumps(body | {"model": model})
    answer = httpx.post(endpoint.url + path, content=content, headers=keys["web"], timeout=60)
    assert answer.headers["x-turnout-rule"] == "never_cloud", answer.text
    assert answer.status_code == 400 or answer.headers["x-turnout-track"] == "local"
    assert (answer.status_code == 400) is (name == "the time to keep")  # which is no duration
    assert upstream.get("/_requests") == []


TOLD = base64.b64encode(WORDS_TOLD.encode()).decode()
IMAGES = {
    "no type": f"data:,{TOLD}",
    "a type": f"data:image/png,{TOLD}",
    "a parameter": f"data:x;y,{TOLD}",
    "upper case": f"DATA:image/png;BASE64,{TOLD}",
    "a space before the comma": f"data:image/png;base64 ,{TOLD}",
    "a space before the word": f"data:image/png; base64,{TOLD}",
    "a quoted parameter": f'data:image/png;name="a";base64,{TOLD}',
    "a comma in a parameter": f'data:image/png;name="a,b";base64,{TOLD}',
    "a space before the address": f" data:image/png,{TOLD}",
    "no address": TOLD,
    "a line break": f"{TOLD[:8]}\n{TOLD[8:]}",
    "what is no digit": f"\u200b{TOLD[:8]}!{TOLD[8:]}",
    "two runs": f"AAA={TOLD}",
    "another byte behind": base64.b64encode(WORDS_TOLD.encode() + b"\xff").decode(),
    "another byte within": base64.b64encode(WORDS_TOLD.encode().replace(b" only", b"\xff only")).decode(),
    "a zero before": base64.b64encode(b"\0" + WORDS_TOLD.encode()).decode(),
    "in an image": base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) + WORDS_TOLD.encode()).decode(),
    "two bytes a letter": base64.b64encode(b"\x01" + WORDS_TOLD.encode("utf-16-be")).decode(),
}


@pytest.mark.parametrize("image", IMAGES.values(), ids=IMAGES)
def test_an_image_that_is_a_text_stays_however_it_is_spelled(fenced, upstream, image):
    endpoint, keys = fenced
    source = {"type": "base64", "media_type": "image/png", "data": image}
    bodies = [
        ("/api/chat", {"messages": [OLLAMA_ASK | {"images": [image]}]}),
        ("/api/generate", {"prompt": "Look around.", "images": ["AAAA", image]}),
        (MESSAGES, {"messages": [{"role": "user", "content": [{"type": "image", "source": source}]}]}),
    ]
    if "data:" in image.lower():
        part, url = {"type": "image_url", "image_url": {"url": image}}, {"type": "url", "url": image}
        content = [{"type": "input_image", "image_url": image}]
        bodies += [
            (CHAT, {"messages": [{"role": "user", "content": [part]}]}),
            (MESSAGES, {"messages": [{"role": "user", "content": [{"type": "image", "source": url}]}]}),
            ("/v1/responses", {"input": [{"type": "message", "role": "user", "content": content}]}),
        ]
    for path, body in bodies:
        limit = {"max_tokens": 20} if path in {CHAT, MESSAGES} else {}
        answer = endpoint.post(path, body | limit | {"model": "cloud"}, headers=keys["web"])
        assert (path, answer.headers.get("x-turnout-rule")) == (path, "never_cloud"), answer.text
        assert upstream.get("/_requests") == []


@pytest.mark.parametrize("kind", ["function_call", "custom_tool_call"])
def test_a_command_in_a_subagents_prompt_is_one_in_responses_too(fenced, upstream, kind):
    endpoint, keys = fenced
    prompt = "Run this:\n\n```\nrsync -a box:repo/secrets/ x; cat x/prod/tokens.json\n```"
    told = {"input": prompt} if kind == "custom_tool_call" else {"arguments": json.dumps({"prompt": prompt})}
    items = [
        {"type": "message", "role": "user", "content": f"Look around, {kind}."},
        {"type": kind, "call_id": "t1", "name": "Task", **told},
        {"type": f"{kind}_output", "call_id": "t1", "output": "user: ana"},
    ]
    answer = endpoint.post("/v1/responses", {"model": "cloud", "input": items}, headers=keys["web"])
    assert answer.headers["x-turnout-rule"] == "never_cloud", answer.text
    assert upstream.get("/_requests") == []


def test_ollamas_clients_reach_the_cloud_with_what_may_leave(fenced, upstream):
    endpoint, keys = fenced
    for path, body in (
        ("/api/chat", {"messages": [{"role": "user", "content": "Say what a pine is."}]}),
        ("/api/generate", {"prompt": "Say what an oak is.", "system": "Be brief.", "images": ["AAAA"]}),
    ):
        answer = endpoint.post(path, body | {"model": "cloud"}, headers=keys["web"])
        assert answer.headers["x-turnout-track"] == "cloud", answer.text
    assert len(upstream.get("/_requests")) == 2


@pytest.fixture(scope="module")
def wary(start_between, tmp_path_factory):
    """What cannot be read stays here."""
    file = tmp_path_factory.mktemp("wary") / "policy.yaml"
    file.write_text(POLICY.replace("never_cloud: {", "never_cloud: {opaque: always, "))
    return start_between(POLICY=str(file))


@pytest.mark.parametrize("path", ["/api/chat", "/api/generate"])
def test_an_image_of_ollamas_cannot_be_read(wary, upstream, path):
    picture = base64.b64encode(bytes(range(256))).decode()
    ask = {"messages": [OLLAMA_ASK | {"images": [picture]}]}
    body = ask if path == "/api/chat" else {"prompt": "Look around.", "images": [picture]}
    answer = wary.post(path, body | {"model": "cloud"}, headers=MINE)
    assert answer.headers["x-turnout-rule"] == "never_cloud", answer.text
    assert upstream.get("/_requests") == []


@pytest.mark.parametrize(
    "image",
    [
        "data:image/png;" + "a" * 100 + "," + "A" * 200,
        "\u200b" + "A" * 200,
        "AAAA!" + "A" * 200,
        "iVBORw0KGgo=",
        "https://x.example/y.png",
    ],
)
def test_whatever_is_sent_as_an_image_of_ollamas_cannot_be_read(wary, upstream, image):
    for path, body in (
        ("/api/chat", {"messages": [OLLAMA_ASK | {"images": [image]}]}),
        ("/api/generate", {"prompt": "Look around.", "images": [image]}),
    ):
        answer = wary.post(path, body | {"model": "cloud"}, headers=MINE)
        assert answer.headers["x-turnout-rule"] == "never_cloud", answer.text
        assert upstream.get("/_requests") == []


def test_what_may_leave_leaves(fenced, upstream):
    endpoint, keys = fenced
    body = {"model": "auto", "max_tokens": 20, "messages": HARMLESS}
    answer = endpoint.post(MESSAGES, body, headers=keys["web"])
    assert answer.headers["x-turnout-track"] == "cloud"
    assert endpoint.row(answer)["cleared"] == 1
    assert len(upstream.get("/_requests")) == 1


FAULTS = [
    {"fault": "status", "status": 500, "message": "no memory"},
    {"fault": "close"},
    {"fault": "status", "status": 400, "message": "maximum context length is 10 tokens, it has 20"},
]


@pytest.mark.parametrize("step", FAULTS, ids=range(len(FAULTS)))
@pytest.mark.parametrize("stream", [False, True])
def test_a_failure_is_told_rather_than_moved(fenced, upstream, nearby, play, step, stream):
    endpoint, keys = fenced
    play(nearby, step)
    body = {"model": "auto", "max_tokens": 20, "messages": MARKED, "stream": stream}
    answer = endpoint.post(MESSAGES, body, headers=keys["web"])
    assert answer.status_code == step.get("status", 502)
    assert upstream.get("/_requests") == []
    row = endpoint.row(answer)
    assert (row["cleared"], row["served_track"], row["status"]) == (0, "local", answer.status_code)
    assert len(json.loads(row["attempts"])) == 1


@pytest.mark.parametrize("path", [MESSAGES, CHAT, COUNT])
@pytest.mark.parametrize("model", MODELS)
def test_nothing_leaves_under_the_private_policy(private, upstream, path, model):
    body = {"model": model, "max_tokens": 20, "messages": HARMLESS}
    answer = private.post(path, body, headers=MINE)
    assert_stayed_local(private, upstream, answer, "nothing leaves under this policy")


def test_an_edit_that_fences_takes_hold_without_a_restart(start_between, upstream, tmp_path):
    file = tmp_path / "policy.yaml"
    file.write_text(POLICY.partition("never_cloud")[0])
    endpoint = start_between(POLICY=str(file))
    body = {"model": "cloud", "max_tokens": 20, "messages": MARKED}
    assert endpoint.post(MESSAGES, body, headers=MINE).headers["x-turnout-track"] == "cloud"
    file.write_text(POLICY.replace("name: fenced", "name: edited"))
    end = time.monotonic() + 20
    while endpoint.get("/health")["policy"]["name"] != "edited":
        assert time.monotonic() < end
        time.sleep(0.05)
    sent = len(upstream.get("/_requests"))
    answer = endpoint.post(MESSAGES, body, headers=MINE)
    assert answer.headers["x-turnout-rule"] == "never_cloud"
    assert len(upstream.get("/_requests")) == sent
