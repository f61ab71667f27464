import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.billing.prices import COLUMNS, Price, Prices
from router.settings import DatedPrice, ListPrice
from router.types import Usage

PRICES = Prices()
MODELS = ["claude-sonnet-5-5", "claude-sonnet-4-5", "claude-haiku-4-5"]


def of(*rates: float | None) -> Price:
    return Price(**dict(zip(COLUMNS, rates, strict=True)))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("model", "prompt", "price"),
    [
        ("claude-sonnet-5-5", 0, of(2.0, 10.0, 0.10, 2.50, 4.0)),
        ("claude-sonnet-4-5", 0, of(3.0, 15.0, 0.30, 3.75, 6.0)),
        ("claude-haiku-4-5", 0, of(1.0, 5.0, 0.10, 1.25, 2.0)),
        ("gpt-4o", 0, of(2.5, 10.0, 1.25, None, None)),
        # longer prompts, dearer tiers, where the table has them; the limit itself is still cheap
        ("vertex_ai/claude-sonnet-4-5", 200_000, of(3.0, 15.0, 0.30, 3.75, 6.0)),
        ("vertex_ai/claude-sonnet-4-5", 200_001, of(6.0, 22.5, 0.60, 7.5, 12.0)),
        ("claude-haiku-5-5", 100_001, of(0.5, 2.5, 0.05, 0.625, 1.0)),
        ("claude-sonnet-5-5", 900_000, of(2.0, 10.0, 0.10, 2.50, 4.0)),
    ],
)
def test_prices(model: str, prompt: int, price: Price) -> None:
    assert PRICES.price(model, prompt) == price


@pytest.mark.parametrize(
    "name",
    [
        "anthropic/claude-sonnet-4-5", "Claude-Sonnet-4-5", "claude-sonnet-4-5-20250929",
        "claude-sonnet-4-5-20991231", "claude-sonnet-4-5@20250929", "claude-sonnet-4-5@default",
        "claude-sonnet-4-5-latest", "claude-sonnet-4-5[1m]",
        "anthropic/claude-sonnet-4-5-20991231[1m]",
    ],
)  # fmt: skip
def test_other_names_of_the_same(name: str) -> None:
    assert PRICES.price(name) == PRICES.price("claude-sonnet-4-5")


@pytest.mark.parametrize(
    "name",
    [
        "",
        "auto",
        "local",
        "sample_spec",
        "claude",
        "someone/claude-sonnet-4-5",
        "qwen2.5-coder:14b",
        "@",
        "/",
    ],
)
def test_unknown_is_unknown_never_nothing(name: str) -> None:
    assert PRICES.price(name) is None
    assert PRICES.cost(name, Usage(input=5)) is None
    assert PRICES.cost(name, Usage()) is None


@pytest.mark.parametrize(
    ("model", "usage", "dollars"),
    [
        ("claude-sonnet-4-5", Usage(input=1_000_000), 3.0),
        ("claude-sonnet-4-5", Usage(output=1_000_000), 15.0),
        ("claude-sonnet-4-5", Usage(cache_read=1_000_000), 0.3),
        ("claude-sonnet-4-5", Usage(cache_write_5m=1_000_000), 3.75),
        ("claude-sonnet-4-5", Usage(cache_write_1h=1_000_000), 6.0),
        (
            "claude-sonnet-5-5",
            Usage(input=10, output=20, cache_read=30, cache_write_5m=40, cache_write_1h=50),
            523e-6,
        ),
        ("claude-sonnet-4-5", Usage(), 0.0),
        ("gpt-4o", Usage(input=100, cache_read=100), 375e-6),
        ("gpt-4o", Usage(input=100, cache_write_5m=1), None),
        # 199,000 cached and 2,000 new are a long prompt: 2000*6 + 199000*0.6 + 10*22.5
        ("vertex_ai/claude-sonnet-4-5", Usage(input=2000, cache_read=199_000, output=10), 0.131625),
    ],
)
def test_costs(model: str, usage: Usage, dollars: float | None) -> None:
    assert PRICES.cost(model, usage) == (dollars if dollars is None else pytest.approx(dollars, rel=1e-12))


tokens = st.integers(min_value=0, max_value=20_000)
usages = st.builds(
    Usage, input=tokens, output=tokens, cache_read=tokens, cache_write_5m=tokens, cache_write_1h=tokens
)


@given(st.sampled_from(MODELS), usages, usages, st.integers(min_value=0, max_value=3))
def test_costs_add_up(model: str, first: Usage, other: Usage, times: int) -> None:
    both = Usage(**{c: getattr(first, c) + times * getattr(other, c) for c in COLUMNS})
    parts = PRICES.cost(model, first), PRICES.cost(model, other)
    assert parts[0] is not None
    assert parts[1] is not None
    assert PRICES.cost(model, both) == pytest.approx(parts[0] + times * parts[1])


def test_overrides_come_first_under_any_name_of_the_model() -> None:
    mine = ListPrice(input=1, output=2, cache_read=3, cache_write_5m=4, cache_write_1h=5)
    prices = Prices({"Claude-Sonnet-5-5": mine, "house-model": mine})
    for name in (
        "claude-sonnet-5-5",
        "anthropic/claude-sonnet-5-5",
        "claude-sonnet-5-5-20991231",
        "house-model",
    ):
        assert prices.price(name, 500_000) == of(1, 2, 3, 4, 5)
    assert prices.price("claude-sonnet-4-5") == PRICES.price("claude-sonnet-4-5")


def test_what_is_remembered_of_names_has_an_end() -> None:
    prices = Prices()
    for number in range(3000):
        assert prices.price(f"made-up-{number}") is None
    assert len(prices._periods) <= 1024
    assert prices.price("claude-sonnet-5-5") is not None


def test_litellm_is_read_but_not_imported() -> None:
    check = (
        "import sys; from router.billing.prices import Prices; assert Prices().price('claude-sonnet-5-5');"
        "sys.exit('litellm' in sys.modules)"
    )
    assert (
        subprocess.run([sys.executable, "-c", check], cwd=Path(__file__).parents[3], check=False).returncode
        == 0
    )


ANTHROPIC = [
    "claude-haiku-4-5", "claude-haiku-5-5", "claude-sonnet-4-5", "claude-sonnet-4-6", "claude-sonnet-5",
    "claude-sonnet-5-5", "claude-opus-4-5", "claude-opus-4-6", "claude-opus-4-7", "claude-opus-4-8",
    "claude-opus-5", "claude-opus-5-5",
]  # fmt: skip
READ = {"claude-sonnet-5-5": 0.05, "claude-opus-5-5": 0.05}
"""Cache reads are a tenth of the input's price, but for these."""


@pytest.mark.parametrize("model", ANTHROPIC)
@pytest.mark.parametrize(
    ("terms", "factor"), [("", 1.0), pytest.param("batch", 0.5, id="batch")]
)  # fmt: skip
def test_the_table_keeps_the_providers_published_rules(model: str, terms: str, factor: float) -> None:
    """A 5-minute write is 1.25 times the input, an hour's twice, a read a tenth; a batch is half of each."""
    standard = PRICES.price(model)
    price = PRICES.price(model, terms=terms)
    assert standard is not None
    assert standard.input is not None
    assert standard.output is not None
    assert price is not None
    paid = standard.input * factor
    assert price.input == pytest.approx(paid)
    assert price.output == pytest.approx(standard.output * factor)
    assert price.output == pytest.approx(5 * paid)
    assert price.cache_read == pytest.approx(READ.get(model, 0.1) * paid)
    assert price.cache_write_5m == pytest.approx(1.25 * paid)
    # The table has no price of an hour's write in a batch, so neither have we.
    assert price.cache_write_1h == (None if terms else pytest.approx(2 * paid))


@pytest.mark.parametrize(
    ("model", "above", "dearer"),
    [("vertex_ai/claude-sonnet-4-5", 200_000, (2, 1.5)), ("claude-haiku-5-5", 100_000, (5, 5))],
)
def test_long_context_costs_more_in_every_column(model: str, above: int, dearer: tuple[float, float]) -> None:
    """Twice the input's and one and a half times the output's price, or what the table has."""
    short, long = PRICES.price(model, above), PRICES.price(model, above + 1)
    for column in COLUMNS:
        factor = dearer[1] if column == "output" else dearer[0]
        assert getattr(long, column) == pytest.approx(factor * getattr(short, column)), column


@pytest.mark.parametrize(
    ("model", "terms", "price"),
    [
        ("claude-opus-5-5", "fast", of(8.0, 40.0, 0.4, 10.0, 16.0)),
        ("claude-opus-5-5", "us", of(4.4, 22.0, 0.22, 5.5, 8.8)),
        ("claude-opus-5-5", "fast us", of(8.8, 44.0, 0.44, 11.0, 17.6)),
        ("claude-opus-5-5", "batch us", of(2.2, 11.0, 0.11, 2.75, None)),
        ("gpt-5.1", "flex", of(0.625, 5.0, 0.0625, None, None)),
        ("gpt-5.1", "priority", of(2.5, 20.0, 0.25, None, None)),
        ("claude-haiku-5-5", "batch", of(0.05, 0.25, 0.005, 0.0625, None)),
        # What is sold by commitment, or not sold at all, has no price here
        ("claude-opus-5-5", "priority", None),
        ("claude-sonnet-4-5", "fast", None),
        ("gpt-4o", "no-such-terms", None),
    ],
)
def test_terms_of_service_have_prices_of_their_own(model: str, terms: str, price: Price | None) -> None:
    assert PRICES.price(model, terms=terms) == price
    cost = PRICES.cost(model, Usage(input=1000, terms=terms))
    assert cost == (None if price is None or price.input is None else pytest.approx(price.input / 1000))


def test_long_context_in_a_batch() -> None:
    assert PRICES.price("claude-haiku-5-5", 100_001, terms="batch") == of(0.25, 1.25, 0.025, 0.3125, None)


def dated(since: str | None, rate: float) -> DatedPrice:
    rates = dict.fromkeys(COLUMNS, rate)
    return DatedPrice.model_validate({"from": since, **rates})


def moment(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("at", "rate"),
    [
        ("2025-12-31T23:59:59", 2.0),  # the table's own price before the first day
        ("2026-01-01T00:00:00", 7.0),
        ("2026-06-30T23:59:59", 7.0),
        ("2026-07-01T00:00:00", 8.0),
        ("2036-07-01T00:00:00", 8.0),
    ],
)
def test_what_holds_is_the_price_at_the_time_of_the_request(at: str, rate: float) -> None:
    prices = Prices({"claude-sonnet-5-5": [dated("2026-07-01", 8), dated("2026-01-01", 7)]})
    for name in ("claude-sonnet-5-5", "anthropic/claude-sonnet-5-5", "claude-sonnet-5-5-20991231"):
        assert prices.cost(name, Usage(input=1_000_000), at=moment(at)) == rate
    assert prices.cost("claude-sonnet-4-5", Usage(input=1_000_000), at=moment(at)) == 3.0


def test_a_price_without_a_day_holds_before_the_others() -> None:
    prices = Prices({"house": [dated(None, 1), dated("2026-07-01", 8)]})
    assert prices.cost("house", Usage(input=1_000_000), at=moment("2001-01-01T00:00:00")) == 1.0
    assert prices.cost("house", Usage(input=1_000_000), at=moment("2026-07-02T00:00:00")) == 8.0
    only_later = Prices({"house": [dated("2026-07-01", 8)]})
    assert only_later.cost("house", Usage(input=1), at=moment("2026-06-30T00:00:00")) is None


def test_without_a_time_it_is_now() -> None:
    today = datetime.now(UTC).date()
    tomorrow = date.fromordinal(today.toordinal() + 2).isoformat()
    prices = Prices({"house": [dated(today.isoformat(), 1), dated(tomorrow, 8)]})
    assert prices.cost("house", Usage(input=1_000_000)) == 1.0


def test_a_price_set_by_hand_is_of_the_standard_terms() -> None:
    mine = ListPrice(input=1, output=2, cache_read=3, cache_write_5m=4, cache_write_1h=5)
    prices = Prices({"claude-opus-5-5": mine, "claude-opus-5-5:priority": mine, "house": mine})
    assert prices.price("claude-opus-5-5") == of(1, 2, 3, 4, 5)
    assert prices.price("anthropic/claude-opus-5-5", terms="priority") == of(1, 2, 3, 4, 5)
    assert prices.price("claude-opus-5-5", terms="fast") == PRICES.price("claude-opus-5-5", terms="fast")
    assert prices.price("house", terms="flex") is None


def test_a_price_set_for_a_model_holds_for_its_dated_name_in_the_table_too() -> None:
    mine = ListPrice(input=1, output=2, cache_read=3, cache_write_5m=4, cache_write_1h=5)
    assert "claude-sonnet-4-5-20250929" in PRICES._table
    assert Prices({"claude-sonnet-4-5": mine}).price("claude-sonnet-4-5-20250929") == of(1, 2, 3, 4, 5)
