"""Path patterns as in a `.gitignore`, compiled to regular expressions.

Made for a fence, so in doubt a pattern matches: at any depth, in absolute and
relative paths, with either separator, whatever the case, and a directory's
pattern holds for everything below it.
"""

import re
from collections.abc import Iterable
from posixpath import normpath

_PART = re.compile(r"\*\*/|/\*\*$|\*\*|\*|\?|\[[!^]?\]?[^\]]*\]|[^*?\[/]+|/|\[")
_WILD = {"**/": r"(?:.*/)?", "/**": r"(?:/.*)?", "**": r".*", "*": r"[^/\n]*", "?": r"[^/\n]"}


def compile_glob(glob: str) -> re.Pattern[str]:
    """Compile one pattern, to be searched in what `haystack` makes of paths.

    A pattern that begins with `/` or a drive holds from the start of a path on only.

    Raises:
        ValueError: the pattern is empty, or its character class is none.
    """
    plain = glob.replace("\\", "/").strip().lower()
    if not plain.strip("/"):
        raise ValueError("is empty; give a path such as 'secrets/**'")
    start = "^/" if plain.startswith("/") or plain[1:3] == ":/" else "/"
    body = "".join(_translate(part) for part in _PART.findall(plain.removeprefix("./").strip("/")))
    try:
        return re.compile(f"(?m){start}{body}(?:/.*)?$")
    except re.error as error:
        raise ValueError(f"is no valid pattern: {error}") from error


def haystack(paths: Iterable[str]) -> str:
    """Put paths in one text, a line each: as they were written, and with `.` and `..` resolved.

    Every line begins with `/` and is in lower case, so that a search has a letter to
    begin at and none to fold: more than twice as fast over the paths of a long conversation.
    """
    written = [path.replace("\\", "/").replace("\n", " ") for path in paths]
    resolved = [normpath(path) for path in written if "./" in path or "//" in path]
    return "\n".join("/" + path.lstrip("/") for path in (*written, *resolved)).lower()


def _translate(part: str) -> str:
    if part in _WILD:
        return _WILD[part]
    if part.startswith("[") and part.endswith("]"):
        inner = part[1:-1]
        return f"[^{inner[1:]}]" if inner[:1] in {"!", "^"} else f"[{inner}]"
    return re.escape(part)
