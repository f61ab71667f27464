"""Sends variants to an endpoint and reads from the provider's record which of them arrived."""

import asyncio
import base64
import contextlib
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import httpx
from bodies import CHAT, Request
from variants import Variant

CREDENTIALS = {"x-api-key": "sk-ant-mine", "anthropic-version": "2023-06-01"}
BEARER = {"authorization": "Bearer sk-mine"}
AT_ONCE = 8


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What became of one variant."""

    variant: Variant
    leaked: bool
    status: int
    twin_arrived: bool
    twin_status: int
    twin_why: str

    @property
    def held_without_need(self) -> bool:
        return self.variant.twin and not self.twin_arrived


@dataclass(frozen=True, kw_only=True)
class Fence:
    """An endpoint per dialect, one provider for both; `keys` are of as many teams."""

    endpoints: dict[str, Any]
    upstream: Any
    keys: list[str]
    start: Callable[[], dict[str, Any]]

    def restart(self) -> None:
        """Stop both endpoints and start them again on the same ledger."""
        for endpoint in self.endpoints.values():
            endpoint.stop()
        self.endpoints.update(self.start())

    def headers(self, request: Request, key: str) -> dict[str, str]:
        credentials = BEARER if request.path == CHAT else CREDENTIALS
        return {
            "content-type": "application/json",
            "x-turnout-key": key,
            **credentials,
            **request.encoding,
            **request.headers,
        }

    def url(self, request: Request, endpoint: str = "") -> str:
        """Where to post; the endpoint is the one whose provider speaks the request's dialect."""
        return self.endpoints[endpoint or ("chat" if request.path == CHAT else "messages")].url + request.path

    def arrived(self) -> bytes:
        """All bodies that reached the provider since the last time, one after the other."""
        rows = self.upstream.get("/_requests")
        httpx.delete(self.upstream.url + "/_requests", verify=False)
        return b"\n".join(_readable(base64.b64decode(row["body"])) for row in rows)


_BASE64 = re.compile(rb"[A-Za-z0-9+/]{16,}={0,2}")


def _readable(body: bytes) -> bytes:
    """A body, and after it what its escapes and its base64 strings say."""
    with contextlib.suppress(ValueError):
        body += b"\n" + json.dumps(json.loads(body)).encode()
    runs = _BASE64.findall(body.replace(rb"\n", b"").replace(b"-", b"+").replace(b"_", b"/"))
    texts = [base64.b64decode(run[: len(run) // 4 * 4]).replace(b"\0", b"") for run in runs]
    return b"\n".join([body, *texts])


async def _post(fence: Fence, client: httpx.AsyncClient, request: Request, key: str) -> httpx.Response:
    return await client.post(fence.url(request), content=request.content, headers=fence.headers(request, key))


async def _send(fence: Fence, variants: Sequence[Variant], salt: str) -> list[tuple[int, httpx.Response]]:
    gate = asyncio.Semaphore(AT_ONCE)
    async with httpx.AsyncClient(
        timeout=60, verify=False, limits=httpx.Limits(max_connections=AT_ONCE)
    ) as client:

        async def both(number: int, variant: Variant) -> tuple[int, httpx.Response]:
            key = fence.keys[number % len(fence.keys)]
            async with gate:
                twin = await _post(fence, client, variant.harmless(f"ok{salt}{number:05d}x"), key)
                answer = await _post(fence, client, variant.protected(f"no{salt}{number:05d}x"), key)
            return answer.status_code, twin

        return await asyncio.gather(*(both(number, variant) for number, variant in enumerate(variants)))


def judge(fence: Fence, variants: Sequence[Variant], salt: str) -> list[Verdict]:
    """Send every variant and its twin; the twin goes first, so that what it warms helps no variant out."""
    verdicts = []
    for start in range(0, len(variants), 200):
        batch = variants[start : start + 200]
        mark = f"{salt}{start // 200:02d}"
        fence.arrived()
        answers = asyncio.run(_send(fence, batch, mark))
        arrived = fence.arrived()
        for number, (variant, (status, twin)) in enumerate(zip(batch, answers, strict=True)):
            verdicts.append(
                Verdict(
                    variant=variant,
                    leaked=f"no{mark}{number:05d}x".encode() in arrived,
                    status=status,
                    twin_arrived=f"ok{mark}{number:05d}x".encode() in arrived,
                    twin_status=twin.status_code,
                    twin_why=twin.headers.get("x-turnout-why", twin.text[:200]),
                )
            )
    return verdicts
