"""`router.billing.bill`: bills worked out by hand, in dollars per million tokens times tokens.

claude-sonnet-5-5: input 2, output 10, read 0.10, write 2.50 (5 minutes) and 4.00 (1 hour).
claude-sonnet-4-5: input 3, output 15, read 0.30, write 3.75 and 6.00.
"""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from router.billing.bill import AS_SERVED, ASKED_LOCAL, NOTHING, USUAL, WARM, Billing
from router.billing.local_cost import LocalCost
from router.billing.prices import Prices
from router.ledger import LedgerStore
from router.settings import DatedPrice
from router.types import Attempt, Outcome, Plan, Usage

BILLING = Billing(Prices(), "claude-sonnet-5-5")

ROW: dict[str, Any] = {
    "operation": "generate", "begun_at": 1.7e9, "asked_model": "claude-sonnet-5-5", "context_tokens": 0,
    "served_track": "cloud", "served_model": "claude-sonnet-5-5", "attempts": "[]", "usage_estimated": False,
    "input": 0, "output": 0, "cache_read": 0, "cache_write_5m": 0, "cache_write_1h": 0,
}  # fmt: skip
MIXED = {
    "input": 1000, "output": 500, "cache_read": 40_000, "cache_write_5m": 2000, "cache_write_1h": 1000,
}  # fmt: skip
LOCAL = {"served_track": "local", "served_model": "qwen"}
TOKENS = {"input": 10_000, "output": 1000}
SLOW = {"track": "cloud", "model": "claude-sonnet-5-5", "cause": "slow", "status": 504, "seconds": 30.0}
SERVED = {**SLOW, "cause": "", "status": 200}
AT_HOME = json.dumps([{**SERVED, "track": "local", "model": "qwen"}])
REFUSED = {**SLOW, "cause": "cloud_error", "status": 529}


@pytest.mark.parametrize(
    ("changed", "cached", "cost", "model", "baseline"),
    [
        # 1000*2 + 500*10 + 40000*0.1 + 2000*2.5 + 1000*4 = 2000+5000+4000+5000+4000
        (MIXED, 0, 0.020, "claude-sonnet-5-5", 0.020),
        # Asked for the dearer one: 1000*3 + 500*15 + 40000*0.3 + 2000*3.75 + 1000*6 = 36000
        ({**MIXED, "asked_model": "claude-sonnet-4-5"}, 0, 0.020, "claude-sonnet-4-5", 0.036),
        # Asked for nothing with a price: the default stands in
        ({**MIXED, "asked_model": "auto"}, 0, 0.020, "claude-sonnet-5-5", 0.020),
        ({**MIXED, "asked_model": "cloud"}, 0, 0.020, "claude-sonnet-5-5", 0.020),
        # Local costs no tokens; 10000*2 + 1000*10
        ({**LOCAL, **TOKENS}, 0, 0.0, "claude-sonnet-5-5", 0.030),
        # ... of which 8000 would have come from a warm cache: 2000*2 + 8000*0.1 + 1000*10
        ({**LOCAL, **TOKENS}, 8000, 0.0, "claude-sonnet-5-5", 0.0148),
        # The engine's own prefix hits are not the cloud's
        ({**LOCAL, "input": 1000, "cache_read": 9000, "output": 1000}, 0, 0.0, "claude-sonnet-5-5", 0.030),
        # Who asks for local has saved nothing, and pays when it had to go out
        ({**LOCAL, **TOKENS, "asked_model": "local"}, 0, 0.0, "local", 0.0),
        ({**TOKENS, "asked_model": "turnout/local"}, 0, 0.030, "local", 0.0),
        ({**LOCAL, **TOKENS, "asked_model": "litellm_proxy/local:latest"}, 0, 0.0, "local", 0.0),
        ({**LOCAL, **TOKENS, "asked_model": "openai/Qwen"}, 0, 0.0, "local", 0.0),
        # Unknown is unknown, on its own side only
        ({**TOKENS, "served_model": "nobody-knows"}, 0, None, "claude-sonnet-5-5", 0.030),
        ({**TOKENS, "asked_model": "gpt-4o"}, 0, 0.030, "gpt-4o", 0.035),
        ({**MIXED, "asked_model": "gpt-4o"}, 0, 0.020, "gpt-4o", None),
        # A stream that ended before it told its usage
        ({"usage_estimated": True}, 0, None, "claude-sonnet-5-5", None),
        ({**LOCAL, "usage_estimated": True}, 0, 0.0, "claude-sonnet-5-5", None),
        # An error costs nothing, whatever the model
        ({"served_model": "nobody-knows"}, 0, 0.0, "claude-sonnet-5-5", 0.0),
        # Counting is free
        ({**TOKENS, "operation": "count"}, 0, 0.0, "", 0.0),
        # What we hung up on was read, and is billed to us: 10000*2 more
        ({**TOKENS, "attempts": json.dumps([SLOW])}, 0, 0.050, "claude-sonnet-5-5", 0.030),
        ({**LOCAL, **TOKENS, "attempts": json.dumps([SLOW])}, 0, 0.020, "claude-sonnet-5-5", 0.030),
        ({"context_tokens": 5000, "attempts": json.dumps([SLOW])}, 0, 0.010, "claude-sonnet-5-5", 0.0),
        ({**TOKENS, "attempts": json.dumps([{**SLOW, "model": "x"}])}, 0, None, "claude-sonnet-5-5", 0.030),
        ({**TOKENS, "attempts": json.dumps([REFUSED])}, 0, 0.030, "claude-sonnet-5-5", 0.030),
    ],
)  # fmt: skip
def test_bills(
    changed: dict[str, Any], cached: int, cost: float | None, model: str, baseline: float | None
) -> None:
    bill = BILLING.bill({**ROW, **changed}, cached)
    assert bill.cost_usd == (cost if cost is None else pytest.approx(cost, abs=1e-12))
    assert bill.baseline_model == model
    assert bill.baseline_usd == (baseline if baseline is None else pytest.approx(baseline, abs=1e-12))


USED = {"input": 10_000, "output": 100, "estimated": True}
CUT = {**SLOW, "cause": "cloud_error", "status": 502, "usage": USED}
"""An attempt that the provider bills: 10000*2 + 100*10."""
ODD = {"served_model": "nobody-knows"}
NAMELESS, LOST = ({**attempt, "model": "x"} for attempt in (SERVED, CUT))


@pytest.mark.parametrize(
    ("changed", "cost", "wasted", "budget"),
    [
        ({**LOCAL, **TOKENS, "attempts": json.dumps([CUT])}, 0.021, 0.021, 0.021),
        ({**TOKENS, "attempts": json.dumps([CUT, SERVED])}, 0.051, 0.021, 0.051),
        ({"attempts": json.dumps([CUT, CUT])}, 0.042, 0.042, 0.042),
        ({"attempts": json.dumps([REFUSED])}, 0.0, 0.0, 0.0),
        # A model without a price: unknown, and charged by the price of what was asked for
        ({**TOKENS, **ODD, "attempts": json.dumps([SERVED])}, None, 0.0, 0.030),
        ({**TOKENS, **ODD, "attempts": json.dumps([CUT, SERVED])}, None, 0.021, 0.051),
        # Nothing has a price: all that was reserved, but no less than what is known
        ({**TOKENS, **ODD, "reserved_usd": 0.5}, None, 0.0, 0.5),
        (
            {**TOKENS, **ODD, "attempts": json.dumps([NAMELESS]), "reserved_usd": 0.5},
            None,
            0.0,
            0.5,
        ),
        ({"attempts": json.dumps([LOST]), "reserved_usd": 0.5}, None, None, 0.5),
        (
            {**TOKENS, "attempts": json.dumps([LOST]), "reserved_usd": 0.01},
            None,
            None,
            0.030,
        ),
        ({"usage_estimated": True, "reserved_usd": 0.5}, None, 0.0, 0.5),
        ({**TOKENS, **ODD}, None, 0.0, 0.0),  # no budget, no reservation
    ],
)
def test_what_failed_is_wasted_and_a_budget_is_always_charged(
    changed: dict[str, Any], cost: float | None, wasted: float | None, budget: float
) -> None:
    bill = BILLING.bill({**ROW, **changed}, 0)
    assert bill.cost_usd == (None if cost is None else pytest.approx(cost))
    assert bill.wasted_usd == (None if wasted is None else pytest.approx(wasted))
    assert bill.budget_usd == pytest.approx(budget)


def test_a_local_turn_is_held_against_the_conversation_so_far(
    ledger: LedgerStore, make_plan: Callable[..., Plan], outcome: Outcome
) -> None:
    """The cloud would have read from its cache what came before; side requests are no part of it."""
    local = replace(
        outcome, track="local", model="qwen",
        attempts=(Attempt(track="local", model="qwen", cause="", status=200, seconds=0.1),),
    )  # fmt: skip
    for name, prompt in (("first", 10_000), ("longer", 90_000), ("title", 300), ("second", 12_000)):
        ledger.begin(make_plan(name, model="auto"))
        ledger.finish(name, replace(local, usage=Usage(input=prompt, output=100)))
    ledger.begin(make_plan("elsewhere", model="auto", team="other"))
    ledger.finish("elsewhere", replace(local, usage=Usage(input=12_000, output=100)))
    ledger.flush()
    billed = {row["id"]: row["baseline_usd"] for row in ledger.recent(9)}
    assert billed == {
        "first": pytest.approx((10_000 * 2 + 100 * 10) / 1e6),
        "longer": pytest.approx((80_000 * 2 + 10_000 * 0.1 + 100 * 10) / 1e6),
        "title": pytest.approx((300 * 2 + 100 * 10) / 1e6),
        "second": pytest.approx((2000 * 2 + 10_000 * 0.1 + 100 * 10) / 1e6),
        "elsewhere": pytest.approx((12_000 * 2 + 100 * 10) / 1e6),
    }


OWN = Billing(Prices(), "claude-sonnet-5-5", LocalCost(energy=0.0001, wear=0.0004))
"""A machine whose every second costs $0.0005."""
FAILED = {
    "track": "local",
    "model": "qwen",
    "cause": "bad_tool_call",
    "status": 502,
    "seconds": 9.0,
    "engine_s": 8.0,
}


@pytest.mark.parametrize(
    ("changed", "cost", "local", "wasted"),
    [
        ({**LOCAL, **TOKENS, "engine_s": 20.0}, 0.010, 0.010, 0.0),
        # What the local model did before the cloud served: 8 s of it wasted
        ({**TOKENS, "attempts": json.dumps([FAILED]), "engine_s": 8.0}, 0.034, 0.004, 0.004),
        # Of 28 s the first 8 were an attempt that failed
        ({**LOCAL, **TOKENS, "attempts": json.dumps([FAILED]), "engine_s": 28.0}, 0.014, 0.014, 0.004),
        # The cloud was read to for nothing, then the own machine served
        ({**LOCAL, **TOKENS, "attempts": json.dumps([SLOW]), "engine_s": 20.0}, 0.030, 0.010, 0.020),
        ({**TOKENS, "engine_s": 0.0}, 0.030, 0.0, 0.0),
        # From before it was measured: unknown, and no part of the cost
        ({**LOCAL, **TOKENS}, 0.0, None, 0.0),
        ({**TOKENS, "operation": "count"}, 0.0, 0.0, 0.0),
    ],
)
def test_what_the_own_machine_takes(
    changed: dict[str, Any], cost: float, local: float | None, wasted: float
) -> None:
    bill = OWN.bill({**ROW, **changed}, 0)
    assert bill.cost_usd == pytest.approx(cost)
    assert bill.local_usd == (None if local is None else pytest.approx(local))
    assert bill.wasted_usd == pytest.approx(wasted)


def test_without_a_price_of_the_own_machine_the_cost_is_the_providers_part() -> None:
    row = {**ROW, **TOKENS, "attempts": json.dumps([FAILED]), "engine_s": 8.0}
    bill = BILLING.bill(row, 0)
    assert (bill.cost_usd, bill.local_usd, bill.wasted_usd) == (pytest.approx(0.030), None, 0.0)


@pytest.mark.parametrize(
    ("changed", "cached", "warm", "cold", "how"),
    [
        ({**LOCAL, **TOKENS}, 8000, 0.0148, 0.030, WARM),
        ({**LOCAL, **TOKENS, "asked_model": "auto"}, 8000, 0.0148, 0.030, WARM + USUAL),
        # More was seen than there is: a shorter branch of the conversation
        ({**LOCAL, **TOKENS}, 90_000, 0.011, 0.030, WARM),
        # What the cloud served is known, at both ends
        (MIXED, 8000, 0.020, 0.020, AS_SERVED),
        ({**MIXED, "asked_model": "auto"}, 0, 0.020, 0.020, AS_SERVED + USUAL),
        ({**LOCAL, **TOKENS, "asked_model": "local"}, 8000, 0.0, 0.0, ASKED_LOCAL),
        # By its own name, as it was routed, or as it was asked of the server where something else decided
        (
            {**LOCAL, **TOKENS, "asked_model": "qwen", "rule": "asked", "track": "local"},
            0,
            0.0,
            0.0,
            ASKED_LOCAL,
        ),
        (
            {**LOCAL, **TOKENS, "asked_model": "qwen", "rule": "never_cloud", "attempts": AT_HOME},
            0,
            0.0,
            0.0,
            ASKED_LOCAL,
        ),
        # What a server calls its model in the answer says nothing of what was asked, be it a provider's name
        (
            {**LOCAL, **TOKENS, "served_model": "claude-sonnet-5-5", "attempts": AT_HOME},
            8000,
            0.0148,
            0.030,
            WARM,
        ),
        (
            {**LOCAL, **TOKENS, "served_model": "auto", "asked_model": "auto", "rule": "otherwise"},
            8000,
            0.0148,
            0.030,
            WARM + USUAL,
        ),
        ({**MIXED, "asked_model": "gpt-4o"}, 0, None, None, AS_SERVED),
        ({**TOKENS, "operation": "count"}, 0, 0.0, 0.0, NOTHING),
    ],
)
def test_both_ends_of_the_baseline_and_what_they_assume(
    changed: dict[str, Any], cached: int, warm: float | None, cold: float | None, how: str
) -> None:
    bill = BILLING.bill({**ROW, **changed}, cached)
    assert bill.baseline_usd == (None if warm is None else pytest.approx(warm))
    assert bill.baseline_cold_usd == (None if cold is None else pytest.approx(cold))
    assert bill.baseline_how == how
    assert len(how) <= 64


def test_a_saving_may_be_negative() -> None:
    """An escalation pays twice: what the own machine did, what the cloud then billed."""
    attempts = json.dumps([FAILED, {**SLOW, "model": "claude-sonnet-5-5"}])
    bill = OWN.bill({**ROW, **TOKENS, "attempts": attempts, "engine_s": 8.0}, 0)
    assert bill.cost_usd is not None
    assert bill.baseline_usd is not None
    assert bill.baseline_usd - bill.cost_usd == pytest.approx(-0.024)


def test_terms_of_service_are_billed() -> None:
    row = {
        **ROW,
        **TOKENS,
        "served_model": "claude-opus-5-5",
        "asked_model": "claude-opus-5-5",
        "terms": "fast",
    }
    bill = BILLING.bill(row, 0)
    assert bill.cost_usd == pytest.approx((10_000 * 8 + 1000 * 40) / 1e6)
    assert bill.baseline_usd == pytest.approx(bill.cost_usd)
    unknown = BILLING.bill({**row, "terms": "priority"}, 0)
    assert (unknown.cost_usd, unknown.baseline_usd) == (None, None)


def test_the_price_at_the_time_of_the_request_holds() -> None:
    rates = {"output": 0, "cache_read": 0, "cache_write_5m": 0, "cache_write_1h": 0}
    days = [DatedPrice.model_validate({"from": day, "input": rate, **rates}) for day, rate in
            (("2023-11-01", 10), ("2023-12-01", 100))]  # fmt: skip
    billing = Billing(Prices({"claude-sonnet-5-5": days}), "claude-sonnet-5-5")
    bills = [billing.bill({**ROW, **TOKENS, "begun_at": at}, 0).cost_usd for at in (1.7e9, 1.71e9)]
    assert bills == [pytest.approx(0.1), pytest.approx(1.0)]
