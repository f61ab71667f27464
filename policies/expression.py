"""The tree of a condition: what CEL parses too, but does not show.

`policies.conditions` compiles and evaluates; this is for those who look at what is compared
with what. A tree is only made of text that CEL has accepted, so errors here mean no more than
"not looked at".
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

TOKEN = re.compile(
    r"""(?P<text>[rRbB]{0,2}(?:"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'))
    |(?P<number>0[xX][0-9a-fA-F]+[uU]?|(?:\d+\.\d*|\.\d+|\d+)(?:[eE][+-]?\d+)?[uU]?)
    |(?P<name>[A-Za-z_]\w*(?:\s*\.\s*[A-Za-z_]\w*)*(?:(?<!\bin)(?P<call>\s*\())?)
    |(?P<space>\s+)
    |(?P<sign>&&|\|\||[<>=!]=|.)""",
    re.VERBOSE | re.DOTALL,
)
_RELATIONS = ("==", "!=", "<", "<=", ">", ">=", "in")
_LEVELS: tuple[tuple[str, ...], ...] = (("||",), ("&&",), _RELATIONS, ("+", "-"), ("*", "/", "%"))
"""Operators from the loosest to the tightest."""
_MOST_NESTED = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A part of an expression, and its text."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Literal(Node):
    """A word, a number, or a switch."""

    value: str | float | bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable(Node):
    """A variable by its dotted name."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Items(Node):
    """A list as it is written out."""

    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation(Node):
    """An operator and its one, two or three (`?`) operands."""

    sign: str
    operands: tuple[Node, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Other(Node):
    """A call, an index, a map: evaluated, never looked into."""


def parse(source: str) -> Node:
    """Parse one expression.

    Raises:
        ValueError: it has a form that is not looked into.
    """
    parser = _Parser(source)
    node = parser.choice(0)
    if parser.peek():
        raise ValueError(f"'{parser.peek()}' is not looked into")
    return node


def tree_of(source: str) -> Node:
    """Parse a condition; one of a form that is not looked into is one whole."""
    try:
        return parse(source)
    except ValueError:
        return Node(text=source)


def walk(node: Node) -> Iterator[Node]:
    """Give a node and all below it."""
    yield node
    below = node.operands if isinstance(node, Operation) else node.items if isinstance(node, Items) else ()
    for child in below:
        yield from walk(child)


class _Parser:
    def __init__(self, source: str) -> None:
        self._source = source
        self._tokens = [token for token in TOKEN.finditer(source) if not token["space"]]
        self._at = 0

    def peek(self) -> str:
        """Give the next token's text; empty at the end."""
        return self._tokens[self._at].group() if self._at < len(self._tokens) else ""

    def choice(self, depth: int) -> Node:
        """Parse `a ? b : c`, or what binds tighter."""
        if depth > _MOST_NESTED:
            raise ValueError("nested too deeply")
        start = self._start()
        condition = self._binary(0, depth)
        if self.peek() != "?":
            return condition
        self._take("?")
        then = self.choice(depth + 1)
        self._take(":")
        other = self.choice(depth + 1)
        return Operation(text=self._since(start), sign="?", operands=(condition, then, other))

    def _binary(self, level: int, depth: int) -> Node:
        if level == len(_LEVELS):
            return self._unary(depth)
        start = self._start()
        node = self._binary(level + 1, depth)
        while (sign := self.peek()) in _LEVELS[level]:
            self._take(sign)
            right = self._binary(level + 1, depth)
            node = Operation(text=self._since(start), sign=sign, operands=(node, right))
        return node

    def _unary(self, depth: int) -> Node:
        if depth > _MOST_NESTED:
            raise ValueError("nested too deeply")
        start, sign = self._start(), self.peek()
        if sign not in {"!", "-"}:
            return self._member(depth)
        self._take(sign)
        operand = self._unary(depth + 1)
        text = self._since(start)
        if sign == "-" and isinstance(operand, Literal) and isinstance(operand.value, float):
            return Literal(text=text, value=-operand.value)
        return Operation(text=text, sign="not" if sign == "!" else "minus", operands=(operand,))

    def _member(self, depth: int) -> Node:
        start = self._start()
        node = self._primary(depth)
        while self.peek() in {".", "["}:
            if self.peek() == ".":
                self._take(".")
                token = self._next()
                if not token["name"]:
                    raise ValueError("a name belongs behind a dot")
                if token["call"]:
                    self._skip(")")
            else:
                self._take("[")
                self._skip("]")
            node = Other(text=self._since(start))
        return node

    def _primary(self, depth: int) -> Node:
        start, token = self._start(), self._next()
        text = token.group()
        if token["text"] or token["number"]:
            return Literal(text=text, value=_unquoted(text) if token["text"] else _number(text))
        if token["call"]:
            self._skip(")")
            return Other(text=self._since(start))
        return _named(text) if token["name"] else self._bracketed(text, start, depth)

    def _bracketed(self, text: str, start: int, depth: int) -> Node:
        if text == "(":
            node = self.choice(depth + 1)
            self._take(")")
            return node
        if text == "[":
            return self._items(start, depth)
        if text == "{":
            self._skip("}")
            return Other(text=self._since(start))
        raise ValueError(f"'{text}' is not looked into")

    def _items(self, start: int, depth: int) -> Node:
        items: list[Node] = []
        while self.peek() != "]":
            items.append(self.choice(depth + 1))
            if self.peek() == ",":
                self._take(",")
            elif self.peek() != "]":
                raise ValueError("a comma belongs between items")
        self._take("]")
        return Items(text=self._since(start), items=tuple(items))

    def _start(self) -> int:
        return self._tokens[self._at].start() if self._at < len(self._tokens) else len(self._source)

    def _since(self, start: int) -> str:
        return self._source[start : self._tokens[self._at - 1].end()]

    def _next(self) -> re.Match[str]:
        if self._at == len(self._tokens):
            raise ValueError("ends too early")
        self._at += 1
        return self._tokens[self._at - 1]

    def _take(self, text: str) -> None:
        if self._next().group() != text:
            raise ValueError(f"'{text}' is expected")

    def _skip(self, closing: str) -> None:
        """Go past the bracket that closes the one just opened."""
        depth = 1
        while depth:
            token = self._next()
            depth += bool(token["call"]) or token.group() in {"(", "[", "{"}
            depth -= token.group() in {")", "]", "}"}
        if self._tokens[self._at - 1].group() != closing:
            raise ValueError(f"'{closing}' is expected")


def _named(text: str) -> Node:
    name = re.sub(r"\s", "", text)
    if name in {"true", "false"}:
        return Literal(text=text, value=name == "true")
    return Other(text=text) if name == "null" else Variable(text=text, name=name)


def _number(text: str) -> float:
    digits = text.rstrip("uU")
    return float(int(digits, 16)) if digits[:2].lower() == "0x" else float(digits)


def _unquoted(text: str) -> str:
    body = text.lstrip("rRbB")
    prefix = text[: len(text) - len(body)].lower()
    if "b" in prefix or ("\\" in body and "r" not in prefix):
        raise ValueError("bytes and escapes are not looked into")
    return body[1:-1]
