"""Lines of protected content, known again when somebody quotes them.

A line is compared as it reads: without indent, line number, quotation or diff marks, case and
spacing. Only digests under a secret key are kept. What everybody's files hold, such as a licence
or an import, tells nothing and is left out.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any

from router.privacy.matcher import Matcher
from router.privacy.opaque import contents
from router.privacy.strings import MODELS, Part, Text, walk

_PREFIX = re.compile(r"(?:[\s>+*#|│\-]+|\d{1,7}\s*[\t→:|.)]+)+")
_ENDS = " \t\"'`,;{}[]()"
_SHORTEST, _LONGEST = 20, 2_000
_WORDS = re.compile(r"[^\W\d_]{2,}")
_TOKEN = re.compile(r"[^\s\"'`,;:=<>(){}\[\]]{10,200}")
_COMMON = re.compile(
    r"licen[sc]e|copyright|permission|warrant|redistribut|spdx|liab|^(?:import|from|using|package|#include|require|"
    r"export|return|if|for|while|def|class|function|public|private|const|let|var|try|except|else|elif|end)\b|"
    r"^(?://|/\*|<!|<\?|#!|@)|^drwx|^-rw|https?://www\.(?:apache|gnu|opensource)\.org"
)
_MOST_LINES = 2_000
ENOUGH = 2
"""Lines of one source that a quotation has, where none of them holds what looks like a key."""
_NOT_OF_IT = re.compile(
    r"--exclude|--ignore|-prune|!-path|-not -path|--glob[ =]'?!|:\(exclude\)|:!|\.gitignore|"
    r"git (?:add|mv|rm|commit)"
)


def lines_of(text: str) -> Iterator[str]:
    """The lines of a text that are long enough to tell something, as they compare."""
    if "\\" in text:
        text = text.replace("\\r", "").replace("\\n", "\n")
    for line in text.casefold().splitlines():
        if len(line) >= _SHORTEST:
            prefix = _PREFIX.match(line)
            plain = " ".join((line[prefix.end() :] if prefix else line).strip(_ENDS).split())
            if _SHORTEST <= len(plain) <= _LONGEST:
                yield plain


def tokens_of(text: str) -> Iterator[str]:
    """Words that look like a key or a password: letters and digits in one, and long."""
    for word in _TOKEN.findall(text):
        if not _TWO_DIGITS.search(word):
            continue
        token = word.strip(".!?*_")
        digits, letters = sum(map(str.isdigit, token)), sum(map(str.isalpha, token))
        if digits >= 2 and letters >= 4 and "/" not in token and not _DATED.search(token):  # noqa: PLR2004 - a look
            yield token


_TWO_DIGITS = re.compile(r"\d\D*\d")


_DATED = re.compile(
    r"\d{4}-\d\d-\d\d|\d\d:\d\d|^v?\d+(?:\.\d+)+|\.(?:py|js|ts|md|txt|json|ya?ml|toml|html?)\b|"
    r"^[0-9a-f]{7,40}$|[a-z]+_[a-z]+_"
)


def digest(key: bytes, kind: str, text: str) -> str:
    """Digest a line, key or session, so that it cannot be guessed without the secret key."""
    state = _keyed(key).copy()
    state.update(f"{kind}\0{text}".encode(errors="replace"))
    return kind[0] + state.hexdigest()


def mark(name: str) -> int:
    """The first 32 bits of a digest: enough to see that two are not equal."""
    return int(name[1:9], 16)


@lru_cache(maxsize=64)
def _keyed(key: bytes) -> "hashlib.blake2b":
    """The state after the key: taking it in costs as much as a line does."""
    return hashlib.blake2b(key=key, digest_size=12)


def digests(key: bytes, text: str) -> Iterator[str]:
    """Everything of a text that could quote something."""
    yield from (digest(key, "line", line) for line in lines_of(text))
    yield from (digest(key, "key", token) for token in tokens_of(text))


def digests_of(key: bytes, value: Any) -> frozenset[str]:
    """Of every string in a decoded piece."""
    names: set[str] = set()
    for text in walk(value, (), Part.TEXT):
        if text.spoken and len(text.text) >= _SHORTEST // 2:
            names.update(digests(key, text.text))
    return frozenset(names).union(opaque_digests(key, value))


def opaque_digests(key: bytes, value: Any) -> Iterator[str]:
    """Of everything in a decoded piece that cannot be read; each is known again by itself."""
    return (digest(key, "key", f"\0{data}") for data in contents(value))


def distinctive(text: str) -> Iterator[tuple[str, str]]:
    """Kind and words of what is worth knowing again in protected text."""
    for line in lines_of(text):
        if not _COMMON.search(line) and len(_WORDS.findall(line)) + 2 * any(tokens_of(line)) >= 3:  # noqa: PLR2004
            yield "line", line
    yield from (("key", token) for token in tokens_of(text))


def protected_texts(messages: Iterable[list[Text]], matcher: Matcher) -> Iterator[tuple[str, str]]:
    """The protected content in a conversation: the policy's source, and the text."""
    calls: dict[str, str] = {}
    observed = ""
    for texts in messages:
        spoken = next((text.part for text in texts if text.spoken), Part.TEXT)
        for text in texts:
            if text.part is Part.COMMAND:  # a call of the same name as an earlier one
                calls.pop(text.call, None)
        for text in texts:
            if text.part is Part.COMMAND:
                source = next((source for source, _ in matcher.in_text(text.text, text.part)), "")
                if source and not _NOT_OF_IT.search(text.text):
                    calls[text.call] = calls[text.tool or text.call] = source
                    observed = source if not text.call else observed
            elif not text.spoken:
                continue
            elif text.part is Part.RESULT and text.call in calls:
                yield calls[text.call], text.text
            elif observed and spoken is Part.TEXT and not _is_assistant(texts):
                yield observed, text.text
                observed = ""
            elif "<system-reminder>" not in text.text[:40]:
                yield from _within(text, matcher)


def _is_assistant(texts: list[Text]) -> bool:
    return any(text.text in MODELS and text.place[-1:] == ("role",) for text in texts if not text.spoken)


_HEADING = re.compile(r"^(?:diff --git |--- |\+\+\+ |==> |Index: |[\w@+~./\\\-]+:?$|[\w@+~./\\\-]+\.\w+:\d+)")


def _within(text: Text, matcher: Matcher) -> Iterator[tuple[str, str]]:
    """What follows a protected name in a text, up to the next file's; all of it where a pattern matches."""
    if not matcher.may_hold(text.text.encode(errors="replace")):
        return
    patterns = {source for source, _ in matcher.in_prose(text.text)} if matcher.patterns else set()
    if patterns:
        yield min(patterns), text.text
        return
    source = ""
    for line in text.text.splitlines()[:_MOST_LINES]:
        matched = next((name for name, _ in matcher.in_text(line, text.part)), "")
        if matched:
            source = matched
        elif _HEADING.match(line.strip()):
            source = ""
        if source:
            yield source, line
