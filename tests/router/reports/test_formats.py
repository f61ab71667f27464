from datetime import date

import pytest

from router.reports import formats


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "not known"),
        (0, "$0.00"),
        (0.001, "under $0.01"),
        (0.005, "$0.01"),
        (12.345, "$12.35"),
        (-3.1, "-$3.10"),
        (1234.5, "$1,234.50"),
        (123456.7, "$123,457"),
    ],
)
def test_dollars(value, text):
    assert formats.usd(value) == text


@pytest.mark.parametrize(
    ("part", "of", "text"),
    [
        (0, 0, "none"),
        (0, 5, "0%"),
        (5, 5, "100%"),
        (1, 1000, "under 1%"),
        (999, 1000, "over 99%"),
        (1, 3, "33%"),
    ],
)
def test_shares_are_never_rounded_to_nothing_or_everything(part, of, text):
    assert formats.share(part, of) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "not known"),
        (0.0004, "0.4 ms"),
        (0.0099, "10 ms"),
        (0.38, "380 ms"),
        (0.9999, "1.0 s"),
        (59.99, "1 min 0 s"),
        (200, "3 min 20 s"),
        (119.7, "2 min 0 s"),
        (3599.8, "1 h 0 min"),
        (3900, "1 h 5 min"),
    ],
)
def test_times_never_show_sixty_of_anything(value, text):
    assert formats.seconds(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(812, "812"), (45_200, "45.2k"), (999_999, "1.0M"), (3.1e6, "3.1M"), (1.2e9, "1.2bn")]
)
def test_tokens(value, text):
    assert formats.tokens(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.3, "less than a month"),
        (1.2, "1 month"),
        (7, "7 months"),
        (40, "3.3 years"),
        (900, "more than 50 years"),
    ],
)
def test_months(value, text):
    assert formats.months(value) == text


def test_days_and_counts():
    assert formats.day(date(2026, 11, 5)) == "Nov 5"
    assert formats.long_day(date(2026, 11, 5)) == "5 November 2026"
    assert formats.quantity(1, "request") == "1 request"
    assert formats.quantity(1200, "request") == "1,200 requests"


def test_only_what_looks_like_a_name_is_code():
    assert list(formats.split_code("set `local.watts` in `a<b>` now")) == [
        ("set ", False),
        ("local.watts", True),
        (" in `a<b>` now", False),
    ]
