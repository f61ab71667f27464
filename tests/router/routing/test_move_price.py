"""The price of a move: a cold prompt and a lost local one, beside what the turn has saved."""

import json

import pytest

from classifiers.features import Features
from policies.decision import LastDecision
from router.accounts.teams import Account
from router.billing.local_cost import LocalCost
from router.billing.prices import Prices
from router.routing.move_price import MovePrices
from router.settings import ListPrice
from router.types import ModelRequest

PRICES = Prices(
    {"house": ListPrice(input=2, output=10, cache_read=0.2, cache_write_5m=2.5, cache_write_1h=4)}
)
NOW = Features(turns=1, turn_calls=10, context_tokens=20_000)
FIRST = Features(turns=1, context_tokens=4_000)


def moves(*, model: str = "house", usable: bool = True, local_cost: LocalCost | None = None) -> MovePrices:
    return MovePrices(
        prices=PRICES, model_for=lambda *_: model, usable=lambda _: usable, local_cost=local_cost
    )


def request(mark: dict | None = None, account: Account | None = None) -> ModelRequest:
    block = {"type": "text", "text": "x"} | ({"cache_control": mark} if mark else {})
    return ModelRequest(
        id="r",
        account=account or Account(team="t", user="u"),
        dialect="anthropic_messages",
        operation="generate",
        client="",
        model="auto",
        stream=False,
        body=json.dumps({"messages": [{"role": "user", "content": [block]}]}).encode(),
        headers=(),
    )


def last(features: Features | None = FIRST) -> LastDecision:
    return LastDecision(track="local", model="", rule="r", why="w", turn=1, features=features)


def price(prices: MovePrices, sent=None, opened=FIRST, left=float("inf"), lost_s=0.0, now=NOW):
    return prices.price(sent or request(), now, last(opened), left_usd=left, lost_s=lost_s)


@pytest.mark.parametrize(
    ("mark", "usd"),
    [(None, 0.04), ({"type": "ephemeral"}, 0.05), ({"type": "ephemeral", "ttl": "1h"}, 0.08)],
)
def test_all_of_the_prompt_is_new_to_the_cloud(mark, usd):
    assert price(moves(), request(mark)).usd == pytest.approx(usd)


def test_what_was_read_locally_in_vain_costs_the_machine_time():
    machine = LocalCost(energy=0.0001, wear=0.0001)
    assert price(moves(local_cost=machine), lost_s=30.0).usd == pytest.approx(0.04 + 30 * 0.0002)
    assert price(moves(), lost_s=30.0).usd == pytest.approx(0.04)


def test_saved_is_what_a_warm_cache_would_have_cost():
    # Ten prompts of 12,000 tokens in the mean; 20,000 were new once.
    assert price(moves()).saved_usd == pytest.approx((20_000 * 2 + 100_000 * 0.2) / 1e6)
    # After an earlier turn the cloud would have had its first 4,000 in the cache.
    later = Features(turns=3, context_tokens=4_000)
    assert price(moves(), opened=later).saved_usd == pytest.approx((16_000 * 2 + 104_000 * 0.2) / 1e6)
    assert price(moves(), opened=None).saved_usd == 0
    # Of a turn that was decided anew after eight calls, two were local.
    midway = Features(turns=1, turn_calls=8, context_tokens=20_000)
    assert price(moves(), opened=midway).saved_usd == pytest.approx((20_000 * 2 + 20_000 * 0.2) / 1e6)
    assert price(moves(), opened=NOW).saved_usd == 0


def test_where_it_cannot_move_there_is_no_price():
    assert price(moves(usable=False)) is None
    assert price(moves(), request(account=Account(team="t", user="u", models=(("other-*",),)))) is None
    # 4 cents for the prompt, and 4.1 for the longest answer.
    assert price(moves(), left=0.080) is None
    assert price(moves(), left=0.082).usd == pytest.approx(0.04)


def test_an_unknown_price_is_unknown():
    move = price(moves(model="nobody-knows-it"))
    assert (move.usd, move.tokens) == (None, 20_000)
    assert price(moves(model="nobody-knows-it"), left=100.0) is None
