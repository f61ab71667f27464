"""Holding: a decision made at a user turn is kept through its tool loop.

Splitting one turn between two models saves nothing: the prompt cache is lost and
the second model starts by reading what the first one did. So a held local turn
goes to the cloud only for a cause the policy's `escalate` names, and a held
cloud turn stays.
"""

from classifiers.features import Features
from policies.decision import LastDecision, State
from policies.policy import Policy

_SETTERS = frozenset({"ask", "agent"})
_TAKERS = _SETTERS | {"count"}


def sets_hold(features: Features) -> bool:
    """Whether this request's decision is the one that its conversation keeps.

    Side requests (titles, compaction, autocomplete, counts) and sub-agents run beside
    the main loop, often under its session id, and must not turn it.
    """
    return features.kind in _SETTERS


def current_hold(policy: Policy, features: Features, state: State) -> LastDecision | None:
    """Find the decision that still holds; None where this request is decided anew.

    A count takes the hold, though it never sets one: it is decided as the request
    that it counts for would be.
    """
    last = state.last
    if last is None or policy.hold == "none" or features.kind not in _TAKERS:
        return None
    return last if policy.hold == "conversation" or last.turn == features.turns else None


def escalation_cause(policy: Policy, features: Features, state: State) -> str:
    """Name the cause for which a held local turn must move; empty where it may stay."""
    limit = policy.params.get("max_turn_calls", float("inf"))
    causes = {
        "overflow": 0 < state.local_context < features.context_tokens,
        "turn_too_long": features.turn_calls >= limit,
        "local_error": not state.local_up,
    }
    allowed = policy.escalate.causes if policy.escalate else frozenset()
    return next((cause for cause, met in causes.items() if met and cause in allowed), "")
