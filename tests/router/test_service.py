"""What a client sees of a running endpoint: silence, failures, hang-ups, the end."""

import asyncio
import base64
import gzip
import json
import signal
import time
from dataclasses import replace

import httpx
import pytest
import structlog

from classifiers.choose import CLASSIFIERS, DEFAULT
from policies.load import load
from policies.proof import Serving
from router.features.fingerprint import reading_digest
from router.scripted import anthropic
from router.service import _say_other_proof
from router.settings import Settings

MESSAGES = "/v1/messages"
CHAT = "/v1/chat/completions"
MINE = {"x-api-key": "sk-ant-mine", "anthropic-version": "2023-06-01"}
LONG = " ".join(f"word{n}" for n in range(100))


def request_body(model: str, **fields) -> dict:
    return {"model": model, "max_tokens": 50, "messages": [{"role": "user", "content": "Say it."}], **fields}


def events(stream: str) -> list[dict]:
    """The JSON of each event, comments left out."""
    data = [line[6:] for line in stream.splitlines() if line.startswith("data: ")]
    return [json.loads(line) for line in data if line != "[DONE]"]


def answer_text(path: str, stream: str) -> str:
    if path == MESSAGES:
        return "".join(event.get("delta", {}).get("text", "") for event in events(stream))
    choices = [choice for event in events(stream) for choice in event["choices"]]
    return "".join(choice["delta"].get("content") or "" for choice in choices)


def wait_for(condition, deadline: float = 30):
    end = time.monotonic() + deadline
    while not (result := condition()):
        assert time.monotonic() < end
        time.sleep(0.05)
    return result


@pytest.fixture(scope="module")
def endpoint(start_between):
    return start_between(KEEPALIVE_S="0.2")


@pytest.mark.parametrize("path", [MESSAGES, CHAT])
@pytest.mark.parametrize("model", ["local", "cloud"])
def test_comments_until_something_is_there_then_the_whole_answer(
    endpoint, upstream, nearby, play, path, model
):
    play(nearby if model == "local" else upstream, {"fault": "slow", "first_byte_s": 1, "text": "One two."})
    answer = endpoint.post(path, request_body(model, stream=True), headers=MINE)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["x-turnout-track"] == model
    assert answer.text.startswith(": keepalive\n\n: keepalive\n\n")
    remainder = answer.text.replace(": keepalive\n\n", "")
    assert "keepalive" not in remainder
    assert answer_text(path, remainder) == "One two."
    end = "event: message_stop\n" if path == MESSAGES else "data: [DONE]\n\n"
    assert end in remainder[-80:]
    row = endpoint.row(answer)
    assert (row["status"], row["error"], row["usage_estimated"]) == (200, "", 0)


@pytest.mark.parametrize("path", [MESSAGES, CHAT])
@pytest.mark.parametrize("model", ["local", "cloud"])
def test_an_error_after_the_comments_is_an_event_of_the_dialect(
    endpoint, upstream, nearby, play, path, model
):
    failing = {"fault": "status", "status": 529, "message": "Too much.", "delay_s": 0.7}
    play(nearby if model == "local" else upstream, failing)
    answer = endpoint.post(path, request_body(model, stream=True), headers=MINE)
    assert answer.status_code == 200
    assert answer.text.startswith(": keepalive\n\n")
    (status,) = events(answer.text)
    assert "Too much." in status["error"]["message"]
    if path == MESSAGES:
        assert "event: error\n" in answer.text
        assert (status["type"], status["error"]["type"]) == ("error", "overloaded_error")
    else:
        assert set(status) == {"error"}
    assert endpoint.row(answer)["status"] == 529


def test_a_whole_answer_is_never_preceded_by_comments(endpoint, upstream, play):
    play(upstream, {"fault": "slow", "first_byte_s": 0.7, "text": "One."})
    answer = endpoint.post(MESSAGES, request_body("cloud"), headers=MINE)
    assert answer.json()["content"][0]["text"] == "One."


def test_a_rate_limit_passes_word_for_word(endpoint, upstream, play):
    limited = {"fault": "status", "status": 429, "retry_after": 7, "message": "Slow down, you."}
    play(upstream, limited, limited)
    direct = httpx.post(upstream.url + MESSAGES, json=request_body("claude-sonnet-5-5"), headers=MINE)
    answer = endpoint.post(MESSAGES, request_body("claude-sonnet-5-5"), headers=MINE)
    assert answer.status_code == direct.status_code == 429
    assert answer.headers["retry-after"] == direct.headers["retry-after"] == "7"
    assert answer.headers["request-id"].startswith("req_")
    assert answer.json()["error"] == direct.json()["error"]
    row = endpoint.row(answer)
    assert (row["status"], row["input"], row["output"]) == (429, 0, 0)


def test_an_error_event_passes_unchanged(endpoint, upstream, play):
    play(upstream, {"fault": "error_event", "after_events": 6, "text": LONG})
    answer = endpoint.post(MESSAGES, request_body("cloud", stream=True), headers=MINE)
    assert answer.status_code == 200
    assert answer_text(MESSAGES, answer.text) == "word0 word1 word2"
    assert answer.content.endswith(anthropic.error_event())
    row = endpoint.row(answer)
    assert (row["status"], row["error"], row["usage_estimated"]) == (200, "the answer told of an error", 1)


@pytest.mark.parametrize(
    ("path", "model"), [(MESSAGES, "cloud"), (CHAT, "cloud"), (MESSAGES, "local"), (CHAT, "local")]
)
def test_a_cut_is_a_dropped_connection(endpoint, upstream, nearby, play, path, model):
    play(nearby if model == "local" else upstream, {"fault": "cut", "after_events": 6, "text": LONG})
    got = []
    with httpx.stream(
        "POST", endpoint.url + path, json=request_body(model, stream=True), headers=MINE, timeout=30
    ) as answer:
        with pytest.raises(httpx.RemoteProtocolError, match="incomplete chunked read"):
            got.extend(answer.iter_text())
        row = endpoint.row(answer)
    assert "word0" in "".join(got)
    assert "error" not in "".join(got)
    assert (row["served_track"], row["status"], row["usage_estimated"]) == (model, 200, 1)
    assert row["error"]
    assert row["end"] != "client_left"


@pytest.mark.parametrize("encoding", ["gzip", "identity"])
def test_a_compressed_body_is_carried(endpoint, upstream, encoding):
    plain = json.dumps(request_body("claude-sonnet-5-5")).encode()
    sent = gzip.compress(plain) if encoding == "gzip" else plain
    headers = MINE | {"content-encoding": encoding, "content-type": "application/json"}
    answer = httpx.post(endpoint.url + MESSAGES, content=sent, headers=headers)
    assert answer.status_code == 200, answer.text
    (recorded,) = upstream.get("/_requests")
    assert base64.b64decode(recorded["body"]) == plain
    assert "content-encoding" not in {name.lower() for name, _ in recorded["headers"]}


@pytest.mark.parametrize("status", [400, 401, 404, 413])
def test_one_clients_mistakes_are_no_ones_elses(endpoint, upstream, play, status):
    play(upstream, {"fault": "status", "status": status, "times": 4})
    for _ in range(4):
        assert endpoint.post(MESSAGES, request_body("cloud"), headers=MINE).status_code == status
    assert endpoint.get("/health")["cloud"]["up"] is True
    assert endpoint.post(MESSAGES, request_body("cloud"), headers=MINE).status_code == 200


@pytest.mark.parametrize("stream", [False, True])
def test_a_hang_up_before_the_first_byte_finishes_the_row(endpoint, upstream, play, stream):
    began = time.time()
    play(upstream, {"fault": "slow", "first_byte_s": 20})
    with (
        pytest.raises(httpx.ReadTimeout),
        httpx.stream(
            "POST",
            endpoint.url + MESSAGES,
            json=request_body("cloud", stream=stream),
            headers=MINE,
            timeout=0.15 if stream else 0.5,
        ) as answer,
    ):
        answer.read()
    (row,) = wait_for(lambda: endpoint.rows(f"begun_at > {began} and finished_at is not null"))
    assert (row["status"], row["end"], row["first_byte_s"]) == (499, "client_left", None)
    assert wait_for(lambda: upstream.get("/_requests")[0]["end"] == "hung_up")


def test_what_health_and_ready_tell(endpoint):
    status = endpoint.get("/health")
    assert status["status"] == "ok"
    policy = status["policy"]
    assert (policy["name"], policy["error"]) == ("balanced", "")
    assert policy["proof"].startswith("passed its check on ")
    assert status["ledger"] == {"lost": 0}
    assert status["local"]["up"] is True
    assert httpx.get(endpoint.url + "/ready").json() == {"ready": True}


async def test_fifty_streams_at_once_all_complete(endpoint, upstream, play):
    began = time.time()
    play(upstream, {"text": LONG, "chunk_delay_s": 0.005, "times": 50})
    async with httpx.AsyncClient(timeout=60, limits=httpx.Limits(max_connections=None)) as client:
        asking = [
            client.post(endpoint.url + MESSAGES, json=request_body("cloud", stream=True), headers=MINE)
            for _ in range(50)
        ]
        answers = await asyncio.gather(*asking)
    assert {answer_text(MESSAGES, answer.text) for answer in answers} == {LONG}
    finished = f"begun_at > {began} and finished_at is not null"
    rows = wait_for(lambda: len(result := endpoint.rows(finished)) == 50 and result)
    assert {(row["status"], row["error"], row["usage_estimated"]) for row in rows} == {(200, "", 0)}


@pytest.mark.parametrize("ending", ["finishes", "is cut off"])
def test_a_termination_during_a_stream(start_between, upstream, play, ending):
    endpoint = start_between()
    play(upstream, {"text": LONG, "chunk_delay_s": 0.02 if ending == "finishes" else 0.5})
    got = []
    body = request_body("cloud", stream=True)
    with httpx.stream("POST", endpoint.url + MESSAGES, json=body, headers=MINE, timeout=30) as answer:
        chunks = answer.iter_text()
        got.append(next(chunks))
        endpoint.process.send_signal(signal.SIGTERM)
        if ending == "finishes":
            got.extend(chunks)
            assert answer_text(MESSAGES, "".join(got)) == LONG
        else:
            with pytest.raises(httpx.RemoteProtocolError):
                got.extend(chunks)
    endpoint.process.wait(20)
    (row,) = endpoint.rows()
    assert row["finished_at"]
    error = "" if ending == "finishes" else "Task cancelled, timeout graceful shutdown exceeded"
    assert (row["status"], row["error"], row["usage_estimated"]) == (200, error, bool(error))
    assert "Traceback" not in endpoint.log.read_text()


POLICY = "name: {name}\nhold: none\notherwise: {{to: {to}, why: by {name}}}\n"


def test_an_edited_policy_decides_within_moments_and_a_broken_edit_does_not(start_between, tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text(POLICY.format(name="first", to="local"))
    endpoint = start_between(POLICY=str(file))

    def why() -> tuple[str, str]:
        answer = endpoint.post(CHAT, request_body("auto"), headers=MINE)
        return answer.headers["x-turnout-track"], answer.headers["x-turnout-why"]

    assert why() == ("local", "by first")
    file.write_text(POLICY.format(name="second", to="cloud"))
    assert wait_for(lambda: why() == ("cloud", "by second"))

    file.write_text("name: third\notherwise: {to: clod, why: by third}\n")
    status = wait_for(lambda: (policy := endpoint.get("/health")["policy"])["error"] and policy)
    assert status["name"] == "second"
    assert f"{file}:2: otherwise.to: 'clod'" in status["error"]
    assert why() == ("cloud", "by second")

    file.write_text(POLICY.format(name="fourth", to="local"))
    assert wait_for(lambda: why() == ("local", "by fourth"))
    policy = endpoint.get("/health")["policy"]
    assert (policy["name"], policy["error"]) == ("fourth", "")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, ()),
        ({"classifier": "sufficiency@0a0a0a0a"}, ("another classifier", " --classifier sufficiency")),
        ({"reading": "00000000"}, ("another reading of requests", "")),
    ],
)
def test_a_policy_proven_with_something_else_than_serves_is_warned_of_once(change, said):
    proven_with = Serving(classifier=CLASSIFIERS[DEFAULT]().name, reading=reading_digest())
    with structlog.testing.capture_logs() as logged:
        _say_other_proof(Settings(), load("balanced"), replace(proven_with, **change))
    assert len(logged) == bool(said)
    for line in logged:
        assert said[0] in line["event"]
        assert line["checked_with"] == f"{proven_with.classifier}, reading {proven_with.reading}"
        assert line["serves"] != line["checked_with"]
        assert line["remedy"] == f"turnout policy check balanced --publish{said[1]}"
