"""Files that an inline script opens: how agents without an edit tool change files.

Python, JavaScript and Ruby by the names of their own functions; a name that was given a
plain string, or that loops over such, stands for it.
"""

import re
from collections.abc import Iterator
from typing import Literal

Access = Literal["read", "edited"]

_STRING = r"""(?:['"](?P<path>[^'"\n]{1,300})['"]|(?P<name>[A-Za-z_]\w{0,60})\b(?!\())"""
_OPEN = re.compile(rf"""\bopen\(\s*{_STRING}\s*(?:,[^()\n]{{0,80}}?['"](?P<mode>[rwaxbt+]{{1,4}})['"])?""")
_CALL = re.compile(
    rf"""\b(?P<verb>(?:read|write|append)File(?:Sync)?|(?:read|write)TextFile(?:Sync)?|(?:un|Un)linkSync|"""
    rf"""File\.(?:read|write)|os\.(?:remove|unlink|rename|replace)|shutil\.(?:copy2?|copyfile|move))"""
    rf"""\(\s*{_STRING}(?:\s*,\s*['"](?P<other>[^'"\n]{{1,300}})['"]\s*\))?"""
)
_PATH = r"""\bPath\(\s*['"]([^'"\n]{1,300})['"]\s*\)((?:\s*/\s*['"][^'"\n]{1,200}['"]){0,8})"""
_PATH_CALL = re.compile(rf"{_PATH}\s*\)?\.(?P<verb>(?:read|write)_(?:text|bytes)|unlink|touch)\b")
_NAME_CALL = re.compile(
    r"\b(?P<name>[A-Za-z_]\w{0,60})\.(?P<verb>(?:read|write)_(?:text|bytes)|unlink|touch)\("
)
_NAME = re.compile(
    r"""^[ \t]*(?:(?:const|let|var) )?(\w{1,60})(?:: ?\w+)?[ \t]*=[ \t]*['"]([^'"\n]{1,300})['"]""",
    re.MULTILINE,
)
_NAME_PATH = re.compile(rf"^[ \t]*(\w{{1,60}})[ \t]*=[ \t]*\(?(?:pathlib\.)?{_PATH}", re.MULTILINE)
_LOOP = re.compile(
    r"""\bfor\s++(\w{1,60}+)\s++in\s++[\[(]((?:\s*+['"][^'"\n]{1,300}+['"]\s*+,?+){1,50}+)\s*+[\])]"""
)
_QUOTED = re.compile(r"""['"]([^'"\n]{1,300})['"]""")
_HINTS = ("open(", "Path(", "File", "os.", "shutil.", "linkSync(")
_READS = ("read", "Read")


def opened(text: str) -> Iterator[tuple[str, Access]]:
    """Paths that `text` opens, in the words of the script, and what for."""
    if not any(hint in text for hint in _HINTS):
        return
    bindings = _bindings(text)
    for match in _OPEN.finditer(text):
        written = any(letter in (match["mode"] or "r") for letter in "wax+")
        for path in _paths_of(match, bindings):
            yield path, "edited" if written else "read"
    for match in _CALL.finditer(text):
        verb = match["verb"].rpartition(".")[2]
        copies = verb.startswith("copy")
        for path in _paths_of(match, bindings):
            yield path, "read" if copies or verb.startswith(_READS) else "edited"
        if match["other"] and (copies or verb in ("move", "rename", "replace")):
            yield match["other"], "edited"
    for match in _PATH_CALL.finditer(text):
        yield _joined(match[1], match[2]), _access(match["verb"])
    for match in _NAME_CALL.finditer(text):
        for path in bindings.get(match["name"], ()):
            yield path, _access(match["verb"])


def _access(verb: str) -> Access:
    return "read" if verb.startswith("read") else "edited"


def _bindings(text: str) -> dict[str, list[str]]:
    """What names stand for: one path each, or those that a loop goes over."""
    bindings = {match[1]: [match[2]] for match in _NAME.finditer(text)}
    bindings |= {match[1]: [_joined(match[2], match[3])] for match in _NAME_PATH.finditer(text)}
    bindings |= {match[1]: _QUOTED.findall(match[2]) for match in _LOOP.finditer(text)}
    return bindings


def _paths_of(match: re.Match[str], bindings: dict[str, list[str]]) -> list[str]:
    return [match["path"]] if match["path"] else bindings.get(match["name"] or "", [])


def _joined(first: str, parts: str) -> str:
    """`Path("a") / "b"` as one path."""
    return "/".join((first, *_QUOTED.findall(parts)))
