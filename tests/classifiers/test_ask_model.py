"""The shipped model: what serves says what was trained, for any text; a damaged file is refused in words."""

from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classifiers.ask_model import (
    EARLIER_ROOM,
    END,
    SHIPPED,
    TOKENS,
    AskModelRefused,
    load,
    shipped,
    tokens,
)

MODEL = shipped()
CLOSE = 0.04
"""Between 32-bit weights in training and 8-bit weights in service."""


@pytest.mark.parametrize(("ask", "earlier", "trained"), MODEL.card["probes"])
def test_it_says_what_the_trained_network_said(ask: str, earlier: list[str], trained: float) -> None:
    assert MODEL.predict(ask, earlier).self_contained == pytest.approx(trained, abs=CLOSE)


@pytest.mark.parametrize(
    "ask",
    [
        "Write a Python function that returns the n-th Fibonacci number.",
        "Schreibe eine Funktion in Go, die prüft, ob ein Wort ein Palindrom ist.",
        "用 Java 写一个函数来判断一个整数是否为质数。",
        "How do I center a div with flexbox?",
        "что такое замыкание в javascript",
    ],
)
def test_self_contained_asks(ask: str) -> None:
    assert MODEL.predict(ask).self_contained > 0.5


@pytest.mark.parametrize(
    "ask",
    [
        "add a dark mode toggle to the settings page",
        "Rename `Cart.total` to `Cart.sum` everywhere and update its tests.",
        "warum schlägt unser Build seit gestern fehl?",
        "修复我们登录页面的错误",
        "куда наш проект пишет свои логи",
    ],
)
def test_asks_that_need_the_repository(ask: str) -> None:
    assert MODEL.predict(ask).self_contained < 0.5


@settings(max_examples=40, deadline=None)
@given(st.text(st.characters(), max_size=400))
def test_any_text_is_judged(ask: str) -> None:
    assert 0 < MODEL.predict(ask).self_contained < 1


@pytest.mark.parametrize("ask", ["", " ", "\0", "\ud83d", "😀" * 5_000, "x" * 1_000_000, "```\n" * 9_000])
def test_odd_text_is_judged(ask: str) -> None:
    assert 0 < MODEL.predict(ask).self_contained < 1


def test_what_a_long_ask_begins_and_ends_with_is_read() -> None:
    numbers = tokens(MODEL.tokenizer, LONG).numbers
    assert len(numbers) == TOKENS
    ending = tokens(MODEL.tokenizer, "finish").numbers
    assert numbers[-3:] == ending[-3:]


LONG = "start " + "word " * 5_000 + "\nfinish"


def test_of_a_long_ask_after_long_ones_both_are_read_and_no_more_than_fits() -> None:
    cut = tokens(MODEL.tokenizer, LONG, [LONG] * 9)
    assert len(cut.numbers) <= TOKENS
    assert TOKENS - EARLIER_ROOM <= cut.own < TOKENS
    assert cut.numbers[cut.own - 3 : cut.own] == tokens(MODEL.tokenizer, "finish").numbers[-3:]


def test_the_newest_of_the_earlier_asks_are_read() -> None:
    def alone(text: str) -> list[int]:
        return [*MODEL.tokenizer.encode(text), END]

    cut = tokens(MODEL.tokenizer, "why?", ["first", "second"])
    assert cut.numbers[cut.own :] == alone("second") + alone("first")
    many = tokens(MODEL.tokenizer, "why?", [*["word " * 12] * 9, "second"])
    assert many.numbers[many.own :][: len(alone("second"))] == alone("second")


def test_a_short_ask_leaves_its_room_to_the_earlier_ones() -> None:
    earlier = ["word " * 12] * 9
    cut = tokens(MODEL.tokenizer, "why?", earlier)
    assert len(cut.numbers) - cut.own > EARLIER_ROOM
    assert TOKENS - 16 <= len(cut.numbers) <= TOKENS


@pytest.mark.parametrize("ask", ["why?", "\u7ee7\u7eed", "ja, mach das", "make it shorter"])
def test_what_goes_on_is_judged_by_what_it_goes_on_from(ask: str) -> None:
    general = MODEL.predict(ask, ["Write a function that merges two sorted lists."])
    ours = MODEL.predict(ask, ["the invoice page shows the wrong total since yesterday"])
    assert general.goes_on > 0.5 < ours.goes_on
    assert general.self_contained > 0.5 > ours.self_contained


@pytest.mark.parametrize(
    "ask",
    [
        "fix the login page",
        "\u4fee\u590d\u6211\u4eec\u767b\u5f55\u9875\u9762\u7684\u9519\u8bef",
        "unser Build schlägt seit gestern fehl",
    ],
)
def test_a_new_subject_is_judged_by_itself(ask: str) -> None:
    reading = MODEL.predict(ask, ["Write a function that validates an email address.", "in Go please"])
    assert reading.goes_on < 0.5 > reading.self_contained


EXPORT = "the export button on the reports page does nothing since the last deploy"
DEBOUNCE = "what's the difference between debounce and throttle?"


@pytest.mark.parametrize(
    ("ask", "earlier", "kept"),
    [
        (
            "ok back to the export button: is there a test for it",
            [EXPORT, "why?", DEBOUNCE, "and in React?"],
            1,
        ),
        ("nochmal zum Debounce: wie in React?", [DEBOUNCE, "unser Build schl\u00e4gt fehl"], 1),
        ("and in React?", [EXPORT, DEBOUNCE], 2),
        ("and in React?", [EXPORT], 1),
        ("", ["", ""], 2),
        ("regex for a UK postcode", [], 0),
    ],
)
def test_an_ask_that_returns_is_read_without_what_came_between(
    ask: str, earlier: list[str], kept: int
) -> None:
    assert MODEL.of_its_subject(ask, earlier) == earlier[:kept]
    assert MODEL.predict(ask, earlier).self_contained == MODEL.predict(ask, earlier[:kept]).self_contained


def test_an_ask_that_returns_does_not_go_on_from_the_last() -> None:
    reading = MODEL.predict("back to the export button: is there a test for it", [EXPORT, DEBOUNCE])
    assert reading.goes_on == 0
    assert reading.self_contained < 0.5


def test_a_first_ask_goes_on_from_none() -> None:
    assert MODEL.predict("why?").goes_on == 0


@pytest.mark.parametrize("content", [b"", b"not an archive", b"PK\x03\x04broken"])
def test_a_damaged_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.npz"
    path.write_bytes(content)
    with pytest.raises(AskModelRefused, match="cannot be read"):
        load(path)


def test_a_bias_for_one_of_two_things_is_refused(tmp_path: Path) -> None:
    with np.load(str(files("classifiers").joinpath(SHIPPED))) as archive:
        numbers = {key: archive[key] for key in archive.files}
    np.savez(tmp_path / "model.npz", **(numbers | {"head.b2": numbers["head.b2"][0]}))
    with pytest.raises(AskModelRefused, match="another number of things"):
        load(tmp_path / "model.npz")


@pytest.mark.parametrize("name", ["scores", "position", "0.attend", "head.w1", "table"])
def test_a_file_whose_numbers_do_not_fit_is_refused(tmp_path: Path, name: str) -> None:
    with np.load(str(files("classifiers").joinpath(SHIPPED))) as archive:
        numbers = {key: archive[key] for key in archive.files}
    np.savez(tmp_path / "model.npz", **(numbers | {name: numbers[name][:10]}))
    with pytest.raises(AskModelRefused, match="cannot be read"):
        load(tmp_path / "model.npz")


def test_an_array_alone_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "model.npy", np.zeros(3))
    with pytest.raises(AskModelRefused, match="cannot be read"):
        load(tmp_path / "model.npy")


def test_another_version_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "model.npz", card=np.frombuffer(b'{"format": 0}', np.uint8))
    with pytest.raises(AskModelRefused, match=r"format 0.*train-asks"):
        load(tmp_path / "model.npz")


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AskModelRefused, match="cannot be read"):
        load(tmp_path / "none.npz")
