"""Bills worked out by hand, in dollars per million tokens times tokens.

claude-sonnet-5-5: input 2, output 10, read 0.10, write 2.50 (5 minutes) and 4.00 (1 hour).
claude-sonnet-4-5: input 3, output 15, read 0.30, write 3.75 and 6.00.
"""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from router.ledger import LedgerStore
from router.ledger.money import Billing
from router.prices import Prices
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
REFUSED = {**SLOW, "cause": "cloud_error", "status": 529}


@pytest.mark.parametrize(
    ("changed", "seen", "cost", "model", "baseline"),
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
    changed: dict[str, Any], seen: int, cost: float | None, model: str, baseline: float | None
) -> None:
    bill = BILLING.bill({**ROW, **changed}, seen)
    assert bill.cost_usd == (cost if cost is None else pytest.approx(cost, abs=1e-12))
    assert bill.baseline_model == model
    assert bill.baseline_usd == (baseline if baseline is None else pytest.approx(baseline, abs=1e-12))


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
