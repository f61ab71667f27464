"""The load: `wrk` where it is installed, else a generator of our own; one and the same for a whole run.

Both send one raw HTTP request over and over, with `STAMP` replaced by a number that never comes twice,
over so many connections that each waits for its answer before it sends again. Both count every
answer that is not 2xx and every broken connection.
"""

import asyncio
import json
import secrets
import statistics
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

import httptools
import uvloop

from benchmarks.speed.bodies import PATHS, STAMP, Body
from router.system.subprocesses import find_program

Generator = Literal["wrk", "own"]
_DEADLINE_S = 60.0
"""For one answer, or for `wrk` beyond the time it was given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What one stretch of load met. Times in milliseconds; `None` where nothing was answered."""

    requests: int
    errors: int
    """Answers that were not 2xx, plus broken connections and timeouts."""
    median_ms: float | None
    p99_ms: float | None
    first_ms: float | None = None
    """Median time until `until` was first seen in the answer; only of `stream`."""
    events: int = 0
    """How often `until` was seen; only of `stream`."""


def request(body: Body, port: int, key: str) -> bytes:
    """The raw HTTP request, stamps still in it."""
    head = (
        f"POST {PATHS[body.dialect]} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {key}\r\nanthropic-version: 2023-06-01\r\nUser-Agent: turnout-bench\r\n"
        f"Accept: application/json\r\nContent-Length: {len(body.template)}\r\n\r\n"
    )
    return head.encode() + body.template


def generator() -> Generator:
    """The better generator that is here."""
    return "wrk" if find_program("wrk") else "own"


def load(raw: bytes, port: int, *, by: Generator, connections: int, seconds: float) -> Sample:
    """Send `raw` for `seconds` (`wrk`: whole ones) and time each whole answer."""
    if by == "wrk":
        return _wrk(raw, port, connections=connections, seconds=seconds)
    return stream(raw, port, connections=connections, seconds=seconds, until=b"")


def stream(
    raw: bytes, port: int, *, connections: int, until: bytes, seconds: float = 0, each: int = 0
) -> Sample:
    """Send `raw` for `seconds`, or `each` times a connection; time the first `until` of each answer."""
    return uvloop.run(
        _send_repeatedly(raw, port, connections=connections, seconds=seconds, each=each, until=until)
    )


_LUA = """
local file = assert(io.open("@FILE@", "rb"))
local raw = file:read("*a")
file:close()
local mark, parts, from = string.rep("@", 16), {}, 1
while true do
  local first, last = raw:find(mark, from, true)
  parts[#parts + 1] = raw:sub(from, (first or 0) - 1)
  if not first then break end
  from = last + 1
end
local sent = 0
function request()
  sent = sent + 1
  return table.concat(parts, string.format("@RUN@%08x", sent))
end
function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format('\\n{"requests":%d,"errors":%d,"median_us":%d,"p99_us":%d}\\n', summary.requests,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout,
    latency:percentile(50), latency:percentile(99)))
end
"""


def _wrk(raw: bytes, port: int, *, connections: int, seconds: float) -> Sample:
    with tempfile.TemporaryDirectory(prefix="turnout-bench-") as folder:
        template, script = Path(folder) / "request", Path(folder) / "load.lua"
        template.write_bytes(raw)
        script.write_text(_LUA.replace("@FILE@", str(template)).replace("@RUN@", secrets.token_hex(4)))
        whole_seconds = max(1, round(seconds))
        argv = [
            find_program("wrk") or "wrk",
            "-t1",
            f"-c{connections}",
            f"-d{whole_seconds}s",
            "--timeout",
            "20s",
            "-s",
            str(script),
        ]
        ended = subprocess.run(
            [*argv, f"http://127.0.0.1:{port}"],
            cwd=folder,
            capture_output=True,
            check=True,
            timeout=whole_seconds + _DEADLINE_S,
        )
    figures = json.loads(ended.stdout.splitlines()[-1])
    answered = figures["requests"] > 0
    return Sample(
        requests=figures["requests"],
        errors=figures["errors"],
        median_ms=figures["median_us"] / 1000 if answered else None,
        p99_ms=figures["p99_us"] / 1000 if answered else None,
    )


class _Connection(asyncio.Protocol):
    """Sends a request and waits for its whole answer; then may be used again while `reusable`."""

    def __init__(self, until: bytes) -> None:
        self._until = until
        self._lost = asyncio.get_running_loop().create_future()
        self._done: asyncio.Future[None] | None = None
        self.reusable = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the loop with the new connection."""
        # uvloop's transports are no subclasses.
        self._transport = cast("asyncio.Transport", transport)

    async def send(self, raw: bytes) -> None:
        """Send, and wait for the end of the answer."""
        self._parser = httptools.HttpResponseParser(self)
        self._done = asyncio.get_running_loop().create_future()
        self._body = bytearray()
        self.first: float | None = None
        self._transport.write(raw)
        await asyncio.wait_for(self._done, _DEADLINE_S)

    async def close(self) -> None:
        """Close, and wait until the loop knows."""
        self._transport.close()
        await self._lost

    @property
    def ok(self) -> bool:
        """The answer was 2xx and held what was waited for."""
        return 200 <= self._parser.get_status_code() < 300 and self._until in self._body  # noqa: PLR2004 - HTTP

    @property
    def events(self) -> int:
        """How often `until` was in the answer."""
        return self._body.count(self._until) if self._until else 0

    def data_received(self, data: bytes) -> None:
        """Called by the loop with the next bytes."""
        self._parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        """Called by the parser with the next bytes of the answer."""
        self._body += body
        if self.first is None and self._until in self._body:
            self.first = time.perf_counter()

    def on_message_complete(self) -> None:
        """Called by the parser, which forgets right after this whether the connection may be kept."""
        self.reusable = bool(self._parser.should_keep_alive())
        if self._done is not None and not self._done.done():
            self._done.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail the request that waits for its answer."""
        self.reusable = False
        self._lost.set_result(None)
        if self._done is not None and not self._done.done():
            self._done.set_exception(exc or ConnectionResetError("closed before the answer was complete"))


async def _send_repeatedly(
    raw: bytes, port: int, *, connections: int, seconds: float, each: int, until: bytes
) -> Sample:
    loop = asyncio.get_running_loop()
    run, ends = secrets.token_hex(4), time.perf_counter() + seconds
    totals: list[float] = []
    first: list[float] = []
    errors = events = sent = 0

    async def opened(connection: _Connection | None) -> _Connection:
        if connection is not None and connection.reusable:
            return connection
        if connection is not None:
            await connection.close()
        _, connection = await loop.create_connection(lambda: _Connection(until), "127.0.0.1", port)
        return connection

    async def client() -> None:
        nonlocal errors, events, sent
        rounds, connection = 0, None
        while rounds < each if each else time.perf_counter() < ends:
            rounds, sent = rounds + 1, sent + 1
            stamped = raw.replace(STAMP.encode(), f"{run}{sent:08x}".encode())
            try:
                connection = await opened(connection)
                began = time.perf_counter()
                await connection.send(stamped)
            except (OSError, TimeoutError, httptools.HttpParserError):
                errors += 1
                if connection is not None:
                    connection.reusable = False
                continue
            if not connection.ok:
                errors += 1
                continue
            totals.append(time.perf_counter() - began)
            first.append((connection.first or time.perf_counter()) - began)
            events += connection.events
        if connection is not None:
            await connection.close()

    await asyncio.gather(*(client() for _ in range(connections)))
    return Sample(
        requests=sent,
        errors=errors,
        median_ms=1000 * statistics.median(totals) if totals else None,
        p99_ms=1000 * sorted(totals)[int(len(totals) * 0.99)] if totals else None,
        first_ms=1000 * statistics.median(first) if first and until else None,
        events=events,
    )
