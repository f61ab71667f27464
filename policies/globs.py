"""Path patterns as in a `.gitignore`, compiled to RE2 for searching text.

Made for `never_cloud`, so in doubt a pattern matches: at any depth, in absolute and relative
paths, whatever the case, and a directory's pattern holds for everything below it. A file's name
holds for its siblings that carry a copy: `.env` also stands for `.env.local`, `.env~`, `.env.swp`.

The text that is searched is a normal form, see `router.privacy.text`: in lower case, with `/`
between segments, nothing encoded and no accents (`folded`).
"""

import re
import unicodedata
from dataclasses import dataclass
from fnmatch import fnmatchcase

import re2

NAME = r"[^\s/\\\"'`<>|;,()\[\]{}=:&$*?!#]"
"""A character of a file's name as text writes it; names with others are found by their quotes."""
_BEFORE = r"(?:^|[^\w.\-])[\-_*~]*"
"""A path's first segment begins here: after anything that is no part of a name."""
_START = r"(?:^|[^\w.\-/~]|:[\-+=?]|(?:^|[\s'\"])-[a-z]+)(?:~~|[_*])*"
_RELATIVE = r"(?:^|[^\w.\-/])[\-_*~]*(?:\.{1,2}/)*"
_AFTER = r"_*(?:$|[^\w.\-]|[.\-]+(?:$|[^\w.\-]))"
_BACKUP = r"(?:~|\.(?:bak|old|orig|save|swp|swo|tmp|backup|copy|\d+)\b|[.~]*)"
_SIBLING = r"(?:[.~_\-][\w.~\-]*)?"
QUIET = re2.Options()
QUIET.log_errors = False
_PART = re.compile(r"\*\*|\*|\?|\[[!^]?\]?[^\]]*\]|[^*?\[]+|\[")
_WILD = re.compile(r"[*?\[\]]+")
_DRIVE = re.compile(r"[a-z]:$")
_MOUNTED = re.compile(r"/(?:mnt|cygdrive)/([a-z])(?=/)")
"""A Windows drive, as WSL and Cygwin name it."""
_ACCENTS = re.compile("[\u0300-\u036f]+")
_MANY_MARKS = re2.compile(r"([\p{M}\x{FF9E}\x{FF9F}]{30})[\p{M}\x{FF9E}\x{FF9F}]+")
"""Marks on one letter beyond those of UAX 15's stream-safe format: to sort them takes quadratic time."""
_HOMES = (
    "~/", "$home/", "${home}/", "%userprofile%/", "%homepath%/", "$env:userprofile/", "$env:home/",
    "${env:userprofile}/", "%homedrive%%homepath%/",
)  # fmt: skip
_HOME = (
    r"(?:~[\w.\-]*|\$(?:\{?(?:env:)?(?:home|userprofile|homepath)\}?)|%(?:homedrive%%)?(?:userprofile|homepath)%"
    rf"|(?:[a-z]:)?(?:/{NAME}+)*/(?:users|home)/{NAME}+(?: {NAME}+){{0,2}}|(?:/var)?/root)"
)
"""A user's home folder, as shells and Windows spell it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Glob:
    """One pattern, compiled.

    `written` finds a path that the pattern covers, as prose, code and tool output write paths.
    `named` also finds a bare name, as the arguments of a call do: `cat secrets`.
    """

    source: str
    """As the policy has it."""
    segments: tuple[str, ...]
    """In lower case, without `**` at either end."""
    anchored: bool
    """It holds from the root, or somebody's home folder, on only."""
    written: str
    named: str

    @property
    def literals(self) -> tuple[str, ...]:
        """What every path that it covers holds, the most telling first; empty where there is nothing."""
        runs = [run for segment in self.segments for run in _literal_runs(segment)]
        last = _literal_runs(self.segments[-1]) if self.segments else []
        return tuple(sorted(last or runs, key=len, reverse=True))


def compile_glob(glob: str) -> Glob:
    """Compile one pattern. One that begins with `/` or a drive holds from the root on only.

    Raises:
        ValueError: the pattern is empty, or has an invalid character class.
    """
    plain = _normal(glob)
    home = next((name for name in _HOMES if plain.startswith(name)), "")
    anchored = plain.startswith("/") or bool(_DRIVE.match(plain[:2])) or bool(home)
    parts = [part for part in plain.removeprefix(home).split("/") if part not in {"", "."}]
    while parts[:1] == [".."]:
        parts.pop(0)
    below = plain.endswith("/") or parts[-1:] in (["**"], ["*"])
    if parts[-1:] == ["*"]:
        parts.pop()
    while parts and parts[-1] == "**":
        parts.pop()
    while parts and parts[0] == "**" and not anchored:
        parts.pop(0)
    segments = tuple(parts)
    file = not below and "." in segments[-1] if segments else False
    front, rooted = _fronts(segments, anchored=anchored, home=bool(home))
    end = ""
    if file:
        end = _SIBLING if _is_literal(segments[-1]) else _BACKUP
    if not segments:
        written = named = f"{front}{NAME}"
    elif file:
        written = rf"{front}{end}(?:/{NAME}|{_AFTER})"
        named = rf"{written}|(?:^|\s)-[a-z]{_body(segments)}{end}{_AFTER}"
    else:
        written = rf"{front}/{NAME}|{rooted}(?:/|{_AFTER})"
        option = rf"(?:^|\s)-[a-z]{_body(segments)}(?:/|{_AFTER})"
        bare = rf"{front}(?:/|[*?]|$|[^\w.\-(=]|[.\-]+(?:$|[^\w.\-]))"
        named = written if anchored else f"{written}|{bare}|{option}"
    for text in (written, named):
        try:
            re2.compile(text, QUIET)
        except re2.error as error:
            raise ValueError(f"is no valid pattern: {error_text(error)}") from error
    return Glob(
        source=glob,
        segments=segments,
        anchored=anchored,
        written=written,
        named=named,
    )


def may_expand(token: str, glob: Glob) -> bool:
    """Whether a shell may expand `token` to a path that `glob` covers, by at least one of its letters.

    `*` alone expands to anything and tells nothing, so a letter or digit of the pattern must be spelled.

    Args:
        token: one word of a command with `*`, `?` or `[...]` in it; lower case, `/` between segments.
        glob: what is covered.
    """
    tokens = [part for part in token.split("/") if part not in {"", "."}]
    width = len(glob.segments)
    starts = range(len(tokens) - width + 1) if width else ()
    return any(_may_equal(tokens[at : at + width], glob.segments) for at in starts)


def may_begin(token: str, glob: Glob) -> bool:
    """A cheap first look for `may_expand`: some segment may begin and end as the glob's last does."""
    before, after = _ends(glob.segments[-1])
    for part in token.split("/"):
        head, tail = _ends(part)
        heads = head.startswith(before) or before.startswith(head)
        if part and heads and (tail.endswith(after) or after.endswith(tail)):
            return True
    return False


def _ends(segment: str) -> tuple[str, str]:
    """What a segment spells before its first wildcard and after its last."""
    parts = _WILD.split(segment)
    return parts[0], parts[-1]


def _may_equal(tokens: list[str], segments: tuple[str, ...]) -> bool:
    spelled = [_intersect(token, segment) for token, segment in zip(tokens, segments, strict=True)]
    return None not in spelled and any(spelled)


def _intersect(first: str, second: str) -> bool | None:
    """Whether a name that both patterns match shares a spelled letter; None where there is no such name."""
    left, right = _atoms(first), _atoms(second)
    reachable = {(0, 0, False)}
    pending = [(0, 0, False)]
    while pending:
        for step in _steps(left, right, pending.pop()):
            if step not in reachable:
                reachable.add(step)
                pending.append(step)
    ends = [spelled for at, to, spelled in reachable if (at, to) == (len(left), len(right))]
    return any(ends) if ends else None


_Step = tuple[int, int, bool]


def _steps(left: list[str], right: list[str], place: _Step) -> list[_Step]:
    at, to, spelled = place
    mine, other = left[at : at + 1], right[to : to + 1]
    steps: list[_Step] = []
    if mine == ["*"]:
        steps += [(at + 1, to, spelled), *([(at, to + 1, spelled)] if other else [])]
    if other == ["*"]:
        steps += [(at, to + 1, spelled), *([(at + 1, to, spelled)] if mine else [])]
    if mine and other and "*" not in {*mine, *other} and _same(mine[0], other[0]):
        steps.append((at + 1, to + 1, spelled or (mine == other and mine[0].isalnum())))
    return steps


def _same(first: str, second: str) -> bool:
    if len(first) == 1 and len(second) == 1 and "?" not in {first, second}:
        return first == second
    for atom, char in ((first, second), (second, first)):
        if atom[0] == "[" and len(atom) > 1 and len(char) == 1 and char not in "?*":
            return fnmatchcase(char, atom.replace("[^", "[!", 1))
    return True  # a class or `?` against another may hold a common character


def _atoms(pattern: str) -> list[str]:
    atoms: list[str] = []
    for part in _PART.findall(pattern):
        if part in {"**", "*", "?"} or (part[0] == "[" and len(part) > 1):
            atoms.append("*" if part == "**" else part)
        else:
            atoms.extend(part)
    return atoms


def _normal(glob: str) -> str:
    """A pattern in lower case, with `/` between segments and a drive as Windows names it.

    Raises:
        ValueError: it is empty, or written in a way that would silently match nothing.
    """
    plain = unicodedata.normalize("NFKC", glob).casefold().strip().replace("\\ ", " ").replace("\\", "/")
    plain = re.sub(r"^file:/+(?:localhost/)?", "/", plain)
    plain = re.sub(r"^/(?=[a-z]:)", "", _MOUNTED.sub(r"\1:", plain))
    if not plain.strip("/"):
        raise ValueError("is empty; give a path such as 'secrets/**'")
    if plain.startswith("!"):
        raise ValueError("begins with '!'; never_cloud has no exceptions, so list what must stay")
    if re.search(r"\{[^{}]*,[^{}]*\}", plain):
        raise ValueError("has alternatives in braces; give each as a pattern of its own")
    if re.match(r"\$\{?\w|%\w+%", plain) and not plain.startswith(_HOMES):
        raise ValueError(
            "begins with a variable; give the folder itself, or begin with '~/' for a user's home"
        )
    return plain


def folded(text: str) -> str:
    """`text` in Unicode's compatibility form and without accents, so that `ü` equals `u` and a mark."""
    if text.isascii():
        return text
    bounded = _MANY_MARKS.sub(r"\1", text)
    return unicodedata.normalize("NFKC", _ACCENTS.sub("", unicodedata.normalize("NFKD", bounded)))


def _fronts(segments: tuple[str, ...], *, anchored: bool, home: bool) -> tuple[str, str]:
    """What finds a path up to its last given segment: in any path, and in one that has a root.

    What a relative path is relative to is often not in the request, so `vault/x` and `../vault/x`
    count for `/srv/vault/**`; of `/srv/*.log`, no bare `x.log` does.
    """
    if not anchored:
        return _BEFORE + _body(segments), rf"{_START}(?:~|\.{{1,2}}|[a-z]:)?(?:/{NAME}+)*/" + _body(segments)
    drive = segments[0][0] if segments and _DRIVE.match(segments[0]) else ""
    below = segments[1:] if drive else segments
    if home:
        root = rf"(?:^|[^\w.\-/~$%}}])[_*]*{_HOME}?/"  # a program may join it with what follows
    elif drive:
        shares = rf"(?:/{{1,2}}{NAME}+)?/{drive}\$"
        root = rf"(?:(?:^|[^\w.\-~]){drive}:|{_START}(?:/(?:(?:mnt|cygdrive|host_mnt)/)?{drive}|{shares}))/"
    else:
        root = rf"{_START}(?:[a-z]:?)?/"  # a drive, or the side of a patch
    root += _body(below)
    if below[:1] in (("home",), ("users",)) and below[2:]:
        root = rf"(?:{root}|(?:^|[^\w.\-/~$%}}])[_*]*{_HOME}/{_body(below[2:])})"
    near = [_RELATIVE + _body(below[at:]) for at in range(len(below)) if _tells(below[at:])]
    return f"(?:{'|'.join((root, *near))})", root


def _tells(segments: tuple[str, ...]) -> bool:
    """Whether a relative path of these segments has a name of its own; `*` and `*.log` have none."""
    return any(re.match(r"[\[_.\-]*\w", segment) for segment in segments)


def _body(segments: tuple[str, ...]) -> str:
    text = ""
    for at, segment in enumerate(segments):
        if segment == "**":
            text += f"(?:{NAME}+/)*"
        else:
            parts = [_translate(part) for part in _PART.findall(segment)]
            if segment.startswith("*"):
                parts[0] = f"{NAME}+"  # `.pem` by itself is a suffix and no file
            inner = "".join(parts)
            text += inner + ("/" if at < len(segments) - 1 else "")
    return text


def _translate(part: str) -> str:
    if part in {"*", "**"}:
        return f"{NAME}*"
    if part == "?":
        return NAME
    if part.startswith("[") and part.endswith("]") and len(part) > 1:
        inner = part[1:-1]
        return f"[^{inner[1:]}/]" if inner[:1] in {"!", "^"} else f"[{inner}]"
    return re.escape(folded(part)).replace(r"\ ", "/? ")  # a shell's `\ ` is `/ ` in the normal form


def _is_literal(segment: str) -> bool:
    return not set(segment) & set("*?[")


def _literal_runs(segment: str) -> list[str]:
    return [part for part in _PART.findall(segment) if not set(part[:1]) & set("*?[")]


def error_text(error: Exception) -> str:
    """What RE2 says of an expression that it refuses."""
    text = error.args[0] if error.args else error
    return text.decode() if isinstance(text, bytes) else str(text)
