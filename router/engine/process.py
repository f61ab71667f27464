"""The engine as the local track sees it: a supervised child process with a URL.

The model loads in the child, so the endpoint is ready before the model is, and a
llama.cpp abort never takes the endpoint down. A child that dies is started again,
later each time, and so is one that hangs; one that refuses its model is not, until `start` is
called again.
The child's log is kept in a bounded ring and shown where it explains a failure.
"""

import asyncio
import contextlib
import json
import os
import secrets
import time
from asyncio.subprocess import PIPE, Process
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, Literal

import aiohttp
import structlog

from router.engine import catalog
from router.engine.catalog import ModelFile
from router.engine.liveness import CHECK_S, START_SILENCE_S, Liveness
from router.engine.slots import SlotState
from router.settings import LocalSettings
from router.system.subprocesses import ROOT, module_command
from router.types import TrackError

State = Literal["stopped", "starting", "ready", "failed"]

TOKEN_ENV = "TURNOUT_ENGINE_TOKEN"  # noqa: S105 - the variable's name, not its value
REFUSED = 3
"""The child's exit status where trying again will not help."""
_LOG_LINES = 200
_SHOWN_LINES = 8
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.5, 60.0
_GOOD_S = 60.0
"""A child that ran so long had not failed to start: the next wait is the first again."""
_HOPELESS = 3
"""Starts that failed in a row before requests are refused at once."""
_REFRESH_S = 2.0
_STOP_S = 5.0
_FIRST_LOAD_S, _LOAD_BYTES_S = 1.0, 1e9
"""Before a model was loaded once: the process's own start, and a second for each gigabyte of the file."""

log = structlog.get_logger("turnout.engine")


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """The last known state of the engine. Times in seconds, rates in tokens per second."""

    state: State = "stopped"
    model: str = ""
    context: int = 0
    queue: int = 0
    running: int = 0
    wait_s: float = 0.0
    """Until a request sent now would begin to be computed."""
    prefill_tps: float = 0.0
    decode_tps: float = 0.0
    prefixes: tuple[int, ...] = ()
    """Of each slot: tokens it holds, so that a prompt that begins alike need not be read again."""
    slots: tuple[SlotState, ...] = ()
    answer_s: float = 0.0
    """How long an answer of the usual length takes to write."""
    parallel: int = 1
    """Answers that are written at once."""
    fim: bool = False
    """Whether the model completes between two texts (fill in the middle)."""
    completions: tuple[SlotState, ...] = ()
    """The slots that are kept for completions; the other counts are of chats."""
    completions_queued: int = 0
    restarts: int = 0
    reason: str = ""
    """Why it is not ready, for a person; empty while all is well."""

    @property
    def busy(self) -> bool:
        """Whether anything runs or waits."""
        completing = self.completions_queued or any(slot.busy for slot in self.completions)
        return bool(self.queue or self.running or completing)


_NO_LOAD: Mapping[str, Any] = MappingProxyType(
    {
        "queue": 0,
        "running": 0,
        "wait_s": 0.0,
        "prefixes": (),
        "slots": (),
        "completions": (),
        "completions_queued": 0,
    }
)
"""What an ended child takes with it: its work, and the prompts that its slots held."""
_LOAD = (
    "context", "queue", "running", "wait_s", "prefill_tps", "decode_tps", "answer_s", "parallel", "fim",
    "completions_queued",
)  # fmt: skip
"""What `/health` answers by the name of a field of `Health`."""


class Engine:
    """Starts the engine process, keeps it running, and says where it listens."""

    def __init__(self, settings: LocalSettings, *, embeddings: bool = False) -> None:
        """Nothing is started before `start`.

        Args:
            settings: the section `local`.
            embeddings: run its embedding model, rather than the one that writes.
        """
        self._setting = "local.embedding_model" if embeddings else "local.model"
        self._settings = _of_embedder(settings) if embeddings else settings
        self._embeddings = embeddings
        self.url = ""
        """`http://127.0.0.1:PORT`, without `/v1`; empty until ready. Changes with a restart."""
        self.token = ""
        """Bearer token the engine demands. Changes with a restart."""
        self._health = Health(model=self._settings.name)
        self._changed = asyncio.Condition()
        self._log: deque[str] = deque(maxlen=_LOG_LINES)
        self._supervisor: asyncio.Task[None] | None = None
        self._process: Process | None = None
        self._session: aiohttp.ClientSession | None = None
        self._file: ModelFile | None = None
        self._used = 0.0
        self._started = 0.0
        self._load_s = 0.0
        """How long the last child took until it was ready."""
        self._refreshing: asyncio.Task[Health] | None = None

    @property
    def start_s(self) -> float:
        """Seconds until a model that is loading is loaded: as long as the last time, or by its size.

        0 where it is loaded, and where it is stopped: it loads with the next request, which a wait
        would send elsewhere, so that it never loaded again.
        """
        if self._health.state != "starting" or self._file is None:
            return 0.0
        expected = self._load_s or _FIRST_LOAD_S + self._file.size / _LOAD_BYTES_S
        elapsed = time.monotonic() - self._started if self._started else 0.0
        return max(0.0, expected - elapsed)

    @property
    def health(self) -> Health:
        """The last known snapshot; costs nothing."""
        return self._health

    @property
    def pid(self) -> int | None:
        """Process id of the running child; None where there is none."""
        return self._process.pid if self._process else None

    @property
    def log(self) -> tuple[str, ...]:
        """The last lines the engine wrote, oldest first."""
        return tuple(self._log)

    async def start(self) -> None:
        """Check the model file, then load it in the background; returns at once.

        Raises:
            Misconfigured: the model's file is missing, truncated or not a GGUF file.
        """
        if self._supervisor and not self._supervisor.done():
            return
        self._file = await asyncio.to_thread(catalog.resolve, self._settings.model, self._setting)
        self._used = time.monotonic()
        context = self._settings.context or self._file.context
        await self._set(
            state="starting", reason="", model=self._settings.name or self._file.name, context=context
        )
        self._supervisor = asyncio.create_task(self._supervise(self._file), name="engine-supervisor")

    async def ready(self, timeout: float) -> None:  # noqa: ASYNC109 - part of the interface
        """Wait until requests can be sent; wakes an engine that was unloaded when idle.

        Raises:
            TrackError: cause `local_error`, with the reason, when it is not ready in `timeout` seconds.
        """
        self._used = time.monotonic()
        if self._health.state == "stopped" and self._file:
            await self.start()
        try:
            async with asyncio.timeout(timeout), self._changed:
                await self._changed.wait_for(lambda: self._health.state != "starting")
        except TimeoutError:
            reason = self._health.reason or "it is still loading"
            raise TrackError(
                f"the local model is not ready after {timeout:g} s: {reason}",
                cause="local_error",
                status=HTTPStatus.SERVICE_UNAVAILABLE,
                retry_after=_FIRST_WAIT_S,
            ) from None
        if self._health.state != "ready":
            reason = self._health.reason or "it is stopped"
            raise TrackError(
                f"the local model is not available: {reason}",
                cause="local_error",
                status=HTTPStatus.SERVICE_UNAVAILABLE,
            )

    async def refresh(self) -> Health:
        """Ask the engine and return the new snapshot; the old one where it does not answer."""
        if self._health.state == "ready":
            await self._check_health()
        return self._health

    def refresh_soon(self) -> None:
        """Ask the engine in the background: something has ended that its snapshot shows."""
        if self._refreshing is None or self._refreshing.done():
            self._refreshing = asyncio.create_task(self.refresh(), name="engine-refresh")

    async def _check_health(self) -> int | None:
        """Ask the engine for its health, and update the snapshot.

        Returns:
            How many batches it has computed since it started; None where it does not answer.
        """
        if (answer := await self._ask_health()) is None:
            return None
        if self._health.state == "ready":
            self._health = replace(self._health, **_load_of(answer))
        return int(answer["steps"])

    async def _ask_health(self) -> dict[str, Any] | None:
        if self._session is None:
            return None
        headers = {"authorization": f"Bearer {self.token}"}
        try:
            async with self._session.get(f"{self.url}/health", headers=headers) as response:
                answer: dict[str, Any] = await response.json()
        except (aiohttp.ClientError, TimeoutError) as error:
            # The supervisor notices an end by itself; a slow answer is not yet one.
            log.debug("engine did not answer", error=str(error))
            return None
        return answer

    async def stop(self) -> None:
        """End the process and wait for its end."""
        if self._supervisor:
            self._supervisor.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._supervisor
            self._supervisor = None
        await self._set(state="stopped", reason="", **_NO_LOAD)

    async def _set(self, **changes: object) -> None:
        async with self._changed:
            self._health = replace(self._health, **changes)  # type: ignore[arg-type]  # names are checked by replace
            self._changed.notify_all()

    async def _supervise(self, file: ModelFile) -> None:
        """Run the child again and again, until it is stopped, idle, or refuses its model."""
        failures = 0
        timeout = aiohttp.ClientTimeout(total=_REFRESH_S)
        async with aiohttp.ClientSession(timeout=timeout) as self._session:
            while True:
                began = time.monotonic()
                code = await self._run(file)
                if code is None:
                    reason = "unloaded after being idle; loads with the next request"
                    await self._set(state="stopped", reason=reason, **_NO_LOAD)
                    return
                reason = self._reason(code)
                log.warning("engine ended", code=code, reason=reason)
                if code == REFUSED:
                    await self._set(state="failed", reason=reason, **_NO_LOAD)
                    return
                failures = 1 if time.monotonic() - began > _GOOD_S else failures + 1
                await self._set(
                    state="failed" if failures >= _HOPELESS else "starting",
                    reason=reason,
                    restarts=self._health.restarts + 1,
                    **_NO_LOAD,
                )
                await asyncio.sleep(min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2 ** (failures - 1)))

    async def _run(self, file: ModelFile) -> int | None:
        """Run one child to its end. Returns its exit status; None where it was unloaded."""
        self.token = secrets.token_urlsafe(32)
        self._started = time.monotonic()
        process = await asyncio.create_subprocess_exec(
            *module_command("router.engine", *self._arguments(file)),
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            env={**os.environ, TOKEN_ENV: self.token},
            cwd=ROOT,
        )
        self._process = process
        reading = asyncio.create_task(self._read_log(process), name="engine-log")
        try:
            await self._handshake(process)
            return await self._watch(process)
        finally:
            self.url, self._process = "", None
            await _end(process)
            await reading

    def _arguments(self, file: ModelFile) -> list[str]:
        settings = self._settings
        options = {
            "model": file.path.absolute(),
            "name": settings.name or file.name,
            "context": settings.context,
            "gpu-layers": settings.gpu_layers,
            "threads": settings.threads,
            "batch": settings.batch,
            "token-env": TOKEN_ENV,
        }
        flags = ["--embeddings"] if self._embeddings else []
        return [*(f"--{name}={value}" for name, value in options.items()), *flags]

    async def _handshake(self, process: Process) -> None:
        """Wait for the line that says where the child listens; it may also end without.

        Until then the child writes an empty line now and then: one that stops doing so hangs.
        """
        if process.stdout is None:
            return
        try:
            while not (line := await asyncio.wait_for(process.stdout.readline(), START_SILENCE_S)).strip():
                if not line:
                    return
        except TimeoutError:
            self._kill(
                process, f"it showed no sign of life for {START_SILENCE_S:.0f} s while it was starting"
            )
            return
        address = json.loads(line)
        self.url = f"http://127.0.0.1:{address['port']}"
        self._load_s = time.monotonic() - self._started
        load = _load_of(answer) if (answer := await self._ask_health()) else {}
        await self._set(**({"context": address["context"]} | load | {"state": "ready", "reason": ""}))
        log.info("engine ready", model=address["model"], context=address["context"], port=address["port"])

    async def _watch(self, process: Process) -> int | None:
        """Wait for the child's end; ends it itself where it was idle for long, or hangs."""
        idle = self._settings.idle_unload_s
        liveness = Liveness()
        ended = asyncio.create_task(process.wait(), name="engine-wait")
        try:
            while True:
                left = idle - (time.monotonic() - self._used) if idle else CHECK_S
                done, _ = await asyncio.wait({ended}, timeout=min(max(left, 0.1), CHECK_S))
                if done:
                    return ended.result()
                steps = await self._check_health()
                busy = self._health.busy
                if busy:
                    self._used = time.monotonic()
                if reason := liveness.observe(steps, busy=busy, now=time.monotonic()):
                    self._kill(process, reason)
                elif idle and time.monotonic() - self._used >= idle:
                    return None
        finally:
            ended.cancel()

    def _kill(self, process: Process, reason: str) -> None:
        """End a child that hangs; the supervisor then starts another."""
        self._log.append(reason)
        log.warning("engine hangs", reason=reason)
        with contextlib.suppress(ProcessLookupError):
            process.kill()

    async def _read_log(self, process: Process) -> None:
        if process.stderr is None:
            return
        async for line in process.stderr:
            text = line.decode(errors="replace").rstrip()
            if text:
                self._log.append(text)
                log.debug("engine", line=text)

    def _reason(self, code: int) -> str:
        """Explain an end by the last lines of the log."""
        lines = list(self._log)
        if code == REFUSED and lines:
            return lines[-1]
        lines = lines[-_SHOWN_LINES:]
        return " | ".join([f"the engine process ended with status {code}", *lines])


def _of_embedder(settings: LocalSettings) -> LocalSettings:
    """The same settings with the embedding model in the place of the one that writes."""
    return settings.model_copy(
        update={
            "model": settings.embedding_model,
            "name": settings.embedding_name,
            "context": settings.embedding_context,
        }
    )


def _load_of(answer: dict[str, Any]) -> dict[str, Any]:
    """What an answer of `/health` says of the load, by the fields of `Health`; one that embeds says less."""
    load = {name: answer[name] for name in _LOAD if name in answer}
    if "prefix" in answer:
        load["prefixes"] = tuple(answer["prefix"])
    for name in {"slots", "completions"} & answer.keys():
        load[name] = tuple(SlotState(**slot) for slot in answer[name])
    return load


async def _end(process: Process) -> None:
    """Close the child's input, which ends it; kill it where that does not."""
    if process.stdin:
        process.stdin.close()
    try:
        async with asyncio.timeout(_STOP_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
