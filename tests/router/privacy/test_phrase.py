"""Words of a pattern are near where any form of the text may have them side by side."""

import json

import pytest

from policies.load import parse
from router.privacy.matcher import Matcher

FENCE = parse(
    "name: p\notherwise: {to: cloud, why: a}\n"
    'never_cloud: {match: ["(?i)board minutes", "(?i)red\\\\s+falcon"]}\n',
    source="p.yaml",
).never_cloud
MATCHER = Matcher([FENCE])


@pytest.mark.parametrize(
    "text",
    [
        "the Board Minutes of May",
        "board\n  12\tminutes",
        "board\\nminutes",
        "<b>board</b> <i>minutes</i>",
        "&lt;b&gt;board&lt;/b&gt;&nbsp;minutes",
        "board%20minutes",
        "board%2520minutes",
        "board\\u0020minutes",
        "**board** _minutes_",
        "board\x1b[31m minutes",
        "[board](https://a.example/b) minutes",
        "board <!-- of the firm --> minutes",
        "boa\u200brd minutes",
        "red\u00a0falcon",
    ],
)
def test_words_that_may_be_read_side_by_side(text):
    assert MATCHER.find_candidates([json.dumps({"content": text}).encode()]) == [0]
    assert MATCHER.find_candidates([json.dumps({"content": text}, ensure_ascii=False).encode()]) == [0]
    assert MATCHER.find_candidates([json.dumps({"arguments": json.dumps({"a": text})}).encode()]) == [0]


def test_one_string_after_another():
    blocks = [{"type": "text", "text": "the board"}, {"type": "text", "text": "minutes follow"}]
    assert MATCHER.find_candidates([json.dumps(blocks).encode()]) == [0]


@pytest.mark.parametrize(
    "text",
    ["the board takes minutes", "minutes of the board meeting", "keyboards of the board"],
)
def test_words_that_stand_elsewhere(text):
    assert MATCHER.find_candidates([json.dumps({"content": text}).encode()]) == []


def test_which_of_many():
    raws = [b'"a board"', b'"board minutes"', b"", b'"red falcon"', b'"nothing"', b'"BOARD  MINUTES"']
    assert MATCHER.find_candidates(raws) == [1, 3, 5]
