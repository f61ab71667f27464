"""What all policies in force keep here, compiled into one thing to look for."""

import contextlib
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import re2

from policies.globs import QUIET, Glob, folded
from policies.policy import PrivacyRules
from router.privacy import commands
from router.privacy.listing import without_listings
from router.privacy.needles import Needle, Needles, needle_of, with_nested
from router.privacy.phrase import MARKUP, Phrase
from router.privacy.strings import BASE64, Part, Text
from router.privacy.text import path_forms, prose_forms

_parser = __import__("re._parser", fromlist=["parse"])


class Pattern(NamedTuple):
    """One of a policy's regular expressions."""

    source: str
    searches: tuple[Any, ...]
    """For text as it is, and where it has accents for text that is `folded`."""


class Matcher:
    """Looks for the paths and patterns of several policies.

    Args:
        rule_sets: `never_cloud` of each.
    """

    def __init__(self, rule_sets: Iterable[PrivacyRules]) -> None:
        rule_sets = tuple(rule_sets)
        self.globs: tuple[Glob, ...] = tuple(
            {glob.source: glob for rules in rule_sets for glob in rules.paths}.values()
        )
        self.paths = frozenset(glob.source for glob in self.globs)
        sources = dict.fromkeys(source for rules in rule_sets for source in rules.patterns)
        self.patterns = tuple(
            Pattern(source, tuple(re2.compile(form, QUIET).search for form in _forms(source)))
            for source in sources
        )
        self.key = (tuple(glob.source for glob in self.globs), tuple(sources))
        self.opaque = any(rules.opaque == "always" for rules in rule_sets)
        path_needles = [_of_glob(glob) for glob in self.globs]
        runs = [_literals(source) for source in sources]
        pattern_needles = [_of_pattern(item) for item in runs]
        more = _extra_needles(self.globs) if self else []
        self._needles = _needles([*path_needles, *pattern_needles], more)
        self._path_needles = _needles(path_needles)
        self._pattern_needles = _needles(pattern_needles)
        self._without_patterns = _needles(path_needles, more)
        self._phrases = tuple(map(Phrase, runs))
        near = [MARKUP, *(phrase.expression or b"" for phrase in self._phrases)]
        self._near = _needles(path_needles, [*more, *near])
        self._near_pattern = _needles((), near if self.patterns else ())
        self._written = _union([glob.written for glob in self.globs])
        self._named = _union([glob.named for glob in self.globs])

    def __bool__(self) -> bool:
        return bool(self.globs or self.patterns)

    def find_candidates(self, raws: Sequence[bytes]) -> list[int]:
        """Which of these pieces of raw JSON must be read in full."""
        return [
            at
            for at in self._near.find_candidates(raws)  # of all that must hold this is the rarest
            if self._needles.may_hold(raws[at])
            and (self._without_patterns.may_hold(raws[at]) or self._is_near(raws[at]))
        ]

    def may_hold(self, raw: bytes) -> bool:
        """Whether a piece of raw JSON, or a string, must be read in full."""
        return bool(self.find_candidates([raw]))

    def may_hold_pattern(self, raws: Sequence[bytes]) -> bool:
        """Whether one of these may match a pattern."""
        return any(
            self._pattern_needles.may_hold(raws[at]) and self._is_near(raws[at])
            for at in self._near_pattern.find_candidates(raws)
        )

    def _is_near(self, raw: bytes) -> bool:
        """Whether all words of a pattern are here, not its needle only."""
        data = with_nested(raw)
        return any(phrase.may_be_in(data) for phrase in self._phrases)

    def may_match(self, text: Text) -> bool:
        """A cheap first look at one string."""
        wild = text.part is Part.COMMAND and not _WILD.isdisjoint(text.text)
        return wild or self.may_hold(text.text.encode(errors="replace"))

    def in_text(self, text: str, part: Part) -> Iterator[tuple[str, str]]:
        """What of one string must stay: the policy's own glob or pattern, and the words that match it.

        Args:
            text: the string, decoded.
            part: what it is part of.
        """
        data = text.encode(errors="replace")
        text = text if text.isascii() else data.decode()  # half a surrogate pair is no text
        if self.globs:
            if self._path_needles.may_hold(data):
                yield from self._paths(without_listings(text) if part is Part.TEXT else text, part)
            if part is Part.COMMAND and (expanded := commands.expands_to(text.casefold(), self.globs)):
                yield expanded.source, expanded.source
        if self.patterns and self.may_hold_pattern([data]):
            yield from self.in_prose(text)

    def in_prose(self, text: str) -> Iterator[tuple[str, str]]:
        """The patterns that match a string in one of its forms."""
        if not text.isascii():
            text = text.encode(errors="replace").decode()
        for form in prose_forms(text):
            for pattern in self.patterns:
                match = next(filter(None, (search(form) for search in pattern.searches)), None)
                if match:
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
                yield from self._bare_names(re2.sub(_MESSAGE, " ", form))

    def _bare_names(self, form: str) -> Iterator[tuple[str, str]]:
        """Bare names in a command."""
        for glob in self.globs:
            for match in re2.finditer(glob.named, form):
                if not _is_code(form, match.start(), match.end()):
                    yield glob.source, match.group()
                    break


_MESSAGE = r"(?:\s-[a-z]*m|\s--message|\s--title)[ =](?:'[^']*'|\"[^\"]*\")"
"""A commit's words, which are prose."""
_WILD = frozenset("*?[{")
_IMPORT = re.compile(r"(?:\bimport|\bfrom|\bmodule|\bpackage)\s+$")


def _forms(source: str) -> Iterator[str]:
    """A regular expression, and what it is without accents where that is another one."""
    yield source
    plain = folded(source)
    if plain != source:
        with contextlib.suppress(re2.error):  # such as `[à-ü]`, which would begin behind its end
            re2.compile(plain, QUIET)
            yield plain


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
    # `ß` folds to `ss`, and may be written either way.
    word = needle_of(glob.literals if glob.source.isascii() else [*_without_ss(glob.literals)])
    if not word:
        return None
    segment = glob.segments[-1]
    at = segment.find(word)
    if at < 0:  # of another segment
        return word, True, True
    before, after = segment[:at][-1:] in {"*", "?", "]"}, segment[at + len(word) :][:1] in {"*", "?", "["}
    return word, before, after


def _without_ss(runs: Iterable[str]) -> Iterator[str]:
    return (part for run in runs for part in run.split("ss"))


def _literals(source: str) -> list[str]:
    """Runs of literal characters that every match of a regular expression holds, in order."""
    try:
        return list(_required(_parser.parse(source)))
    except (re.error, RecursionError, OverflowError):
        return []


def _of_pattern(runs: list[str]) -> Needle | None:
    word = needle_of(runs)
    return (word, True, True) if word else None


def _needles(needles: Sequence[Needle | None], more: Iterable[bytes] = ()) -> Needles:
    return Needles([needle for needle in needles if needle], everything=None in needles, more=more)


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


def _extra_needles(globs: tuple[Glob, ...]) -> list[bytes]:
    """What else makes a piece worth reading in full: base64, and commands whose output may name no file."""
    return [commands.RAW, *BASE64] if globs else [*BASE64]
