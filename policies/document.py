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

    def say(self, loc: Loc, problem: str) -> str:
        """Word a problem with where it is."""
        known = next((loc[:end] for end in range(len(loc), -1, -1) if loc[:end] in self.lines), ())
        key = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc).lstrip(".")
        return f"{self.source}:{self.lines[known]}: {key + ': ' if key else ''}{problem}"


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
        lines: dict[Loc, int] = {}
        if node is not None:
            lines.update(_lines(node, (), source))
        data = loader.construct_document(node) if node is not None else None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        problem = (
            "more than one document; a policy is one" if "single document" in str(error) else error.problem
        )
        raise PolicyError((f"{source}:{line}: is no valid YAML: {problem}",)) from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise PolicyError((f"{source}:1: is no valid YAML: {str(error).partition(chr(10))[0]}",)) from error
    if not isinstance(data, dict):
        found = "is empty" if data is None else f"is a {type(data).__name__}"
        raise PolicyError(
            (f"{source}:1: {found}; a policy is a mapping with at least `name` and `otherwise`",)
        )
    return Document(source=source, data=data, lines=lines)


def _lines(node: yaml.Node, loc: Loc, source: str) -> Iterator[tuple[Loc, int]]:
    """Find the line of every key and item; keys said twice are refused."""
    yield loc, node.start_mark.line + 1
    if isinstance(node, yaml.SequenceNode):
        for at, item in enumerate(node.value):
            yield from _lines(item, (*loc, at), source)
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            name = str(key.value)
            if name in seen:
                raise PolicyError((f"{source}:{key.start_mark.line + 1}: '{name}' is said twice",))
            seen.add(name)
            yield from _lines(value, (*loc, name), source)
            yield (*loc, name), key.start_mark.line + 1
