"""The scan takes linear time: four times as much text takes about four times as long, whatever it is."""

import json
import time

import pytest

from policies.load import parse
from router.accounts.teams import Account
from router.privacy.scanner import Scanner
from router.types import ModelRequest

FENCE = parse(
    "name: p\notherwise: {to: cloud, why: a}\nnever_cloud:\n"
    '  paths: ["vaults/**", "/srv/keep/*", "~/.aws/**", "*.key", ".netrc", "docs/*/draft.md", "a*b*c*d*e"]\n'
    '  match: ["(?i)top secret", "a.*b.*c"]\n',
    source="p.yaml",
).never_cloud
SIZE = 1_500
GROWTH, FLOOR = 10, 0.05
"""Of CPU time from one size to four times that, and the seconds below which it tells nothing."""
TEXTS = {
    "a long word": "x{n} vaults/a",
    "hidden": "TO{\u200b}P secret",
    "marks": "\u4e00{\u0301\u0327}",
    "marks of another script": "\u05d0{\u0591\u05b0}",
    "up and down": "{x/../}vaults/a",
    "up": "{../}vaults/a",
    "slashes": "vaults{/}a",
    "dots": "vaults{/.}/a",
    "folders": "{vaults/}",
    "deep": "{/a}/vaultx vaults",
    "look-alikes": "{vaultx }",
    "suffixes": ".netrc{.~}",
    "imports": "{import vaults }",
    "quotes": "a{'}\nvaults",
    "backslashes": "{\\}vaults",
    "variables": "{a${}vaults",
    "wildcards": "{*v} vaults/a",
    "wildcards in one word": "{v*a*u*} x",
    "many wildcards": "{v?ult*x }",
    "braces": "{{v,e}{a,r}{u,t}{l,t}{t,b}{c,d}x* }",
    "folders of wildcards": "{*/}",
    "brackets": "{v[ab}",
    "links": "{[a](}top secret",
    "tags": "{<a>x}top secret",
    "open tags": "{<a }top secret",
    "comments": "{<!--}top secret",
    "percent": "%{25}2Fvaults",
    "percent signs": "{%}vaults",
    "entities": "{&amp;}vaults",
    "a long entity": "&#{0}47;vaults/a",
    "a large number": "&#{9};vaults/a",
    "escapes": "{\\u0076}aults/a",
    "escaped escapes": "{\\u005c}u0076aults/a",
    "colours": "{\x1b[0;}vaults/a",
    "streams": "{::$a}vaults/a",
    "trailing": "a{. }/vaults/a",
    "shares": "{//wsl$/}vaults/a",
    "git": "git {-x }diff",
    "git's paths": "git diff {a/.}",
    "options": "{ -m '}vaults",
    "JSON": '{["vaults/a",}',
    "nested JSON": "{[}vaults/a",
    "fences": "{```sh\nx\n}vaults/a",
    "data URLs": "{data:;base64,}vaults/a",
    "lines": "{a line of text here\n}vaults/a",
    "a listing": "{vaults/a\n}",
    "trees": "{├── vaults/a\n}x",
    "numbers": "{1: }vaults/a",
    "bars": "{| }\nvaults/a",
    "words of patterns": "{a}{b} top secret",
    "half a pattern": "{top secre }",
    "keys": "{abc12def34 }vaults/a",
}


def grown(template: str, times: int) -> str:
    """The text, with the part in braces repeated."""
    if template == "x{n} vaults/a":
        return "x" * times + " vaults/a"
    head, brace, tail = template.partition("{")
    part, _, tail = tail.rpartition("}")
    return head + part * times + tail if brace else template


def cost(part: str, text: str) -> float:
    blocks = {
        "call": {"type": "tool_use", "id": "t", "name": "Bash", "input": {"command": text}},
        "answer": {"type": "tool_result", "tool_use_id": "t", "content": text},
        "speech": {"type": "text", "text": text},
    }
    role = "user" if part == "answer" else "assistant"
    first = {"role": "user", "content": "Have a look."}
    return spent({"messages": [first, {"role": role, "content": [blocks[part]]}]})


def spent(fields: dict) -> float:
    """Seconds of CPU that a scan of a body takes."""
    body = json.dumps(fields).encode()
    request = ModelRequest(
        id="r", account=Account(team="t", user="u"), dialect="anthropic_messages", operation="generate",
        client="", model="auto", stream=False, body=body, headers=(),
    )  # fmt: skip
    scanner = Scanner()
    scanner.watch((FENCE,))
    start = time.process_time()
    scanner.scan(request, FENCE)
    return time.process_time() - start


@pytest.mark.parametrize("part", ["call", "answer", "speech"])
@pytest.mark.parametrize("template", TEXTS.values(), ids=TEXTS)
def test_four_times_as_much_takes_about_four_times_as_long(part, template):
    few, many = (cost(part, grown(template, times)) for times in (SIZE, 4 * SIZE))
    assert many <= max(GROWTH * few, FLOOR)


@pytest.mark.parametrize("field", ["prompt_cache_key", "metadata", "user", "previous_response_id"])
@pytest.mark.parametrize("text", ["a", "session_id:", "_session_", '"conversation": ', "0f-"])
def test_ids_of_sessions_are_looked_for_in_linear_time(field, text):
    few, many = (
        spent({"messages": [{"role": "user", "content": "Hello there."}], field: text * times + " x"})
        for times in (SIZE, 4 * SIZE)
    )
    assert many <= max(GROWTH * few, FLOOR)
