"""An ask in short, and the signs of its form."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifiers.ask_text import SIGNS, condense, signs

CODE = "\n".join(f"    line_{number} = compute({number})" for number in range(40))


def sign(name: str, ask: str) -> float:
    return signs(ask)[SIGNS.index(name)]


def test_prose_stays_and_code_is_cut() -> None:
    short = condense(f"Why is this slow?\n\n```python\n{CODE}\n```\nIt takes a minute.")
    assert short.startswith("Why is this slow?")
    assert short.endswith("It takes a minute.")
    assert "line_0" in short
    assert "line_20" not in short
    assert "…" in short


def test_code_without_a_fence_is_cut_too() -> None:
    assert "line_20" not in condense(f"Why is this slow?\n{CODE}\nIt takes a minute.")


@pytest.mark.parametrize(
    "ask",
    [
        "Fix the login page, and tell me why it broke.",
        "- one thing that I want to have\n- another thing that I want to have\n- a third thing of this kind",
        "为什么我们的测试在 CI 上失败\uff1f",
        "Bitte schreibe eine Funktion.\n\nSie soll eine Liste umdrehen.",
    ],
)
def test_prose_is_left_as_it_is(ask: str) -> None:
    assert condense(ask) == ask
    assert sign("code lines", ask) == 0


@pytest.mark.parametrize(
    ("name", "yes", "no"),
    [
        ("fenced", "```\nx\n```", "x"),
        ("one line", "sort a list", "sort\na list"),
        ("speaks of us", "why do our tests fail", "why do tests fail"),
        ("speaks of us", "warum ist unser Build rot", "warum ist ein Build rot"),
        ("speaks of us", "我们的测试", "测试"),
        ("paths", "look at src/app/main.py", "look at main"),
        ("folders", "look at src/app/main.py", "look at main.py"),
        ("identifiers pasted", "what does do_it do\n\ndef do_it(x):\n    return x", "what does do_it do"),
        ("identifiers not pasted", "what does do_it do", "what does\n\ndef do_it(x):\n    return x"),
        ("marked as code, not pasted", "rename `total`", "rename total"),
        ("stack trace", "ValueError: no\n", "an error"),
        ("stack trace", "Traceback (most recent call last):\n", "a trace"),
        ("versions", "since 2.14.1 it fails", "since May it fails"),
        ("tickets", "fix #4711", "fix it"),
        ("tickets", "do PAY-218", "do it"),
        ("links", "see https://example.org", "see the docs"),
        ("ends asking", "why?", "why"),
        ("ends asking", "为什么\uff1f", "为什么"),
        ("asks", "Why? It broke.", "It broke."),
        ("definitions pasted", "def f(x):\n    return x\nwhat is it", "define what it is"),
        ("list items", "1. one\n2. two", "one two"),
        ("headings", "## Steps\nopen it", "Steps: open it"),
        ("ends with a colon", "explain:", "explain"),
        ("shell or interpreter session", "$ make\nfails", "make fails"),
        ("diff", "@@ -1 +1 @@\n-a\n+b\nok", "a became b"),
        ("quotes", 'it says "no"', "it says no"),
    ],
)
def test_a_sign_shows_where_it_stands(name: str, yes: str, no: str) -> None:
    assert sign(name, yes) > 0
    assert sign(name, no) == 0


@given(st.text(max_size=300))
def test_any_text_has_signs(ask: str) -> None:
    values = signs(ask)
    assert len(values) == len(SIGNS)
    assert all(-6 <= value <= 8 for value in values)
    condense(ask)
