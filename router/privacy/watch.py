"""What all policies in force keep here, compiled into one thing to look for."""

import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import re2

from policies.globs import QUIET, Glob
from policies.policy import Fence
from router.privacy import commands
from router.privacy.listing import without_listings
from router.privacy.needles import Needle, Needles, needle_of
from router.privacy.strings import Part, Text
from router.privacy.text import path_forms, prose_forms

_parser = __import__("re._parser", fromlist=["parse"])


class Pattern(NamedTuple):
    """One of a policy's regular expressions."""

    source: str
    search: Any


class Watch:
    """The paths and patterns of several policies.

    Args:
        fences: `never_cloud` of each.
    """

    def __init__(self, fences: Iterable[Fence]) -> None:
        fences = tuple(fences)
        self.globs: tuple[Glob, ...] = tuple(
            {glob.source: glob for fence in fences for glob in fence.paths}.values()
        )
        self.paths = frozenset(glob.source for glob in self.globs)
        sources = dict.fromkeys(source for fence in fences for source in fence.patterns)
        self.patterns = tuple(Pattern(source, re2.compile(source, QUIET).search) for source in sources)
        self.key = (tuple(glob.source for glob in self.globs), tuple(sources))
        self.opaque = any(fence.opaque == "always" for fence in fences)
        path_needles = [_of_glob(glob) for glob in self.globs]
        pattern_needles = [_of_pattern(source) for source in sources]
        wanted = (*path_needles, *pattern_needles)
        self.needles = Needles(
            [*(needle for needle in wanted if needle), *([_BASE64] if wanted else [])],
            everything=None in wanted,
            more=_more(self.globs),
        )
        self._path_needles = Needles(
            [needle for needle in path_needles if needle], everything=None in path_needles
        )
        self.pattern_needles = Needles(
            [needle for needle in pattern_needles if needle], everything=None in pattern_needles
        )
        self._written = _union([glob.written for glob in self.globs])
        self._named = _union([glob.named for glob in self.globs])

    def __bool__(self) -> bool:
        return bool(self.globs or self.patterns)

    def may_match(self, text: Text) -> bool:
        """A cheap first look at one string."""
        wild = text.part is Part.COMMAND and not _WILD.isdisjoint(text.text)
        return wild or self.needles.may_hold(text.text.encode(errors="replace"))

    def in_text(self, text: str, part: Part) -> Iterator[tuple[str, str]]:
        """What of one string must stay: the policy's own glob or pattern, and the words that match it.

        Args:
            text: the string, decoded.
            part: what it is part of.
        """
        data = text.encode(errors="replace")
        if self.globs:
            if self._path_needles.may_hold(data):
                yield from self._paths(without_listings(text) if part is Part.TEXT else text, part)
            if part is Part.COMMAND and (expanded := commands.expands_to(text.casefold(), self.globs)):
                yield expanded.source, expanded.source
        if self.patterns and self.pattern_needles.may_hold(data):
            yield from self.in_prose(text)

    def in_prose(self, text: str) -> Iterator[tuple[str, str]]:
        """The patterns that match a string in one of its forms."""
        for form in prose_forms(text):
            for pattern in self.patterns:
                if match := pattern.search(form):
                    yield pattern.source, match.group()

    def _paths(self, text: str, part: Part) -> Iterator[tuple[str, str]]:
        command = part is Part.COMMAND
        for form in path_forms(text, command=command):
            data = form.encode(errors="replace")
            if self._written(data):
                for glob in self.globs:
                    if match := re2.search(glob.written, form):
                        yield glob.source, match.group()
            if command and self._named(data):
                yield from self._bare(re2.sub(_MESSAGE, " ", form))

    def _bare(self, form: str) -> Iterator[tuple[str, str]]:
        """Bare names in a command."""
        for glob in self.globs:
            for match in re2.finditer(glob.named, form):
                if not _is_code(form, match.start(), match.end()):
                    yield glob.source, match.group()
                    break


_MESSAGE = r"(?:\s-[a-z]*m|\s--message|\s--title)[ =](?:'[^']*'|\"[^\"]*\")"
"""A commit's words, which are prose."""
_WILD = frozenset("*?[{")
_BASE64: Needle = ("base64", True, True)
_DATA = rb'"(?:file_)?data"\s*:'
"""Content that must be decoded to be read."""
_IMPORT = re.compile(r"(?:\bimport|\bfrom|\bmodule|\bpackage)\s+$")


def _is_code(form: str, start: int, end: int) -> bool:
    """A bare name that is a module in code: `import secrets`."""
    return bool(_IMPORT.search(form[max(start - 12, 0) : start + 1])) and "/" not in form[start:end]


def _union(texts: list[str]) -> Any:
    options = re2.Options()
    options.max_mem = 64 << 20
    options.log_errors = False
    union = "|".join(f"(?:{text})" for text in texts) if texts else r"\z."
    return re2.compile(union.encode(), options).search


def _of_glob(glob: Glob) -> Needle | None:
    word = needle_of(glob.literals)
    if not word:
        return None
    segment = glob.segments[-1]
    at = segment.find(word)
    if at < 0:  # of another segment
        return word, True, True
    before, after = segment[:at][-1:] in {"*", "?", "]"}, segment[at + len(word) :][:1] in {"*", "?", "["}
    return word, before, after


def _of_pattern(source: str) -> Needle | None:
    """A word that every match of a regular expression holds."""
    try:
        runs = list(_required(_parser.parse(source)))
    except (re.error, RecursionError, OverflowError):
        return None
    word = needle_of(runs)
    return (word, True, True) if word else None


def _required(parsed: Any) -> Iterator[str]:
    """Runs of literal characters that no match can be without."""
    run = ""
    for op, value in parsed:
        name = str(op)
        if name == "LITERAL" and value < 128:  # noqa: PLR2004 - ASCII
            run += chr(value)
            continue
        yield run
        run = ""
        if name == "SUBPATTERN":
            yield from _required(value[3])
        elif name in {"MAX_REPEAT", "MIN_REPEAT"} and value[0] > 0:
            yield from _required(value[2])
    yield run


def _more(globs: tuple[Glob, ...]) -> list[bytes]:
    """What else makes a piece worth reading in full: commands that may print a file without its name."""
    return [commands.RAW, _DATA] if globs else [_DATA]
