"""A key that stands twice is refused whatever the policy, so that what is read is what is sent."""

import asyncio
import random

import httpx
import pytest
from duplicates import duplicates


async def _post_all(fence, every):
    gate = asyncio.Semaphore(8)
    async with httpx.AsyncClient(timeout=60, verify=False) as client:

        async def post(request):
            async with gate:
                return await client.post(
                    fence.url(request), content=request.content, headers=fence.headers(request, fence.keys[0])
                )

        return await asyncio.gather(*(post(request) for _, request, _, _ in every))


def refused(fence, every):
    fence.arrived()
    answers = asyncio.run(_post_all(fence, every))
    arrived = fence.arrived()
    faults = []
    for (name, _, marker, key), answer in zip(every, answers, strict=True):
        if answer.status_code != 400 or key not in answer.text or marker.encode() in arrived:
            faults.append(f"{name}: {answer.status_code} {answer.text[:150]}")
    print("\n".join(faults))
    return faults


def test_a_key_that_stands_twice_is_refused(fence):
    assert refused(fence, random.Random(5).sample(list(duplicates("du")), 60)) == []


@pytest.mark.slow
def test_it_is_refused_at_every_depth(fence):
    assert refused(fence, list(duplicates("da"))) == []
