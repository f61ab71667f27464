"""Marked secrets go through a running endpoint, and are looked for in all that it wrote or told afterwards.

The run has whole answers, streams, tools, cuts, failovers, escalations, upstreams that quote the
prompt in their errors, budgets, limits, administration, a dashboard and reports. What a client
gets of its own request, an answer or an upstream's refusal, passes unchanged and is not looked at.
"""

import importlib.util
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import product

import httpx
import pytest

from router.billing.prices import Prices
from router.ledger.store import LedgerStore

ASK = "SECRETPROMPT: complete this Python function.\n\ndef add(a, b):\n"
ANSWER = "SECRETANSWER"
KEY = "sk-ant-SECRETKEY"
MARKS = ("SECRETPROMPT", "SECRETANSWER", "SECRETKEY", "SECRETFIELD", "SECRETTOOL", "SECRETRESULT")
MESSAGES, CHAT = PATHS = ("/v1/messages", "/v1/chat/completions")
FORMATS = ("html", "md", "csv", "json")
"""Of reports; a PDF is the HTML page, printed."""
STEPS = [
    {"text": ANSWER, "times": 2},
    {"text": ANSWER, "fault": "cut"},
    {"tools": [{"name": "read_file", "input": {"path": "SECRETTOOL"}}]},
    {"fault": "status", "status": 400, "message": "no: 'SECRETPROMPT'"},
    {"fault": "status", "status": 500, "message": "it said SECRETPROMPT and SECRETRESULT, unquoted"},
    {"text": ANSWER, "fault": "error_event", "message": "SECRETPROMPT is too much"},
    {"fault": "status", "status": 529, "message": "SECRETPROMPT: busy"},
]
ECHOES = [
    {"fault": "status", "status": 400, "message": "bad: SECRETPROMPT: so SECRETRESULT"},
    {"fault": "status", "status": 404, "message": "SECRETPROMPT"},
    {"fault": "status", "status": 500, "message": "worker died over SECRETPROMPT"},
    {"fault": "status", "status": 503, "message": "SECRETPROMPT\nSECRETRESULT"},
    {"text": ANSWER * 9, "fault": "error_event", "after_events": 1, "message": "SECRETPROMPT before"},
    {
        "text": ANSWER + " more" * 9,
        "fault": "error_event",
        "after_events": 6,
        "message": "SECRETPROMPT late",
    },
]
"""What an upstream says with the prompt in it, at each stage of an answer."""
CALL = {"name": "read_file", "input": {"path": "SECRETTOOL"}}
SCHEMA = {"type": "object", "properties": {"path": {"type": "string"}}}
POLICY = """\
name: moving
hold: none
rules: [{when: "tool_calls == 0", to: local, why: small}]
otherwise: {to: cloud, why: an agent's}
escalate: {on: [local_error], to: cloud, at_most: 1}
degrade: {on: [cloud_error], to: local}
"""


class Collector:
    """Takes traces; OTLP's strings lie in its bodies as they are."""

    def __init__(self) -> None:
        taken = self.taken = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                taken.append(self.rfile.read(int(self.headers["content-length"])))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


def conversation(path):
    """An ask, and one whose tool was used, in the dialect of `path`."""
    request = {"role": "user", "content": ASK}
    if path == MESSAGES:
        call = {"type": "tool_use", "id": "t1", **CALL}
        result = {"type": "tool_result", "tool_use_id": "t1", "content": "SECRETRESULT"}
        used = [{"role": "assistant", "content": [call]}, {"role": "user", "content": [result]}]
        tools = [{"name": "read_file", "description": "Reads.", "input_schema": SCHEMA}]
    else:
        function = {"name": "read_file", "arguments": '{"path": "SECRETTOOL"}'}
        call = {"id": "t1", "type": "function", "function": function}
        used = [
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "t1", "content": "SECRETRESULT"},
        ]
        tools = [{"type": "function", "function": {"name": "read_file", "parameters": SCHEMA}}]
    return [{"messages": [request]}, {"messages": [request, *used], "tools": tools}]


def run(endpoint, headers, texts):
    """Send everything in every way; keeps the heads of all answers."""
    for path in PATHS:
        for fields in conversation(path):
            for model in ("auto", "cloud", "local"):
                for stream in (True, False):
                    body = {"model": model, "max_tokens": 50, "stream": stream, **fields}
                    try:
                        answer = endpoint.post(path, body, headers=headers)
                    except httpx.HTTPError:
                        continue  # a cut is a dropped connection
                    texts.append(str(answer.headers.raw))


def echoed(endpoint, headers, texts, programs, play):
    """Every stage on every track in both dialects; Chat Completions reach the provider through litellm."""

    def send(way) -> None:
        path, model, stream = way
        body = {"model": model, "max_tokens": 50, "stream": stream, **conversation(path)[0]}
        with suppress(httpx.HTTPError):
            texts.append(str(endpoint.post(path, body, headers=headers).headers.raw))

    with ThreadPoolExecutor() as pool:
        for step in ECHOES:
            for program in programs:
                play(program, {**step, "times": 16})
            list(pool.map(send, product(PATHS, ("cloud", "local"), (True, False))))


def refused(endpoint, admin, texts):
    """Everything that the endpoint itself says no to."""
    request = {"model": "cloud", "max_tokens": 50, **conversation(MESSAGES)[0]}
    for terms, status in (
        ({"budget": {"usd": 1e-6, "over": "error"}}, 402),
        ({"models": ["none-*"]}, 403),
        ({"tokens_per_minute": 1}, 429),
    ):
        key = administer(endpoint, admin, texts, "POST", "/admin/keys", {"team": "web", **terms}).json()[
            "key"
        ]
        answers = [endpoint.post(path, request, headers={"x-turnout-key": key}) for path in PATHS * 2]
        assert status in {answer.status_code for answer in answers}
        texts += [answer.text for answer in answers if answer.status_code == status]
    wrong = [
        httpx.post(endpoint.url + MESSAGES, content=b'{"SECRETPROMPT": ', headers=admin),
        endpoint.post(MESSAGES, request, headers={"x-api-key": "tn-SECRETKEY"}),
        endpoint.post(MESSAGES, request | {"messages": ASK}, headers={"x-turnout-key": key}),
        endpoint.post("/v1/nowhere", request, headers={"x-api-key": KEY}),
        endpoint.post("/v1/feedback", {"request_id": "x", "verdict": "SECRETPROMPT"}, headers=admin),
        endpoint.post("/admin/keys", {"team": "web", "budget": "SECRETKEY"}, headers=admin),
    ]
    assert all(answer.status_code >= 400 for answer in wrong)
    texts += [answer.text for answer in wrong]


def administer(endpoint, admin, texts, method, path, body=None):
    answer = httpx.request(method, endpoint.url + path, json=body, headers=admin, timeout=60)
    assert answer.is_success, answer.text
    if method != "POST":  # the answer that makes a key shows it, once
        texts.append(answer.text)
    return answer


def pages(endpoint, secret):
    """The dashboard's pages, as an admin sees them."""
    with httpx.Client(base_url=endpoint.url, timeout=60, headers={"accept": "text/html"}) as http:
        entered = http.post("/dashboard/login", data={"key": secret}, headers={"origin": endpoint.url})
        assert entered.status_code == 303, entered.text
        ids = [row["id"] for row in endpoint.rows()]
        paths = [
            "",
            "/requests",
            "/requests.csv",
            "/policy",
            "/teams",
            *(f"/requests/{request_id}" for request_id in ids),
        ]
        for path in paths:
            answer = http.get(f"/dashboard{path}")
            assert answer.status_code == 200, path
            yield answer.text


def report(endpoint, form):
    """`turnout report`, on its way."""
    command = [sys.executable, "-m", "router.cli.main", "report", "--format", form]
    return subprocess.Popen([*command, "--ledger", str(endpoint.ledger)], stdout=subprocess.PIPE)


@pytest.fixture(scope="module")
def ran(start_between, shared_upstream, shared_nearby, play, tmp_path_factory):
    """What was written and told, by where; and the secrets that nothing of it may hold."""
    folder = tmp_path_factory.mktemp("marked")
    (folder / "policy.yaml").write_text(POLICY)
    store = LedgerStore.open(folder / "ledger.db", prices=Prices(), write=False)
    secret = store.accounts.create_key(team="default", admin=True).secret
    store.close()
    admin, texts, collector = {"authorization": f"Bearer {secret}"}, [], Collector()
    traced = {"OTLP_ENDPOINT": collector.url} if importlib.util.find_spec("opentelemetry.sdk") else {}
    endpoint = start_between(
        LOG_LEVEL="debug", POLICY=str(folder / "policy.yaml"), LEDGER=str(folder / "ledger.db"), **traced
    )
    team = {"name": "web", "budget": {"usd": 100}}
    administer(endpoint, admin, texts, "POST", "/admin/teams", team)
    created = administer(endpoint, admin, texts, "POST", "/admin/keys", {"team": "web", "user": "ana"}).json()
    play(shared_upstream, *STEPS)
    play(shared_nearby, *STEPS)
    mine = {"x-turnout-key": created["key"], "x-api-key": KEY, "x-field": "SECRETFIELD"}
    run(endpoint, mine, texts)
    echoed(endpoint, mine, texts, (shared_upstream, shared_nearby), play)
    for program in (shared_upstream, shared_nearby):
        play(program)
    refused(endpoint, admin, texts)
    for path in ("/admin/teams", "/admin/keys"):
        administer(endpoint, admin, texts, "GET", path)
    administer(endpoint, admin, texts, "PATCH", f"/admin/keys/{created['id']}", {"name": "laptop"})
    metrics = httpx.get(endpoint.url + "/metrics", headers=admin).text
    dashboard = "".join(pages(endpoint, secret))
    files = [path for path in folder.rglob("*") if path.is_file() and "policy" not in path.name]
    written = b"".join(path.read_bytes() for path in files)  # with what lies in journals
    endpoint.stop()
    reports = {form: report(endpoint, form) for form in FORMATS}
    where = {
        "answers": "".join(texts),
        "dashboard": dashboard,
        "files of the ledger": written.decode("latin-1"),
        "log": endpoint.log.read_text(),
        "metrics": metrics,
        "tables": "".join(map(str, endpoint.rows())),
        "traces": b"".join(collector.taken).decode("latin-1"),
        **{f"report as {form}": process.communicate()[0].decode() for form, process in reports.items()},
    }
    collector.server.shutdown()
    collector.server.server_close()
    return where, (*MARKS, created["key"], secret), endpoint, bool(traced)


WHERE = (
    "answers",
    "dashboard",
    "files of the ledger",
    "log",
    "metrics",
    "tables",
    "traces",
    *(f"report as {form}" for form in FORMATS),
)


@pytest.mark.parametrize("name", WHERE)
def test_no_secret_is_in(ran, name):
    where, secrets, _, traced = ran
    if name == "traces" and not traced:
        pytest.skip("needs turnout[otel]")
    assert len(where[name]) > 500
    assert [secret for secret in secrets if secret in where[name]] == []


def test_the_run_had_all_that_it_is_about(ran):
    _, _, endpoint, _ = ran
    rows = endpoint.rows()
    assert {row["served_track"] for row in rows} == {"local", "cloud"}
    assert any(row["escalated"] for row in rows)
    assert any(row["degraded"] for row in rows)
    assert {row["status"] for row in rows} >= {200, 400, 402, 403}
    assert any(row["usage_estimated"] for row in rows)
    assert any(row["tool_calls"] for row in rows)
    assert any(row["error"] and row["stream"] for row in rows)
