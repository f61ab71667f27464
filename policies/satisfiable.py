"""Whether constraints can hold together: a search over their alternatives, each branch a `Model`.

It is sound: what it calls impossible is. What it calls possible may still not be where tests or
sums of several variables are demanded (`Model.exact` is False then).
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import ceil, floor, inf

from policies.conditions import names_in
from policies.constraints import All, Among, Bound, Constraint, Scope, Some, Spelled, Test
from policies.domains import DOMAINS, Numbers

_MOST_STEPS = 3_000
_METHOD = re.compile(r"([\w.]+)\.(contains|startsWith|endsWith)\( (['\"])([^'\"\\]*)\3 \)")
Terms = tuple[tuple[str, float], ...]


class Undecided(Exception):
    """There are more alternatives than are tried."""


@dataclass(slots=True, kw_only=True)
class Model:
    """What a branch demands of each variable."""

    scope: Scope
    among: dict[str, frozenset[str | bool]] = field(default_factory=dict)
    bounds: dict[Terms, tuple[float, bool]] = field(default_factory=dict)
    """From where on each sum is to be, and whether that itself is too little."""
    allowed: dict[str, frozenset[str]] = field(default_factory=dict)
    excluded: dict[str, frozenset[str]] = field(default_factory=dict)
    tests: dict[str, bool] = field(default_factory=dict)

    @property
    def exact(self) -> bool:
        """Whether some request surely meets it."""
        return not self.tests and all(len(terms) == 1 and terms[0][0] in DOMAINS for terms in self.bounds)

    def copy(self) -> "Model":
        """Copy it, for another branch."""
        return Model(
            scope=self.scope,
            among=dict(self.among),
            bounds=dict(self.bounds),
            allowed=dict(self.allowed),
            excluded=dict(self.excluded),
            tests=dict(self.tests),
        )

    def add(self, constraint: Constraint) -> bool:
        """Demand one more; False where that cannot be met beside the rest."""
        if isinstance(constraint, Among):
            values = self.among.get(constraint.name, constraint.values) & constraint.values
            self.among[constraint.name] = values
            return bool(values)
        if isinstance(constraint, Bound):
            return self._bound(constraint)
        if isinstance(constraint, Spelled):
            return self._spell(constraint)
        if isinstance(constraint, Test):
            return self._test(constraint)
        return True

    def range_of(self, name: str) -> tuple[float, bool, float, bool]:
        """The least and the greatest value of a number, each with whether it is itself too far."""
        domain = self.scope.domain(name)
        low, high = (domain.low, domain.high) if isinstance(domain, Numbers) else (-inf, inf)
        least, strict = self.bounds.get(((name, 1.0),), (low, False))
        negated, far = self.bounds.get(((name, -1.0),), (-high, False))
        low, low_open = (least, strict) if least >= low else (low, False)
        high, high_open = (-negated, far) if -negated <= high else (high, False)
        return low, low_open, high, high_open

    def _bound(self, bound: Bound) -> bool:
        least, strict = self._rounded(bound)
        current, current_strict = self.bounds.get(bound.terms, (-inf, False))
        self.bounds[bound.terms] = max((current, current_strict), (least, strict))
        return self._feasible()

    def _rounded(self, bound: Bound) -> tuple[float, bool]:
        (name, _), *others = bound.terms
        domain = self.scope.domain(name)
        if others or not isinstance(domain, Numbers) or not domain.integer or bound.least in {inf, -inf}:
            return bound.least, bound.strict
        return (floor(bound.least) + 1.0 if bound.strict else float(ceil(bound.least))), False

    def _feasible(self) -> bool:
        """Whether no bound, and no two together, ask for more than their variables can give."""
        bounds = [(dict(terms), least, strict) for terms, (least, strict) in self.bounds.items()]
        for at, (terms, least, strict) in enumerate(bounds):
            if self._too_much(terms, least, strict):
                return False
            for others, other_least, other_strict in bounds[:at]:
                both = {name: terms.get(name, 0.0) + others.get(name, 0.0) for name in {*terms, *others}}
                if self._too_much(both, least + other_least, strict or other_strict):
                    return False
        return True

    def _too_much(self, terms: Mapping[str, float], least: float, strict: bool) -> bool:
        most, attained = 0.0, True
        for name, factor in terms.items():
            if not factor:
                continue
            low, low_open, high, high_open = self.range_of(name)
            most += factor * (high if factor > 0 else low)
            attained = attained and not (high_open if factor > 0 else low_open)
        return most < least or (most == least and (strict or not attained))

    def _spell(self, spelled: Spelled) -> bool:
        name = spelled.name
        if spelled.positive:
            self.allowed[name] = self.allowed.get(name, spelled.words) & spelled.words
        else:
            self.excluded[name] = self.excluded.get(name, frozenset()) | spelled.words
        return self._words_left(name)

    def _test(self, test: Test) -> bool:
        if self.tests.setdefault(test.text, test.positive) != test.positive:
            return False
        names = names_in(test.text)
        if len(names) == 1 and names[0] in self.allowed and not self._words_left(names[0]):
            return False
        return not any(_contradict(test, Test(text, holds)) for text, holds in self.tests.items())

    def _words_left(self, name: str) -> bool:
        if name not in self.allowed:
            return True
        tests = [(text, holds) for text, holds in self.tests.items() if names_in(text) == (name,)]
        return any(
            all((self.scope.evaluate(text, {name: word}) is True) == holds for text, holds in tests)
            for word in self.allowed[name] - self.excluded.get(name, frozenset())
        )


def find_model(constraints: Iterable[Constraint], scope: Scope) -> Model | None:
    """Find what a request would be that meets all constraints; None where there is none.

    Raises:
        Undecided: there are too many alternatives.
    """
    return _Search().run(Model(scope=scope), list(constraints), [])


class _Search:
    def __init__(self) -> None:
        self._steps = 0

    def run(self, model: Model, pending: list[Constraint], open_choices: list[Some]) -> Model | None:
        choices = list(open_choices)
        while True:
            if not _take_in(model, pending, choices):
                return None
            pending = []
            for choice in list(choices):
                self._steps += 1
                if self._steps > _MOST_STEPS:
                    raise Undecided
                left = tuple(part for part in choice.parts if _possible(model, part))
                if not left:
                    return None
                choices.remove(choice)
                if len(left) == 1:
                    pending.append(left[0])
                else:
                    choices.append(Some(left))
            if not pending:
                break
        if not choices:
            return model
        narrowest = min(choices, key=lambda choice: len(choice.parts))
        others = [choice for choice in choices if choice is not narrowest]
        for part in narrowest.parts:
            if result := self.run(model.copy(), [part], others):
                return result
        return None


def _take_in(model: Model, pending: list[Constraint], choices: list[Some]) -> bool:
    """Demand everything that is pending; alternatives are kept for later."""
    while pending:
        constraint = pending.pop()
        if isinstance(constraint, All):
            pending.extend(constraint.parts)
        elif isinstance(constraint, Some):
            choices.append(constraint)
        elif not model.add(constraint):
            return False
    return True


def _possible(model: Model, part: Constraint) -> bool:
    """Whether an alternative can be met as far as can be seen without searching on."""
    if isinstance(part, Some):
        return bool(part.parts)
    trial = model.copy()
    return _take_in(trial, [part], [])


def _contradict(test: Test, other: Test) -> bool:
    """Whether two tests of a text's beginning, end or content exclude each other."""
    first, second = _METHOD.fullmatch(test.text), _METHOD.fullmatch(other.text)
    if not first or not second or first[1] != second[1]:
        return False
    if test.positive and other.positive:
        return first[2] == second[2] == "startsWith" and not (
            first[4].startswith(second[4]) or second[4].startswith(first[4])
        )
    if test.positive == other.positive:
        return False
    positive, negative = (first, second) if test.positive else (second, first)
    return (negative[2] == "contains" and negative[4] in positive[4]) or (
        negative[2] == positive[2]
        and (
            positive[4].startswith(negative[4])
            if negative[2] == "startsWith"
            else positive[4].endswith(negative[4])
        )
        and negative[2] != "contains"
    )
