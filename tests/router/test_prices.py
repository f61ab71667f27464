import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.prices import COLUMNS, Price, Prices
from router.settings import Price as SetPrice
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
def test_costs_add_up(model: str, one: Usage, other: Usage, times: int) -> None:
    both = Usage(**{c: getattr(one, c) + times * getattr(other, c) for c in COLUMNS})
    parts = PRICES.cost(model, one), PRICES.cost(model, other)
    assert parts[0] is not None
    assert parts[1] is not None
    assert PRICES.cost(model, both) == pytest.approx(parts[0] + times * parts[1])


def test_overrides_come_first_under_any_name_of_the_model() -> None:
    mine = SetPrice(input=1, output=2, cache_read=3, cache_write_5m=4, cache_write_1h=5)
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
    assert len(prices._known) <= 1024
    assert prices.price("claude-sonnet-5-5") is not None


def test_litellm_is_read_but_not_imported() -> None:
    check = (
        "import sys; from router.prices import Prices; assert Prices().price('claude-sonnet-5-5');"
        "sys.exit('litellm' in sys.modules)"
    )
    assert (
        subprocess.run([sys.executable, "-c", check], cwd=Path(__file__).parents[2], check=False).returncode
        == 0
    )
