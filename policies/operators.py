"""Operators of other languages in a condition, and CEL's word for each.

What is written in Python, SQL or C is mostly no CEL, and its parser's own message ("token
recognition error") says nothing of what to write. Text in quotes is never looked at.
"""

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from types import MappingProxyType

from policies.expression import TOKEN, Literal, Node, Operation, Variable, walk

_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "and": "&&", "or": "||", "not": "!", "is": "==", "xor": "!=",
        "eq": "==", "equals": "==", "equal": "==", "ne": "!=", "neq": "!=",
        "gt": ">", "ge": ">=", "gte": ">=", "lt": "<", "le": "<=", "lte": "<=", "mod": "%", "div": "/",
    }
)  # fmt: skip
_METHODS = ("contains", "startsWith", "endsWith", "matches")
_AS_METHODS: Mapping[str, str] = MappingProxyType(
    {"like": "matches", "ilike": "matches", "rlike": "matches", "regexp": "matches",
     "includes": "contains",
     **{name.lower(): name for name in _METHODS}}
)  # fmt: skip
_CONSTANTS = frozenset({"true", "false"})
_NOTHING: Mapping[str, str] = MappingProxyType(
    dict.fromkeys(("none", "null", "nil", "undefined"), "nothing is ever missing; compare with '' or 0")
)
_CHOICES = frozenset({"if", "then", "else", "elif", "unless", "when"})
_PAIRS: Mapping[tuple[str, str], str] = MappingProxyType(
    {("is", "not"): "for 'is not', write '!='", ("not", "in"): "for 'not in', write !(x in [...])"}
)
_PHRASES: Mapping[str, str] = MappingProxyType({"between": "write x >= 1 && x <= 2"})
_SIGNS: Mapping[str, str] = MappingProxyType(
    {
        "=": "==", "===": "==", "!==": "!=", "<>": "!=", "~=": "!=", "=!": "!=", "=>": ">=", "=<": "<=",
        "≥": ">=", "≤": "<=", "≠": "!=", "\uff1d": "==", "\u2227": "&&", "\u2228": "||", "¬": "!",
        "~": "!", "&": "&&", "|": "||", "^": "!=", "!>": "<=", "!<": ">=", "!!=": "!=",
        "&&&": "&&", "|||": "||", "====": "==", ":=": "==",
    }
)  # fmt: skip
_REMEDIES: Mapping[str, str] = MappingProxyType(
    {
        "=~": "to match a regular expression, write x.matches('...')",
        "!~": "to match no regular expression, write !x.matches('...')",
        "∈": "write 'in'",
        "∉": "write !(x in [...])",
        "**": "there are no powers; multiply with '*'",
        ";": "a condition ends where its text ends; leave it out",
        "`": "put text in single quotes: 'agent'",
        "++": "write '+ 1'",
        "??": "write 'a ? b : c'",
    }
)
_ORDERED = frozenset({"<", "<=", ">", ">="})
_QUOTES = frozenset("\u201c\u201d\u201e\u201f\u2018\u2019\u201a\u201b\xab\xbb\xb4")
_CLUSTER = re.compile(r"[=!<>&|~^:*;`+?-]+|[^\w\s]", re.DOTALL)
_PERCENT = re.compile(r"(\d+(?:\.\d+)?)\s*%\s*(?=$|\)|&&|\|\|)")
_THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3})+(?!\d)")
_FUNCTIONS = (
    "size", "has", "int", "uint", "double", "string", "bool",
    "all", "exists", "exists_one", "map", "filter", *_METHODS,
)  # fmt: skip
_OTHER_FUNCTIONS: Mapping[str, str] = MappingProxyType(
    {"len": "size", "length": "size", "count": "size", "float": "double", "number": "double", "str": "string",
     "begins": "startsWith", "beginswith": "startsWith", "match": "matches", "search": "matches",
     "any": "exists", "include": "contains", "includes": "contains"}
)  # fmt: skip


def find_mistake(source: str) -> str:
    """Name the first operator of another language, and CEL's in its place; empty where there is none."""
    return next(_mistakes(source), "")


def find_misuse(node: Node) -> str:
    """Phrase what an operator of CEL is used for that it cannot do; empty where there is nothing."""
    for part in walk(node):
        if not isinstance(part, Operation):
            continue
        left, right = part.operands[0], part.operands[-1]
        if part.sign in _ORDERED and isinstance(left, Operation) and left.sign in _ORDERED:
            middle = left.operands[1].text
            return f"compare two at a time: {left.text} && {middle} {part.sign} {right.text}"
        if part.sign == "in" and isinstance(right, Literal):
            return f"'in' looks into a list: {left.text} in [{right.text}]"
        if part.sign == "in" and isinstance(left, Literal) and isinstance(right, Variable):
            return f"'in' looks into a list; for a part of a text, write {right.name}.contains({left.text})"
    return ""


def nearest_function(name: str) -> str:
    """Phrase the function that was probably meant; empty where none is near."""
    match = _OTHER_FUNCTIONS.get(name.lower()) or next(
        iter(get_close_matches(name.lower(), [f.lower() for f in _FUNCTIONS], n=1, cutoff=0.7)), ""
    )
    right = next((function for function in _FUNCTIONS if function.lower() == match.lower()), "")
    return f"; did you mean '{right}'?" if right else f"; there are {', '.join(_FUNCTIONS)}"


def _mistakes(source: str) -> Iterator[str]:
    if percent := _PERCENT.search(_blanked(source)):
        yield f"'{percent[0].strip()}' (column {percent.start() + 1}): write {float(percent[1]) / 100:g}"
    tokens = [token for token in TOKEN.finditer(source) if not token["space"]]
    end, depth = 0, 0
    for at, token in enumerate(tokens):
        depth += bool(token["call"]) or token.group() in {"(", "[", "{"}
        depth -= token.group() in {")", "]", "}"}
        if token.start() < end:
            continue
        text, remedy = token.group(), ""
        before = tokens[at - 1] if at else None
        if token["name"]:
            text = text.rstrip("( \t\n")
            remedy = _tuple(tokens[at : at + 4]) or _word(text, before, tokens[at + 1 : at + 2])
        elif token["sign"]:
            text = _cluster(source, token.start())
            end = token.start() + len(text)
            remedy = _sign(text, source[end:])
        elif not depth and (thousands := _THOUSANDS.match(source, token.start())):
            text = thousands.group()
            remedy = f"write {text.replace(',', '')}"
        elif _ends_operand(before):
            remedy = "an operator is missing before it"
        if remedy:
            yield f"'{text}' (column {token.start() + 1}): {remedy}"


def _word(name: str, before: re.Match[str] | None, after: list[re.Match[str]]) -> str:
    word, following = name.lower(), after[0].group().lower() if after else ""
    if word in _CONSTANTS and name != word:
        return f"write {word}"
    if (word, following) in _PAIRS:
        return _PAIRS[word, following]
    if word in _WORDS:
        return f"write '{_WORDS[word]}'"
    if name == "in" or (word not in _CHOICES and not _ends_operand(before)):
        return _NOTHING.get(word, "")
    if word in _AS_METHODS:
        return f"write x.{_AS_METHODS[word]}('...')"
    operators = "is no operator; there are &&, ||, !, ==, !=, <, <=, >, >=, in"
    return "for a choice, write a ? b : c" if word in _CHOICES else _PHRASES.get(word, operators)


def _tuple(tokens: list[re.Match[str]]) -> str:
    """What is wrong with `in` before a tuple or a set of another language."""
    texts = [token.group() for token in tokens]
    opened = texts[:2] == ["in", "{"] or (texts[:2] == ["in", "("] and texts[3:] in ([","], [")"]))
    return "a list is written in square brackets: x in ['a', 'b']" if opened else ""


def _sign(cluster: str, tail: str) -> str:
    if cluster in _QUOTES:
        return "put text in straight quotes: 'agent'"
    if cluster == "!" and re.match(r"\s*in\b", tail):
        return "for 'not in', write !(x in [...])"
    if cluster in _SIGNS:
        return f"write '{_SIGNS[cluster]}'"
    return _REMEDIES.get(cluster, "")


def _ends_operand(token: re.Match[str] | None) -> bool:
    if token is None or token["name"] == "in":
        return False
    if token["name"]:
        return not token["call"]
    return bool(token["text"] or token["number"] or token.group() in {")", "]"})


def _cluster(source: str, start: int) -> str:
    """The signs that stand together from `start` on, as an operator of another language would."""
    match = _CLUSTER.match(source, start)
    text = match.group() if match else source[start]
    signs = {*_SIGNS, *_REMEDIES}
    for length in range(len(text), 0, -1):
        if text[:length] in signs or text[:length] in {"==", "!=", "<=", ">=", "&&", "||"}:
            return text[:length]
    return text[:1]


def _blanked(source: str) -> str:
    """`source` with its texts in quotes as blanks, so that columns stay."""
    return "".join(" " * len(t.group()) if t["text"] else t.group() for t in TOKEN.finditer(source))
