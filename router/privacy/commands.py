"""What a command may read although it does not spell it: wildcards, and output without a file's name."""

import re
from collections.abc import Iterable, Iterator
from itertools import islice, product

import re2

from policies.globs import Glob, may_begin, may_expand
from router.privacy.listing import is_listing

_TOKEN = re.compile(r"[^\s'\"`|;&<>()=:@]+")
_WILD = re.compile(r"[*?\[{]")
_REGEX = re.compile(r"\\[a-z](?=[*+?{\])|])|\(\?[a-z:=!<]|[.\])][*+?]")
"""What only a regular expression holds: no shell expands it."""
_NAMED_CLASS = re.compile(r"\[\[:[a-z]{3,8}:\]\]")
_BRACES = re.compile(r"\{([^{}\s]{0,200})\}")
_MOST_SPELLINGS = 64
_MOST_LETTERS = 50_000
"""Letters of distinct words that are tried for a command; one with more counts as one that may expand."""
_LONGEST = 4_096
"""Letters of a path; Linux's PATH_MAX."""

_GIT = re2.compile(
    r"\bgit(?:\s+(?:-[Cc]\s+\S+|--?[\w-]+(?:=\S+)?))*\s+"
    r"(?P<verb>diff|show|log|stash\s+show|format-patch|whatchanged|archive)\b(?P<arguments>[^|;&\n]*)"
)
_QUIET = re.compile(
    r"--(?:stat|shortstat|numstat|dirstat|summary|name-only|name-status|quiet|exit-code|check|oneline|no-patch|format|pretty)\b|"
    r"(?:^|\s)-(?:s|q)\b"
)
_PATCH = re.compile(r"(?:^|\s)(?:-p|-u|--patch|-L\S*)\b|(?:^|\s)-[GS]")
_NAMES = re.compile(
    r"(?:^|\s)--\s+\S|(?:^|\s):\S|[\w~^}]:\S|(?:^|\s)[\w@+~.\-]+/[\w@+~./\-]*\.\w+|(?:^|\s)[\w\-]+\.[A-Za-z]\w{0,6}(?:\s|$)"
)
_HEADERS = re.compile(
    r"^(?:diff --git |diff --cc |--- |\+\+\+ |Index: |Binary files |Only in |commit [0-9a-f]{7,})|"
    r"^\s*\S+\s+\|\s+(?:\d+|Bin)",
    re.MULTILINE,
)
_FAILED = re.compile(r"\s*(?:fatal|error|warning|usage|bash|sh|zsh|git|/bin/\w+): ", re.IGNORECASE)
_WRAPPER = re.compile(
    r"</?[A-Za-z_][\w\-]*>|<returncode>\d+</returncode>|(?:Output|Exit code|Wall time|Chunk ID|stdout|stderr|"
    r"Process exited with code|Original token count)[^\n]*",
    re.IGNORECASE,
)
RAW_WILD = re2.compile(
    rb"[A-Za-z0-9_.\-][*?\[{][^\s:]|[*?\]}][A-Za-z0-9_.\-]|[A-Za-z0-9_.\-][*?](?:[\s/\"';|]|\\)|\\u00(?:2[aA]|3[fF]|[57][bB])"
)
"""Finds in raw JSON what `expands_to` may be about."""
RAW = rb"\bgit(?:\s|[^\"|;&]){1,60}?(?:diff|show|log|stash|format-patch|whatchanged|archive)\b"
"""Finds in raw JSON what `prints_unnamed` may be about."""


def expands_to(command: str, globs: Iterable[Glob]) -> Glob | None:
    """The first of `globs` that a wildcard of `command`, in lower case, may expand to."""
    watched = [glob for glob in globs if glob.segments]
    if not watched or not _WILD.search(command):
        return None
    plain = _REGEX.sub(" ", _NAMED_CLASS.sub("?", command)).replace("\\", "/")
    letters = 0
    for spelling in dict.fromkeys(spelling for token in _tokens(plain) for spelling in _spellings(token)):
        candidates = [glob for glob in watched if may_begin(spelling, glob)]
        letters += len(spelling) if candidates else 0
        if letters > _MOST_LETTERS:
            return candidates[0]
        match = next((glob for glob in candidates if may_expand(spelling, glob)), None)
        if match is not None:
            return match
    return None


def _tokens(command: str) -> Iterator[str]:
    """Words with a wildcard or braces in them."""
    for word in _TOKEN.findall(command):
        if _WILD.search(word):
            yield from (
                part for part in ([word] if "{" in word else word.split(",")) if len(part) <= _LONGEST
            )


def _spellings(token: str) -> Iterator[str]:
    """What a shell makes of braces; the token itself where it has none."""
    parts = _BRACES.split(token)
    choices = [part.split(",") if at % 2 else [part] for at, part in enumerate(parts)]
    yield from islice(("".join(choice) for choice in product(*choices)), _MOST_SPELLINGS)


def prints_unnamed(command: str) -> bool:
    """Whether a command prints contents of files all over a repository that it does not name."""
    for call in _GIT.finditer(command):
        arguments = call.group("arguments")
        if _QUIET.search(arguments) and not _PATCH.search(arguments):
            continue
        if call.group("verb") == "log" and not _PATCH.search(arguments):
            continue
        if not _NAMES.search(arguments):
            return True
    return False


def is_unnamed(output: str) -> bool:
    """Whether the output of such a command names no file: no header, no list of names, no failure."""
    plain = _WRAPPER.sub("", output).strip()
    return bool(plain) and not _HEADERS.search(plain) and not _FAILED.match(plain) and not is_listing(plain)
