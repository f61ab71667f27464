"""The decision, a pure function: `RoutingInput` in, `Decision` out.

The order, first answer wins:

    never_cloud   no clearance: local, and nowhere else
    budget        what follows says cloud, and nothing is left: local, and nowhere else
    asked         the client named a track
    guard         a safety check: the model that the client named
    safeguards    the provider's own safety review is part of the request: the cloud
    provider_only a field of it is one that the provider alone can serve: the cloud
    observe       the policy only watches: where the client asked
    hold          this ask was decided before, and the local model can still serve it
    rules         the first whose condition holds
    otherwise
    degrade       what the last three send to the cloud, without a credential for it: local

    completion    what the last five say of a prompt to be completed as it is: local, and nowhere else

A budget is a limit: once it is used up, a turn already on the cloud goes on locally, and
so does what the client wanted there. Without a credential the local model stands in for the cloud
where the policy's `degrade` says so; where it says nothing the settings do, and then a client that
names a Claude model, and a policy that only watches, meant the cloud: they are refused.

`guard` and `safeguards` are invariants. What judges safety is chosen by the client alone, so
neither is held, substituted, escalated or degraded; where the first two lines would keep one
on the local track, the decision carries a `refusal` in place of an answer.
"""

import re
from collections.abc import Collection
from dataclasses import replace
from typing import Literal

from classifiers.features import Features
from policies.causes import DEGRADED, ESCALATED, OUTAGES, Cause
from policies.conditions import ERRORS, bind
from policies.decision import Decision, LastDecision, State, TrackName
from policies.holds import as_decided, current_hold, escalation_cause, sets_hold, with_limits_of
from policies.policy import Policy
from policies.privacy import Clearance
from policies.routing_input import RoutingInput
from policies.setbacks import find_setback, is_worth_it, price_text
from policies.variables import Inputs, inputs_of, values

__all__ = [
    "Decision",
    "LastDecision",
    "State",
    "TrackName",
    "claude_model",
    "decide",
    "escalate",
    "model_name",
    "named_track",
    "over_budget",
    "refuse_substitute",
    "sets_hold",
    "untagged",
]

_NAMED: dict[str, TrackName] = {"local": "local", "cloud": "cloud"}
_CHOSEN_HERE = frozenset({"", "auto", *_NAMED})
_LATEST, _WINDOW = ":latest", "[1m]"
"""What Ollama's clients put behind every name, and Claude Code's users behind one of a large window."""
_TAG = re.compile(r":[\w.-]+(?=(?:\[1m\])?$)", re.ASCII)
"""Any tag of Ollama's: a size, a quantisation."""
_PROVIDERS = re.compile(r"^[a-z_]+:(?=(?:[a-z_]+/)*claude-)")
"""A provider before a colon, as in `anthropic:claude-opus-5-5`."""
_CLAUDE = re.compile(r"(?:(?:(?:us|eu|apac|jp|au|global)\.)?anthropic\.)?(claude-.+)")
"""A Claude model, as Anthropic and Amazon call it."""

_BOUND = {
    "guard": "a safety check is judged by the model that the client named",
    "safeguards": "asks for a safety review that only Claude's servers run",
    "provider_only": "only the provider can serve `{field}`",
}
_REMEDIES = {
    "guard": "This is a safety check, and no other model judges in place of the one that was named; "
    "name the model `local` to have the local model judge",
    "safeguards": "This request relies on `safeguards`, and no other model runs them; leave the field out "
    "(in Claude Code: another permission mode than `auto`), or name a Claude model that may be used",
}


def decide(routing: RoutingInput) -> Decision:
    """Decide where one request goes; never raises."""
    return refuse_substitute(
        _completed_here(_decide(routing), routing.features),
        routing.features,
        requested_model=routing.requested_model,
        local_model=routing.state.local_model,
    )


def _decide(routing: RoutingInput) -> Decision:
    policy, features, state, clearance = routing.policy, routing.features, routing.state, routing.clearance
    requested_model = routing.requested_model
    p_local = routing.verdict.p_local if routing.verdict else 0.0
    model = claude_model(requested_model)
    named = named_track(requested_model, state.local_model)
    bound = _bound(features) or ("provider_only" if routing.provider_field else "")
    if not clearance.allowed:
        return Decision(track="local", rule="never_cloud", why=clearance.why, p_local=p_local)
    if (named == "cloud" or (bound and not named)) and state.budget_left_usd <= 0:
        return over_budget(state.budget_why, p_local)
    if named:
        return Decision(track=named, rule="asked", why=f"the client asked for {named}", p_local=p_local)
    if bound:
        model = model_name(requested_model) if bound == "guard" else model
        why = _BOUND[bound].format(field=routing.provider_field)
        return Decision(track="cloud", model=model, rule=bound, why=why, p_local=p_local)
    inputs = inputs_of(routing)
    chosen = None if features is None or policy.observe else _held_decision(policy, features, state, inputs)
    chosen = chosen or _by_rules(policy, inputs)
    if policy.observe:
        chosen = _observed(chosen)
    if chosen.track == "cloud" and state.budget_left_usd <= 0:
        return over_budget(state.budget_why, p_local)
    return replace(_with_credential(policy, chosen, state, model), p_local=p_local)


def refuse_substitute(
    decision: Decision, features: Features | None, *, requested_model: str, local_model: str = ""
) -> Decision:
    """Add a refusal where the local model would answer for a model that must judge, or review, itself."""
    bound = _bound(features)
    if not bound or decision.track == "cloud":
        return decision
    named = named_track(requested_model, local_model)
    if bound == "guard" and named == "local":
        return decision
    if named == "local":
        reason = "model: the local model was asked for, and `safeguards` is a review by Claude's servers"
    else:
        reason = decision.why
    return replace(decision, refusal=f"{reason}. {_REMEDIES[bound]}")


def over_budget(why: str, p_local: float = 0.0) -> Decision:
    """Decide for the local track, since there is no money for another; nothing else may serve."""
    return Decision(track="local", rule="budget", why=why, p_local=p_local)


def escalate(
    policy: Policy,
    decision: Decision,
    cause: Cause,
    clearance: Clearance,
    attempts: int,
    *,
    requested_model: str = "",
) -> Decision | None:
    """Decide what follows a failed attempt; None where the failure is the answer.

    Args:
        policy: Its `escalate` and `degrade` say which causes may move.
        decision: The one that failed.
        cause: Why.
        clearance: Refused means that nothing moves to the cloud.
        attempts: Attempts made so far, the failed one included.
        requested_model: The model name the client sent, so that a Claude model's name is kept.
    """
    track = next(iter(decision.alternatives), None)
    if track is None:
        return None
    if track == "cloud":
        spec = policy.escalate
        if spec is None or cause not in spec.causes or attempts > spec.at_most or not clearance.allowed:
            return None
        why, rule = ESCALATED[cause], "escalate"
    else:
        if policy.degrade is None or cause not in policy.degrade.on:
            return None
        why, rule = DEGRADED[cause], "degrade"
    model = claude_model(requested_model) if track == "cloud" else ""
    return Decision(
        track=track, model=model, rule=rule, why=why, p_local=decision.p_local, temporary=cause in OUTAGES
    )


def named_track(requested: str, local_model: str = "") -> TrackName | None:
    """Read a track's name from the model a client asked for; None lets the policy decide.

    SDKs put providers before a name (`openai/local`, `litellm_proxy/local`, `openai:local`),
    Ollama's clients a tag behind it (`local:latest`, `local:8b`), and Claude Code's users the
    window that they reckon with (`local[1m]`): that makes no other model of it.

    Args:
        requested: The model name the client sent.
        local_model: The name that the local model goes by, which stands for the local track.
    """
    name = _bare(requested.lower())
    if local_model and f"/{name}".endswith(f"/{_bare(local_model.lower())}"):
        return "local"
    return _NAMED.get(_alias(name))


def claude_model(requested: str) -> str:
    """Keep the name of a Claude model, without providers before it or a tag behind it; empty for any other.

    Its window (`claude-opus-5-5[1m]`) is the provider's to read.
    """
    name = untagged(_PROVIDERS.sub("", requested.strip().lower())).rpartition("/")[2]
    claude = _CLAUDE.fullmatch(name)
    return claude[1] if claude else ""


def untagged(name: str) -> str:
    """A name without the tag that Ollama's clients put behind it."""
    return _TAG.sub("", name.strip())


def model_name(requested: str) -> str:
    """Keep the name of any model, without providers before Claude's; empty where the choice is left to us."""
    return (
        ""
        if _alias(_bare(requested.lower())) in _CHOSEN_HERE
        else claude_model(requested) or requested.strip()
    )


def _bare(name: str) -> str:
    """A name in lower case without what clients put behind it."""
    name = name.strip().removesuffix(_LATEST).removesuffix(_WINDOW)
    return name.removesuffix(_LATEST)


def _alias(name: str) -> str:
    """A name without providers before it; where it is one of ours, without any tag."""
    parts = [part.removeprefix("turnout-") for part in name.rpartition("/")[2].split(":")]
    ours = [part for part in parts if part in _CHOSEN_HERE]
    return "local" if "local" in ours else (ours or parts)[-1]


def _with_credential(policy: Policy, chosen: Decision, state: State, model: str) -> Decision:
    """What comes of the rules' choice, with a credential for the cloud or without one.

    Args:
        policy: Its `degrade` and `escalate` say what else may serve.
        chosen: What the rules say.
        state: Tells of the credential.
        model: The Claude model that the client named, if any.
    """
    if _stands_in(policy, chosen, state, model):
        return _stand_in(chosen, state)
    alternatives = _alternatives(policy, chosen, state)
    if chosen.track == "local" and state.without_credential and alternatives:
        return replace(chosen, remedy=state.credential_remedy)  # the cloud would only refuse
    return replace(chosen, model=model if chosen.track == "cloud" else "", alternatives=alternatives)


def _stands_in(policy: Policy, chosen: Decision, state: State, model: str) -> bool:
    """Whether the local model answers what belongs on the cloud, since there is no credential for it."""
    if chosen.track == "local" or not state.without_credential:
        return False
    if policy.degrade:
        return "no_credential" in policy.degrade.on
    return state.without_credential == "local" and not (policy.observe or model)


def _stand_in(chosen: Decision, state: State) -> Decision:
    return Decision(
        track="local",
        rule="degrade",
        why=f"{chosen.why}, but {DEGRADED['no_credential']} ({state.credential_remedy})",
        temporary=True,
        cause="no_credential",
        remedy=state.credential_remedy,
    )


def _completed_here(decision: Decision, features: Features | None) -> Decision:
    """Keep a prompt that is to be completed as it is: nobody else does it, as one for `cloud` is told."""
    if features is None or features.kind != "autocomplete" or decision.rule == "asked":
        return decision
    if decision.track == "cloud" or decision.cause == "no_credential":
        return Decision(track="local", rule="completion", why=_COMPLETED, p_local=decision.p_local)
    return replace(decision, alternatives=(), remedy="")


_COMPLETED = "a prompt is completed as it is by the local model alone"


def _bound(features: Features | None) -> Literal["", "guard", "safeguards"]:
    """Name what binds a request to the model, or the servers, that its client counts on."""
    if features is None or features.kind == "count":
        return ""
    if features.kind == "guard":
        return "guard"
    return "safeguards" if features.safeguards else ""


def _held_decision(
    policy: Policy, features: Features, state: State, inputs: Inputs | None
) -> Decision | None:
    last = current_hold(policy, features, state)
    if last is None:
        return None
    moved, stays = None, ""
    if last.track == "local" and state.budget_left_usd > 0:
        moved = _escalated(policy, features, state) or (inputs and _outgrown(policy, inputs, last))
        if not moved:
            moved, stays = _moved_up(policy, features, state)
    return moved or Decision(
        track=last.track, rule=last.rule, why=last.why + stays, held=True, temporary=last.temporary
    )


def _escalated(policy: Policy, features: Features, state: State) -> Decision | None:
    """Move a held local turn to the cloud for a cause that the policy names."""
    cause = escalation_cause(policy, features, state)
    if not cause or not policy.escalate:
        return None
    return Decision(
        track=policy.escalate.to,
        rule="escalate",
        why=ESCALATED[cause],
        temporary=cause in OUTAGES,
        cause=cause,
    )


def _moved_up(policy: Policy, features: Features, state: State) -> tuple[Decision | None, str]:
    """Move a held local turn to the cloud for a setback in it, or say why that is not worth its price."""
    spec, move = policy.escalate, state.move
    setback = find_setback(spec, features, state) if spec else None
    if spec is None or not spec.at_most or setback is None or move is None:
        return None, ""
    if not is_worth_it(spec, move):
        return None, f"; {ESCALATED[setback]}, but {price_text(move)}"
    why = f"{ESCALATED[setback]}; {price_text(move)}"
    return Decision(track=spec.to, rule="escalate", why=why, cause=setback, move_usd=move.usd), ""


def _outgrown(policy: Policy, inputs: Inputs, last: LastDecision) -> Decision | None:
    """Move a held local turn to the cloud where the same rules, for the same work, now say so."""
    now = with_limits_of(inputs, last)
    decision = _first_match(policy, now) if now else None
    if now is None or decision is None or decision.track == "local" or decision.rule == "unreadable":
        return None
    if _first_match(policy, as_decided(inputs, last)).track == "cloud":
        return None  # not by what has changed since
    return replace(decision, temporary=_is_temporary(policy, now, decision))


def _by_rules(policy: Policy, inputs: Inputs | None) -> Decision:
    """Decide by the rules, and say whether only the tracks' present state decided."""
    decision = _first_match(policy, inputs)
    return (
        decision if inputs is None else replace(decision, temporary=_is_temporary(policy, inputs, decision))
    )


def _is_temporary(policy: Policy, inputs: Inputs, decision: Decision) -> bool:
    """Whether the rules would choose the other track if both were up and idle."""
    state = inputs.state
    at_ease = state.cloud_up and (decision.track == "local" or (state.local_up and not state.local_wait_s))
    if at_ease:
        return False
    if not any(name in _HEALTH for rule in policy.rules for name in rule.when.names):
        return False
    well = replace(state, local_up=True, cloud_up=True, local_wait_s=0.0)
    return _first_match(policy, replace(inputs, state=well)).track != decision.track


_HEALTH = frozenset({"local.up", "local.wait_s", "cloud.up"})
"""Variables that tell how the tracks are right now, whatever is asked."""


def _first_match(policy: Policy, inputs: Inputs | None) -> Decision:
    otherwise = policy.otherwise
    if inputs is None:
        return Decision(track=otherwise.to, rule="unreadable", why="the request could not be read")
    try:
        context = bind(values(policy.variables, inputs))
        for rule in policy.rules:
            if rule.when.holds(context):
                return Decision(track=rule.to, rule=rule.name, why=_judged(rule.why, rule.when.names, inputs))
    except ERRORS as error:
        return Decision(
            track=otherwise.to, rule="unreadable", why=f"a condition failed: {type(error).__name__}"
        )
    why = _judged(otherwise.why, policy.variables, inputs)
    return Decision(track=otherwise.to, rule="otherwise", why=why)


def _judged(why: str, read: Collection[str], inputs: Inputs) -> str:
    """`why`, and what the classifier saw where its word was asked for."""
    return f"{why}: {inputs.verdict.why}" if "p_local" in read and inputs.verdict.why else why


def _observed(would: Decision) -> Decision:
    why = f"only observing; the rules say {would.track}: {would.why}"
    return replace(would, track="cloud", rule="observe", why=why, would=would.track)


def _alternatives(policy: Policy, decision: Decision, state: State) -> tuple[TrackName, ...]:
    if decision.track == "cloud":
        return (policy.degrade.to,) if policy.degrade else ()
    if policy.escalate and policy.escalate.at_most > 0 and state.budget_left_usd > 0:
        return (policy.escalate.to,)
    return ()
