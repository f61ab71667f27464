"""Real shapes of calls per family, fed whole and in pieces: the outcome may not differ."""

import pytest

from router.engine.toolcalls import (
    HERMES,
    LLAMA3,
    MISTRAL,
    QWEN_CODER,
    Call,
    CallParser,
    Family,
    InvalidCall,
    Text,
    detect,
)


def read(family: Family, text: str, size: int) -> list[str | Call | type[InvalidCall]]:
    parser = CallParser(family)
    items = [item for i in range(0, len(text), size) for item in parser.feed(text[i : i + size])]
    items += parser.close()
    merged: list[str | Call | type[InvalidCall]] = []
    for item in items:
        if isinstance(item, Text) and merged and isinstance(merged[-1], str):
            merged[-1] += item.text
        else:
            merged.append(
                item.text if isinstance(item, Text) else item if isinstance(item, Call) else InvalidCall
            )
    return merged


READ = Call(name="read", arguments={"path": "a.py"})
LIST = Call(name="list", arguments={})
A = '{"name": "read", "arguments": {"path": "a.py"}}'
B = '{"name": "list", "arguments": {}}'

CASES = [
    (HERMES, "Hello there.\n", ["Hello there.\n"]),
    (HERMES, "", []),
    (HERMES, "if a < b: <tool> x", ["if a < b: <tool> x"]),
    (HERMES, f"<tool_call>\n{A}\n</tool_call>", [READ]),
    (HERMES, f"<tool_call>{A}</tool_call>\n<tool_call>{B}</tool_call>\n", [READ, LIST]),
    (HERMES, f"I look.\n\n<tool_call>\n{A}\n</tool_call>", ["I look.", READ]),
    (HERMES, f"<tool_call>\n{A}\n</tool_call>\nDone.", [READ, "\nDone."]),
    (HERMES, f"<tool_call>\n{A}", [READ]),
    (HERMES, '<tool_call>{"name": "read", "parameters": {"path": "a.py"}}</tool_call>', [READ]),
    (HERMES, '<tool_call>{"name": "read", "arguments": "{\\"path\\": \\"a.py\\"}"}</tool_call>', [READ]),
    (
        HERMES,
        '<tool_call>{"name": "write", "arguments": {"text": "</tool_call> {\n"}}</tool_call>',
        [Call(name="write", arguments={"text": "</tool_call> {\n"})],
    ),
    (HERMES, '<tool_call>{"name": "read", "arguments": }</tool_call>', [InvalidCall]),
    (HERMES, '<tool_call>{"name": "read", "argum', [InvalidCall]),
    (HERMES, "<tool_call>", [InvalidCall]),
    (HERMES, '<tool_call>["read"]</tool_call>', [InvalidCall]),
    (HERMES, '<tool_call>{"name": 3, "arguments": {}}</tool_call>', [InvalidCall]),
    (QWEN_CODER, f"<tool_call>\n{A}\n</tool_call>", [READ]),
    (
        QWEN_CODER,
        "<tool_call>\n<function=read>\n<parameter=path>\na.py\n</parameter>\n</function>\n</tool_call>",
        [READ],
    ),
    (
        QWEN_CODER,
        "Look:\n<function=write>\n<parameter=text>\nx = 1\n\ny < 2\n</parameter>\n</function>\n</tool_call>",
        ["Look:", Call(name="write", arguments={"text": "x = 1\n\ny < 2"})],
    ),
    (QWEN_CODER, "<tool_call>\n<function=list>\n</function>\n</tool_call>", [LIST]),
    (QWEN_CODER, "<tool_call>\n<function=read>\n<parameter=path>\na.py", [InvalidCall]),
    (LLAMA3, '{"name": "read", "parameters": {"path": "a.py"}}', [READ]),
    (LLAMA3, f'{{"name": "read", "parameters": {{"path": "a.py"}}}}; {B}', [READ, LIST]),
    (LLAMA3, f"<|python_tag|>{A}", [READ]),
    (LLAMA3, '{"answer": 42}', ['{"answer": 42}']),
    (LLAMA3, "The set {1, 2} is small.", ["The set {1, 2} is small."]),
    (LLAMA3, '{"name": "read', ['{"name": "read']),
    (MISTRAL, f"[TOOL_CALLS][{A}, {B}]", [READ, LIST]),
    (MISTRAL, f"[TOOL_CALLS] [{A}]", [READ]),
    (MISTRAL, 'Sure.[TOOL_CALLS]read[ARGS]{"path": "a.py"}', ["Sure.", READ]),
    (MISTRAL, '[TOOL_CALLS]read[CALL_ID]a1b2c3d4e[ARGS]{"path": "a.py"}', [READ]),
    (MISTRAL, '[TOOL_CALLS]read[ARGS]{"path": "a.py"}[TOOL_CALLS]list[ARGS]{}', [READ, LIST]),
    (MISTRAL, "[TOOL_CALLS]no brackets here", [InvalidCall]),
    (MISTRAL, "a[0] and [TOOL", ["a[0] and [TOOL"]),
]


@pytest.mark.parametrize("size", [1, 3, 7, 10_000])
@pytest.mark.parametrize(("family", "text", "expected"), CASES)
def test_parse(family, text, expected, size):
    assert read(family, text, size) == expected


def test_plain_text_streams_at_once():
    parser = CallParser(HERMES)
    assert parser.feed("Hello") == [Text(text="Hello")]
    assert parser.feed(" a <") == [Text(text=" a")]
    assert parser.feed("tool_c") == []
    assert parser.feed("ard>") == [Text(text=" <tool_card>")]


def test_inside_a_call_that_is_not_complete():
    parser = CallParser(HERMES)
    parser.feed("<tool_call>")
    assert parser.inside
    parser.feed(A)
    assert not parser.inside


@pytest.mark.parametrize(
    ("template", "family"),
    [
        ("{{ '<tool_call>' }}", HERMES),
        ("{{ '<tool_call>\n<function=' }}", QWEN_CODER),
        ("{{ '<|python_tag|>' }}", LLAMA3),
        ("{{ '[TOOL_CALLS]' }}", MISTRAL),
        ("{{ messages[0].content }}", HERMES),
    ],
)
def test_detect(template, family):
    assert detect(template) is family
