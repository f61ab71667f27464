"""An ask as a model takes it: its prose in full, its code in short, and the signs that its form shows.

A person's own words say what is wanted; of what is pasted, a few lines tell what it is. Nothing
here depends on the human language but `_WE`, the words by which people speak of what is theirs.
No pattern that is searched for in many lines crosses a line's end: a search stays linear.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby

LIMIT = 8_000
"""Characters of an ask that are looked at: three quarters from its beginning, the rest from its end."""
_WIDTH = 160
"""Characters of a line of code that are kept, and looked at to tell code from prose."""
_HEAD, _TAIL = 3, 1
"""Lines kept of a run of code."""

_FENCE = re.compile(r"\s*(?:```|~~~)")
_BULLET = re.compile(r"\s*(?:[-*•]|\d{1,3}[.)])\s+\w+ \w+ \w+ \w+")
_CODE = re.compile(
    r"\s{2,}\S|\t\S"
    r"|\s*(?:def|class|import|from|return|if|for|while|func|fn|let|const|var|public|private|package|using"
    r"|SELECT|FROM|WHERE|INSERT|CREATE|export|struct|impl|type|interface|static|async)\b.*[\w)\]}>:;,{(\"']$"
    r"|\s*(?:at \S+\(|File \"|\$ |>>> |\.\.\. |[-+] ?\S|@@|</?\w|//|#include|#!|--|[})\]])"
    r"|.*[{};]\s*$"
    r"|.*\w\([^()]{0,80}\)\s*[:;{]?\s*$"
    r"|\s*[\w.\[\]]+\s*(?:=|:=|\+=)\s*\S"
    r"|\s*[\w.-]+:\s+\S+$"
    r"|\s*\S*(?:Error|Exception)\b"
    r"|\d{2,4}[-:]\d\d\b"
)
_INLINE = re.compile(r"`([^`\n]{1,80})`")
_PATH = re.compile(
    r"(?<![\w/.:@])(?:[\w.@-]{1,60}/){1,12}[\w.@-]{0,60}\w"
    r"|\b[\w-]{1,60}\.(?:py|js|ts|tsx|jsx|go|rs|java|kt|rb|php|cs|cpp|cc|c|h|hpp|swift|scala|vue|svelte|css"
    r"|scss|html|json|ya?ml|toml|md|sql|sh|lua|ex|exs|dart|tf|ini|cfg|lock|xml|gradle)\b"
)
_IDENTIFIER = re.compile(
    r"\b(?:[a-z]{1,40}[A-Z]\w{1,60}|[A-Z][a-z0-9]{1,40}[A-Z]\w{0,60}|\w{1,60}_\w{1,60}|\w{1,60}\(\)"
    r"|\w{1,60}::\w{1,60}|\w{2,60}\.\w{2,60}\.\w{1,60})"
)
_TRACE = re.compile(
    r"traceback \(most|^[ \t]*file \"|^[ \t]+at \S{1,200}\(|panicked at|exception in thread|^[ \t]*caused by"
    r"|\b\w{1,60}(?:error|exception): ",
    re.IGNORECASE | re.MULTILINE,
)
_VERSION = re.compile(r"\bv?\d{1,4}\.\d{1,4}(?:\.\d{1,4})?\b")
_TICKET = re.compile(r"(?<!\w)#\d{2,6}\b|\b[A-Z]{2,10}-\d{1,6}\b")
_LINK = re.compile(r"https?://")
_SIGNATURE = re.compile(
    r"^[ \t]*(?:async |export |public |private |static )*"
    r"(?:def|func|fn|function|class|struct|interface|fun|sub)\b",
    re.MULTILINE,
)
_ITEM = re.compile(r"^[ \t]*(?:[-*•]|\d{1,3}[.)])[ \t]", re.MULTILINE)
_HEADING = re.compile(r"^#{1,4} |^\*\*", re.MULTILINE)
_PROMPT = re.compile(r"^[ \t]*(?:\$|>>>) ", re.MULTILINE)
_DIFF = re.compile(r"^@@|^diff |^[+-]\S", re.MULTILINE)
_QUESTION = re.compile(r"[?\uff1f\u061f]")
_WE = re.compile(
    r"\b(?:we|our|ours|us|we're|we've|wir|uns|unser\w*|nous|notre|nos|nosotr\w+|nuestr\w+|tenemos|usamos|noi"
    r"|nostr[aoie]|abbiamo|noss[ao]s?|temos|wij|ons|onze|vi|vår\w*|nasz\w*|mamy|naš\w*|máme|мы|нас|нам|наш\w*"
    r"|ми|biz\w*|kami|kita|chúng)\b|हम|हमार|我们|咱|我們|我々|うちの|弊社|当社|우리|저희|نحن|لدينا|عندنا",
    re.IGNORECASE,
)
"""First person plural in the corpus's languages: `our build`, `bei uns`, `我们的`."""

SIGNS = (
    "long",
    "code lines",
    "code share",
    "fenced",
    "one line",
    "speaks of us",
    "paths",
    "folders",
    "identifiers pasted",
    "identifiers not pasted",
    "marked as code and pasted",
    "marked as code, not pasted",
    "stack trace",
    "versions",
    "tickets",
    "links",
    "ends asking",
    "asks",
    "definitions pasted",
    "list items",
    "headings",
    "ends with a colon",
    "shell or interpreter session",
    "diff",
    "quotes",
)
"""What `signs` returns, in order."""


@dataclass(frozen=True)
class _Parts:
    """An ask, its lines told apart."""

    lines: Sequence[tuple[bool, str]]
    """Whether each is code."""

    @cached_property
    def prose(self) -> str:
        return "\n".join(line for is_code, line in self.lines if not is_code)

    @cached_property
    def code(self) -> str:
        return "\n".join(line for is_code, line in self.lines if is_code)


def condense(ask: str) -> str:
    """Keep the prose and, of each run of code, the first lines and the last."""
    short: list[str] = []
    for is_code, run in groupby(_split(ask).lines, key=lambda line: line[0]):
        texts = [line for _, line in run]
        if is_code and len(texts) > _HEAD + _TAIL:
            texts = [*texts[:_HEAD], "…", *texts[-_TAIL:]]
        short += [text[:_WIDTH] for text in texts] if is_code else texts
    return "\n".join(short)


def signs(ask: str) -> list[float]:
    """Count what the form of an ask shows, as numbers of about 0 to 6 in the order of `SIGNS`."""
    ask = _ends(ask)
    parts = _split(ask)
    prose, code = parts.prose, parts.code
    unmarked = _INLINE.sub(" ", prose)
    identifiers = _IDENTIFIER.findall(unmarked)
    marked = _INLINE.findall(prose)
    pasted, named = (_standing_in(code, names) for names in (identifiers, marked))
    paths = _PATH.findall(prose)
    code_lines = sum(is_code for is_code, _ in parts.lines)
    end = prose.rstrip()
    return [
        math.log1p(len(prose)) - 5,
        math.log1p(code_lines),
        code_lines / max(len(parts.lines), 1),
        float("```" in ask),
        float(len(parts.lines) == 1),
        _most(3, len(_WE.findall(prose))),
        _most(4, len(paths)),
        _most(4, sum("/" in path for path in paths)),
        _most(4, pasted),
        _most(4, len(identifiers) - pasted),
        _most(4, named),
        _most(4, len(marked) - named),
        float(bool(_TRACE.search(ask))),
        _most(3, len(_VERSION.findall(prose))),
        _most(2, len(_TICKET.findall(prose))),
        float(bool(_LINK.search(prose))),
        float(bool(_QUESTION.match(end[-1:]))),
        float(bool(_QUESTION.search(prose))),
        _most(4, len(_SIGNATURE.findall(code))),
        _most(6, len(_ITEM.findall(ask))),
        _most(4, len(_HEADING.findall(prose))),
        float(end.endswith((":", "\uff1a"))),
        float(bool(_PROMPT.search(code))),
        float(bool(_DIFF.search(code))),
        float(any(mark in prose for mark in "\"'“「")),
    ]


def _split(ask: str) -> _Parts:
    lines: list[tuple[bool, str]] = []
    fenced = False
    for line in _ends(ask).splitlines():
        if _FENCE.match(line):
            fenced = not fenced
            lines.append((True, line))
        else:
            start = line[:_WIDTH]
            lines.append((fenced or bool(_CODE.match(start) and not _BULLET.match(start)), line))
    return _Parts(lines)


def _ends(ask: str) -> str:
    """Take an ask's beginning and end, where it is long."""
    return ask if len(ask) <= LIMIT else f"{ask[: LIMIT * 3 // 4]}\n{ask[-LIMIT // 4 :]}"


def _standing_in(code: str, names: Sequence[str]) -> int:
    """How many of the names stand in the code, too."""
    return sum(name.strip("()") in code for name in names) if code else 0


def _most(limit: int, count: int) -> float:
    return float(min(count, limit))
