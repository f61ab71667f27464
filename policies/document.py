"""A YAML document with the line on which each of its keys and items stands."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

Loc = tuple[str | int, ...]
"""Where in a document: keys and positions, outermost first."""


class PolicyError(ValueError):
    """A policy cannot be used; `problems` has one line for each thing that is wrong."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        """Keep the problems; the message is all of them."""
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A YAML document, and the line on which each of its keys and items stands."""

    source: str
    data: dict[str, Any]
    lines: Mapping[Loc, int]

    def describe(self, loc: Loc, problem: str, *, key: str | None = None) -> str:
        """Word a problem with where it is; `key`, where given, is an item of `loc` on a line of its own."""
        place = loc if key is None else (*loc, key)
        closest = next(place[:end] for end in range(len(place), -1, -1) if place[:end] in self.lines)
        name = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc).lstrip(".")
        return f"{self.source}:{self.lines[closest]}: {name + ': ' if name else ''}{problem}"


_VARIABLE = re.compile(r"\$\{[A-Za-z_]\w*(?::?-[^}]*)?\}")
"""A variable of the environment, as settings may have them."""


class _Loader(yaml.SafeLoader):
    """YAML whose only booleans are `true` and `false`: `on:` is a key here, not a switch."""


_Loader.yaml_implicit_resolvers = {
    first: [
        (tag, re.compile("^(?:true|True|false|False)$") if tag.endswith(":bool") else pattern)
        for tag, pattern in resolvers
        if not tag.endswith(":timestamp")
    ]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read(text: bytes | str, source: str) -> Document:
    """Read one document that is a mapping; `source` is what messages call the file.

    Raises:
        PolicyError: it is not.
    """
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        data = loader.construct_document(node) if node is not None else None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        several = "single document" in (error.context or "")
        problem = (
            "a second document begins; a policy is one" if several else f"is no valid YAML: {error.problem}"
        )
        raise PolicyError((f"{source}:{line}: {problem}",)) from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        problem = str(error).partition("\n")[0]
        raise PolicyError((f"{source}:1: is no valid YAML: {problem}",)) from error
    if node is None or not isinstance(data, dict):
        actual = "is empty" if data is None else f"is a {type(data).__name__}"
        raise PolicyError((f"{source}:1: {actual}; a policy is a mapping with `name` and `otherwise`",))
    return Document(source=source, data=data, lines=dict(_lines(node, (), source, set())))


def _lines(node: yaml.Node, loc: Loc, source: str, visited: set[int]) -> Iterator[tuple[Loc, int]]:
    """Find the line of every key and item; keys said twice are refused, aliases are not followed again."""
    yield loc, node.start_mark.line + 1
    if isinstance(node, yaml.ScalarNode) and (place := _VARIABLE.search(node.value)):
        problem = f"`{place[0]}` is not put in: a policy reads alike on every machine, so write its value"
        raise PolicyError((f"{source}:{node.start_mark.line + 1}: {problem}",))
    if id(node) in visited or isinstance(node, yaml.ScalarNode):
        return
    visited.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        for at, item in enumerate(node.value):
            yield from _lines(item, (*loc, at), source, visited)
        return
    names: set[str] = set()
    for key, value in node.value:
        name, line = str(key.value), key.start_mark.line + 1
        if name in names:
            raise PolicyError((f"{source}:{line}: '{name}' is said twice",))
        names.add(name)
        yield from _lines(value, (*loc, name), source, visited)
        yield (*loc, name), line
