# ruff: noqa: E501 - tables of values read best in full lines
"""Thousands of bodies, odd in every way: each is answered, or refused in its dialect; no row is lost.

Bodies are made of the dialect's own grammar, with values of the wrong kind put anywhere and bytes
changed afterwards. Numbers are seeded, so that a run can be had again: a failure names its body.
"""

import asyncio
import json
import random
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest

from tests.conftest import wait_for

ANTHROPIC, OPENAI, ROUTE = "/v1/messages", "/v1/chat/completions", "/v1/route"
COUNT = "/v1/messages/count_tokens"
AT_ONCE = 6
SAMPLE = 300
ALL = 20_000
RAW = {
    "@1@": b"1e400",
    "@2@": b"1" + b"0" * 400,
    "@3@": b"9223372036854775808",
    "@4@": b"-0",
    "@5@": b"NaN",
    "@6@": b"-Infinity",
    "@7@": b'"\xff\xfe"',
    "@8@": b'"\\ud83d"',
    "@9@": b'"\\u0000"',
    "@10@": b"[" * 300 + b"]" * 300,
    "@11@": b'{"a":1,"a":2}',
    "@12@": b'"\xed\xa0\xbd"',
    "@13@": b"1.0",
    "@14@": b"1E5000",
    "@15@": b"9" * 5_000,
}
"""What no library writes: put in the place of a string."""
ODD: tuple[Any, ...] = (
    *RAW, None, True, False, 0, 1, -1, "claude-\x7f\x01", 2**31, 2**63, -(2**70), 0.5, -1e308, "", "x", "text", "user", "auto", "\0",
    "\U0001f600", "é" * 300, "m" * 5_000, [], {}, [[]], [{}], [None], ["x"], {"type": []}, {"type": {}},
    {"type": "nonsense"}, {"": ""}, {"type": "function"}, {"type": "custom"}, {"type": "text"}, {"text": 5},
    {"type": "image", "source": "x"}, {"type": "image_url", "image_url": 4}, {"type": "tool_result"},
)  # fmt: skip
OPTIONS: dict[str, tuple[Any, ...]] = {
    "temperature": (0, 1, 0.5), "top_p": (1, 0.1), "top_k": (1, 40), "stop": ("x", ["x"]), "n": (1,), "seed": (1,),
    "stop_sequences": (["x"],), "user": ("u",), "metadata": ({"user_id": "u"},), "service_tier": ("auto",),
    "tool_choice": ("auto", "none", {"type": "auto"}, {"type": "function", "function": {"name": "f"}}),
    "parallel_tool_calls": (True,), "response_format": ({"type": "json_object"},), "logprobs": (True,),
    "thinking": ({"type": "enabled", "budget_tokens": 1024}, {"type": "disabled"}), "reasoning_effort": ("low",),
    "web_search_options": ({},), "stream_options": ({"include_usage": True},), "logit_bias": ({"5": 1},),
    "output_config": ({"effort": "low"},), "context_management": ({"edits": []},), "prompt_cache_key": ("k",),
    "max_completion_tokens": (5,), "functions": ([{"name": "f"}],), "function_call": ("auto",), "store": (False,),
    "modalities": (["text"],), "verbosity": ("low",), "safeguards": ({},), "anything": ("x",),
}  # fmt: skip


@dataclass
class Maker:
    """Makes bodies of one dialect, one for each number."""

    path: str
    number: int
    dice: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.dice = random.Random(f"{self.path} {self.number}")

    def body(self) -> bytes:
        body = self.plain()
        for _ in range(self.dice.choice((0, 1, 1, 2, 4))):
            self.twist(body)
        raw = json.dumps(body, ensure_ascii=self.dice.random() < 0.5).encode(errors="surrogatepass")
        for mark, token in RAW.items():
            raw = raw.replace(b'"%s"' % mark.encode(), token)
        return self.bytes_changed(raw) if self.dice.random() < 0.15 else raw

    def plain(self) -> dict[str, Any]:
        chance = self.dice.random
        messages = list(self.messages())
        body: dict[str, Any] = {"model": self.dice.choice(("local", "cloud", "cloud", "auto", "gpt-5"))}
        body |= {"max_tokens": self.dice.choice((1, 9, 100)), "messages": messages}
        if chance() < 0.2:
            body["stream"] = True
        if chance() < 0.3:
            body["tools"] = [self.tool(n) for n in range(self.dice.randint(0, 3))]
        if chance() < 0.3 and self.path != OPENAI:
            body["system"] = self.dice.choice(("be brief", [{"type": "text", "text": "be brief"}]))
        for name in self.dice.sample(sorted(OPTIONS), self.dice.choice((0, 0, 1, 2, 4))):
            body[name] = self.dice.choice(OPTIONS[name])
        return body

    def messages(self) -> Iterator[dict[str, Any]]:
        for n in range(self.dice.choice((1, 1, 2, 3, 5))):
            yield {"role": "user", "content": self.content()}
            if self.dice.random() < 0.5:
                yield from self.step(n)
        if self.dice.random() < 0.2:
            yield {
                "role": self.dice.choice(("assistant", "system", "developer", "tool")),
                "content": "well",
            }

    def content(self) -> Any:
        image = (
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}
            if self.path == OPENAI
            else {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}}
        )
        text = {"type": "text", "text": "Explain `x = 1` in app.py"}
        return self.dice.choice(("Explain `x = 1`", [text], [text, text], [text, image], []))

    def step(self, n: int) -> Iterator[dict[str, Any]]:
        arguments = {"command": "cat a.py"}
        if self.path == OPENAI:
            function = {"name": "bash", "arguments": json.dumps(arguments)}
            call = {"id": f"c{n}", "type": "function", "function": function}
            yield {"role": "assistant", "content": None, "tool_calls": [call]}
            yield {"role": "tool", "tool_call_id": f"c{n}", "content": "x = 1"}
        else:
            used = {"type": "tool_use", "id": f"c{n}", "name": "bash", "input": arguments}
            yield {"role": "assistant", "content": [{"type": "text", "text": "so"}, used]}
            result = {"type": "tool_result", "tool_use_id": f"c{n}", "content": "x = 1", "is_error": n > 1}
            yield {"role": "user", "content": [result]}

    def tool(self, n: int) -> dict[str, Any]:
        schema = {"type": "object", "properties": {"a": {"type": "string"}}}
        if self.path == OPENAI:
            return {"type": "function", "function": {"name": f"t{n}", "parameters": schema}}
        return {"name": f"t{n}", "description": "does", "input_schema": schema}

    def twist(self, body: Any) -> None:
        """Change one thing somewhere in it."""
        at = body
        while True:
            keys = sorted(at) if isinstance(at, dict) else list(range(len(at)))
            if not keys:
                return
            key = self.dice.choice(keys)
            if isinstance(at[key], dict | list) and at[key] and self.dice.random() < 0.8:
                at = at[key]
                continue
            break
        match self.dice.randint(0, 6):
            case 0:
                del at[key]
            case 1 if isinstance(at, dict):
                at[self.dice.choice(("type", "x", "cache_control", "content", "\ud83d"))] = self.odd()
            case 2 if isinstance(at, list):
                at.insert(0, self.odd())
            case 3:
                at[key] = [at[key]]
            case _:
                at[key] = self.odd()

    def odd(self) -> Any:
        return json.loads(json.dumps(self.dice.choice(ODD)))

    def bytes_changed(self, raw: bytes) -> bytes:
        changed = bytearray(raw)
        for _ in range(self.dice.randint(1, 4)):
            at = self.dice.randrange(len(changed) + 1)
            changed[at : at + self.dice.randint(0, 3)] = self.dice.randbytes(self.dice.randint(0, 3))
        return self.dice.choice((bytes(changed), b"\xef\xbb\xbf" + raw, raw[: len(raw) // 2]))


@dataclass
class Seen:
    """What came of a run."""

    statuses: Counter[int] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)


async def send(session: aiohttp.ClientSession, url: str, path: str, number: int, results: Seen) -> None:
    raw = Maker(path, number).body()
    headers = {"content-type": "application/json", "x-api-key": "k", "authorization": "Bearer k"}
    if path != OPENAI:
        headers["anthropic-version"] = "2023-06-01"
    async with session.post(url + path, data=raw, headers=headers) as answer:
        results.statuses[answer.status] += 1
        text = await answer.read()
        if "x-turnout-overhead-ms" in answer.headers:
            results.ids.append(answer.headers["x-turnout-request-id"])
        if fault := fault_of(path, answer.status, answer.content_type, text):
            results.wrong.append(
                f"{path} {number}: {fault}: {answer.status} {text[:300]!r} for {raw[:600]!r}"
            )


def fault_of(path: str, status: int, kind: str, text: bytes) -> str:
    """What is wrong with an answer; empty for nothing."""
    if any(word in text.lower() for word in (b"litellm", b"traceback", b"internal error")):
        return "our inside shows"
    if status == 200:
        return "" if kind == "text/event-stream" or isinstance(json.loads(text), dict) else "no object"
    if status >= 500:
        return "not the client's fault by our word"
    error = json.loads(text)["error"]
    if not error["message"]:
        return "says nothing"
    if path in (ANTHROPIC, COUNT):
        return "" if json.loads(text)["type"] == "error" and error["type"] else "not in the dialect"
    return "" if path == ROUTE or {"message", "type", "param", "code"} <= set(error) else "not in the dialect"


async def run(endpoint: Any, path: str, numbers: range) -> Seen:
    results, waiting = Seen(), iter(numbers)

    async def worker(session: aiohttp.ClientSession) -> None:
        for number in waiting:
            await send(session, endpoint.url, path, number, results)

    connector = aiohttp.TCPConnector(limit=AT_ONCE)
    async with aiohttp.ClientSession(connector=connector) as session:
        await asyncio.gather(*(worker(session) for _ in range(AT_ONCE)))
    return results


def check(endpoint: Any, results: Seen) -> None:
    assert not results.wrong, f"{len(results.wrong)} of {results.statuses}:\n" + "\n".join(results.wrong[:12])
    assert "defect" not in endpoint.log.read_text()
    assert endpoint.get("/health")["ledger"]["lost"] == 0
    wait_for(lambda: finished(endpoint) >= set(results.ids), "every row", 30)


def finished(endpoint: Any) -> set[str]:
    with closing(sqlite3.connect(f"file:{endpoint.ledger}?mode=ro", uri=True)) as database:
        return {row[0] for row in database.execute("select id from requests where finished_at is not null")}


@pytest.fixture(scope="module")
def endpoint(start_between):
    return start_between(also={"ANTHROPIC_API_KEY": "sk-ant-test"})


@pytest.mark.parametrize("path", [ANTHROPIC, OPENAI])
async def test_a_sample_is_answered_or_refused(endpoint, path):
    check(endpoint, await run(endpoint, path, range(SAMPLE)))


@pytest.mark.parametrize("path", [ROUTE, COUNT])
async def test_a_few_are_explained_or_counted(endpoint, path):
    check(endpoint, await run(endpoint, path, range(100)))


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("path", "number"), [(ANTHROPIC, ALL), (OPENAI, ALL), (ROUTE, ALL // 10)])
async def test_all_are_answered_or_refused(endpoint, path, number):
    check(endpoint, await run(endpoint, path, range(500, 500 + number)))
