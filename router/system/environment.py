"""`${NAME}` in a settings file: the environment's value, or a refusal with file and line.

    ${NAME}              its value; refused where it is not set
    ${NAME:-default}     the default where it is not set, or empty
    ${NAME-default}      the default where it is not set
    $${NAME}             the text `${NAME}`

As in Docker Compose. A value is put in as text after the file was read as YAML, so none can add settings.
"""

import re
from collections.abc import Mapping
from typing import Any

import yaml

from router.errors import Misconfigured

_PLACE = re.compile(r"\$\$\{|\$\{(?P<inside>[^{}]*)(?P<end>\}?)")
_INSIDE = re.compile(r"(?P<name>[A-Za-z_]\w*)(?:(?P<sign>:?-)(?P<default>.*))?", re.DOTALL)
_BARE = re.compile(r"\$(?P<name>[A-Za-z_]\w*)|%(?P<windows>[A-Za-z_]\w*)%")
MOST_VALUES = 100_000
"""Of one file; the largest are lists of prices."""
_FORMS = "write ${NAME} or ${NAME:-default}, or $${ for the text itself"


def load_yaml(text: str, file: str, environment: Mapping[str, str]) -> Any:
    """Read a settings file with its variables put in.

    Args:
        text: YAML.
        file: The file's name, for messages.
        environment: Variables and their values.

    Raises:
        Misconfigured: a variable is not set, or is written in another way, or a key is given twice in one
            mapping; names file, line and remedy.
        yaml.YAMLError: it is not valid YAML.
    """

    class Loader(yaml.SafeLoader):
        def construct_scalar(self, node: yaml.ScalarNode | yaml.MappingNode) -> Any:
            value = super().construct_scalar(node)
            if not isinstance(value, str) or ("$" not in value and "%" not in value):
                return value
            where = f"{file}: line {node.start_mark.line + 1}"
            return expand(value, where, environment)

        def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
            keys: set[str] = set()
            for key, _ in node.value:
                if key.value in keys and isinstance(key, yaml.ScalarNode):
                    line = key.start_mark.line + 1
                    raise Misconfigured(f"{file}: line {line}: `{key.value}` is set twice; keep one of them")
                keys.add(str(key.value))
            return super().construct_mapping(node, deep)

    return yaml.load(text, Loader=Loader)  # noqa: S506 - it derives from SafeLoader


def check_document(document: Any, file: str) -> None:
    """Check what YAML was read as, before anything walks through it.

    Raises:
        Misconfigured: a key is not text, or there are more than `MOST_VALUES` values, where each alias counts
            as all that it stands for: a few lines of them can stand for billions.
    """
    counts: dict[int, int] = {}

    def count(value: Any) -> int:
        if not isinstance(value, dict | list | tuple | set):
            return 1
        if id(value) not in counts:
            counts[id(value)] = 0  # within itself
            if isinstance(value, dict):
                for key in value:
                    if not isinstance(key, str):
                        raise Misconfigured(
                            f"{file}: {key!r} is no setting's name; put a name that is meant in quotes"
                        )
            items = value.values() if isinstance(value, dict) else value
            counts[id(value)] = 1 + sum(map(count, items))
        return counts[id(value)]

    if count(document) > MOST_VALUES:
        raise Misconfigured(f"{file}: has more than {MOST_VALUES:,} values once its aliases are put in")


def expand(value: str, where: str, environment: Mapping[str, str]) -> str:
    """Put the variables in one value in.

    Raises:
        Misconfigured: as in `load_yaml`, beginning with `where`.
    """
    if bare := _BARE.fullmatch(value.strip()):
        name = bare["name"] or bare["windows"]
        raise Misconfigured(f"{where}: `{value.strip()}` is not put in: write ${{{name}}}")

    def put(place: re.Match[str]) -> str:
        if place["inside"] is None:
            return "${"
        inside = _INSIDE.fullmatch(place["inside"]) if place["end"] else None
        if inside is None:
            raise Misconfigured(f"{where}: `{place[0][:60]}` is not understood: {_FORMS}")
        name, sign = inside["name"], inside["sign"]
        current = environment.get(name)
        if current or (current is not None and sign != ":-"):
            return current
        if sign:
            return str(inside["default"])
        raise Misconfigured(
            f"{where}: the environment variable {name} is not set: set it where Turnout starts, or write "
            f"${{{name}:-default}}"
        )

    return _PLACE.sub(put, value)
