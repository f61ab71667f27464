"""A small real server that keeps what it was sent, and can fail now and then."""

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from benchmarks.speed.drip import answer


@dataclass
class ServerLog:
    """A server's port, and the bodies it got."""

    port: int
    bodies: list[bytes] = field(default_factory=list)


@contextlib.contextmanager
def _serving(*, fail_after: int | None = None, hang_up: bool = False) -> Iterator[ServerLog]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            server_log.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            failing = fail_after is not None and len(server_log.bodies) > fail_after
            if failing and hang_up:
                self.close_connection = True
                return
            content = b'{"error": "busy"}' if failing else answer(self.path)
            self.send_response(503 if failing else 200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server_log = ServerLog(port=server.server_port)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield server_log
    finally:
        server.shutdown()
        thread.join()
        server.socket.close()


@pytest.fixture
def serving():
    return _serving
