"""The supervisor with the real engine: starting, dying, and going with its parent."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import aiohttp
import pytest

from router.engine import catalog
from router.engine.process import TOKEN_ENV, Engine
from router.errors import Misconfigured
from router.settings import LocalSettings
from router.types import TrackError

SMALL = LocalSettings(context=256, threads=1, batch=64)
ROOT = Path(__file__).parents[3]


async def answers(engine: Engine) -> bool:
    body = {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 1}
    headers = {"authorization": f"Bearer {engine.token}"}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.post(f"{engine.url}/v1/chat/completions", json=body) as response,
    ):
        return response.status == 200


async def until(condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


async def test_start_returns_before_the_model_is_there():
    engine = Engine(SMALL)
    assert engine.health.state == "stopped"
    await engine.start()
    try:
        assert engine.health.state == "starting"
        assert (engine.health.model, engine.health.context) == ("SmolLM2-135M-Instruct", 256)
        with pytest.raises(TrackError, match="still loading") as caught:
            await engine.ready(0.01)
        assert caught.value.cause == "local_error"
        await engine.ready(60)
        assert engine.health.state == "ready"
        assert await answers(engine)
    finally:
        await engine.stop()
    assert engine.health.state == "stopped"
    assert engine.url == ""


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")
async def test_a_killed_engine_is_started_again():
    engine = Engine(SMALL)
    await engine.start()
    try:
        await engine.ready(60)
        first = engine.url, engine.token
        os.kill(engine.pid, signal.SIGKILL)
        await until(lambda: engine.health.state != "ready")
        assert engine.health.restarts == 1
        assert "ended with status -9" in engine.health.reason
        await engine.ready(60)
        assert (engine.url, engine.token) != first
        assert await answers(engine)
    finally:
        await engine.stop()


async def test_a_missing_model_is_refused_at_once(tmp_path):
    with pytest.raises(Misconfigured, match=r"local\.model"):
        await Engine(LocalSettings(model=str(tmp_path / "none.gguf"))).start()


async def test_a_model_that_llama_cpp_refuses_fails_with_its_reason(tmp_path):
    """A header that passes, over weights that are not there."""
    data = catalog.resolve("").path.read_bytes()
    path = tmp_path / "cut.gguf"
    path.write_bytes(data[: len(data) - 1000])
    engine = Engine(LocalSettings(model=str(path)))
    await engine.start()
    try:
        with pytest.raises(TrackError, match=r"local\.model: llama\.cpp cannot load") as caught:
            await engine.ready(60)
        assert caught.value.cause == "local_error"
        assert engine.health.state == "failed"
        assert engine.health.restarts == 0
        assert any("not within the file bounds" in line for line in engine.log)
    finally:
        await engine.stop()


async def test_a_window_larger_than_the_model_was_trained_for_is_refused():
    engine = Engine(LocalSettings(context=100_000))
    await engine.start()
    try:
        with pytest.raises(TrackError, match=r"local\.context: 100000 is more than the 8192 tokens"):
            await engine.ready(60)
    finally:
        await engine.stop()


async def test_an_idle_engine_is_unloaded_with_its_prompts_and_wakes():
    engine = Engine(SMALL.model_copy(update={"idle_unload_s": 1.0}))
    await engine.start()
    try:
        await engine.ready(60)
        assert await answers(engine)
        assert any((await engine.refresh()).prefixes)
        await until(lambda: engine.health.state == "stopped")
        assert "idle" in engine.health.reason
        assert (engine.health.prefixes, engine.health.slots) == ((), ())
        await engine.ready(60)
        assert engine.health.state == "ready"
    finally:
        await engine.stop()


def test_the_engine_ends_when_its_parent_dies():
    """The parent's end is the end of the pipe it held."""
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "router.engine", "--name=demo", "--context=256", "--batch=64"),
            *(f"--model={catalog.resolve('').path}", f"--token-env={TOKEN_ENV}"),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, TOKEN_ENV: "x"},
        cwd=ROOT,
    )
    try:
        while not (line := process.stdout.readline()).strip():
            assert line, "it ended"
        assert line.startswith(b'{"port": ')
        process.stdin.close()
        assert process.wait(timeout=20) == 0
    finally:
        process.kill()
        process.stdout.close()
        process.wait()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")
@pytest.mark.parametrize("idle", [True, False], ids=["while idle", "while it owes an answer"])
async def test_an_engine_that_stands_still_is_replaced(idle):
    engine = Engine(SMALL)
    await engine.start()
    try:
        await engine.ready(60)
        first = engine.pid
        os.kill(first, signal.SIGSTOP)
        waiting = None if idle else asyncio.create_task(answers(engine))
        await until(lambda: engine.health.state != "ready")
        assert "answered no health check for" in engine.health.reason
        if waiting:
            with pytest.raises(aiohttp.ClientError):  # its request has an end, too
                await waiting
        await engine.ready(60)
        assert engine.pid != first
        assert await answers(engine)
    finally:
        await engine.stop()


@pytest.mark.slow
async def test_a_long_prompt_is_not_taken_for_a_hang():
    engine = Engine(LocalSettings(context=8192, threads=1, batch=16))
    await engine.start()
    try:
        await engine.ready(60)
        body = {"messages": [{"role": "user", "content": "many words " * 800}], "max_tokens": 1}
        headers = {"authorization": f"Bearer {engine.token}"}
        async with (
            aiohttp.ClientSession(headers=headers, timeout=aiohttp.ClientTimeout(600)) as session,
            session.post(f"{engine.url}/v1/chat/completions", json=body) as response,
        ):
            assert response.status == 200
        assert engine.health.restarts == 0
    finally:
        await engine.stop()
