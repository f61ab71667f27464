"""Whether a name in a tool's answer merely stands in a listing, with no content after it.

What is not provably a listing is content: whoever lists a folder may list a protected one, but
a name above lines of another kind is the heading of what follows.
"""

import re

_WORD = re.compile(r"[\w@+~./\\\-]{1,400}[/*]?")
_LONG = re.compile(r"[\-dlbcpsD][rwxsStT\-]{9}[.+@]?\s+\d+\s")
_DOS = re.compile(r"(?:[d\-][a-z\-]{4,5}\s+)?\d{1,4}[/.\-]\d{1,2}[/.\-]\d{1,4}\s+\d{1,2}:\d{2}")
_STATUS = re.compile(
    r"(?:[ MADRCUT?!]{2} |\t)"
    r"(?:(?:new file|modified|deleted|renamed|copied|typechange|both modified):\s+)?"
    r"[^\s:=][^:=]*$"
)
_GIT = re.compile(
    r"(?:On branch |HEAD detached|Your branch |Changes |Untracked files:|nothing to commit|no changes added|"
    r"\s+\(use \"|## |No commits yet|nothing added)"
)
_STAT = re.compile(r"\s*\S+(?: => \S+)?\s+\|\s+(?:\d+ [+\-]*|Bin \d+ -> \d+ bytes)$|\s*\d+ files? changed\b")
_INDEX = re.compile(r"(?:\d{6} [0-9a-f]{40} \d\t|[0-9.]+[KMGT]?\t|\s*\d+\s+)[\w@+~./\\\-]+$")
_TREE = re.compile(r"[\s│|]*(?:├──|└──|\|--|`--|\+--|\\--)\s+\S.*$|\d+ director(?:y|ies)(?:, \d+ files?)?$")
_FRAME = re.compile(
    r"</?[A-Za-z][\w\- ]*>(?:\d+</\w+>)?$|total \d+|Found \d+ (?:files?|paths?|matches)|Chunk ID: |"
    r"Wall time: |Process exited with code |Original token count: |Output:|\(Results are truncated"
)
_SECRET = re.compile(r"[A-Za-z0-9+=_\-]{20,}")
_EXTENSION = re.compile(r"\.[A-Za-z][A-Za-z0-9]{0,6}$")
_FEW = 4
"""Bare words in order are a listing only where there are at least so many."""


def is_listing(text: str) -> bool:
    """Whether all of `text` only names files."""
    lines = [line.rstrip() for line in text.splitlines() if line.strip()]
    lines = [line for line in lines if not _FRAME.match(line.strip())]
    if not lines or any(_random(line) for line in lines):
        return False
    if all(map(_formal, lines)):
        return True
    names = [name for line in lines if not _formal(line) and (name := line.strip()) not in {".", "./", ".."}]
    if not all(_WORD.fullmatch(name) for name in names):
        return False
    nested = ["/" in name or "\\" in name for name in names]
    if all(nested) and len(set(map(_root, names))) == 1:
        return True
    return len(names) >= _FEW and _ordered(names) and _named_like_files(names)


def _root(name: str) -> str:
    """The first segment, or all up to the first below the root."""
    head, _, rest = name.replace("\\", "/").partition("/")
    return head or rest.partition("/")[0]


def _formal(line: str) -> bool:
    """A line in the form that only a listing has."""
    return any(form.match(line) for form in (_LONG, _DOS, _STATUS, _GIT, _STAT, _INDEX, _TREE))


def _ordered(names: list[str]) -> bool:
    plain = [re.sub(r"[^\w/]", "", name).lower() for name in names]
    return plain == sorted(plain) or names == sorted(names) or plain == sorted(plain, reverse=True)


def _named_like_files(names: list[str]) -> bool:
    like = sum("/" in name or bool(_EXTENSION.search(name)) or name.startswith(".") for name in names)
    return 2 * like >= len(names)


def _random(line: str) -> bool:
    """Whether a part of a name looks like a key rather than a word."""
    for part in _SECRET.findall(line):
        kinds = (any(map(str.isdigit, part)), any(map(str.isupper, part)), any(map(str.islower, part)))
        if sum(kinds) == len(kinds) and not _INDEX.match(line):
            return True
    return False
