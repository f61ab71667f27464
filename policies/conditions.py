"""A condition: one CEL expression, compiled once, over variables given as floats, booleans and text.

Three facts about CEL shape this file:

- It compares `1` with `1.0` but does not add them, so whole numbers in an
  expression are written as floats before it is compiled: `files + 1` then works.
- `a || b` is true where `a` is, even if `b` is an error, so each operand is
  tried on its own when a policy is loaded.
- Giving a variable costs microseconds, evaluating an expression a fraction of
  one, so variables are given once per decision (`bind`), for all conditions.
"""

import importlib.machinery
import importlib.util
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from types import ModuleType
from typing import Any

from policies.expression import TOKEN, Node, tree_of
from policies.operators import find_mistake, find_misuse, nearest_function

Value = float | bool | str | Mapping[str, float | bool | str]
ERRORS = (ArithmeticError, KeyError, RuntimeError, TypeError, ValueError)
"""What evaluating a condition may raise."""

_SYNTAX = re.compile(r"ERROR: <input>:\d+:(?P<column>\d+): Syntax error: (?P<message>[^\n]*)")
_UNKNOWN_FUNCTION = re.compile(r"Undefined variable or function: '(\w+)'")
_BOUND = re.compile(r"\.(?:all|exists|exists_one|map|filter)\(\s*(\w+)\s*,")
_WORDS = frozenset({"true", "false", "null", "in"})


def _load_cel() -> ModuleType:
    """Load the extension module alone.

    Importing the package `cel` also imports its interactive shell, which costs 0.4 s
    and 30 MB at start-up. The module is registered, so a later `import cel` shares it.
    """
    if "cel.cel" not in sys.modules:
        package = importlib.util.find_spec("cel")
        spec = importlib.machinery.PathFinder.find_spec(
            "cel.cel", package.submodule_search_locations if package else None
        )
        if spec is None or spec.loader is None:
            raise ImportError("the package 'common-expression-language' is not installed")
        module = importlib.util.module_from_spec(spec)
        sys.modules["cel.cel"] = module
        spec.loader.exec_module(module)
    return sys.modules["cel.cel"]


_cel = _load_cel()


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """A CEL expression, compiled, and the variables it names."""

    source: str
    """As it was written."""
    names: tuple[str, ...]
    """The variables it reads, in order, e.g. `("files", "params.max_files")`."""
    tree: Node
    """What it compares; one that is not looked into is whole."""
    program: Any

    def holds(self, context: Any) -> bool:
        """Evaluate over variables made by `bind`.

        Raises:
            ERRORS: the values make no sense to it, e.g. a division by zero.
        """
        return self.program.execute(context) is True


def bind(values: Mapping[str, Value]) -> Any:
    """Make variables ready for any number of conditions."""
    return _cel.Context(dict(values))


def compile_condition(source: str, sample: Mapping[str, Value]) -> Condition:
    """Compile and try one expression.

    Args:
        source: The CEL expression.
        sample: Every variable there is, with a value of its type.

    Raises:
        ValueError: it does not parse, names an unknown variable, or is not a condition.
    """
    if mistake := find_mistake(source):
        raise ValueError(f"is no valid condition: {mistake}")
    program = compile_source(source)
    names = names_in(source)
    for name in names:
        _check_variable(name, sample)
    tree = tree_of(source)
    if misuse := find_misuse(tree):
        raise ValueError(f"is no valid condition: {misuse}")
    context = bind(sample)
    for operand in _operands(source):
        _try(operand, context)
    return Condition(source=source, names=names, tree=tree, program=program)


def canonical(source: str) -> str:
    """Write an expression so that two which differ only in spacing are equal."""
    return " ".join(match.group().strip() for match in TOKEN.finditer(source) if match.group().strip())


def lookup(name: str, values: Mapping[str, Value]) -> Value:
    """Find a variable by its dotted name."""
    root, _, member = name.partition(".")
    value = values[root]
    return value[member] if member and isinstance(value, Mapping) else value


def compile_source(source: str) -> Any:
    """Compile an expression, whole numbers as floats.

    Raises:
        ValueError: it does not parse.
    """
    try:
        _cel.compile(source)  # first as it was written, so that an error names the right column
        return _cel.compile(_with_floats(source))
    except ValueError as error:
        raise ValueError(f"is no valid condition: {_plain(error)}") from error


def _with_floats(source: str) -> str:
    return "".join(
        f"{match.group()}.0" if match["number"] and match.group().isdecimal() else match.group()
        for match in TOKEN.finditer(source)
    )


def names_in(source: str) -> tuple[str, ...]:
    """Name the variables, as dotted as they are written; methods and functions left out."""
    bound = set(_BOUND.findall(source)) | _WORDS
    names: dict[str, None] = {}
    for match in TOKEN.finditer(source):
        if not match["name"]:
            continue
        before = source[: match.start()].rstrip()[-1:]
        parts = re.sub(r"[\s(]", "", match["name"]).split(".")
        parts = parts[:-1] if match["call"] else parts
        if parts and before != "." and parts[0] not in bound:
            names[".".join(parts)] = None
    return tuple(names)


def _check_variable(name: str, sample: Mapping[str, Value]) -> None:
    root, _, member = name.partition(".")
    group = sample.get(root)
    valid = [f"{key}.{part}" for key, value in sample.items() if isinstance(value, Mapping) for part in value]
    valid += [key for key, value in sample.items() if not isinstance(value, Mapping)]
    if name in valid:
        return
    if isinstance(group, Mapping) and not member:
        raise ValueError(f"'{name}' is a group; name one of {', '.join(f'{root}.{key}' for key in group)}")
    raise ValueError(f"unknown variable '{name}'{nearest(name, valid)}")


def nearest(name: str, valid: list[str]) -> str:
    """Phrase the nearest valid name, or all of them where none is near."""
    close = get_close_matches(name, valid, n=1, cutoff=0.6)
    if close:
        return f"; did you mean '{close[0]}'?"
    return f"; valid are {', '.join(sorted(valid))}" if valid else "; there are none"


def _operands(source: str) -> list[str]:
    """Split at `&&` and `||`, also inside plain parentheses; a choice `a ? b : c` stays whole."""
    source = source.strip()
    outside = [match for match, depth in _depths(source) if depth == 0]
    if any(match.group() == "?" for match in outside):
        return [source]
    cuts = [match.span() for match in outside if match.group() in {"&&", "||"}]
    if cuts:
        starts, ends = [0, *(end for _, end in cuts)], [*(start for start, _ in cuts), len(source)]
        return [
            operand
            for start, end in zip(starts, ends, strict=True)
            for operand in _operands(source[start:end])
        ]
    inner = source.removeprefix("!").strip()
    if inner.startswith("(") and [match.group() for match, depth in _depths(inner) if depth == 0] == [
        "(",
        ")",
    ]:
        return _operands(inner[1:-1])
    return [source]


def _depths(source: str) -> Iterator[tuple[re.Match[str], int]]:
    """Give each token with the number of brackets around it; a bracket itself counts as outside."""
    depth = 0
    for match in TOKEN.finditer(source):
        depth -= match.group() in {")", "]", "}"}
        yield match, depth
        depth += bool(match["call"]) or match.group() in {"(", "[", "{"}


def _try(operand: str, context: Any) -> None:
    try:
        value = compile_source(operand).execute(context)
    except ERRORS as error:
        unknown = _UNKNOWN_FUNCTION.search(str(error))
        hint = nearest_function(unknown[1]) if unknown else ""
        raise ValueError(f"cannot be evaluated: {_plain(error)}{hint}") from error
    if value is not True and value is not False:
        raise ValueError(f"'{operand.strip()}' is not true or false; compare it with something")


def _plain(error: Exception) -> str:
    """Reduce the library's message to its first telling sentence."""
    syntax = _SYNTAX.search(str(error))
    if syntax:
        return f"{syntax['message'].partition(' expecting ')[0]} (column {syntax['column']})"
    return re.split(r"\. Check that|, so common causes|\. CEL does not|\n", str(error))[0]
