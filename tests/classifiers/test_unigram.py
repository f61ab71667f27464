"""The tokenizer: the likeliest cut, whatever the script; it never fails."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifiers.unigram import Unigram

PIECES = {
    "\u2581": (1, -3.0),
    "\u2581re": (2, -5.0),
    "\u2581rev": (3, -7.0),
    "verse": (4, -6.0),
    "erse": (5, -6.5),
    "\u2581reverse": (6, -11.5),
    "s": (7, -4.0),
    "列": (8, -6.0),
    "列表": (9, -8.0),
    "表": (10, -6.0),
    "1": (11, -4.0),
}
TOKENIZER = Unigram(PIECES, unknown=0)


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("", []),
        (" \n\t ", []),
        ("reverse", [2, 4]),  # -11.0 beats the whole word's -11.5, and rev + erse
        ("  reverse \n reverses ", [2, 4, 2, 4, 7]),
        ("列表", [1, 9]),
        ("\uff11", [1, 11]),  # full width, by NFKC
        ("\u32ff " * 3, [1, 0] * 3),  # one character that becomes two
        ("\u3316" * 3, [1, 0]),  # and one that becomes six
        ("q", [1, 0]),
        ("qqqq", [1, 0]),  # one unknown, however long
        ("qsq", [1, 0, 7, 0]),
        ("\ud83d", [1, 0]),
    ],
)
def test_the_likeliest_cut(text: str, numbers: list[int]) -> None:
    assert TOKENIZER.encode(text) == numbers


@given(st.text(st.characters(), max_size=80))
def test_any_text_is_cut_the_same_way_twice(text: str) -> None:
    numbers = TOKENIZER.encode(text)
    assert numbers == Unigram(PIECES, unknown=0).encode(text)
    assert all(0 <= number <= 11 for number in numbers)


def test_one_endless_word_is_cut_short() -> None:
    assert len(TOKENIZER.encode("s" * 1_000_000)) <= 401


@given(st.lists(st.sampled_from(["reverse", "s", "列表", "q", "reverses"]), max_size=60))
def test_the_ends_are_those_of_the_whole(words: list[str]) -> None:
    text = " ".join(words)
    whole_text = TOKENIZER.encode(text)
    ends = TOKENIZER.encode_ends(text, 7, 3)
    assert ends == (whole_text if len(whole_text) <= 10 else [*whole_text[:7], *whole_text[-3:]])
