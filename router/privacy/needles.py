r"""The first look at raw JSON: might a protected name be in it, in any spelling?

A needle is a word that every match of a path or pattern holds. Each of its letters is looked for
as it is, and as JSON, URLs, HTML, shells and Unicode spell it; between letters may stand quotes,
backslashes and characters that are not shown. RE2 searches for all needles in one pass of linear
time, about 0.7 GB/s. What has no needle is clean; what has one is decoded and read in full.
Of a pattern's words the longest is its needle; `router.privacy.phrase` looks for the others.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Any

import re2

from router.privacy.text import HIDDEN, decoded, lookalikes

OPTIONS = re2.Options()
OPTIONS.log_errors = False
OPTIONS.max_mem = 256 << 20
OPTIONS.encoding = re2.Options.Encoding.LATIN1
_SHORT = 3
"""Needles of fewer letters occur too often to tell anything."""

Needle = tuple[str, bool, bool]
"""The word, and whether a match may go on before and after it."""


class Needles:
    """All needles of all policies in force."""

    def __init__(
        self, needles: Iterable[Needle], *, everything: bool = False, more: Iterable[bytes] = ()
    ) -> None:
        """Compile them.

        Args:
            needles: words.
            everything: a pattern has no word that each of its matches holds, so all is read in full.
            more: other expressions over raw JSON.
        """
        spelled = [*(_spelled(*needle) for needle in sorted(set(needles))), *more]
        self._everything = everything
        self._search = re2.compile(b"|".join(spelled), OPTIONS).search if spelled else None
        self._first = re2.compile(b"|".join((*spelled, _NESTED_FORMS)), OPTIONS).search

    def may_hold(self, raw: bytes) -> bool:
        """Whether raw JSON must be read in full."""
        if self._everything:
            return True
        if self._search is None:
            return False
        if self._search(raw) is not None:
            return True
        return (both := with_nested(raw)) is not raw and self._search(both) is not None

    def find_candidates(self, raws: Sequence[bytes]) -> list[int]:
        """Which of these must be read in full, by one pass over all of them."""
        if self._everything:
            return list(range(len(raws)))
        if self._search is None:
            return []
        return [at for at in find_matching(self._first, raws) if self.may_hold(raws[at])]


def find_matching(search: Any, raws: Sequence[bytes]) -> list[int]:
    """Which of these an expression matches; now and then one that it matches with the next only.

    Args:
        search: of a compiled expression.
        raws: what is searched, as if each ended in a line break.
    """
    joined = b"\n".join(raws)
    ends = list(accumulate(len(raw) + 1 for raw in raws))
    at, matching = 0, []
    while at < len(joined) and (match := search(joined, at)):
        number = min(bisect_right(ends, match.start()), len(raws) - 1)
        matching.append(number)
        at = ends[number]
    return matching


def needle_of(runs: Sequence[str]) -> str:
    """The longest word of what every match holds; empty where none is long enough."""
    words = [word for run in runs for word in re.findall(r"[A-Za-z0-9._-]+", run)]
    best = max(words, key=len, default="")
    return best if len(best) >= _SHORT else ""


def spelled(word: str) -> bytes:
    """An expression for a word in all its spellings."""
    return _spelled(word, goes_before=True, goes_after=True)


def key_of(names: Iterable[str]) -> bytes:
    """An expression for the end of a key in raw JSON that is one of `names`, in any spelling of JSON's."""
    words = (
        b"".join(
            rb"(?i:%s|\\+u%04x|\\+u%04x)" % (re.escape(char.encode()), ord(char), ord(char.upper()))
            for char in name
        )
        for name in sorted(names)
    )
    return rb'(?:"|\\+u0022)(?:' + b"|".join(words) + rb')(?:\\*"|\\+u0022)\s*:'


def _spelled(word: str, goes_before: bool, goes_after: bool) -> bytes:
    body = _JUNK.join(_letter(char) for char in word)
    return (b"" if goes_before else _BEGINS) + body + (b"" if goes_after else rb"(?:[^A-Za-z0-9]|$)")


def _hidden() -> bytes:
    raw = [re.escape(chr(code).encode()) for code in HIDDEN]
    escaped = [rb"\\+u%04x" % code for code in HIDDEN]
    percent = [
        b"".join(b"%%%02x" % byte for byte in chr(code).encode()) for code in (0xAD, 0x200B, 0x200C, 0x200D)
    ]
    tags = rb"\xf3\xa0[\x80-\xbf][\x80-\xbf]"
    return b"|".join((*raw, tags, *(rb"(?i:%s)" % text for text in (*escaped, *percent))))


_JUNK = (
    rb"(?:['\"`^\\*_~]|\\u00(?:2[27]|60)|(?:<|\\u003[cC])/?[A-Za-z]{1,8}(?:>|\\u003[eE])|(?:\x1b|\\u001[bB]|\\x1[bB]|\\0?33|\\e)\[[0-9;?]{0,20}[A-Za-z]|\"\s*,\s*\"|\\\\\\n|[\\`^]\r?\n|\$[@*!]|\$\{\w*\}|\$\(\)|&(?:shy|zwn?j|ZeroWidthSpace|NoBreak|lrm|rlm);"
    rb"|&#(?:173|x[aA][dD]|820[3-7]|x200[b-fB-F]|8288|x2060|65279|x[fF]{2}[eE]{2});|" + _hidden() + rb")*"
)
_NESTED_FORMS = (
    rb"\\u00(?:2[013-589aAc-fC-F]|3[0-9abdfABDF]|[45][0-9A-Fa-f]|6[1-9A-Fa-f]|7[0-9A-Ea-e])|\\[ux]\{|\\U000"
    rb"|(?:&|\\u0026)(?:amp;)*\\u00(?:23|[4-7][0-9A-Fa-f])|\\u0026(?:#|[A-Za-z]{2,20};)|&(?:amp;)+[#A-Za-z]"
    rb"|&#(?:0*(?:37|38|92)|[xX]0*(?:2[56]|5[cC]))\b|&(?:percnt|bsol|num|lpar|lowbar);"
    rb"|%(?:25)*(?:[C-Fc-f][0-9A-Fa-f]%|5[cC]|26)|\\x(?:2[56]|5[cC])|\\0?(?:45|46|134)"
    rb"|\xef\xbc[\x85\x86\xbc]|\xef\xb9[\xa0\xa8\xaa]|(?i:\\uff0[56]|\\uff3c|\\ufe6[08a])"
    rb"|(?:[%&]|\\\\?[uUx])#?[xX]?[0-9A-Fa-f]{0,3}(?:" + _hidden() + rb")"
    rb"|%(?:25)*[0-9A-Fa-f]?(?:\xef\xbc[\x90-\xa6]|\xef\xbd|\\+u[fF][fF][1-4])"
)
_NESTED = re2.compile(_NESTED_FORMS, OPTIONS).search
"""Encodings of encodings, in which a letter has other spellings than its own."""


def with_nested(raw: bytes) -> bytes:
    """Raw JSON and, where encodings are encoded in it, what it says with all of them undone."""
    if _NESTED(raw) is None:
        return raw
    return b"%b\n%b" % (raw, decoded(raw.decode(errors="replace")).encode(errors="replace"))


_BEGINS = (
    rb"(?:^|[^A-Za-z0-9]|\\[nrtbf]|\\u[0-9A-Fa-f]{4}|\\x[0-9A-Fa-f]{2}|%(?:25)*[0-9A-Fa-f]{2}|\\[0-7]{2,3}"
    rb"|-[A-Za-z]|\[[0-9;?]{0,20}[A-Za-z]|%~[A-Za-z]{0,4}[0-9])"
)
"""A word begins: after no letter, or after an escape that ends in one."""


def _letter(char: str) -> bytes:
    """One letter in all its spellings."""
    spellings: list[bytes] = []
    for form in dict.fromkeys((char.lower(), char.upper())):
        code = ord(form)
        spellings += [
            re.escape(form.encode()),
            rb"\\u(?i:%04x)" % code,
            rb"%%(?:25)*(?i:%02x)" % code,
            rb"&#(?:[xX]0*(?i:%x)|0*%d);?" % (code, code),
            rb"\\x(?i:%02x)" % code,
            rb"\\0?%03o" % code,
            rb"\\u\{0*(?i:%x)\}" % code,
        ]
    for other in lookalikes().get(char.lower(), ()):
        units = other.encode("utf-16-be")
        escaped = b"".join(
            rb"\\+u(?i:%04x)" % int.from_bytes(units[at : at + 2], "big") for at in range(0, len(units), 2)
        )
        spellings += [re.escape(other.encode()), escaped]
    if char == ".":
        spellings.append(rb"&period;")
    return b"(?:" + b"|".join(spellings) + b")"
