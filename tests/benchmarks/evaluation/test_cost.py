import pytest

from benchmarks.errors import BenchmarkError
from benchmarks.evaluation.cases import Effort
from benchmarks.evaluation.check.notes import published_check
from benchmarks.evaluation.cost import PUBLISHED_USD, Rates, task_usd
from benchmarks.evaluation.suites.recorded import load_suite
from router.billing.prices import Price, Prices

PRICE = Price(input=3, output=15, cache_read=0.3, cache_write_5m=3.75)
AGENT = Effort(calls=3, prompt=60_000, last_prompt=30_000, output=2_000, measured=True)
ONCE = Effort(calls=1, prompt=1_000, last_prompt=1_000, output=100, measured=True)


def test_an_agents_prefix_is_read_from_the_cache_and_what_is_new_is_written():
    # Three calls of 10k, 20k and 30k tokens, each with 10k that are new.
    calls = 10_000 * 3.75 * 3 + (10_000 + 20_000) * 0.3 + 2_000 * 15
    assert task_usd(AGENT, PRICE) == pytest.approx(calls / 1e6)


def test_a_single_call_caches_nothing():
    assert task_usd(ONCE, PRICE) == pytest.approx((1_000 * 3 + 100 * 15) / 1e6)


def test_a_missing_column_is_unknown_not_free():
    assert task_usd(AGENT, Price(input=3, output=15)) is None
    assert task_usd(ONCE, Price(input=3, output=15)) is not None


def test_an_unknown_model_is_refused():
    with pytest.raises(BenchmarkError, match=r"--price-model: no price is known for 'sonet'; name a model"):
        Rates(model="sonet", prices=Prices()).cloud(ONCE)


def test_long_tasks_of_short_calls_are_not_billed_as_long_prompts():
    # Above 200k tokens in one call this model is dearer; the task has 735k in 51 calls.
    effort = Effort(calls=51, prompt=735_000, last_prompt=24_000, output=0, measured=True)
    assert Rates(model="claude-sonnet-4-5", prices=Prices()).cloud(effort) == pytest.approx(
        (711_000 * 0.3 + 24_000 * 3.75) / 1e6
    )


def test_local_work_costs_what_is_said():
    rates = Rates(model="claude-sonnet-4-5", prices=Prices(), local_usd_per_mtok=0.5)
    assert rates.local(AGENT) == pytest.approx(32_000 * 0.5 / 1e6)
    assert Rates(model="claude-sonnet-4-5", prices=Prices()).local(AGENT) == 0


def test_the_model_lands_near_the_published_cost():
    # Its tokens are those of 59 runs on other issues, scaled to the published number of calls.
    assert published_check(load_suite("swebench")) == pytest.approx(PUBLISHED_USD, rel=0.2)
