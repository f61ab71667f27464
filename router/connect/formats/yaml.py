"""YAML: a top-level scalar replaced or added, an item put into a top-level list.

PyYAML tells where each node stands; what is written goes between, and everything else stays.
"""

import json
import re
from typing import Any

import yaml

from router.connect.formats.edits import Data, Edit, Unreadable, line_column, place_of

_PLAIN = re.compile(r"[A-Za-z][\w./:@+-]*")


class _Loader(yaml.SafeLoader):
    """Reads dates and the like as the text they are."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read(text: str) -> Data:
    """Return what a text says; None where there is nothing but comments.

    Raises:
        Unreadable: it is not YAML, or several documents; says where.
    """
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - it derives from SafeLoader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = {"line": mark.line + 1, "column": mark.column + 1} if mark else {}
        raise Unreadable(error.problem or error.context or "not valid YAML", **place) from error
    except yaml.reader.ReaderError as error:
        line, column = line_column(text, error.position)
        raise Unreadable(error.reason, line=line, column=column) from error
    except RecursionError as error:
        raise Unreadable("nested too deeply") from error
    except ValueError as error:  # a number or the like that PyYAML's own conversion refuses
        raise Unreadable(str(error)) from error


def edit(text: str, change: Edit) -> str:
    """Make one change of a value at the top.

    Raises:
        Unreadable: the top is no mapping, or what is there has another form.
    """
    (name,) = change.path
    newline = "\r\n" if "\r\n" in text else "\n"
    root = yaml.compose(text, Loader=_Loader)
    value = [change.value] if change.item_key else change.value
    if root is None or (isinstance(root, yaml.ScalarNode) and root.value == ""):
        return _append(text, _block({name: value}, "", newline), newline)
    if not isinstance(root, yaml.MappingNode):
        raise _unreadable(root, "a mapping such as `key: value` is needed at the top")
    node = next((value for key, value in root.value if key.value == name), None)
    if node is None:
        if root.flow_style:
            return _into_flow(text, root, f"{json.dumps(name)}: {json.dumps(value, ensure_ascii=False)}")
        block = _block({name: value}, " " * root.start_mark.column, newline)
        last, end = root.value[-1]
        if getattr(end, "style", None) in {"|", ">"} and not text.endswith("\n"):
            start = (
                text.rfind("\n", 0, last.start_mark.index) + 1
            )  # a line's end after it would join its text
            return text[:start] + block + text[start:]
        return _append(text, block, newline)
    if change.item_key:
        return _set_item(text, node, change, newline)
    return _set_scalar(text, node, value)


def _set_scalar(text: str, node: yaml.Node, value: Data) -> str:
    if not isinstance(node, yaml.ScalarNode) or node.style in {"|", ">"}:
        raise _unreadable(node, "a value on one line is needed here")
    start, end = node.start_mark.index, node.end_mark.index
    gap = " " if start == end and text[start - 1 : start] == ":" else ""
    return text[:start] + gap + _scalar(value) + text[end:]


def _set_item(text: str, node: yaml.Node, change: Edit, newline: str) -> str:
    if isinstance(node, yaml.ScalarNode) and node.value in {"", "~", "null"}:  # `models:` and nothing
        start, end = node.start_mark.index, node.end_mark.index
        block = "".join(f"{newline}{line}" for line in _item(change.value, "  "))
        return text[:start].rstrip(" ") + block + text[end:]
    if not isinstance(node, yaml.SequenceNode):
        raise _unreadable(node, "a list is needed here")
    items = [_data(item) for item in node.value]
    place = place_of(items, change)
    if node.flow_style:
        rendered = json.dumps(change.value, ensure_ascii=False)
        if place is None:
            return _into_flow(text, node, rendered)
        old = node.value[place]
        return text[: old.start_mark.index] + rendered + text[old.end_mark.index :]
    column = node.start_mark.column
    if place is None:
        end = _line_end(text, _end(node.value[-1]))
        block = "".join(f"{newline}{line}" for line in _item(change.value, " " * column))
        return text[:end] + block + text[end:]
    old = node.value[place]
    if getattr(old, "flow_style", False):
        rendered = json.dumps(change.value, ensure_ascii=False)
        return text[: old.start_mark.index] + rendered + text[old.end_mark.index :]
    inner = _block(change.value, " " * old.start_mark.column, newline).removesuffix(newline).lstrip(" ")
    return text[: old.start_mark.index] + inner + text[_end(old) :]


def _into_flow(text: str, node: yaml.CollectionNode, rendered: str) -> str:
    close = node.end_mark.index - 1
    if not node.value:
        return text[:close] + rendered + text[close:]
    last = node.value[-1][1] if isinstance(node, yaml.MappingNode) else node.value[-1]
    end = last.end_mark.index
    trailing = text[end:close].lstrip().startswith(",")
    if trailing:
        end = text.index(",", end) + 1
        return f"{text[:end]} {rendered},{text[end:]}"
    return f"{text[:end]}, {rendered}{text[end:]}"


def _append(text: str, block: str, newline: str) -> str:
    if text and not text.endswith("\n"):
        return text + newline + block.removesuffix(newline)
    return text + block


def _block(values: dict[str, Data], indent: str, newline: str) -> str:
    lines: list[str] = []
    for name, value in values.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            lines.append(f"{indent}{_scalar(name)}:")
            lines += [line for item in value for line in _item(item, indent + "  ")]
        elif isinstance(value, list):
            lines.append(f"{indent}{_scalar(name)}:")
            lines += [f"{indent}  - {_scalar(item)}" for item in value]
        else:
            lines.append(f"{indent}{_scalar(name)}: {_scalar(value)}")
    return "".join(line + newline for line in lines)


def _item(item: dict[str, Data], indent: str) -> list[str]:
    first, *remainder = _block(item, indent + "  ", "\n").splitlines()
    return [f"{indent}- {first.strip()}", *remainder]


def _scalar(value: Data) -> str:
    """Write a value on one line: plain where that is read as the same text, else as JSON, which is YAML."""
    if isinstance(value, str) and _PLAIN.fullmatch(value) and yaml.safe_load(value) == value:
        return value
    return json.dumps(value, ensure_ascii=False)


def _end(node: yaml.Node) -> int:
    """Return where the last text of a node ends; PyYAML's own mark is at what comes next."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last: Any = node.value[-1]
        return _end(last[1] if isinstance(last, tuple) else last)
    if isinstance(node, yaml.ScalarNode) and node.style in {"|", ">"}:
        raise _unreadable(node, "a list that ends in a block of text cannot be changed in place")
    return int(node.end_mark.index)


def _line_end(text: str, at: int) -> int:
    end = text.find("\n", at)
    if end < 0:
        return len(text)
    return end - 1 if text[end - 1 : end] == "\r" else end


def _data(node: yaml.Node) -> Data:
    """What a mapping of scalars says; enough to tell an item by its name."""
    if not isinstance(node, yaml.MappingNode):
        return None
    return {key.value: value.value for key, value in node.value if isinstance(value, yaml.ScalarNode)}


def _unreadable(node: yaml.Node, problem: str) -> Unreadable:
    return Unreadable(problem, line=node.start_mark.line + 1, column=node.start_mark.column + 1)
