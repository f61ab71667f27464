# ruff: noqa: E501 - one row per case reads best
"""Hostile and broken requests: read and decided without an error, within bounds of memory and time.

The table runs in a process of its own, whose memory is limited by the system and which is killed at a
deadline: a test that hung, or took all memory, would take the others with it.
"""

import base64
import copy
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.planner import make_planner
from benchmarks.speed.bodies import body
from router.accounts.teams import Account
from router.errors import BadRequest
from router.features.extractor import FeatureExtractor
from router.types import ModelRequest, Plan

ROOT = Path(__file__).parents[3]
MEMORY = 1 << 30
"""Bytes of address space; the interpreter, the packages and the encoding take about a third."""
DEADLINE_S = 120
"""For the whole table, which takes a few seconds."""

READ_ALL = f"""
import json, pathlib, resource, sys
resource.setrlimit(resource.RLIMIT_AS, ({MEMORY}, {MEMORY}))
from benchmarks.planner import make_planner
from router.features.extractor import FeatureExtractor
from router.training.envelopes import model_request
reader = FeatureExtractor()
path = make_planner(reader)
for file in sorted(pathlib.Path(sys.argv[1]).iterdir()):
    plan = path.plan(model_request(file.read_bytes(), "anthropic_messages"))
    reader.settle()
    f = plan.features
    seen = dict(track=plan.decision.track, notes=plan.notes, kind=f.kind, ask=f.ask, tokens=f.context_tokens)
    seen |= dict(images=f.images, files=f.files, named=f.files_named, tools=f.tools_offered, turns=f.turns)
    print(json.dumps({{file.name: seen | dict(calls=f.tool_calls, edited=f.files_edited)}}))
"""


def user(content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content}


def call(name: str, **arguments: Any) -> dict[str, Any]:
    used = {"type": "tool_use", "id": "c", "name": name, "input": arguments}
    return {"role": "assistant", "content": [used]}


def result(content: Any) -> dict[str, Any]:
    return user([{"type": "tool_result", "tool_use_id": "c", "content": content}])


def asked(*messages: dict[str, Any], **fields: Any) -> bytes:
    return json.dumps({"model": "auto", "max_tokens": 9, "messages": messages} | fields).encode()


def bash(command: str) -> bytes:
    return asked(user("run it"), call("Bash", command=command), result("done"))


def nested(depth: int) -> Any:
    value: Any = "x"
    for _ in range(depth):
        value = {"a": [value]}
    return value


FIX = user("Fix the typo in app.py")
PNG = base64.b64encode(bytes(range(256)) * 16_384).decode()
IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}
DIFF = "".join(
    f"diff --git a/f{n}.py b/f{n}.py\n--- a/f{n}.py\n+++ b/f{n}.py\n@@ -1 +1 @@\n-a\n+b\n"
    for n in range(9_000)
)
TRACE = (
    "Traceback (most recent call last):\n"
    + '  File "/a/b.py", line 3, in f\n    g()\n' * 60_000
    + "ValueError: x\n"
)
Expected = dict[str, Any] | Callable[[dict[str, Any]], bool]

TABLE: dict[str, tuple[bytes, Expected]] = {
    "quoted tag": (
        asked(user("What does `<system-reminder>` do in a prompt? Explain.")),
        lambda seen: "do in a prompt? Explain." in seen["ask"] and seen["kind"] == "ask",
    ),
    "quoted tags, closed": (
        asked(user("Why is `<environment_context>` sent beside `<user_instructions>`? Explain the two.")),
        lambda seen: "Explain the two." in seen["ask"],
    ),
    "tags never closed": (asked(user("<system-reminder>\n" * 100_000 + "Explain.")), {"kind": "ask"}),
    "prose, not paths": (
        asked(user("Explain TCP/IP, and/or client/server, 24/7 at 1/2 the price w/o I/O, N/A.")),
        {"named": 0, "files": 0},
    ),
    "a path in prose": (asked(user("The bug (see src/app.py:12, I think) is not in docs/index.md.")), {"named": 2}),
    "50,000 paths": (asked(user(" ".join(f"src/m{n}/f{n}.py" for n in range(50_000)))), {"track": "cloud"}),
    "one line of 5 MB, asked": (asked(user("Explain: " + "x" * 5_000_000)), {"kind": "ask", "turns": 1}),
    "one line of 5 MB, printed": (asked(FIX, call("Bash", command="cat a.min.js"), result("(" * 5_000_000)), {"calls": 1}),
    "2 MB of slashes": (asked(user("/" * 2_000_000)), {"turns": 1}),
    "2 MB of dots": (asked(user("a.b/" * 500_000)), {"turns": 1}),
    "1 MB of quotes": (asked(user("`'\"" * 350_000)), {"turns": 1}),
    "2 MB of spaces": (asked(user("Explain" + " " * 2_000_000 + ".")), {"turns": 1}),
    "1 MB of new lines": (asked(user("Explain" + "\n" * 1_000_000 + ".")), {"turns": 1}),
    "fences never closed": (asked(user("```py\n" * 200_000)), {"turns": 1}),
    "docstring never closed": (asked(user('def f(a):\n    """' + '\\"' * 500_000)), {"turns": 1}),
    "definitions": (asked(user("def " * 500_000 + "def f(" * 100_000)), {"turns": 1}),
    "not utf-8": (asked(FIX).replace(b"typo", b"t\xff\xfepo"), {"named": 1}),
    "lone surrogates": (asked(user("Explain \ud83d and \ude00 in app.py")), {"named": 1}),
    "zeros and controls": (asked(user("Explain \x00\x1b[31m\x07 in app.py")), {"named": 1}),
    "right to left": (
        asked(user("اكتب دالة تعكس سلسلة نصية \u202eapp.py\u202c בבקשה")),
        lambda seen: seen["ask"].startswith("اكتب دالة") and seen["ask"].endswith("בבקשה"),
    ),
    "combining marks": (asked(user("a" + "\u0301" * 1_000_000)), {"turns": 1}),
    "an image of 4 MB": (
        asked(user([IMAGE, {"type": "text", "text": "What is this?"}])),
        lambda seen: (seen["images"], seen["track"]) == (1, "cloud") and seen["tokens"] < 5_000,
    ),
    "a screenshot as result": (asked(FIX, call("shot"), result([IMAGE])), {"images": 1, "turns": 1}),
    "an image as text": (asked(FIX, call("Bash", command="base64 a.png"), result(PNG)), {"images": 0}),
    "5,000 tools": (
        asked(FIX, tools=[{"name": f"t{n}", "description": "d" * 300, "input_schema": {}} for n in range(5_000)]),
        {"tools": 5_000},
    ),
    "a tool's schema nested 400 deep": (asked(FIX, tools=[{"name": "t", "input_schema": nested(400)}]), {"tools": 1}),
    "100,000 brackets": (asked(FIX).replace(b'"Fix the typo in app.py"', b"[" * 100_000 + b"]" * 100_000), {}),
    "100,000 open brackets": (b'{"messages":' + b"[" * 100_000, {"track": "cloud"}),
    "arguments nested 400 deep": (asked(FIX, call("Edit", file_path="app.py", new=nested(400)), result("ok")), {"calls": 1}),
    "arguments of 2 MB": (
        asked(FIX, call("Write", file_path="app.py", content="x = 1\n" * 350_000), result("ok")),
        {"edited": 1},
    ),
    "arguments that are a list": (asked(FIX, call("Write") | {"content": [{"type": "tool_use", "input": [[1]]}]}), {}),
    "a command of 2 MB": (bash("echo " + "word " * 400_000), {"calls": 1}),
    "200,000 commands": (bash("cat a.py; " * 200_000), {"calls": 1}),
    "200,000 pipes": (bash("cat a.py | " * 200_000), {"calls": 1}),
    "nested substitutions": (bash("echo " + "$(echo " * 20_000 + ")" * 20_000), {"calls": 1}),
    "nested subshells": (bash("(" * 50_000 + "ls" + ")" * 50_000), {"calls": 1}),
    "nested shells": (bash("bash -c '" * 5_000 + "ls"), {"calls": 1}),
    "quotes never closed": (bash("'" + '"' * 300_001 + "`" * 300_001), {"calls": 1}),
    "heredocs": (bash("cat <<E > f.py\nx\nE\n" * 50_000), {"calls": 1}),
    "a heredoc never closed": (bash("cat <<EOF > f.py\n" + "x = 1\n" * 200_000), {"calls": 1}),
    "9,000 files in a diff": (asked(FIX, call("Bash", command="git diff"), result(DIFF)), {"track": "cloud"}),
    "60,000 frames": (asked(FIX, call("Bash", command="pytest"), result(TRACE)), {"calls": 1}),
    "200,000 hits": (asked(FIX, call("Grep", pattern="x"), result("src/a.py:1:x\n" * 200_000)), {"calls": 1}),
    "20,000 messages": (
        asked(*(one for n in range(5_000) for one in (user(f"do {n}"), call("Read", file_path=f"f{n}.py"), result("x"), {"role": "assistant", "content": "ok"}))),
        {"calls": 5_000, "turns": 5_000, "files": 5_000, "track": "cloud"},
    ),
    "20,000 blocks": (asked(user([{"type": "text", "text": f"part {n}"} for n in range(20_000)])), {"turns": 1}),
    "20,000 equal calls": (asked(FIX, *([call("Read", file_path="a.py"), result("x")] * 10_000)), {"files": 1}),
}  # fmt: skip


@pytest.fixture(scope="module")
def readings(tmp_path_factory) -> dict[str, dict[str, Any]]:
    if sys.platform != "linux":
        pytest.skip("memory is limited as Linux does it")
    folder = tmp_path_factory.mktemp("bodies")
    for name, (raw, _) in TABLE.items():
        (folder / name).write_bytes(raw)
    ended = subprocess.run(
        [sys.executable, "-c", READ_ALL, str(folder)],
        cwd=ROOT,
        capture_output=True,
        check=False,
        text=True,
        timeout=DEADLINE_S,
    )
    assert ended.returncode == 0, ended.stderr[-2000:]
    seen: dict[str, dict[str, Any]] = {}
    for line in ended.stdout.splitlines():
        if line.startswith("{"):
            seen |= json.loads(line)
    return seen


@pytest.mark.parametrize("name", TABLE)
def test_it_is_read_within_bounds(name, readings):
    expected, seen = TABLE[name][1], readings[name]
    assert seen["notes"] == ([] if name != "100,000 open brackets" else seen["notes"])
    assert seen["track"] in {"local", "cloud"}
    if callable(expected):
        assert expected(seen), seen
    else:
        assert {key: seen[key] for key in expected} == expected


KNOWN = "role content type text tool_use tool_result input id tool_calls function arguments command file_path"
WORDS = st.sampled_from(KNOWN.split()) | st.text(max_size=5)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None), max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=12,
)


FIELDS = (
    "messages",
    "system",
    "tools",
    "tool_choice",
    "thinking",
    "metadata",
    "response_format",
    "max_tokens",
)
REAL = {
    dialect: json.loads(body("agent", dialect, "same").template) for dialect in ("openai_chat", "anthropic_messages")
}  # fmt: skip
PATH = make_planner(FeatureExtractor(entries=2_000))


def plan(raw: bytes, dialect: str) -> Plan:
    return PATH.plan(
        ModelRequest(
            id="1",
            account=Account(team="t", user="u"),
            dialect=dialect,
            operation="generate",
            client="",
            model="auto",
            stream=False,
            body=raw,
            headers=(),
        )
    )


def holds(raw: bytes, dialect: str, *, readable: bool) -> None:
    try:
        made = plan(raw, dialect)
    except BadRequest:  # what `wire` refuses before it is read: no JSON, or a key given twice
        assert not readable
        return
    assert made.decision.track in {"local", "cloud"}
    assert 0 <= made.verdict.p_local <= 1
    assert made.notes == () or (not readable and made.notes == ("reading failed: BadRequest",))


DIALECT = st.sampled_from(["openai_chat", "anthropic_messages"])


@settings(max_examples=60, deadline=None)
@given(
    messages=st.lists(JSON, max_size=4),
    fields=st.dictionaries(st.sampled_from(FIELDS), JSON),
    dialect=DIALECT,
)
def test_any_json_is_read(messages, fields, dialect):
    holds(json.dumps(fields | {"messages": messages}).encode(), dialect, readable=True)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data(), DIALECT)
def test_a_real_request_with_a_part_replaced_is_read(data, dialect):
    real = {**REAL[dialect], "messages": copy.deepcopy(REAL[dialect]["messages"][:6])}
    at: Any = real["messages"][data.draw(st.integers(0, 5))]
    while True:
        key = data.draw(st.sampled_from(sorted(at) if isinstance(at, dict) else list(range(len(at)))))
        if not isinstance(at[key], dict | list) or not at[key] or data.draw(st.booleans()):
            break
        at = at[key]
    at[key] = data.draw(JSON)
    holds(json.dumps(real).encode(), dialect, readable=True)


@settings(max_examples=60, deadline=None)
@given(st.data(), DIALECT)
def test_a_real_request_with_bytes_changed_is_read_or_refused(data, dialect):
    real = bytearray(json.dumps(REAL[dialect] | {"messages": REAL[dialect]["messages"][:3]}).encode())
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(real) - 1))
        real[at : at + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=3))
    holds(bytes(real), dialect, readable=False)
