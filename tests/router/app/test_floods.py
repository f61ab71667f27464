"""Half-sent heads, slow bodies and floods without a key: what they cost, and that keyed requests go on."""

import contextlib
import re
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from router.accounts.teams import Terms
from router.billing.prices import Prices
from router.ledger.store import LedgerStore

MESSAGES = "/v1/messages"
ASK = {"model": "cloud", "max_tokens": 9, "messages": [{"role": "user", "content": "Say something."}]}
MB = 2**20
KEY = "@KEY@"


@pytest.fixture(scope="module")
def start(start_between, tmp_path_factory):
    """Starts endpoints that demand a key, and know two."""

    def started(**options):
        ledger = tmp_path_factory.mktemp("floods") / "ledger.db"
        store = LedgerStore.open(ledger, prices=Prices(), write=False)
        key = store.accounts.create_key(team="web").secret
        limited = store.accounts.create_key(team="web", terms=Terms(requests_per_minute=1)).secret
        store.close()
        endpoint = start_between(also={"ANTHROPIC_API_KEY": "sk-ant-own"}, LEDGER=str(ledger), **options)
        endpoint.key, endpoint.limited = key, limited
        return endpoint

    return started


@pytest.fixture(scope="module")
def endpoint(start):
    return start(
        MAX_CONNECTIONS="40",
        MAX_BODIES_MB="60",
        TIMEOUTS__HEADER_S="1.5",
        TIMEOUTS__BODY_S="1.5",
    )


def connect(endpoint):
    url = urlsplit(endpoint.url)
    client = socket.create_connection((url.hostname, url.port), timeout=20)
    client.settimeout(20)
    return client


def head(*, size=None, key="", **fields):
    fields |= {"host": "127.0.0.1", "content-type": "application/json"}
    fields |= {"content-length": str(size)} if size is not None else {"transfer-encoding": "chunked"}
    fields |= {"x-turnout-key": key} if key else {}
    lines = [
        f"POST {MESSAGES} HTTP/1.1",
        *(f"{name.replace('_', '-')}: {value}" for name, value in fields.items()),
    ]
    return "\r\n".join([*lines, "", ""]).encode()


def read(client):
    """All that comes until the connection is closed."""
    received = b""
    with contextlib.suppress(ConnectionResetError):
        while chunk := client.recv(65536):
            received += chunk
    return received


def answer_of(client):
    """One answer that tells its length; the connection may stay open."""
    received = b""
    while b"\r\n\r\n" not in received and (chunk := client.recv(65536)):
        received += chunk
    start, _, content = received.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", start)
    while length and len(content) < int(length[1]) and (chunk := client.recv(65536)):
        content += chunk
    return start + b"\r\n\r\n" + content


def status(answer):
    return int(answer.split()[1]) if answer else 0


def ask(endpoint):
    headers = {"x-turnout-key": endpoint.key}
    return httpx.post(
        endpoint.url + MESSAGES, json=ASK, headers=headers, timeout=30, verify=False
    ).status_code


HEADS = [
    ("no key", {"size": 48 * MB}, 401),
    ("a wrong key", {"size": 48 * MB, "key": "tn-wrong"}, 401),
    ("no key, chunked", {"size": None}, 401),
    ("another site's page", {"size": 48 * MB, "key": KEY, "origin": "https://evil.test"}, 403),
    ("too large", {"size": 51 * MB, "key": KEY}, 413),
    ("no key, and waits to be asked", {"size": 48 * MB, "expect": "100-continue"}, 401),
]


@pytest.mark.parametrize(("fields", "expected"), [row[1:] for row in HEADS], ids=[row[0] for row in HEADS])
def test_a_head_is_refused_before_the_body_comes(endpoint, fields, expected):
    if fields.get("key") == KEY:
        fields = fields | {"key": endpoint.key}
    with connect(endpoint) as client:
        client.sendall(head(**fields))
        answer = answer_of(client)
        assert status(answer) == expected
        assert b"\r\nconnection: close\r\n" in answer
        assert b"100 Continue" not in answer
        assert b"error" in answer.partition(b"\r\n\r\n")[2]
    assert ask(endpoint) == 200


def test_a_key_does_not_let_a_page_in(endpoint):
    for foreign in ({"host": "evil.test"}, {"origin": "https://evil.test"}):
        headers = {"x-turnout-key": endpoint.key} | foreign
        answer = httpx.post(endpoint.url + MESSAGES, json=ASK, headers=headers, timeout=30, verify=False)
        assert answer.status_code == 403


def test_the_limit_per_minute_comes_before_the_body(endpoint):
    with connect(endpoint) as client:
        client.sendall(head(size=2, key=endpoint.limited) + b"{}")
        assert status(answer_of(client)) == 400  # the body is nothing, and counts
    with connect(endpoint) as client:
        client.sendall(head(size=48 * MB, key=endpoint.limited))
        answer = answer_of(client)
        assert status(answer) == 429
        assert b"\r\nretry-after: " in answer


def test_whoever_waits_to_be_asked_is_asked(endpoint):
    body = httpx.Request("POST", endpoint.url, json=ASK).content
    with connect(endpoint) as client:
        client.sendall(head(size=len(body), key=endpoint.key, expect="100-continue"))
        assert client.recv(65536).startswith(b"HTTP/1.1 100 Continue\r\n\r\n")
        client.sendall(body)
        assert status(answer_of(client)) == 200


def test_who_sends_all_first_reads_the_refusal_afterwards(endpoint):
    answer = httpx.post(endpoint.url + MESSAGES, content=b" " * 30 * MB, timeout=30, verify=False)
    assert answer.status_code == 401
    assert "turnout key create" in answer.json()["error"]["message"]


@pytest.mark.parametrize("path", ["/v1/feedback", "/v1/route", "/admin/keys", "/nowhere", "/dashboard/login"])
def test_other_paths_answer_early_too(endpoint, path):
    with connect(endpoint) as client:
        client.sendall(head(size=20 * MB).replace(MESSAGES.encode(), path.encode()))
        answer = answer_of(client)
        assert 400 <= status(answer) < 500
        assert b"\r\nconnection: close\r\n" in answer


STALLS = [
    ("nothing at all", lambda _: b"", 0),
    ("half a line", lambda _: b"POST /v1/mess", 408),
    ("no end of the head", lambda _: head(size=9)[:-2], 408),
    ("blank lines", lambda _: b"\r\n\r\n", 408),
    ("a body that does not come", lambda endpoint: head(size=90_000, key=endpoint.key), 408),
    ("half a body", lambda endpoint: head(size=90_000, key=endpoint.key) + b"{" * 80_000, 408),
    ("no next chunk", lambda endpoint: head(key=endpoint.key) + b"2\r\n{}\r\n", 408),
]


def test_what_stalls_is_ended(endpoint):
    """All at once: each takes as long as the bound."""
    clients = []
    for name, sent, expected in STALLS:
        client = connect(endpoint)
        client.sendall(sent(endpoint))
        clients.append((name, client, expected))
    reused = connect(endpoint)
    reused.sendall(head(size=2, key=endpoint.key) + b"{}")
    assert status(answer_of(reused)) == 400
    reused.sendall(b"POST /v1/messages HTTP/1.1\r\nhost: 127")
    clients.append(("half a second head", reused, 408))
    for name, client, expected in clients:
        with client:
            assert status(read(client)) == expected, name


def test_a_head_that_trickles_is_ended_and_a_slow_body_that_goes_on_is_not(endpoint):
    body = httpx.Request("POST", endpoint.url, json=ASK | {"system": "x" * 200_000}).content
    with connect(endpoint) as steady, connect(endpoint) as trickle:
        steady.sendall(head(size=len(body), key=endpoint.key))
        ended = False
        for part in range(9):  # about 90 kB/s
            steady.sendall(body[part * len(body) // 9 : (part + 1) * len(body) // 9])
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                trickle.sendall(b"G" if part else b"GET /health?")
            time.sleep(0.25)
        assert status(answer_of(steady)) == 200
        ended = status(read(trickle)) in {0, 408}
    assert ended


def test_a_full_house_has_room_for_who_asks(endpoint):
    """Twice as many half-sent heads as there may be connections."""
    with contextlib.ExitStack() as sockets:
        for _ in range(80):
            sockets.enter_context(connect(endpoint)).sendall(
                b"POST /v1/messages HTTP/1.1\r\nhost: 127.0.0.1\r\n"
            )
            if _ % 20 == 0:
                assert ask(endpoint) == 200
        assert ask(endpoint) == 200
    assert "connections_full" in endpoint.log.read_text()


def test_bodies_in_flight_are_bounded_and_nobody_gets_all(endpoint):
    part = b" " * (28 * MB)
    with connect(endpoint) as first, connect(endpoint) as second:
        first.sendall(head(size=40 * MB, key=endpoint.key) + part)
        time.sleep(0.2)
        second.sendall(head(size=40 * MB, key=endpoint.key))
        answer = answer_of(second)
        assert status(answer) == 503
        assert b"\r\nretry-after: " in answer
        assert ask(endpoint) == 200  # small ones go on
    assert ask(endpoint) == 200


def memory(endpoint, field="VmHWM"):
    """The process's memory in bytes: its peak, or what is resident now (`VmRSS`)."""
    lines = Path(f"/proc/{endpoint.process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(field))


def pour(endpoint, size):
    """Send a body without a key; returns the status."""
    with connect(endpoint) as client:
        client.sendall(head(size=size))
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for _ in range(size // MB):
                client.sendall(b" " * MB)
        return status(read(client))


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads /proc")
@pytest.mark.parametrize(("count", "size"), [(6, 16 * MB), pytest.param(40, 48 * MB, marks=pytest.mark.slow)])
def test_bodies_without_a_key_take_no_memory(endpoint, count, size):
    assert ask(endpoint) == 200
    before = memory(endpoint)
    with ThreadPoolExecutor(count) as pool:
        statuses = list(pool.map(lambda _: pour(endpoint, size), range(count)))
    assert set(statuses) <= {401, 0}
    assert memory(endpoint) - before < 64 * MB


@pytest.mark.slow
def test_900_half_sent_heads_slow_bodies_and_a_keyless_flood_with_1024_descriptors(start):
    endpoint = start(descriptors=1024)
    before, stop, statuses = memory(endpoint), threading.Event(), []

    def flood():
        while not stop.is_set():
            with contextlib.suppress(OSError):
                statuses.append(pour(endpoint, 2 * MB))

    with contextlib.ExitStack() as sockets:
        for number in range(2000):
            client = sockets.enter_context(connect(endpoint))
            with contextlib.suppress(OSError):
                client.sendall(
                    b"POST /v1/messages HTTP/1.1\r\nhost: 127.0.0.1\r\n" if number % 2 else head(size=9)
                )
        for _ in range(100):
            client = sockets.enter_context(connect(endpoint))
            client.sendall(head(size=90_000, key=endpoint.key) + b"{")
        floods = [threading.Thread(target=flood) for _ in range(8)]
        for thread in floods:
            thread.start()
        try:
            answers = [ask(endpoint) for _ in range(100)]
        finally:
            stop.set()
            for thread in floods:
                thread.join(30)
    assert answers == [200] * 100
    assert len(statuses) > 20
    assert len(list(Path(f"/proc/{endpoint.process.pid}/fd").iterdir())) < 1024
    assert memory(endpoint) - before < 150 * MB
    assert "defect" not in endpoint.log.read_text()
