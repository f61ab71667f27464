"""A person judges an answer of a running endpoint, and the ledger can be learnt from."""

import httpx
import pytest

from router.billing.prices import Prices
from router.ledger import LedgerStore
from router.ledger.labels import labelled

PATH = "/v1/feedback"


@pytest.fixture(scope="module")
def endpoint(start_between):
    return start_between()


@pytest.fixture
def ledger(endpoint):
    store = LedgerStore.open(endpoint.ledger, prices=Prices(), write=False)
    yield store
    store.close()


def ask(endpoint, *asks, **options) -> str:
    """Ask in one conversation; returns the answer's request id, once its row is finished."""
    messages = [{"role": "user", "content": asks[0]}]
    for text in asks[1:]:
        messages += [{"role": "assistant", "content": "Done."}, {"role": "user", "content": text}]
    return send(endpoint, messages, **options)


def ran(number: int, printed: str) -> list[dict]:
    """One call of the shell, and what it printed."""
    function = {"name": "bash", "arguments": '{"command": "python -m pytest tests"}'}
    call = {"id": f"call_{number}", "type": "function", "function": function}
    return [
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": call["id"], "content": printed},
    ]


def send(endpoint, messages, model="local", **options) -> str:
    answer = endpoint.post("/v1/chat/completions", {"model": model, "messages": messages}, **options)
    assert answer.status_code == 200, answer.text
    endpoint.row(answer)
    return answer.headers["x-turnout-request-id"]


def test_a_verdict_on_an_answer_becomes_evidence(endpoint, ledger):
    of = ask(endpoint, "Reverse a list.")
    answer = endpoint.post(PATH, {"request_id": of, "verdict": "good"})
    assert (answer.status_code, answer.json()) == (200, {"request_id": of, "verdict": "good"})
    assert endpoint.post(PATH, {"request_id": of, "verdict": "bad"}).status_code == 200
    labels = {label.request_id: label for label in labelled(ledger)}
    assert (labels[of].source, labels[of].label) == ("feedback", 0)
    assert labels[of].features.turns == 1
    assert labels[of].features.ask == ""


def test_a_retry_of_the_same_ask_and_going_on_are_told_apart(endpoint, ledger):
    retried = ask(endpoint, "Sort a dict by value.")
    liked = ask(endpoint, "Sort a dict by value.")
    ask(endpoint, "Sort a dict by value.", "Which port does PostgreSQL listen on?")
    labels = {label.request_id: (label.source, label.label) for label in labelled(ledger)}
    assert labels[retried] == ("retry", 0)
    assert labels[liked] == ("moved_on", 1)


def test_tests_that_fail_and_then_pass_speak_for_the_local_model(endpoint, ledger):
    messages = [{"role": "user", "content": "Make the tests pass."}]
    opened = send(endpoint, messages)
    messages += ran(1, "FAILED tests/test_a.py::test_x - assert 1 == 2\n1 failed, 2 passed in 0.10s\n")
    send(endpoint, messages)
    assert opened not in {label.request_id for label in labelled(ledger)}
    send(endpoint, messages + ran(2, "3 passed in 0.10s\n"))
    labels = {label.request_id: label for label in labelled(ledger)}
    assert (labels[opened].source, labels[opened].label) == ("tests", 1)
    assert labels[opened].features.tool_calls == 0


WRONG = [
    (b"", "body: Invalid JSON"),
    (b"[]", "body: "),
    (b"{}", "request_id: Field required"),
    (b'{"request_id": "x"}', "verdict: Field required"),
    (b'{"request_id": 7, "verdict": "good"}', "request_id: "),
    (b'{"request_id": "a b", "verdict": "good"}', "request_id: "),
    (b'{"request_id": "x", "verdict": "meh"}', "verdict: Input should be 'good', 'bad', 'should_be_cloud'"),
    (b'{"request_id": "x", "verdict": "good", "note": "n"}', "note: "),
]


@pytest.mark.parametrize(("body", "message"), WRONG, ids=range(len(WRONG)))
@pytest.mark.parametrize("headers", [{}, {"anthropic-version": "2023-06-01"}], ids=["openai", "anthropic"])
def test_a_wrong_body_names_the_field(endpoint, body, message, headers):
    answer = httpx.post(endpoint.url + PATH, content=body, headers=headers)
    error = answer.json()["error"]
    assert answer.status_code == 400
    assert message in error["message"]
    assert '"verdict": "good"' in error["message"]
    assert error["type"] == "invalid_request_error"
    assert ("code" in error) == (not headers)


def test_an_unknown_request_is_not_found(endpoint):
    answer = endpoint.post(PATH, {"request_id": "nobody", "verdict": "good"})
    assert answer.status_code == 404
    assert "no request 'nobody'" in answer.json()["error"]["message"]
    assert "x-turnout-request-id" in answer.json()["error"]["message"]


def test_a_team_judges_only_its_own(start_between, tmp_path):
    ledger = LedgerStore.open(path := tmp_path / "ledger.db", prices=Prices(), write=False)
    mine, theirs = (ledger.accounts.create_key(team=team, user="ana").secret for team in ("web", "docs"))
    endpoint = start_between(LEDGER=str(path))
    of = ask(endpoint, "Reverse a list.", headers={"x-turnout-key": mine})
    judge = {"request_id": of, "verdict": "should_be_cloud"}
    assert endpoint.post(PATH, judge).status_code == 401
    assert endpoint.post(PATH, {}).status_code == 401  # before anything is said of the body
    other = endpoint.post(PATH, judge, headers={"x-turnout-key": theirs})
    unknown = endpoint.post(PATH, judge | {"request_id": "0" * 32}, headers={"x-turnout-key": theirs})
    assert other.status_code == unknown.status_code == 404
    assert other.text.replace(of, "") == unknown.text.replace("0" * 32, "")
    assert ledger.verdicts() == {}
    assert endpoint.post(PATH, judge, headers={"authorization": f"Bearer {mine}"}).status_code == 200
    assert ledger.verdicts("web") == {of: "should_be_cloud"}
    ledger.close()
