"""How long others wait while one client sends a body that takes long: a ticker beside each.

The ticker asks for `/health` every 2 ms over a connection of its own. What it waits beyond what it
waits beside a plain body of the same size is what reading and deciding on the other cost it.
"""

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp

from benchmarks.machine import Machine, machine
from benchmarks.render import Sheet, table, where
from benchmarks.speed.peers import started
from benchmarks.speed.process import free_port, stopped, wait_until_open
from router.system.subprocesses import module_command

BAR_MS = 50.0
TICK_S = 0.002


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """What others waited beside one body, in milliseconds."""

    what: str
    megabytes: float
    served_ms: float
    median_ms: float
    worst_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a run of the stall benchmark measured."""

    measured: str
    machine: Machine
    idle_ms: float
    """The longest that the ticker waited beside nothing at all."""
    waits: tuple[Wait, ...]


def _user(content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content}


def _call(**arguments: Any) -> dict[str, Any]:
    used = {"type": "tool_use", "id": "c", "name": "Read", "input": arguments}
    return {"role": "assistant", "content": [used]}


def _body(*messages: dict[str, Any]) -> bytes:
    return json.dumps({"model": "cloud", "max_tokens": 9, "messages": [_user("go"), *messages]}).encode()


def bodies() -> Iterator[tuple[str, bytes]]:
    """What is sent, one body after another."""
    yield "a plain message of 1 MB", _body(_user("word and " * 110_000))
    yield "8,000 files of one name", _body(*(_call(path=f"/w/p{n}/mod.rs") for n in range(8_000)))
    yield (
        "100,000 small messages",
        _body(*({"role": ("user", "assistant")[n % 2], "content": f"m{n}"} for n in range(100_000))),
    )
    yield "blank lines, 600 kB", _body(_user("\n" * 300_000))
    yield "a million keys", _body(_call(**{f"k{n}": n for n in range(1_000_000)}))
    yield "50,000 paths in one call", _body(_call(paths=[f"d{n}/x.py" for n in range(50_000)]))
    yield "20,000 commands", _body(_call(command="cat a.py; " * 20_000))
    yield "quotes and brackets, 2 MB", _body(_user("'\"`<[{(" * 250_000))
    yield "one message of 47 MB", _body(_user("word and " * 5_200_000))
    yield "one message of 47 MB, all escapes", _body(_user("\n" * 23_500_000))


def run(progress: Callable[[str], None] = lambda _: None) -> Result:
    """Measure against a scripted provider, both started here."""
    port = free_port()
    command = module_command("router.scripted", "--port", str(port))
    with (
        tempfile.TemporaryDirectory(prefix="turnout-bench-") as folder,
        subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True) as upstream,
        stopped(upstream),
    ):
        wait_until_open(port, upstream, "the scripted provider")
        with started(
            "turnout",
            python=Path(sys.executable),
            dialect="anthropic_messages",
            upstream=f"http://127.0.0.1:{port}",
            folder=Path(folder) / "turnout",
        ) as target:
            return asyncio.run(_measure(f"http://127.0.0.1:{target.port}", target.key, progress))


async def _measure(url: str, key: str, progress: Callable[[str], None]) -> Result:
    waits: list[Wait] = []
    headers = {"x-api-key": key, "content-type": "application/json"}
    async with aiohttp.ClientSession() as beside, aiohttp.ClientSession(headers=headers) as client:
        await _post(client, url, _body())
        idle = await _latencies_beside(beside, url, asyncio.sleep(2))
        for what, body in bodies():
            progress(what)
            began = time.perf_counter()
            served: list[float] = []

            async def send(body: bytes = body, began: float = began, served: list[float] = served) -> None:
                await _post(client, url, body)
                served.append(time.perf_counter() - began)

            ticks = await _latencies_beside(beside, url, send())
            waits.append(
                Wait(
                    what=what,
                    megabytes=len(body) / 1e6,
                    served_ms=served[0] * 1000,
                    median_ms=sorted(ticks)[len(ticks) // 2] * 1000,
                    worst_ms=max(ticks) * 1000,
                )
            )
    return Result(
        measured=datetime.now(UTC).date().isoformat(),
        machine=machine(),
        idle_ms=max(idle) * 1000,
        waits=tuple(waits),
    )


async def _post(client: aiohttp.ClientSession, url: str, body: bytes) -> None:
    async with client.post(f"{url}/v1/messages", data=body) as answer:
        await answer.read()


async def _latencies_beside(session: aiohttp.ClientSession, url: str, work: Awaitable[object]) -> list[float]:
    """How long each tick waited while `work` was under way."""
    ticks: list[float] = []
    task = asyncio.ensure_future(work)
    while not task.done():
        began = time.perf_counter()
        async with session.get(f"{url}/health") as answer:
            await answer.read()
        ticks.append(time.perf_counter() - began)
        await asyncio.sleep(TICK_S)
    await task
    return ticks


def markdown(result: Result) -> str:
    """Return the table as a page."""
    sheet = Sheet(
        title="What others wait beside one body",
        columns=("body", "MB", "answered after ms", "median wait ms", "longest wait ms"),
        rows=tuple(
            (
                wait.what,
                f"{wait.megabytes:.1f}",
                f"{wait.served_ms:.0f}",
                f"{wait.median_ms:.1f}",
                f"{wait.worst_ms:.1f}",
            )
            for wait in result.waits
        ),
    )
    note = (
        f"Measured {result.measured} on {where(result.machine)}; a ticker that asks for `/health` beside "
        f"each body, with the client and the scripted provider on the same machine. Beside nothing it waits "
        f"{result.idle_ms:.1f} ms at most; {BAR_MS:g} ms is what others may wait."
    )
    return "\n\n".join(("# Nobody waits for another's body", note, table(sheet))) + "\n"
