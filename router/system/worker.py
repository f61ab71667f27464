"""A process beside this one, for single calls that would keep everybody waiting: to decode 40 MB.

A thread would not do: a decoder or a regular expression keeps the interpreter's lock until it
returns. The process starts with the first call that needs it and ends when none came for a
while; it is given functions by name and plain values, and nothing of it lasts from call to call.
"""

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import IO, Any, TypeVar

from router.system.frames import Frame, read
from router.system.heap import keep_heap_small
from router.system.subprocesses import ROOT, module_command

T = TypeVar("T")

IDLE_S = 60.0
"""How long it stays without a call."""


class Worker:
    """Makes calls in a process of its own, one at a time."""

    def __init__(self, *, idle_s: float = IDLE_S) -> None:
        self._idle_s = idle_s
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._timer: asyncio.TimerHandle | None = None
        self._under_way = 0
        self._closed = False

    async def call(self, function: Callable[..., T], *arguments: Any) -> T:
        """Make a call of a module's function; its exception is raised here.

        Raises:
            ConnectionError: the process ended before it answered, for want of memory most likely.
        """
        if self._timer is not None:
            self._timer.cancel()
        self._under_way += 1
        exchange = asyncio.get_running_loop().run_in_executor(None, self._exchange, function, arguments)
        exchange.add_done_callback(self._on_done)
        done, result = await asyncio.shield(exchange)  # the caller may be cancelled; the call goes on
        if not done:
            raise result
        return result  # type: ignore[no-any-return]

    def close(self) -> None:
        """End the process; a call under way fails."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        self._end()

    def _on_done(self, exchange: "asyncio.Future[Any]") -> None:
        exchange.exception()  # retrieved, in case no caller waits for it any more
        self._under_way -= 1
        if not self._under_way and not self._closed:
            self._timer = asyncio.get_running_loop().call_later(self._idle_s, self._end)

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                with suppress(OSError):  # what was not sent
                    if pipe is not None:
                        pipe.close()

    def _exchange(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> tuple[bool, Any]:
        with self._lock:
            if self._process is None or self._process.poll() is not None:
                self._end()
                self._process = subprocess.Popen(
                    module_command(__name__), stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
                )
            process = self._process
            call = Frame((function, arguments))
            try:
                call.write(process.stdin)
                answer, _ = read(process.stdout, call.large)
            except (OSError, EOFError, ValueError) as ended:
                self._end()
                raise ConnectionResetError("the process for large bodies ended") from ended
        return answer  # type: ignore[no-any-return]


def _serve() -> None:
    """Answer calls until the other end closes."""
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # keeps what a library prints out of the answers
    keep_heap_small()
    with suppress(EOFError):
        while True:
            _answer(requests, answers)


def _answer(requests: IO[bytes], answers: IO[bytes]) -> None:
    """Answer one call; nothing of it is kept."""
    (function, arguments), received = read(requests)
    try:
        answer = Frame((True, function(*arguments)), received)
    except Exception as failure:  # goes back to who called
        answer = _failed(failure)
    answer.write(answers)


def _failed(failure: Exception) -> Frame:
    try:
        return Frame((False, failure))
    except Exception:  # one that holds what cannot be sent
        return Frame((False, RuntimeError(type(failure).__name__)))


if __name__ == "__main__":
    _serve()
