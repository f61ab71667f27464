r"""Normal forms of a string: what it says, however it is spelled.

A path or a pattern is looked for in these forms and in the string as it is. They undo percent
and HTML escapes, `\x73`, `s` and octal escapes, Unicode look-alikes (NFKC), characters that
are not shown, quotes inside a word, and the spellings of one path: `\`, `//`, `.`, `..`, trailing
dots and spaces, alternate streams.
"""

import html
import re
import sys
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from posixpath import normpath
from urllib.parse import unquote

import re2

from policies.globs import folded

_HIDDEN = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f"
    "\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U000e0000-\U000e0fff]"
)
"""Default-ignorable characters (Unicode 16, DerivedCoreProperties)."""
HIDDEN = (
    0xAD, 0x34F, 0x61C, 0x115F, 0x1160, 0x17B4, 0x17B5, *range(0x180B, 0x1810), *range(0x200B, 0x2010),
    *range(0x202A, 0x202F), *range(0x2060, 0x2070), 0x3164, *range(0xFE00, 0xFE10), 0xFEFF, 0xFFA0,
    *range(0x300, 0x370),
)  # fmt: skip
"""The same as numbers, but for those beyond the first plane."""
_PERCENT = re.compile(r"%[0-9A-Fa-f]{2}")
_PERCENT_TWICE = re.compile(r"%(?:25)+(?=[0-9A-Fa-f]{2})")
_ENTITY = re.compile(r"&(?:#|[A-Za-z]+;)")
_ENTITY_TWICE = re.compile(r"&(?:amp;)+")
_NUMBER = re.compile(r"&#(?:0*(\d+)|[xX]0*([0-9A-Fa-f]+));?")
_LONGEST_NUMBER = 7
"""Digits of a character's number."""
_ESCAPE = re.compile(
    r"(?<!\\)\\++(?:(?-i:U)([0-9a-f]{8})|u(d[89ab][0-9a-f]{2})\\++u(d[c-f][0-9a-f]{2})|x([0-9a-f]{2})|u([0-9a-f]{4})"
    r"|[ux]\{([0-9a-f]{1,6})\}|([0-3]?[0-7]{2}))",
    re.IGNORECASE,
)
_ROUNDS = 8
"""How often a string is decoded that is encoded in what was decoded."""
_JOINT = r"(?:['\"`^\\]|\$[@*!]|\$\{\w*\}|\$\(\)|\\\n)+"
_QUOTED = re.compile(r"(?<=[^\s])(?:['\"`^]|\$[@*!]|\$\{\w*\}|\$\(\))+(?=[^\s])")
_JOINED = re.compile(rf"(?<=[^\s]){_JOINT}(?=[^\s])")
_SPACE = re.compile(r"\$\{?ifs\}?")
_DEFAULT = re.compile(r"\$\{\w+:?[-=+]([^{}]*)\}")
_STREAM = re.compile(r":{1,2}\$[a-z0-9_]+(?::\$[a-z0-9_]+)?")
_TRAILING = re.compile(r"(?<=[^\s/.])[. ]+/")
_SLASHES = re.compile(r"(?<!:)/{2,}|(?<=:)/{2,}")
_HERE = re.compile(r"(?<=/)(?:\./)+")
_CLIMBING = re.compile(r"[^\s\"'`=:(,;]+")
_ANSI = re.compile(r"(?:\x1b|\\(?:x1[bB]|u001[bB]|0?33|e))\[[0-9;?]{0,20}[A-Za-z]")
_SHARE = re.compile(r"/{1,2}wsl(?:\$|\.localhost)/[^/\s]{1,60}(?=/)")
_SCRIPT_FOLDER = re.compile(r"%~[a-z]{0,4}\d|\$psscriptroot(?=[\w./])")
_LINK = re2.compile(r"!?\[([^\[\]]{0,300})\]\([^()\s]*\)|\\[A-Za-z]{2,20}\{([^{}]{0,300})\}")
_TAG = re2.compile(r"(?s)<!--.{0,400}?-->|</?[A-Za-z][^<>]{0,200}>")
_BREAK = re.compile(r"\\r\\n|\\[nrt]")
_LINE_START = re.compile(r"^[\s#/>*+\-;%|!]*(?:\d{1,7}[.):\t→|][ \t]*)?[\s#/>*+\-;%|!]*", re.MULTILINE)
_MARKS = re.compile("[*_~`\\\\|\"'\u2018\u2019\u201c\u201d\u00ab\u00bb]+")


def decoded(text: str) -> str:
    """`text` with every escape undone, however they are nested, and Unicode `folded`; case stays."""
    for _ in range(_ROUNDS):
        before = text
        if "[" in text:
            text = _ANSI.sub("", text)
        text = _visible(text)
        if "%" in text:
            text = _PERCENT_TWICE.sub("%", text)
            if _PERCENT.search(text):
                text = unquote(text, errors="replace")
        if "&" in text:
            text = _ENTITY_TWICE.sub("&", text)
            if _ENTITY.search(text):
                text = html.unescape(_NUMBER.sub(_numbered, text))
        if "\\" in text:
            text = _ESCAPE.sub(_escaped, text)
        if text == before:
            break
    return text


def _visible(text: str) -> str:
    """`text` as a reader sees it: without what is not shown, and `folded`."""
    return text if text.isascii() else _HIDDEN.sub("", folded(_HIDDEN.sub("", text)))


def _numbered(match: re.Match[str]) -> str:
    digits, base = (match[1], "") if match[1] else (match[2], "x")
    return html.unescape(f"&#{base}{digits};") if len(digits) <= _LONGEST_NUMBER else "\ufffd"


def _escaped(match: re.Match[str]) -> str:
    long, high, low, *codes, octal = match.groups()
    if high:
        return bytes.fromhex(high + low).decode("utf-16-be")
    number = int(octal, 8) if octal else int(next(filter(None, (long, *codes))), 16)
    char = chr(number) if number <= sys.maxunicode else ""
    if char.isprintable() and char:
        return char
    return "" if char and _HIDDEN.fullmatch(char) else match[0]


def prose_forms(text: str) -> Iterator[str]:
    """Forms in which a pattern is looked for: as it is, on one line, and without markup."""
    yield text
    plain = decoded(text)
    line = " ".join(plain.split())
    if line != text:
        yield line
    linked = _BREAK.sub(" ", _LINK.sub(r"\1\2", plain))
    for gap in ("", " "):
        untagged = _LINE_START.sub(" ", _TAG.sub(gap, linked))
        bare = " ".join(_MARKS.sub("", untagged).split())
        if bare != line:
            yield bare


def path_forms(text: str, *, command: bool) -> Iterator[str]:
    """Forms in which a path is looked for; a command's also with its quotes undone.

    All are in lower case, with `/` between segments; `..` is resolved in the last of them.
    """
    plain = _SCRIPT_FOLDER.sub("./", decoded(text).casefold())
    yield from _paths(plain.replace("\\", "/"))
    if "\\" in text:  # `secrets\100` is a path of Windows, too
        yield from _paths(_visible(text).casefold().replace("\\", "/"))
    if command:
        spaced = _DEFAULT.sub(r"\1", _SPACE.sub(" ", plain))
        for joint in (_QUOTED, _JOINED):  # a backslash is a separator to one shell, and quotes to another
            joined = joint.sub("", spaced)
            if joined != plain:
                yield from _paths(joined.replace("\\", "/"))


def _paths(plain: str) -> Iterator[str]:
    yield plain
    tidy = _STREAM.sub("", plain) if ":" in plain else plain
    if "wsl" in tidy:
        tidy = _SHARE.sub("", tidy)
    for form in dict.fromkeys((tidy, _TRAILING.sub("/", tidy))):
        short = _HERE.sub("", _SLASHES.sub("/", form))
        if short != plain:
            yield short
        if "/../" in short:
            yield _CLIMBING.sub(_resolved, short)


def _resolved(match: re.Match[str]) -> str:
    return normpath(match[0]) if "/../" in match[0] else match[0]


@lru_cache(maxsize=1)
def lookalikes() -> dict[str, tuple[str, ...]]:
    """Characters beyond ASCII by the ASCII character that they become; takes 0.2 s the first time."""
    by_letter: dict[str, list[str]] = {}
    for code in (
        *range(0x80, 0x3400),
        *range(0xA640, 0xAC00),
        *range(0xF900, 0x10000),
        *range(0x1D400, 0x1D800),
        *range(0x1F100, 0x1F200),
        *range(0x1FBF0, 0x1FBFA),
    ):
        char = chr(code)
        plain = unicodedata.normalize("NFKC", char).casefold()
        if len(plain) == 1 and plain.isascii() and (plain.isalnum() or plain in "._-"):
            by_letter.setdefault(plain, []).append(char)
    return {plain: tuple(chars) for plain, chars in by_letter.items()}
