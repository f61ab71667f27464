"""Path patterns as in a `.gitignore`, compiled to regular expressions.

Made for a fence, so in doubt a pattern matches: at any depth, in absolute and
relative paths, with either separator, whatever the case, and a directory's
pattern holds for everything below it.
"""

import re
from posixpath import normpath

_PART = re.compile(r"\*\*/|/\*\*$|\*\*|\*|\?|\[[!^]?\]?[^\]]*\]|[^*?\[/]+|/|\[")
_WILD = {"**/": r"(?:.*/)?", "/**": r"(?:/.*)?", "**": r".*", "*": r"[^/\n]*", "?": r"[^/\n]"}


def compile_glob(glob: str) -> re.Pattern[str]:
    """Compile one pattern; `search` it in paths joined by newlines.

    A leading `/` or drive (`/etc/**`, `C:/keys`) anchors the pattern at the start of the path.

    Raises:
        ValueError: the pattern is empty, or its character class is none.
    """
    plain = glob.replace("\\", "/").strip()
    if not plain.strip("/"):
        raise ValueError("is empty; give a path such as 'secrets/**'")
    anchored = plain.startswith("/") or plain[1:3] == ":/"
    body = "".join(_translate(part) for part in _PART.findall(plain.removeprefix("./").rstrip("/")))
    start = "^" if anchored else "(?:^|/)"
    try:
        return re.compile(f"(?im){start}{body}(?:/.*)?$")
    except re.error as error:
        raise ValueError(f"is no valid pattern: {error}") from error


def haystack(paths: frozenset[str]) -> str:
    """Join paths for searching: each as it was written, and with `.` and `..` resolved."""
    written = [path.replace("\\", "/").replace("\n", " ") for path in paths]
    resolved = [normpath(path) for path in written if "./" in path or "//" in path]
    return "\n".join(written + resolved)


def _translate(part: str) -> str:
    if part in _WILD:
        return _WILD[part]
    if part.startswith("[") and part.endswith("]"):
        inner = part[1:-1]
        return f"[^{inner[1:]}]" if inner[:1] in {"!", "^"} else f"[{inner}]"
    return re.escape(part)
