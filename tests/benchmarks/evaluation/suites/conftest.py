"""A real small hub: states hashes, serves ranges, and cuts connections when told to."""

import contextlib
import hashlib
import os
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

REPO = Path(__file__).parents[4]
DATA = REPO / "../shared/data"


@pytest.fixture(scope="session")
def data():
    if not DATA.is_dir():
        pytest.skip("the sources of the recorded facts are not on this machine")
    return DATA


@dataclass
class Hub:
    """What it serves by path, how each next GET ends, and what was asked."""

    address: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    stated: dict[str, str] = field(default_factory=dict)
    """Other hashes than the true ones."""
    large: bool = True
    """Whether hashes are SHA-256, as of large files; else git's."""
    ranges: bool = True
    ends: list[str] = field(default_factory=list)
    """`half`: the connection closes half way; `503`; `none`: it closes before a byte of the body."""
    requests: list[tuple[str, str]] = field(default_factory=list)
    """(file, range) of each GET."""

    def hash(self, name: str) -> str:
        content = self.files[name]
        if self.large:
            return hashlib.sha256(content).hexdigest()
        return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def _handler(hub: Hub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self):
            name = self._name()
            if name is None:
                return
            self.send_response(200)
            etag = hub.stated.get(name) or hub.hash(name)
            self._headers({"etag": f'"{etag}"', "x-repo-commit": "0" * 40}, len(hub.files[name]))

        def do_GET(self):
            name = self._name()
            if name is None:
                return
            content, byte_range = hub.files[name], self.headers.get("range", "")
            hub.requests.append((name, byte_range))
            end = hub.ends.pop(0) if hub.ends else ""
            if end == "503":
                self.send_response(503)
                self._headers({}, 0)
                return
            start = int(byte_range.removeprefix("bytes=").rstrip("-")) if byte_range and hub.ranges else 0
            part = content[start:]
            self.send_response(206 if start else 200)
            ranged = {"content-range": f"bytes {start}-{len(content) - 1}/{len(content)}"} if start else {}
            self._headers(ranged, len(part))
            self.wfile.write(part[: {"half": len(part) // 2, "none": 0}.get(end, len(part))])
            self.close_connection = bool(end)

        def _name(self):
            name = self.path.partition("/resolve/main/")[2]
            if name in hub.files and self.path.startswith("/datasets/"):
                return name
            self.send_response(404)
            self._headers({"x-error-code": "EntryNotFound"}, 0)
            return None

        def _headers(self, headers, length):
            for key, value in headers.items():
                self.send_header(key, value)
            self.send_header("content-length", str(length))
            self.end_headers()

        def log_message(self, *_):
            """Say nothing."""

    return Handler


@pytest.fixture
def hub():
    served = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(served))
    server.daemon_threads = True
    served.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    with contextlib.closing(server.socket):
        yield served
        server.shutdown()
        thread.join()


@dataclass
class Turnout:
    """The command line in a process and a home of its own."""

    home: Path
    hub: str = "http://127.0.0.1:9"
    """Nothing listens on the discard port."""
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def suites(self) -> Path:
        return self.home / "data" / "turnout" / "suites"

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "XDG_DATA_HOME": str(self.home / "data"),
            "HF_HOME": str(self.home / "hub"),
            "HF_ENDPOINT": self.hub,
        } | self.environment
        return subprocess.run(
            [sys.executable, "-m", "router.cli.main", *arguments],
            env=environment,
            cwd=REPO,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )


@pytest.fixture
def turnout(tmp_path, hub):
    return Turnout(tmp_path, hub.address)
