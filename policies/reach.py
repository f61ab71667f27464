"""Whether each rule of a policy can ever decide, given the rules before it.

Where it is certain that it cannot, that is an error. Where it is not, requests are made up on
which it holds; if an earlier rule takes every one, that is a warning with an example.
"""

import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf

from policies.conditions import ERRORS, Condition, Value, bind, canonical, names_in
from policies.constraints import Constraint, Scope, constraints_of, with_values
from policies.domains import Numbers, Text, Words
from policies.expression import Literal, walk
from policies.satisfiable import Model, Undecided, find_model

_TRIED = 300
"""Requests that are made up for one rule."""
_SHOWN = 40
_QUOTED = re.compile(r"\"([^\"]*)\"|'([^']*)'")
_REGEX_SIGNS = re.compile(r"\(\?\w+\)|\\[bB]|[\\^$()*+?{}\[\]]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A rule's condition, and its place in the policy."""

    at: int
    name: str
    condition: Condition
    holds: Constraint
    fails: Constraint


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """That a rule never decides, or seems never to."""

    at: int
    text: str
    certain: bool
    when: bool = False
    """It is its own condition that cannot hold, or that always does."""


def line(at: int, name: str, condition: Condition, scope: Scope) -> Line:
    """Read what a rule's condition demands, and what its contrary does."""
    node = condition.tree
    return Line(
        at=at,
        name=name,
        condition=condition,
        holds=constraints_of(node, scope),
        fails=constraints_of(node, scope, positive=False),
    )


def findings(lines: Sequence[Line], scope: Scope) -> Iterator[Finding]:
    """Find the rules that never decide."""
    for place, rule in enumerate(lines):
        finding = _examine(rule, lines[:place], scope)
        if finding:
            yield finding


def _examine(rule: Line, earlier: Sequence[Line], scope: Scope) -> Finding | None:
    if not _may_hold([rule.holds], scope):
        return Finding(
            at=rule.at,
            text="is never true, so this rule never decides; remove it",
            certain=True,
            when=True,
        )
    if always := _holds_always(rule, scope):
        return always
    try:
        model = find_model([rule.holds, *(other.fails for other in earlier)], scope)
    except Undecided:
        return _try(rule, earlier, Model(scope=scope))
    if model is None:
        return Finding(at=rule.at, text=f"is never reached: {_blame(rule, earlier, scope)}", certain=True)
    return None if model.exact else _try(rule, earlier, model)


def _holds_always(rule: Line, scope: Scope) -> Finding | None:
    """That a condition takes every request though it compares something; `true` says so in a word.

    With a number of `params` in it that is no mistake: the next number may say otherwise.
    """
    if not rule.condition.names or _may_hold([rule.fails], scope):
        return None
    tuned = [name for name in rule.condition.names if name.startswith("params.")]
    text = "is always true, so no later rule and not `otherwise` decides"
    if tuned:
        return Finding(at=rule.at, text=f"{text}, by {', '.join(tuned)} as it is", certain=False, when=True)
    return Finding(at=rule.at, text=f"{text}; write 'true' if that is meant", certain=True, when=True)


def _may_hold(constraints: Sequence[Constraint], scope: Scope) -> bool:
    try:
        return find_model(constraints, scope) is not None
    except Undecided:
        return True


def _blame(rule: Line, earlier: Sequence[Line], scope: Scope) -> str:
    """Name the earlier rules that take everything this one would."""
    for other in earlier:
        if not _may_hold([other.fails], scope):
            return f"rules[{other.at}] takes everything"
        if canonical(other.condition.source) == canonical(rule.condition.source):
            return f"rules[{other.at}] has the same condition"
    needed = list(earlier)
    for other in earlier:
        fewer = [blocker for blocker in needed if blocker is not other]
        if not _may_hold([rule.holds, *(blocker.fails for blocker in fewer)], scope):
            needed = fewer
    named = [f"rules[{other.at}] ('{other.name}')" for other in needed]
    places = named[0] if len(named) == 1 else f"{', '.join(named[:-1])} and {named[-1]}"
    verb, pronoun = ("holds", "it") if len(named) == 1 else ("hold", "them")
    together = "" if len(named) == 1 else " between them"
    return f"{places} {verb}{together} wherever this does; move this before {pronoun}, or remove it"


def _try(rule: Line, earlier: Sequence[Line], model: Model) -> Finding | None:
    """Make requests up on which the rule holds, and see whether an earlier rule takes each."""
    taken: tuple[Line, dict[str, Value]] | None = None
    for values in _made_up(rule, earlier, model):
        context = bind(with_values(model.scope.sample, values))
        if not _holds(rule, context):
            continue
        taker = next((other for other in earlier if _holds(other, context)), None)
        if taker is None:
            return None
        taken = taken or (taker, values)
    if taken is None:
        return None
    taker, values = taken
    example = ", ".join(
        f"{name} = {_written(values[name])}" for name in rule.condition.names if name in values
    )
    text = (
        f"may never be reached: each request tried on which it holds is taken by an earlier rule, "
        f"e.g. {example or 'any'} by rules[{taker.at}] ('{taker.name}')"
    )
    return Finding(at=rule.at, text=text, certain=False)


def _holds(rule: Line, context: object) -> bool:
    try:
        return rule.condition.holds(context)
    except ERRORS:
        return False


def _made_up(rule: Line, earlier: Sequence[Line], model: Model) -> Iterator[dict[str, Value]]:
    lines = (*earlier, rule)
    names = dict.fromkeys(name for other in lines for name in other.condition.names)
    candidates = {name: _candidates(name, lines, model) for name in names if not name.startswith("params.")}
    dice = random.Random(0)  # noqa: S311 # the same every time
    for _ in range(_TRIED):
        yield {name: dice.choice(values) for name, values in candidates.items()}


def _candidates(name: str, lines: Sequence[Line], model: Model) -> list[Value]:
    """Values worth trying: those that the model demands, and those about which the conditions turn."""
    domain = model.scope.domain(name)
    if isinstance(domain, Words):
        return list(model.among.get(name, domain.values))
    if isinstance(domain, Text):
        return list(_texts(name, lines, model))
    low, _, high, _ = model.range_of(name)
    integer = isinstance(domain, Numbers) and domain.integer
    step = 1.0 if integer else 0.01
    turns = {0.0, 1.0, 8192.0, 1e6, *_numbers(lines, model.scope)}
    tried = {edge + by for edge in turns for by in (-step, 0.0, step)} | {low, low + step, high, high - step}
    possible = sorted(value for value in tried if low <= value <= high and abs(value) < inf)
    return [*possible] if possible else [max(low, 0.0)]


def _numbers(lines: Sequence[Line], scope: Scope) -> set[float]:
    literals = {
        node.value
        for other in lines
        for node in walk(other.condition.tree)
        if isinstance(node, Literal) and isinstance(node.value, float)
    }
    params = scope.sample["params"]
    return literals | {float(value) for value in params.values()} if isinstance(params, Mapping) else literals


def _texts(name: str, lines: Sequence[Line], model: Model) -> Iterator[Value]:
    """Give words that conditions on a text look for, alone and together."""
    if name in model.allowed:
        yield from model.allowed[name]
        return
    pieces = {
        _REGEX_SIGNS.sub("", first or second).partition("|")[0]
        for other in lines
        if name in names_in(other.condition.source)
        for first, second in _QUOTED.findall(other.condition.source)
    }
    yield from ("", "x", "x" * 5000, " ".join(sorted(pieces)))
    yield from sorted(pieces)


def _written(value: Value) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}"
    text = str(value)
    return f"'{text}'" if len(text) <= _SHOWN else f"a text of {len(text)} characters"
