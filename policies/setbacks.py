"""Evidence that a held local turn does not go well, and whether moving it up is worth the price.

A move is made between two steps of the model only: while a tool call is open, or an answer is to be
continued, the turn stays. It is made once, for a turn on the cloud never comes down.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from classifiers.features import Features
from policies.causes import EscalationCause, Setback
from policies.decision import Move, State
from policies.schema import Escalate

_MEASURES: Mapping[Setback, Callable[[Features, State], float]] = MappingProxyType(
    {
        "same_call_failed": lambda features, _: features.same_call_failed,
        "same_test_failed": lambda features, _: features.same_test_failed,
        "edit_rejected": lambda features, _: features.edits_rejected,
        "error_streak": lambda features, _: features.error_streak,
        "no_edit_after": lambda features, _: 0 if features.turn_edits else features.turn_calls,
        "window_filled": lambda features, state: (
            features.context_tokens / state.local_context if state.local_context else 0
        ),
    }
)


_ASIDE = frozenset({"count", "summary"})
"""Kinds of requests that take no step of the turn."""


def find_setback(escalate: Escalate, features: Features, state: State) -> EscalationCause | None:
    """Name the first setback that a policy lets a turn move for; None where it is no time to move, either."""
    if features.mid_step or not features.turn_calls or features.kind in _ASIDE or not state.cloud_up:
        return None
    return next(
        (
            name
            for name, measure in _MEASURES.items()
            if name in escalate.setbacks and measure(features, state) >= escalate.limit(name)
        ),
        None,
    )


def is_worth_it(escalate: Escalate, move: Move) -> bool:
    """Whether a move pays, or the policy asks for it at that price; what is not known is neither."""
    if move.usd is None:
        return False
    return move.usd <= move.saved_usd or (escalate.max_usd is not None and move.usd <= escalate.max_usd)


def price_text(move: Move) -> str:
    """Say what a move costs."""
    if move.usd is None:
        return f"the price of a move with {move.tokens:,} tokens is not known"
    return f"a move costs ${move.usd:.4f} for {move.tokens:,} tokens that are cached nowhere"
