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
    known = _known(text)
    for found in _OPEN.finditer(text):
        written = any(letter in (found["mode"] or "r") for letter in "wax+")
        for path in _meant(found, known):
            yield path, "edited" if written else "read"
    for found in _CALL.finditer(text):
        verb = found["verb"].rpartition(".")[2]
        copies = verb.startswith("copy")
        for path in _meant(found, known):
            yield path, "read" if copies or verb.startswith(_READS) else "edited"
        if found["other"] and (copies or verb in ("move", "rename", "replace")):
            yield found["other"], "edited"
    for found in _PATH_CALL.finditer(text):
        yield _joined(found[1], found[2]), _access(found["verb"])
    for found in _NAME_CALL.finditer(text):
        for path in known.get(found["name"], ()):
            yield path, _access(found["verb"])


def _access(verb: str) -> Access:
    return "read" if verb.startswith("read") else "edited"


def _known(text: str) -> dict[str, list[str]]:
    """What names stand for: one path each, or those that a loop goes over."""
    known = {found[1]: [found[2]] for found in _NAME.finditer(text)}
    known |= {found[1]: [_joined(found[2], found[3])] for found in _NAME_PATH.finditer(text)}
    known |= {found[1]: _QUOTED.findall(found[2]) for found in _LOOP.finditer(text)}
    return known


def _meant(found: re.Match[str], known: dict[str, list[str]]) -> list[str]:
    return [found["path"]] if found["path"] else known.get(found["name"] or "", [])


def _joined(first: str, rest: str) -> str:
    """`Path("a") / "b"` as one path."""
    return "/".join((first, *_QUOTED.findall(rest)))
