"""One line of the checklist."""

from dataclasses import dataclass
from typing import Literal

Level = Literal["green", "yellow", "red"]
"""In order; works; something will be missed; does not work."""
LEVELS: tuple[Level, ...] = ("green", "yellow", "red")


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """What was looked at, and what was found."""

    name: str
    level: Level
    text: str
    """What is there; else what is wrong, and the remedy."""


def green(name: str, text: str) -> Check:
    """All is well."""
    return Check(name=name, level="green", text=text)


def yellow(name: str, text: str) -> Check:
    """It works, and something will be missed."""
    return Check(name=name, level="yellow", text=text)


def red(name: str, text: str) -> Check:
    """It does not work."""
    return Check(name=name, level="red", text=text)


def found_or(name: str, problem: str, text: str) -> Check:
    """Red with the problem, else green with what was found."""
    return red(name, problem) if problem else green(name, text)


def worst(checks: list[Check]) -> Level:
    """The level of the whole list."""
    return max((check.level for check in checks), key=LEVELS.index, default="green")
