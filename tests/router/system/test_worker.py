"""Calls in a process of its own: results, exceptions, its death and its idleness."""

import asyncio
import os
import signal

import pytest

from router.errors import BadRequest
from router.system.worker import Worker
from router.wire.body import check_values, mend


@pytest.fixture
def worker():
    instance = Worker(idle_s=0.3)
    yield instance
    instance.close()


async def test_it_answers_from_another_process_until_it_is_idle(worker):
    first = await worker.call(os.getpid)
    assert first != os.getpid()
    assert await worker.call(os.getpid) == first
    assert await worker.call(mend, b'"\\ud83d"') == b'"\\ufffd"'
    await asyncio.sleep(0.6)
    with pytest.raises(ProcessLookupError):
        os.kill(first, 0)
    assert await worker.call(os.getpid) != first


async def test_what_a_call_raises_is_raised_here(worker):
    with pytest.raises(BadRequest) as refused:
        await worker.call(check_values, b"[" + b"{}," * 3_100_000 + b"1]")
    assert refused.value.status == 413
    assert "JSON values" in refused.value.message


async def test_a_process_that_dies_fails_its_call_and_no_other(worker):
    process = await worker.call(os.getpid)
    os.kill(process, signal.SIGKILL)
    await asyncio.sleep(0.3)
    assert await worker.call(os.getpid) not in {process, os.getpid()}
    with pytest.raises(ConnectionResetError):
        await worker.call(os.abort)
    assert await worker.call(len, "four") == 4


async def test_calls_wait_for_each_other(worker):
    assert await asyncio.gather(*(worker.call(len, "x" * n) for n in range(20))) == list(range(20))
