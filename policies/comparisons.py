"""What a condition compares, held against what its variables can be.

A comparison that no value can meet is a mistake, and so is one of unlike things.
"""

import re
from collections.abc import Iterator
from difflib import get_close_matches
from math import inf

from policies.conditions import canonical, names_in
from policies.constraints import RELATIONS, Scope, constraints_of, is_condition, is_number
from policies.domains import DOMAINS, SHARE, SWITCH, Numbers, Text, Words
from policies.expression import TOKEN, Items, Literal, Node, Operation, Variable
from policies.satisfiable import Undecided, find_model

_ORDERED = frozenset({"<", "<=", ">", ">="})
_PERCENT = 100


def find_impossible(node: Node, scope: Scope) -> list[str]:
    """Phrase every comparison of a condition that can never hold, or compares unlike things."""
    return list(dict.fromkeys(problem for atom in _atoms(node) for problem in _of_atom(atom, scope)))


def find_pointless(node: Node) -> list[str]:
    """Phrase comparisons that are in order and still do not do what they seem to."""
    guards = (
        "no rule decides on a 'guard': a safety check goes to the model that the client named"
        for atom in _atoms(node)
        for variable, literal in _pairs(atom)
        if variable.name == "kind" and literal.value == "guard"
    )
    return list(dict.fromkeys(guards))


def rules_named(node: Node) -> Iterator[str]:
    """Give the words that `last.rule` is compared with."""
    for atom in _atoms(node):
        for variable, literal in _pairs(atom):
            if variable.name == "last.rule" and isinstance(literal.value, str):
                yield literal.value


def find_unquoted(source: str) -> str:
    """Phrase that a word of a variable's known set lacks its quotes; empty where none does."""
    bare = "".join(" " if token["text"] else token.group() for token in TOKEN.finditer(source))
    for name, domain in DOMAINS.items():
        words = domain.values if isinstance(domain, Words) and _occurs(name, bare) else ()
        for word in words:
            if isinstance(word, str) and word and word not in DOMAINS and _occurs(word, bare):
                return f"'{word}' is text, so put it in quotes: \"'{word}'\""
    return ""


def _occurs(name: str, text: str) -> bool:
    return bool(re.search(rf"(?<![\w.\-]){re.escape(name)}(?![\w.\-(])", text))


def _atoms(node: Node) -> Iterator[Node]:
    """Give the parts that are true or false and hold no other such part."""
    if isinstance(node, Operation) and (
        node.sign in {"&&", "||", "not"}
        or (node.sign == "?" and any(is_condition(part) for part in node.operands[1:]))
        or (node.sign in {"==", "!="} and any(is_condition(part) for part in node.operands))
    ):
        for part in node.operands:
            yield from _atoms(part)
    elif not isinstance(node, Literal):
        yield node


def _of_atom(atom: Node, scope: Scope) -> Iterator[str]:
    if isinstance(atom, Operation) and atom.sign in RELATIONS:
        problems = [*_unlike(atom, scope), *_unknown(atom, scope), *_outside(atom, scope)]
        if problems:
            yield from problems
            return
    if names_in(atom.text) and not _possible(atom, scope):
        yield f"`{atom.text}` is never true{_range_of(atom, scope)}"


def _unlike(atom: Operation, scope: Scope) -> Iterator[str]:
    """A word compared with a number, a variable with another in place of a word."""
    for variable, literal in _pairs(atom):
        domain = scope.domain(variable.name)
        kinds = {bool} if domain == SWITCH else {float} if isinstance(domain, Numbers) else {str}
        if type(literal.value) not in kinds:
            is_a = {bool: "true or false", float: "a number", str: "text"}
            (kind,) = kinds
            yield f"{variable.name} is {is_a[kind]}, {literal.text} is {is_a[type(literal.value)]}"
    for side, other in (atom.operands, atom.operands[::-1]):
        if isinstance(side, Variable) and isinstance(other, Variable):
            domain = scope.domain(side.name)
            if isinstance(domain, Words) and other.name in domain.values:
                yield f"{other.name} is a variable here; put the word in quotes: '{other.name}'"


def _unknown(atom: Operation, scope: Scope) -> Iterator[str]:
    """A word that is not one of the variable's."""
    for variable, literal in _pairs(atom):
        domain = scope.domain(variable.name)
        if not isinstance(domain, Words) or not isinstance(literal.value, str) or domain == SWITCH:
            continue
        words = [str(word) for word in domain.values]
        if literal.value not in words and atom.sign not in _ORDERED:
            yield f"{variable.name} is never '{literal.value}'{_nearest_word(literal.value, words)}"


def _nearest_word(word: str, words: list[str]) -> str:
    plain = {_plain(candidate): candidate for candidate in words if candidate}
    beginning = _plain(word)
    longer = [candidate for candidate in plain if beginning and candidate.startswith(beginning)]
    close = longer[:1] or get_close_matches(beginning, plain, n=1, cutoff=0.6)
    return f"; did you mean '{plain[close[0]]}'?" if close else f"; valid are {', '.join(map(repr, words))}"


def _plain(word: str) -> str:
    return re.sub(r"[\W_]+", "-", word.strip().lower())


def _outside(atom: Operation, scope: Scope) -> Iterator[str]:
    """A probability compared with what is none."""
    for side, other in (atom.operands, atom.operands[::-1]):
        if not isinstance(side, Variable) or scope.domain(side.name) != SHARE:
            continue
        for item in other.items if isinstance(other, Items) else (other,):
            number = _constant(item, scope)
            if number is not None and not 0 <= number <= 1:
                text = item.text if isinstance(item, Literal) else f"{item.text} = {number:g}"
                yield f"{side.name} is between 0 and 1, never {text}{_share(number)}"


def _share(number: float) -> str:
    if 2 <= number <= _PERCENT:  # noqa: PLR2004 # 1.5 is hardly a percentage
        return f"; for {number:g}%, write {number / _PERCENT:g}"
    return f"; the nearest is {min(max(number, 0.0), 1.0):g}"


def _constant(node: Node, scope: Scope) -> float | None:
    """A number that no request changes."""
    if any(not name.startswith("params.") for name in names_in(node.text)) or not is_number(node, scope):
        return None
    value = scope.evaluate(node.text, {})
    return float(value) if isinstance(value, float | int) else None


def _pairs(atom: Node) -> Iterator[tuple[Variable, Literal]]:
    """Give each variable with each value that it is compared with."""
    if isinstance(atom, Operation) and atom.sign in RELATIONS:
        for side, other in (atom.operands, atom.operands[::-1]):
            if isinstance(side, Variable) and not side.name.startswith("params."):
                for literal in _literals(other):
                    yield side, literal


def _literals(node: Node) -> Iterator[Literal]:
    if isinstance(node, Literal):
        yield node
    elif isinstance(node, Items):
        for item in node.items:
            yield from _literals(item)
    elif isinstance(node, Operation) and node.sign == "?":
        for branch in node.operands[1:]:
            yield from _literals(branch)
    elif isinstance(node, Operation) and node.sign == "+" and isinstance(node.operands[0], Items):
        for side in node.operands:
            yield from _literals(side)


def _possible(atom: Node, scope: Scope) -> bool:
    try:
        return find_model([constraints_of(atom, scope)], scope) is not None
    except Undecided:
        return True


def _range_of(atom: Node, scope: Scope) -> str:
    """What the atom's variable can be, where it is one."""
    names = [name for name in names_in(atom.text) if not name.startswith("params.")]
    if len(names) != 1:
        return ""
    domain = scope.domain(names[0])
    if isinstance(domain, Text):
        return _range_of_computed(atom, scope)
    if isinstance(domain, Words):
        words = (str(word).lower() if isinstance(word, bool) else repr(word) for word in domain.values)
        return f": {names[0]} is one of {', '.join(words)}"
    return _phrase_range(names[0], domain)


def _range_of_computed(atom: Node, scope: Scope) -> str:
    """What the side of a comparison can be that is computed of a text, such as `size(ask)`."""
    sides = atom.operands if isinstance(atom, Operation) and atom.sign in RELATIONS else ()
    for side in sides:
        if names_in(side.text) and is_number(side, scope):
            domain = scope.domain(canonical(side.text))
            return _phrase_range(side.text, domain) if isinstance(domain, Numbers) else ""
    return ""


def _phrase_range(name: str, domain: Numbers) -> str:
    noun = "a whole number" if domain.integer else "a number"
    if domain.high < inf:
        return f": {name} is between {domain.low:g} and {domain.high:g}"
    return f": {name} is {noun}, at least {domain.low:g}" if domain.low > -inf else ""
