"""A condition as what it demands of each variable: the form in which conditions are held against each other.

`constraints_of` turns a tree into alternatives and conjunctions of four kinds of constraint. What
none of them can say (two texts compared, a product of two variables) is a `Test`: it holds or does
not, and nothing more is known of it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from policies.conditions import ERRORS, Value, bind, canonical, compile_source, names_in
from policies.domains import Domain, Numbers, Text, Words, domain_of
from policies.expression import Items, Literal, Node, Operation, Variable
from policies.ranges import range_of

RELATIONS = frozenset({"==", "!=", "<", "<=", ">", ">=", "in"})
_OPPOSITE = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "==": "!=", "!=": "=="}
_COMPUTED = re.compile(r"[^\w.]")
"""A sign or a bracket: more than a variable's dotted name."""
_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}


@dataclass(frozen=True, slots=True)
class Among:
    """A variable of a known set is one of these."""

    name: str
    values: frozenset[str | bool]


@dataclass(frozen=True, slots=True)
class Bound:
    """A sum of variables, each with its factor, is greater than (or from) `least` on."""

    terms: tuple[tuple[str, float], ...]
    """In order of name; the first factor is 1 or -1."""
    least: float
    strict: bool


@dataclass(frozen=True, slots=True)
class Spelled:
    """A text is one of these words, or none of them."""

    name: str
    words: frozenset[str]
    positive: bool


@dataclass(frozen=True, slots=True)
class Test:
    """An expression of which no more is known than that it holds, or does not."""

    text: str
    positive: bool


@dataclass(frozen=True, slots=True)
class All:
    """Every one of them; of none: always."""

    parts: tuple["Constraint", ...]


@dataclass(frozen=True, slots=True)
class Some:
    """At least one of them; of none: never."""

    parts: tuple["Constraint", ...]


Constraint = Among | Bound | Spelled | Test | All | Some
ALWAYS, NEVER = All(()), Some(())


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """The variables, to evaluate a part of a condition over."""

    sample: Mapping[str, Value]

    def domain(self, name: str) -> Domain:
        """What a variable can be, or something computed, such as `size(ask)`."""
        try:
            return domain_of(name, self.sample)
        except KeyError:
            return range_of(name, self.domain) if _COMPUTED.search(name) else Numbers()

    def evaluate(self, text: str, values: Mapping[str, Value]) -> object:
        """Evaluate a part of a condition with some variables set; None where it cannot be."""
        try:
            return compile_source(text).execute(bind(with_values(self.sample, values)))
        except ERRORS:
            return None


def with_values(sample: Mapping[str, Value], values: Mapping[str, Value]) -> dict[str, Value]:
    """Set variables by their dotted names."""
    changed = dict(sample)
    for name, value in values.items():
        group, _, member = name.partition(".")
        if member and not isinstance(value, Mapping):
            members = changed[group]
            changed[group] = {**(members if isinstance(members, Mapping) else {}), member: value}
        else:
            changed[group] = value
    return changed


def constraints_of(node: Node, scope: Scope, *, positive: bool = True) -> Constraint:
    """What a condition demands where it holds, or, if not `positive`, where it does not."""
    if isinstance(node, Operation):
        if node.sign in {"&&", "||"}:
            parts = tuple(constraints_of(part, scope, positive=positive) for part in node.operands)
            return All(parts) if (node.sign == "&&") == positive else Some(parts)
        if node.sign == "not":
            return constraints_of(node.operands[0], scope, positive=not positive)
        if node.sign == "?":
            return _choice(node, scope, positive=positive)
        if switched := _compared_with_switch(node):
            inner, same = switched
            return constraints_of(inner, scope, positive=positive == same)
    return _atom(node, scope, positive=positive)


def _choice(node: Operation, scope: Scope, *, positive: bool) -> Constraint:
    condition, then, other = node.operands
    return Some(
        (
            All((constraints_of(condition, scope), constraints_of(then, scope, positive=positive))),
            All(
                (
                    constraints_of(condition, scope, positive=False),
                    constraints_of(other, scope, positive=positive),
                )
            ),
        )
    )


def _compared_with_switch(node: Operation) -> tuple[Node, bool] | None:
    """The condition in `(files > 3) == true`, and whether it is to hold."""
    if node.sign in {"==", "!="}:
        for side, other in (node.operands, node.operands[::-1]):
            if isinstance(other, Literal) and isinstance(other.value, bool) and is_condition(side):
                return side, other.value == (node.sign == "==")
    return None


def is_condition(node: Node) -> bool:
    """Whether a part is true or false by its form."""
    return isinstance(node, Operation) and node.sign in RELATIONS | {"&&", "||", "not"}


def _atom(node: Node, scope: Scope, *, positive: bool) -> Constraint:
    names = [name for name in names_in(node.text) if not name.startswith("params.")]
    if not names:
        return ALWAYS if (scope.evaluate(node.text, {}) is True) == positive else NEVER
    domain = scope.domain(names[0])
    if len(names) == 1 and isinstance(domain, Words):
        holds = frozenset(value for value in domain.values if _holds(node, names[0], value, scope))
        return Among(names[0], holds if positive else frozenset(domain.values) - holds)
    if isinstance(node, Operation) and node.sign in RELATIONS:
        for read in (_spelled, _bounds):
            if (constraint := read(node, scope, positive)) is not None:
                return constraint
        if node.sign in {"==", "!="}:
            sides = sorted(canonical(side.text) for side in node.operands)
            return Test(" == ".join(sides), positive=positive == (node.sign == "=="))
    return Test(canonical(node.text), positive=positive)


def _holds(node: Node, name: str, value: str | bool, scope: Scope) -> bool:
    """Whether an atom over one variable holds for a value; the common forms without evaluating."""
    if isinstance(node, Variable):
        return value is True
    if isinstance(node, Operation) and node.sign in {"==", "!=", "in"}:
        left, right = node.operands
        if isinstance(left, Literal) and node.sign != "in":
            left, right = right, left
        if isinstance(left, Variable):
            words = [right] if isinstance(right, Literal) else right.items if isinstance(right, Items) else ()
            if words and all(isinstance(word, Literal) for word in words):
                matches = any(
                    type(word.value) is type(value) and word.value == value
                    for word in words
                    if isinstance(word, Literal)
                )
                return matches != (node.sign == "!=")
    return scope.evaluate(node.text, {name: value}) is True


def _spelled(node: Operation, scope: Scope, positive: bool) -> Constraint | None:
    """A text compared with words that are written out."""
    for side, other in (node.operands, node.operands[::-1]):
        if not isinstance(side, Variable) or not isinstance(scope.domain(side.name), Text):
            continue
        items = other.items if isinstance(other, Items) else (other,)
        words = [item.value for item in items if isinstance(item, Literal) and isinstance(item.value, str)]
        looked_up = node.sign == "in" and side is node.operands[0]
        if len(words) == len(items) and (looked_up or node.sign in {"==", "!="}):
            return Spelled(side.name, frozenset(words), positive=positive != (node.sign == "!="))
    return None


def _bounds(node: Operation, scope: Scope, positive: bool) -> Constraint | None:
    """Numbers compared: one side less the other, against nothing."""
    left, right = node.operands
    if node.sign == "in":
        if not isinstance(right, Items):
            return None
        each = [
            _bounds(Operation(text=node.text, sign="==", operands=(left, item)), scope, positive)
            for item in right.items
        ]
        parts = tuple(part for part in each if part is not None)
        return None if len(parts) < len(each) else Some(parts) if positive else All(parts)
    if not (is_number(left, scope) and is_number(right, scope)):
        return None
    difference = _minus(_linear(left, scope), _linear(right, scope))
    return _compared(difference, node.sign if positive else _OPPOSITE[node.sign])


def _compared(sums: dict[str, float], sign: str) -> Constraint:
    """A sum, with its constant under the empty name, compared with 0."""
    if sign == "==":
        return All((_compared(sums, "<="), _compared(sums, ">=")))
    if sign == "!=":
        return Some((_compared(sums, "<"), _compared(sums, ">")))
    if sign in {"<", "<="}:
        sums, sign = {name: -factor for name, factor in sums.items()}, _MIRRORED[sign]
    constant = sums.get("", 0.0)
    terms = tuple(sorted((name, factor) for name, factor in sums.items() if name and factor))
    if not terms:
        return ALWAYS if constant > 0 or (constant == 0 and sign == ">=") else NEVER
    scale = abs(terms[0][1])
    return Bound(
        tuple((name, factor / scale) for name, factor in terms), -constant / scale + 0.0, strict=sign == ">"
    )


def is_number(node: Node, scope: Scope) -> bool:
    """Whether a part is a number; of a call, whether it is one on the sample."""
    if isinstance(node, Literal):
        return isinstance(node.value, float)
    if isinstance(node, Variable):
        return isinstance(scope.domain(node.name), Numbers)
    value = scope.evaluate(node.text, {})
    return isinstance(value, float | int) and not isinstance(value, bool)


def _linear(node: Node, scope: Scope) -> dict[str, float]:
    """A number as a sum of variables with factors; what is computed otherwise counts as a variable."""
    if isinstance(node, Literal) and isinstance(node.value, float):
        return {"": node.value}
    if isinstance(node, Variable):
        domain = scope.domain(node.name)
        if node.name.startswith("params.") and isinstance(domain, Numbers):
            return {"": domain.low}
        return {node.name: 1.0}
    sums = _computed(node, scope) if isinstance(node, Operation) else None
    return {canonical(node.text): 1.0} if sums is None else sums


def _computed(node: Operation, scope: Scope) -> dict[str, float] | None:
    """A sum, a difference, or a multiple of one; None for anything else."""
    sides = [_linear(side, scope) for side in node.operands]
    sums: dict[str, float] | None = None
    if node.sign == "minus":
        sums = _minus({}, sides[0])
    elif node.sign in {"+", "-"}:
        sums = _minus(sides[0], _minus({}, sides[1]) if node.sign == "+" else sides[1])
    elif node.sign == "*" and any(side.keys() <= {""} for side in sides):
        constant, other = sorted(sides, key=lambda side: not side.keys() <= {""})
        sums = {name: factor * constant.get("", 0.0) for name, factor in other.items()}
    elif node.sign == "/" and sides[1].keys() == {""} and sides[1][""]:
        sums = {name: factor / sides[1][""] for name, factor in sides[0].items()}
    return sums


def _minus(left: Mapping[str, float], right: Mapping[str, float]) -> dict[str, float]:
    return {name: left.get(name, 0.0) - right.get(name, 0.0) for name in {**left, **right}}
