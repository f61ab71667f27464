"""How numbers are written for people: no false precision, and what is not known is said so."""

import re
from collections.abc import Iterator
from datetime import date

NOT_KNOWN = "not known"
MINUTE = 60
HOUR = 3600
CENT = 0.01
THOUSAND = 1_000
ROUND_FROM = 100_000
"""Dollars from which on cents are left out."""
YEAR = 12
_CODE = re.compile(r"`([\w ./-]+)`", re.ASCII)
MANY_YEARS = 50


def whole(value: float) -> str:
    """A count: `12,345`."""
    return f"{value:,.0f}"


def tokens(value: float) -> str:
    """Tokens, in the unit people speak of them: `812`, `45.2k`, `3.1M`, `1.2bn`."""
    for size, unit in ((1e9, "bn"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size * 0.9995:
            return f"{value / size:.1f}{unit}"
    return whole(value)


def usd(value: float | None) -> str:
    """Dollars and cents; `under $0.01` where that is all, whole dollars from 100,000 on."""
    if value is None:
        return NOT_KNOWN
    sign, size = ("-" if value < 0 else ""), abs(value)
    if 0 < size < CENT / 2:
        return "under $0.01"
    return f"{sign}${size:,.0f}" if size >= ROUND_FROM else f"{sign}${size:,.2f}"


def share(part: float, of: float) -> str:
    """A share in percent; `none` of nothing. Never rounded to 0% or 100% where it is not."""
    if not of:
        return "none"
    percent = 100 * part / of
    if 0 < percent < 1:
        return "under 1%"
    if 99 < percent < 100:  # noqa: PLR2004 - percent
        return "over 99%"
    return f"{percent:.0f}%"


def percent(value: float) -> str:
    """A share on an axis."""
    return f"{value:.0%}"


def seconds(value: float | None) -> str:
    """A time: `0.4 ms`, `380 ms`, `1.9 s`, `3 min 20 s`, `1 h 5 min`."""
    if value is None:
        return NOT_KNOWN
    if value < 0.0095:  # noqa: PLR2004 - shown as less than ten milliseconds
        return f"{1000 * value:.1f} ms"
    if value < 0.9995:  # noqa: PLR2004 - shown as less than a second
        return f"{1000 * value:.0f} ms"
    if value < 59.95:  # noqa: PLR2004 - shown as less than a minute
        return f"{value:.1f} s"
    if round(value) < HOUR:
        minutes, rest = divmod(round(value), MINUTE)
        return f"{minutes} min {rest} s"
    hours, rest = divmod(round(value / MINUTE), MINUTE)
    return f"{hours} h {rest} min"


def months(value: float) -> str:
    """How long until something is paid: `7 months`, `3.4 years`."""
    if value < 1:
        return "less than a month"
    if value < 2 * YEAR:
        return counted(round(value), "month")
    return f"{value / YEAR:.1f} years" if value < MANY_YEARS * YEAR else "more than 50 years"


def day(when: date) -> str:
    """A day under an axis: `Nov 5`."""
    return f"{when:%b} {when.day}"


def long_day(when: date) -> str:
    """A day in a sentence: `5 November 2026`."""
    return f"{when.day} {when:%B %Y}"


def counted(number: float, one: str, many: str = "") -> str:
    """A number with its noun: `1 request`, `12 requests`."""
    return f"{whole(number)} {one if number == 1 else many or one + 's'}"


def codes(text: str) -> Iterator[tuple[str, bool]]:
    """Take a sentence apart: what stands between backticks, such as a setting's name, is code."""
    for at, part in enumerate(_CODE.split(text)):
        if part:
            yield part, at % 2 == 1
