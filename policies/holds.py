"""Holding: a decision made for an ask is kept through its tool loop.

Splitting one turn between two models saves nothing: the prompt cache is lost and
the second model starts by reading what the first one did. So a held cloud turn
stays. A held local turn goes to the cloud for a cause the policy's `escalate`
names (a setback in the turn is one, see `setbacks`), and as soon as the rules say
that the local model cannot serve it any more (fit, capability, health); never the other way.

A hold is the ask's, not the conversation's: after an edit, a rewind or a compaction
the turn is judged anew. It ends with `hold_s`, and with what only an outage decided
it ends with the turn.
"""

import re
from dataclasses import replace
from typing import Literal

from classifiers.ask_key import same_words
from classifiers.features import Features
from policies.causes import EscalationCause
from policies.decision import LastDecision, State
from policies.policy import Policy
from policies.variables import Inputs

_SETTERS = frozenset({"ask", "agent", "subagent"})
_TAKERS = _SETTERS | {"count", "summary"}
_LIMITS = (
    "context_tokens",
    "tokens_exact",
    "output_limit",
    "images",
    "thinking",
    "server_tools",
    "safeguards",
    "json_schema",
)
"""Features that say what the serving model must be able to do; all others say what the work is like."""
_NOT_THE_WORK = frozenset({"asked", "never_cloud", "budget", "degrade"})
"""What decided in place of the rules: it ends with its reason, and the work's own hold stays."""


def sets_hold(features: Features) -> bool:
    """Whether this request's decision is the one that its conversation keeps.

    Side requests (titles, compaction, autocomplete, counts, safety checks) run beside the main
    loop, often under its session id, and must not turn it. A sub-agent is a conversation of its own.
    """
    return features.kind in _SETTERS


def is_of_the_work(rule: str) -> bool:
    """Whether a decision by this rule says where the work belongs, so that it may be held."""
    return rule not in _NOT_THE_WORK


def current_hold(policy: Policy, features: Features, state: State) -> LastDecision | None:
    """Find the decision that still holds; None where this request is decided anew.

    A count takes the hold, though it never sets one: it is decided as the request
    that it counts for would be. So does a summary, the memory of the held work, unless the policy's rules
    speak of summaries.
    """
    last = state.last
    if last is None or policy.hold == "none" or features.kind not in _TAKERS or last.age_s > policy.hold_s:
        return None
    if features.kind == "summary" and _decides_summaries(policy):
        return None
    if last.temporary:
        # What an outage sent to the cloud finishes its tool loop there; all else is free once it is over.
        in_loop = last.track == "cloud" and features.turn_calls > 0
        return last if in_loop and _same_ask(last, features) else None
    return last if policy.hold == "conversation" or _same_ask(last, features) else None


def _decides_summaries(policy: Policy) -> bool:
    return any(_SUMMARY.search(rule.when.source) for rule in policy.rules)


_SUMMARY = re.compile(r"""\bkind\b.*(["'])summary\1""", re.DOTALL)
"""In a rule's condition: the kind is compared with `summary`."""


def _same_ask(last: LastDecision, features: Features) -> bool:
    """Whether a request belongs to the ask that was decided.

    A client that drops old messages and images to save room changes the number of turns, and what the ask
    goes on from, in the middle of one: there its own words tell. Where no ask is left at all, as after a
    compaction in the middle of a turn, the work simply goes on.
    """
    if not features.turns:
        return True
    if features.turn_calls > 0:
        return same_words(last.ask_key, features.ask_key)
    return last.ask_key == features.ask_key and last.turn == features.turns


def escalation_cause(policy: Policy, features: Features, state: State) -> EscalationCause | Literal[""]:
    """Name the cause for which a held local turn must move; empty where it may stay."""
    limit = policy.params.get("max_turn_calls", float("inf"))
    causes: dict[EscalationCause, bool] = {
        "overflow": 0 < state.local_context < features.context_tokens,
        "turn_too_long": features.turn_calls >= limit,
        "local_error": not state.local_up,
    }
    allowed = policy.escalate.causes if policy.escalate else frozenset()
    return next((cause for cause, met in causes.items() if met and cause in allowed), "")


def with_limits_of(now: Inputs, last: LastDecision) -> Inputs | None:
    """What the rules would read of a held ask if the work were as it was when it was decided.

    Only what the serving model must be able to do, and the tracks, are as they are now. The text of the
    ask is the same, for that is what the hold is keyed by.

    Returns:
        None where it is not known what the work was like.
    """
    if last.features is None or last.verdict is None:
        return None
    limits = {name: getattr(now.features, name) for name in ("ask", *_LIMITS)}
    return replace(
        now,
        features=replace(last.features, **limits),
        verdict=last.verdict,
        state=replace(now.state, local_wait_s=0.0),
    )


def as_decided(now: Inputs, last: LastDecision) -> Inputs:
    """What the rules read when a held ask was decided, on tracks that are well."""
    features = replace(last.features or now.features, ask=now.features.ask)
    well = replace(now.state, local_up=True, cloud_up=True, local_wait_s=0.0)
    return replace(now, features=features, verdict=last.verdict or now.verdict, state=well)
