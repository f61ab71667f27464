"""Marked secrets go through a running endpoint; none is in metrics, logs, the ledger or heads of answers.

What an upstream says of a prompt is cut where it quotes it; its words outside quotes are kept.
"""

import httpx
import pytest

ASK = "SECRETPROMPT: complete this Python function.\n\ndef add(a, b):\n"
ANSWER = "SECRETANSWER"
KEY = "sk-ant-SECRETKEY"
SECRETS = ("SECRETPROMPT", "SECRETANSWER", "SECRETKEY", "SECRETFIELD")
PATHS = ["/v1/messages", "/v1/chat/completions"]


@pytest.fixture(scope="module")
def ran(start_between, shared_upstream, shared_nearby, play):
    """An endpoint after whole answers, streams, refusals, cuts, an escalation and a bad body; all heads."""
    endpoint = start_between(LOG_LEVEL="debug")
    heads = []
    steps = [
        {"text": ANSWER, "times": 2},
        {"text": ANSWER, "fault": "cut"},
        {"fault": "status", "status": 400, "message": "no: 'SECRETPROMPT'"},
        {"fault": "status", "status": 500, "message": "'SECRETPROMPT' is too much"},
        {"text": ANSWER, "fault": "error_event"},
    ]
    play(shared_upstream, *steps)
    play(shared_nearby, *steps)
    for model in ("auto", "cloud", "local"):
        for path in PATHS:
            for stream in (True, False):
                messages = [{"role": "user", "content": ASK}]
                body = {"model": model, "max_tokens": 50, "stream": stream, "messages": messages}
                headers = {"x-api-key": KEY, "authorization": f"Bearer {KEY}", "x-field": "SECRETFIELD"}
                try:
                    answer = httpx.post(endpoint.url + path, json=body, headers=headers, timeout=30)
                except httpx.HTTPError:
                    continue  # a cut is a dropped connection
                heads.append(str(answer.headers.raw))
    broken = httpx.post(endpoint.url + PATHS[0], content=b'{"SECRETPROMPT": ', headers={"x-api-key": KEY})
    heads.append(broken.text)
    metrics = httpx.get(endpoint.url + "/metrics").text
    endpoint.stop()
    return endpoint, metrics, heads


def test_metrics(ran):
    _, metrics, _ = ran
    assert "turnout_requests_total{" in metrics
    assert not [secret for secret in SECRETS if secret in metrics]


def test_logs(ran):
    endpoint, _, _ = ran
    log = endpoint.log.read_text()
    assert not [line for line in log.splitlines() if any(secret in line for secret in SECRETS)]


def test_the_ledger(ran):
    endpoint, _, _ = ran
    assert len(endpoint.rows()) >= 11
    for file in endpoint.ledger.parent.rglob("ledger*"):
        if file.is_file():
            data = file.read_bytes()
            assert not [secret for secret in SECRETS if secret.encode() in data], file


def test_heads_and_errors_of_ours(ran):
    _, _, heads = ran
    assert len(heads) > 6
    assert not [head for head in heads if any(secret in head for secret in SECRETS)]
