"""Formats numbers for people: no false precision, and unknown values are named as such."""

import re
from collections.abc import Iterator
from datetime import date

NOT_KNOWN = "not known"
MINUTE = 60
HOUR = 3600
CENT = 0.01
THOUSAND = 1_000
ROUND_FROM = 100_000
"""Dollars from which cents are left out."""
YEAR = 12
_CODE = re.compile(r"`([\w ./-]+)`", re.ASCII)
MANY_YEARS = 50


def integer(value: float) -> str:
    """Format a count with thousands separators: `12,345`."""
    return f"{value:,.0f}"


def tokens(value: float) -> str:
    """Format tokens: `812`, `45.2k`, `3.1M`, `1.2bn`."""
    for size, unit in ((1e9, "bn"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size * 0.9995:
            return f"{value / size:.1f}{unit}"
    return integer(value)


def usd(value: float | None) -> str:
    """Format dollars and cents; `under $0.01` for less, whole dollars from 100,000."""
    if value is None:
        return NOT_KNOWN
    sign, size = ("-" if value < 0 else ""), abs(value)
    if 0 < size < CENT / 2:
        return "under $0.01"
    return f"{sign}${size:,.0f}" if size >= ROUND_FROM else f"{sign}${size:,.2f}"


def share(part: float, of: float) -> str:
    """Format a share in percent; `none` if `of` is 0. Never rounded to 0% or 100%."""
    if not of:
        return "none"
    percent = 100 * part / of
    if 0 < percent < 1:
        return "under 1%"
    if 99 < percent < 100:  # noqa: PLR2004 - percent
        return "over 99%"
    return f"{percent:.0f}%"


def percent(value: float) -> str:
    """Format a fraction for an axis: `25%`."""
    return f"{value:.0%}"


def seconds(value: float | None) -> str:
    """Format a duration: `0.4 ms`, `380 ms`, `1.9 s`, `3 min 20 s`, `1 h 5 min`."""
    if value is None:
        return NOT_KNOWN
    if value < 0.0095:  # noqa: PLR2004 - shown as less than ten milliseconds
        return f"{1000 * value:.1f} ms"
    if value < 0.9995:  # noqa: PLR2004 - shown as less than a second
        return f"{1000 * value:.0f} ms"
    if value < 59.95:  # noqa: PLR2004 - shown as less than a minute
        return f"{value:.1f} s"
    if round(value) < HOUR:
        minutes, remainder = divmod(round(value), MINUTE)
        return f"{minutes} min {remainder} s"
    hours, remainder = divmod(round(value / MINUTE), MINUTE)
    return f"{hours} h {remainder} min"


def months(value: float) -> str:
    """Format a number of months: `7 months`, `3.4 years`."""
    if value < 1:
        return "less than a month"
    if value < 2 * YEAR:
        return quantity(round(value), "month")
    return f"{value / YEAR:.1f} years" if value < MANY_YEARS * YEAR else "more than 50 years"


def day(when: date) -> str:
    """Format a day for an axis: `Nov 5`."""
    return f"{when:%b} {when.day}"


def long_day(when: date) -> str:
    """Format a day for a sentence: `5 November 2026`."""
    return f"{when.day} {when:%B %Y}"


def quantity(number: float, singular: str, plural: str = "") -> str:
    """Format a number with its noun: `1 request`, `12 requests`."""
    return f"{integer(number)} {singular if number == 1 else plural or singular + 's'}"


def split_code(text: str) -> Iterator[tuple[str, bool]]:
    """Split a sentence at backticks; yields each part, and whether it is code."""
    for index, part in enumerate(_CODE.split(text)):
        if part:
            yield part, index % 2 == 1
