"""The bounds on connections, under both parsers and both loops, over real sockets."""

import asyncio
import contextlib
import socket
import subprocess
import sys
import threading

import pytest
import uvicorn

from router.app.connections import ConnectionRegistry
from router.app.http_protocol import make_protocol_class

LIMIT = 8
BIG = 8 * 2**20


async def application(scope, receive, send):
    """Reads all of the body and tells its length; at /big answers with much."""
    size, more = 0, True
    while more:
        message = await receive()
        size, more = size + len(message.get("body", b"")), message.get("more_body", False)
    scope["state"]["connection"].authenticated = (b"x-key", b"1") in scope["headers"]
    content = b"x" * BIG if scope["path"] == "/big" else b"%d" % size
    head = [(b"content-length", b"%d" % len(content))]
    await send({"type": "http.response.start", "status": 200, "headers": head})
    for start in range(0, len(content), 65536):
        await send({"type": "http.response.body", "body": content[start : start + 65536], "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


@pytest.fixture(scope="module", params=[("uvloop", True), ("asyncio", True), ("asyncio", False)], ids=str)
def server(request):
    loop, httptools = request.param
    registry = ConnectionRegistry(limit=LIMIT, header_s=1.0, unread_s=1.0)
    config = uvicorn.Config(
        application,
        http=make_protocol_class(registry, httptools=httptools),
        ws="none",
        loop=loop,
        lifespan="off",
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=1,
    )
    running = uvicorn.Server(config)
    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=running.run, kwargs={"sockets": [listener]})
    thread.start()
    running.registry, running.address = registry, listener.getsockname()
    running.httptools = httptools
    yield running
    running.should_exit = True
    thread.join(10)
    listener.close()


def connect(server):
    client = socket.create_connection(server.address, timeout=10)
    client.settimeout(10)
    return client


def get(client, path="/", fields="x-key: 1\r\n"):
    client.sendall(f"GET {path} HTTP/1.1\r\nhost: a\r\n{fields}\r\n".encode())
    return answer(client, b"0")


def answer(client, body):
    received = b""
    while not received.endswith(b"\r\n\r\n" + body) and (part := client.recv(65536)):
        received += part
    return received


def read(client):
    received = b""
    with contextlib.suppress(ConnectionResetError):
        while chunk := client.recv(65536):
            received += chunk
    return received


def test_requests_one_after_the_other_and_at_once(server):
    with connect(server) as client:
        assert get(client).endswith(b"\r\n\r\n0")
        assert get(client).endswith(b"\r\n\r\n0")
        post = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: %d\r\n\r\n%b"
        client.sendall(post % (3, b"abc") + post % (200_000, b"y" * 200_000) + post % (1, b"z"))
        received = b""
        while received.count(b"HTTP/1.1 200 OK") < 3 or not received.endswith(b"\r\n\r\n1"):
            received += client.recv(65536)
        assert b"200000" in received


OFFERS = {
    "Java's HttpClient": b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAE\r\n",
    "a WebSocket": b"Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n",
    "TLS": b"Connection: upgrade\r\nUpgrade: TLS/1.2, HTTP/2.0\r\n",
    "two fields": b"Connection: upgrade\r\nConnection: close\r\nUpgrade: h2c\r\n",
}
FRAMES = {
    "a length": b"Content-Length: 5\r\n\r\nhello",
    "chunks": b"Transfer-Encoding: chunked\r\n\r\n"
    b"2\r\nhe\r\n3;e=1\r\nllo\r\n0\r\nx-key: 1\r\nHost: b\r\n\r\n",
}


@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize("offer", OFFERS)
def test_an_offered_upgrade_is_left_out(server, offer, frame):
    head = b"POST / HTTP/1.1\r\nhost: a\r\n" + OFFERS[offer]
    request = head + FRAMES[frame]
    for cut in (30, len(head) + 20, len(request) - 3, len(request)):
        with connect(server) as client:
            client.sendall(request[:cut])
            threading.Event().wait(0.02)
            client.sendall(request[cut:])
            assert answer(client, b"5").endswith(b"\r\n\r\n5"), cut
            if offer == "two fields":
                assert client.recv(1) == b""
            else:
                assert get(client).endswith(b"\r\n\r\n0")


def test_trailers_change_no_head(server):
    with connect(server) as client:
        client.sendall(b"POST / HTTP/1.1\r\nhost: a\r\n" + FRAMES["chunks"])
        assert answer(client, b"5").endswith(b"\r\n\r\n5")
        assert not next(iter(server.registry._open)).authenticated  # the trailer's x-key is no field


@pytest.mark.parametrize(
    "part", [b"0\r\n", b"0\r\nx: ", b"5;"], ids=["trailers", "a trailer", "an extension"]
)
@pytest.mark.parametrize("piece", [b"a: b\r\n", b"a" * 50], ids=["fields", "bytes"])
def test_what_frames_a_body_is_bounded(server, part, piece):
    with connect(server) as client:
        client.sendall(b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n1\r\nb\r\n" + part)
        sent = 0
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            while sent < 64 * 2**20:
                sent += client.send(piece * 4096)
        assert sent < 64 * 2**20
    with connect(server) as client:
        assert get(client)


def test_pipelined_requests_are_bounded(server):
    if not server.httptools:
        pytest.skip("h11 parses one at a time")
    request = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"
    with connect(server) as client:
        client.sendall(request * 90)
        received = b""
        while received.count(b"HTTP/1.1 200 OK") < 90:
            received += client.recv(65536)
        client.sendall(request * 500)
        received = read(client)
        assert b"400" not in received
        assert received.count(b"HTTP/1.1 200 OK") < 500


def test_what_is_no_http_is_not_answered_within_an_answer(server):
    if not server.httptools:
        pytest.skip("h11 keeps it for later")
    with connect(server) as client:
        client.sendall(b"GET /big HTTP/1.1\r\nhost: a\r\n\r\n")
        received = client.recv(4096)
        client.sendall(b"\x00 no HTTP \r\n\r\n")
        body = (received + read(client)).partition(b"\r\n\r\n")[2]
        assert not body[:BIG].strip(b"x")  # what follows a complete answer is an answer of its own


def test_no_proxy(server):
    for target in (b"a:80", b"http://a/"):
        with connect(server) as client:
            client.sendall(b"CONNECT %b HTTP/1.1\r\nhost: a\r\n\r\n" % target)
            assert client.recv(65536)


def test_a_head_has_its_time(server):
    with contextlib.ExitStack() as sockets:
        used = [sockets.enter_context(connect(server)) for _ in range(2)]
        for client in used:
            assert get(client)
        fresh = [sockets.enter_context(connect(server)) for _ in range(3)]
        begun = [b"GET / HT", b"GET / HTTP/1.1\r\nhost: a\r\n"]
        for client, sent in zip([*used, *fresh], [*begun, *begun, b""], strict=True):
            client.sendall(sent)
        assert [read(client)[:12] for client in (*used, *fresh)] == [b"HTTP/1.1 408"] * 4 + [b""]


@pytest.mark.parametrize("field", [b"a: b\r\n", b"a" * 5000], ids=["many fields", "one field"])
def test_a_head_has_its_size(server, field):
    with connect(server) as client:
        client.sendall(b"GET / HTTP/1.1\r\nhost: a\r\n")
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for _ in range(200):
                client.sendall(field * 400)
        answer = read(client)
        assert answer[:12] in {b"HTTP/1.1 431", b"HTTP/1.1 400", b""}  # lost where the client still sent
    with connect(server) as client:
        assert get(client)


def test_strangers_give_way_and_who_has_shown_a_key_stays(server):
    with contextlib.ExitStack() as sockets:
        friend = sockets.enter_context(connect(server))
        assert get(friend)
        for _ in range(3 * LIMIT):
            sockets.enter_context(connect(server)).sendall(b"GET /")
        assert get(friend).endswith(b"\r\n\r\n0")
        last = sockets.enter_context(connect(server))
        assert get(last).endswith(b"\r\n\r\n0")
        assert len(server.registry) <= LIMIT


def test_an_unread_answer_is_given_up(server):
    with connect(server) as client:
        client.sendall(b"GET /big HTTP/1.1\r\nhost: a\r\n\r\n" * 3)
        for _ in range(200):
            if not len(server.registry):
                break
            threading.Event().wait(0.05)
        assert not len(server.registry)


DESCRIPTORS = """
import os, resource
from router.app.connections import has_descriptor, raise_descriptors
_, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
assert raise_descriptors() == resource.getrlimit(resource.RLIMIT_NOFILE)[0] == min(hard, 65536)
resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
assert has_descriptor()
files = []
try:
    while True:
        files.append(os.open(os.devnull, os.O_RDONLY))
except OSError:
    pass
assert not has_descriptor()
os.close(files.pop())
assert has_descriptor()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="sockets are not counted there")
def test_descriptors():
    subprocess.run([sys.executable, "-c", DESCRIPTORS], check=True, timeout=60)


def test_nobody_gives_way_who_is_being_answered():
    class Busy:
        authenticated = True
        refused = ended = False

        def mark_idle(self): ...
        def mark_busy(self): ...
        def is_overdue(self, now):
            return False

        def close(self):
            self.ended = True

        def refuse(self):
            self.refused = True

    async def fill():
        registry = ConnectionRegistry(limit=2, header_s=9)
        busy = [Busy(), Busy(), Busy()]
        for connection in busy:
            registry.add(connection)
            registry.mark_busy(connection)
        return (
            [connection.refused for connection in busy],
            [connection.ended for connection in busy],
            len(registry),
        )

    assert asyncio.run(fill()) == ([False, False, True], [False] * 3, 2)
