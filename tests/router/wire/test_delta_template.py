"""Blocks that differ in one string: what is read by the template is what a parse would read."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.wire.sse import DeltaTemplate


def block(text, key="content", spelling=json.dumps, tail=""):
    return f'data: {{"id": "c", "delta": {{"{key}": {spelling(text)}}}{tail}}}'.encode()


@given(first=st.text(min_size=1), text=st.text())
def test_any_text_is_read_as_it_is_written(first, text):
    template = DeltaTemplate()
    template.learn(block(first), first)
    for spelling in (json.dumps, lambda value: msgspec.json.encode(value).decode()):
        seen = template.text_of(block(text, spelling=spelling))
        assert seen == (text if template.key else None)


LEARNED = block("first")
OTHERS = [
    block("x", key="refusal"),
    block("x", tail=', "usage": {}'),
    b'data: {"id": "c", "delta": {"content": "x", "role": "y"}}',
    b'data: {"id": "c", "delta": {"content": "x"}, "b": {"c": "y"}}',
    b'data: {"id": "c", "delta": {"content": "x\\"}}',
    b'data: {"id": "c", "delta": {"content": "\xff"}}',
    b'data: {"id": "c", "delta": {"content": "}}',
    b'data: {"id": "c", "delta": {"content": null}}',
    b'data: {"id": "c", "delta": {"content": "x"}}\n: more',
    b"data: [DONE]",
    b"",
]


@pytest.mark.parametrize("other", OTHERS)
def test_what_differs_elsewhere_is_parsed(other):
    template = DeltaTemplate()
    assert template.text_of(LEARNED) is None
    template.learn(LEARNED, "first")
    assert (template.key, template.text_of(LEARNED)) == ("content", "first")
    assert template.text_of(other) is None
    template.forget()
    assert template.text_of(LEARNED) is None


@pytest.mark.parametrize(
    ("sample", "text"),
    [
        (block("content"), "content"),
        (b'data: {"delta": {"content": "\\u0061"}}', "a"),
        (b'data: {"delta": ["a"]}', "a"),
    ],
)
def test_what_is_no_template(sample, text):
    template = DeltaTemplate()
    template.learn(sample, text)
    assert template.text_of(sample) is None


def test_a_frame_that_always_changes_is_given_up():
    template = DeltaTemplate()
    for n in range(9):
        template.learn(block("x", tail=f', "n": {n}'), "x")
    assert template.key == ""
