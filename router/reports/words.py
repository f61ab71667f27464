"""How numbers are written for people: no false precision, and what is not known is said so."""

from datetime import date

NOT_KNOWN = "not known"
MINUTE = 60
CENT = 0.01
THOUSAND = 1_000


def whole(value: float) -> str:
    """A count: `12,345`."""
    return f"{value:,.0f}"


def tokens(value: float) -> str:
    """Tokens, in the unit people speak of them: `812`, `45.2k`, `3.1M`, `1.2bn`."""
    for size, unit in ((1e9, "bn"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.1f}{unit}"
    return whole(value)


def usd(value: float | None) -> str:
    """Dollars: whole ones from 1,000 on, cents below, and `less than $0.01` where that is all."""
    if value is None:
        return NOT_KNOWN
    sign = "-" if value < 0 else ""
    size = abs(value)
    if size >= THOUSAND:
        return f"{sign}${size:,.0f}"
    if 0 < size < CENT:
        return f"{sign}less than $0.01" if not sign else "-$0.01 or less"
    return f"{sign}${size:,.2f}"


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


def seconds(value: float | None) -> str:
    """A time: `0.4 ms`, `380 ms`, `1.9 s`, `3 min 20 s`."""
    if value is None:
        return NOT_KNOWN
    if value < 0.01:  # noqa: PLR2004 - ten milliseconds
        return f"{1000 * value:.1f} ms"
    if value < 1:
        return f"{1000 * value:.0f} ms"
    if value < MINUTE:
        return f"{value:.1f} s"
    return f"{value // MINUTE:.0f} min {value % MINUTE:.0f} s"


def day(when: date) -> str:
    """A day under an axis: `Nov 5`."""
    return f"{when:%b} {when.day}"


def long_day(when: date) -> str:
    """A day in a sentence: `5 November 2026`."""
    return f"{when.day} {when:%B %Y}"


def counted(number: float, one: str, many: str = "") -> str:
    """A number with its noun: `1 request`, `12 requests`."""
    return f"{whole(number)} {one if number == 1 else many or one + 's'}"
