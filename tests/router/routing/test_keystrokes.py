"""What belongs to the same typing, and what does not."""

import asyncio
import json

import pytest

from router.accounts.teams import Account
from router.routing.keystrokes import MOST_TYPED, Keystrokes, Typed, read_typed
from router.types import ModelRequest

CODE = "def mean(values):\n    total = 0\n    for value in values:\n        total += value\n    return tot"
LONG = "# a comment of a long file\n" * 40 + CODE
REST = "\n\n\nprint(mean([1, 2, 3]))\n"
FOLLOWS = {
    "a character": (Typed(CODE, REST), Typed(CODE + "a", REST)),
    "a word": (Typed(CODE, REST), Typed(CODE + "al / len(values)", REST)),
    "a character less": (Typed(CODE, REST), Typed(CODE[:-1], REST)),
    "a bracket that was closed": (Typed(CODE, REST), Typed(CODE + "(", ")" + REST)),
    "a window that moved": (Typed(LONG[100:], REST), Typed(LONG[127:] + "a", REST)),
    "the end of the file": (Typed(CODE, ""), Typed(CODE + "a", "")),
    "the first characters": (Typed("i", REST), Typed("im", REST)),
}
OTHERS = {
    "the same": (Typed(CODE, REST), Typed(CODE, REST)),
    "another file": (Typed(CODE, REST), Typed("import os\n\n" + CODE[:20], REST)),
    "another place": (Typed(LONG, REST), Typed(LONG[:400], LONG[400:] + REST)),
    "much more": (Typed(CODE, REST), Typed(CODE + "x" * (MOST_TYPED + 1), REST)),
    "another rest": (Typed(CODE, "one" * 100), Typed(CODE + "a", "two" * 100)),
    "nothing before": (Typed("", REST), Typed("i", REST)),
}


@pytest.mark.parametrize("case", FOLLOWS)
def test_typing(case):
    earlier, later = FOLLOWS[case]
    assert later.follows(earlier)


@pytest.mark.parametrize("case", OTHERS)
def test_no_typing(case):
    earlier, later = OTHERS[case]
    assert not later.follows(earlier)


BODIES = [
    {"prompt": "BEFORE", "suffix": "AFTER"},
    {"prompt": ["BEFORE"], "suffix": "AFTER"},
    {"input_prefix": "BEF", "prompt": "ORE", "input_suffix": "AFTER", "input_extra": []},
    {"prompt": "<|fim_prefix|>BEFORE<|fim_suffix|>AFTER<|fim_middle|>", "suffix": None},
    {"prompt": "<|file_sep|>a.py\nx\n<|fim_prefix|>BEFORE<|fim_suffix|>AFTER<|fim_middle|>"},
    {"prompt": "[SUFFIX]AFTER[PREFIX]BEFORE"},
    {"prompt": "<[fim-suffix]>AFTER<[fim-prefix]>BEFORE<[fim-middle]>"},
]


@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
def test_the_texts_around_the_cursor(body):
    assert read_typed(json.dumps(body).encode()) == Typed("BEFORE", "AFTER")


def test_a_prompt_alone():
    assert read_typed(b'{"prompt":"def f():"}') == Typed("def f():", "")


def request(text, *, client="editor", key="k1"):
    return ModelRequest(
        id=text, account=Account(key_id=key), dialect="openai_completions", operation="generate",
        client=client, model="auto", stream=False, body=json.dumps({"prompt": text}).encode(), headers=(),
    )  # fmt: skip


async def run(keystrokes, asked, ended, *, arrived=0.0):
    async with keystrokes.newest(asked, "127.0.0.1", arrived) as keystroke:
        await asyncio.sleep(0.1)
        ended.append(asked.id)
    return keystroke.superseded


async def test_the_newest_alone_goes_on():
    keystrokes, ended = Keystrokes(), []
    tasks = [asyncio.create_task(run(keystrokes, request("x = " + "1" * at), ended)) for at in range(30)]
    assert await asyncio.gather(*tasks) == [True] * 29 + [False]
    assert ended == ["x = " + "1" * 29]
    assert not keystrokes._open


async def test_what_came_first_never_takes_the_place_of_what_came_after():
    """Its reading may have taken longer."""
    keystrokes, ended = Keystrokes(), []
    second = asyncio.create_task(run(keystrokes, request("x = 12"), ended, arrived=2.0))
    first = asyncio.create_task(run(keystrokes, request("x = 1"), ended, arrived=1.0))
    assert await asyncio.gather(first, second) == [True, False]


@pytest.mark.parametrize("other", [{"client": "another"}, {"key": "k2"}])
async def test_others_are_left_alone(other):
    keystrokes, ended = Keystrokes(), []
    first = asyncio.create_task(run(keystrokes, request("x = 1"), ended))
    second = asyncio.create_task(run(keystrokes, request("x = 12", **other), ended))
    assert await asyncio.gather(first, second) == [False, False]


async def test_a_cancellation_by_others_passes():
    keystrokes, ended = Keystrokes(), []
    task = asyncio.create_task(run(keystrokes, request("x = 1"), ended))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not keystrokes._open
