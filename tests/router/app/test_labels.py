"""The labels of an answer: each is true when it is sent, and a refusal says why nothing served."""

import httpx
import pytest

from router.app.response import error_headers
from router.errors import BadKey, BadRequest, Conflict, OverBudget, RateLimited, RequestTimeout, Unavailable
from router.types import TrackError

MESSAGES = "/v1/messages"
CHAT = "/v1/chat/completions"
MINE = {"x-api-key": "sk-ant-mine"}
POLICIES = {
    "cloud": "{name: c, hold: none, otherwise: {to: cloud, why: w}, degrade: {on: [cloud_error], to: local}}",
    "local": "{name: l, hold: none, otherwise: {to: local, why: w}, escalate: {on: [local_error]}}",
    "bound": "{name: b, hold: none, otherwise: {to: cloud, why: w}, never_cloud: {match: [hi]}}",
}
LATE = {"fault": "status", "status": 529, "delay_s": 0.7}


@pytest.fixture(scope="module")
def endpoints(start_between, tmp_path_factory):
    def start(track):
        file = tmp_path_factory.mktemp("policy") / "policy.yaml"
        file.write_text(POLICIES[track])
        return start_between(POLICY=str(file), KEEPALIVE_S="0.2", MAX_BODY_MB="1")

    return {track: start(track) for track in POLICIES}


def ask(endpoint, path, model="auto"):
    body = {"model": model, "max_tokens": 9, "stream": True, "messages": [{"role": "user", "content": "hi"}]}
    return endpoint.post(path, body, headers=MINE)


def comments(answer) -> dict[str, str]:
    lines = (line[2:] for line in answer.text.splitlines() if line.startswith(": x-turnout-"))
    return dict(line.split(": ", 1) for line in lines)


@pytest.mark.parametrize("path", [MESSAGES, CHAT])
@pytest.mark.parametrize("first", ["cloud", "local"])
@pytest.mark.parametrize("fails", [True, False])
def test_after_a_keep_alive_the_labels_tell_who_served(endpoints, upstream, nearby, play, path, first, fails):
    play(upstream if first == "cloud" else nearby, LATE if fails else {"text": "Late.", "delay_s": 0.7})
    answer = ask(endpoints[first], path)
    row = endpoints[first].row(answer)
    assert answer.status_code == 200
    assert [name for name in answer.headers if name.startswith("x-turnout-")] == ["x-turnout-request-id"]
    other = {"cloud": "local", "local": "cloud"}[first]
    assert comments(answer)["x-turnout-track"] == row["served_track"] == (other if fails else first)
    assert comments(answer)["x-turnout-model"] == row["served_model"]
    assert ("x-turnout-degraded" in comments(answer)) is (fails and first == "cloud")
    assert ("x-turnout-escalated" in comments(answer)) is (fails and first == "local")
    assert answer.text.index(": x-turnout-track") < answer.text.index("data: ")


@pytest.mark.parametrize("path", [MESSAGES, CHAT])
def test_where_both_fail_after_a_keep_alive_the_last_is_named(endpoints, upstream, nearby, play, path):
    play(upstream, LATE)
    play(nearby, {"fault": "status", "status": 500, "message": "no memory"})
    answer = ask(endpoints["cloud"], path)
    assert comments(answer)["x-turnout-track"] == "local"
    assert comments(answer)["x-turnout-why"] == "the local model failed (500, server_error)"
    assert "no memory" in answer.text  # in the body alone: proxies write heads down


def test_a_track_that_nothing_else_may_replace_is_in_the_head(endpoints, upstream, play):
    play(upstream, {"text": "Late.", "delay_s": 0.7})
    answer = ask(endpoints["cloud"], MESSAGES, "cloud")
    assert answer.text.startswith(": keepalive")
    assert answer.headers["x-turnout-track"] == comments(answer)["x-turnout-track"] == "cloud"


REFUSALS = [
    ("POST", MESSAGES, b"{", {}, 400, "not valid JSON"),
    ("POST", CHAT, b'{"messages":[]}', {}, 400, "messages: must be"),
    ("POST", "/v1/messages/count_tokens", b"[]", {}, 400, "must be a JSON object"),
    ("GET", MESSAGES, b"", {}, 405, "takes POST"),
    ("DELETE", CHAT, b"", {}, 405, "takes POST"),
    ("POST", "/v1/mesages", b"{}", {}, 404, "did you mean"),
    ("GET", "/v1/route", b"", {}, 405, "does not take GET"),
    ("POST", MESSAGES, b" " * 2**21, {}, 413, "max_body_mb"),
    ("POST", CHAT, b"x", {"content-encoding": "lzma"}, 415, "lzma"),
    ("POST", "/v1/route", b"{", {}, 400, ""),
]


@pytest.mark.parametrize(
    ("method", "path", "body", "headers", "status", "why"), REFUSALS, ids=range(len(REFUSALS))
)
def test_a_refusal_says_why_and_names_no_track(endpoints, method, path, body, headers, status, why):
    url = endpoints["cloud"].url + path
    answer = httpx.request(method, url, content=body, headers=headers, timeout=20)
    assert answer.status_code == status
    assert why in answer.headers["x-turnout-why"]
    assert answer.headers["x-turnout-request-id"]
    assert "x-turnout-track" not in answer.headers


@pytest.mark.parametrize("track", ["cloud", "local"])
def test_a_failure_names_the_track_that_failed_last(endpoints, upstream, nearby, play, track):
    fault = {"fault": "status", "status": 500, "message": "broken"}
    play(upstream, fault)
    play(nearby, fault)
    body = {"model": track, "messages": [{"role": "user", "content": "hi"}]}
    answer = endpoints["cloud"].post(CHAT, body, headers=MINE)
    assert answer.status_code == 500
    assert answer.headers["x-turnout-track"] == track


@pytest.mark.parametrize("path", [MESSAGES, CHAT, f"{MESSAGES}/count_tokens"])
@pytest.mark.parametrize("model", ["claude-\x7f", "claude-\0x", "claude-\x1b[31m", "claude-\u2028é\x85"])
def test_a_name_that_no_header_may_hold_is_shown_without_it(endpoints, path, model):
    body = {"model": model, "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
    answer = endpoints["cloud"].post(path, body, headers=MINE)
    assert answer.status_code == 200
    assert answer.headers["x-turnout-model"].isprintable()


def test_a_failure_says_why_no_other_track_could_serve(endpoints, nearby, play):
    play(nearby, {"fault": "status", "status": 500, "message": "broken"})
    answer = endpoints["bound"].post(CHAT, {"messages": [{"role": "user", "content": "hi"}]}, headers=MINE)
    assert answer.headers["x-turnout-rule"] == "never_cloud"
    why = answer.headers["x-turnout-why"]
    assert why.startswith("the local model failed (500, server_error); never_cloud: ")


FINAL, LATER = {"x-should-retry": "false"}, {"retry-after": "2"}
RETRIES = [
    (BadRequest("n: only one choice is made"), FINAL),
    (BadKey("a key is required"), FINAL),
    (OverBudget("used up"), FINAL),
    (Conflict("it exists"), {}),
    (RequestTimeout("too slow"), {}),
    (RateLimited("too many", retry_after=6.5), {"retry-after": "7"}),
    (Unavailable("not now"), LATER),
    (TrackError("the provider failed", cause="cloud_error"), LATER),
]


@pytest.mark.parametrize(("error", "fields"), RETRIES, ids=lambda value: type(value).__name__)
def test_an_error_says_whether_to_try_again(error, fields):
    assert dict(error_headers(error, ())) == {"content-type": "application/json"} | fields
