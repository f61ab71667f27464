"""What something computed can be: the length of a text, a product, a choice of two numbers.

A range is what interval arithmetic gives, so it may be wider than what the values come to, never
narrower: a comparison outside it is certainly a mistake.
"""

import re
from collections.abc import Callable, Mapping
from math import inf, isnan, trunc
from types import MappingProxyType

from policies.domains import COUNT, Domain, Numbers
from policies.expression import Literal, Node, Operation, Other, Variable, tree_of

_SIZE = re.compile(r"size\s*\([^()]*\)|[\w.\s]+\.\s*size\s*\(\s*\)")
_CONVERTED = re.compile(r"(?P<to>double|int|uint)\s*\((?P<inside>.*)\)", re.DOTALL)

Ends = tuple[float, float]
Domains = Callable[[str], Domain]
"""What each variable can be, by its dotted name."""


def range_of(text: str, domains: Domains) -> Numbers:
    """The range of an expression that is a number; all numbers where nothing is known of it."""
    return _range(tree_of(text), domains) or Numbers()


def _range(node: Node, domains: Domains) -> Numbers | None:
    if isinstance(node, Literal):
        value = node.value
        return Numbers(low=value, high=value) if isinstance(value, float) else None
    if isinstance(node, Variable):
        domain = domains(node.name)
        return domain if isinstance(domain, Numbers) else None
    if isinstance(node, Other):
        return COUNT if _SIZE.fullmatch(node.text) else _converted(node.text, domains)
    return _computed(node, domains) if isinstance(node, Operation) else None


def _converted(text: str, domains: Domains) -> Numbers | None:
    """`double(x)` is x; `int(x)` and `uint(x)` are x without its fraction."""
    call = _CONVERTED.fullmatch(text)
    inner = _range(tree_of(call["inside"]), domains) if call else None
    if call is None or inner is None or call["to"] == "double":
        return inner
    low, high = (end if end in {inf, -inf} else float(trunc(end)) for end in (inner.low, inner.high))
    return Numbers(low=max(low, 0.0) if call["to"] == "uint" else low, high=high, integer=True)


def _computed(node: Operation, domains: Domains) -> Numbers | None:
    sides = [_range(side, domains) for side in (node.operands[1:] if node.sign == "?" else node.operands)]
    existing = [side for side in sides if side]
    ends = _ENDS.get(node.sign)
    if ends is None or len(existing) < len(sides):
        return None
    low, high = ends(existing[0], existing[-1])
    return Numbers(low=low, high=high, integer=all(side.integer for side in existing))


def _products(left: Numbers, right: Numbers) -> Ends:
    ends = [_product(item, other) for item in (left.low, left.high) for other in (right.low, right.high)]
    return min(ends), max(ends)


def _product(one: float, other: float) -> float:
    """0 times what has no end is 0: the end itself is never reached."""
    product = one * other
    return 0.0 if isnan(product) else product


_ENDS: Mapping[str, Callable[[Numbers, Numbers], Ends]] = MappingProxyType(
    {
        "?": lambda left, right: (min(left.low, right.low), max(left.high, right.high)),
        "+": lambda left, right: (left.low + right.low, left.high + right.high),
        "-": lambda left, right: (left.low - right.high, left.high - right.low),
        "*": _products,
        "minus": lambda only, _: (-only.high, -only.low),
    }
)
"""The least and the greatest value, by operator."""
