"""Paths: found in text, and brought to one form.

Every search here is linear in the text, since a client chooses what it sends.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple

How = Literal["read", "edited", "given", "named", "seen"]
"""`seen`: a line of it or its name passed by, e.g. in grep's output; not a file worked with."""


class FileAccess(NamedTuple):
    """A path, and what the conversation had to do with it."""

    path: str
    how: How


_EXTENSIONS = (
    "py|pyi|pyx|ipynb|js|jsx|mjs|cjs|ts|tsx|mts|cts|vue|svelte|astro|rs|go|java|kt|kts|scala|groovy|gradle|"
    "c|h|cc|cpp|cxx|hh|hpp|hxx|m|mm|cs|fs|vb|swift|dart|rb|erb|php|pl|pm|lua|r|jl|ex|exs|erl|hs|ml|mli|clj|"
    "cljs|el|lisp|nim|zig|sol|sh|bash|zsh|fish|ps1|bat|cmd|sql|proto|graphql|html|htm|css|scss|sass|less|"
    "xml|xsd|svg|json|jsonl|json5|yaml|yml|toml|ini|cfg|conf|env|properties|lock|md|mdx|rst|txt|tex|csv|tsv|"
    "log|diff|patch|tf|tfvars|hcl|nix|cmake|mk|dockerfile|pem|key|crt|parquet|db|sqlite|gguf|j2|tmpl|template"
)
_KNOWN = frozenset(_EXTENSIONS.split("|"))
_BARE = frozenset(
    (
        "makefile",
        "dockerfile",
        "gemfile",
        "rakefile",
        "procfile",
        "jenkinsfile",
        "vagrantfile",
        "license",
        "readme",
        ".env",
        ".gitignore",
        ".npmrc",
        ".dockerignore",
        ".editorconfig",
    )
)
_FRAMEWORKS = re.compile(
    r"(?:node|next|nuxt|vue|react|angular|express|three|d3|discord|chart|ember|backbone|p5|socket)\.js$|"
    r"(?:asp|vb|ado)\.net$",
    re.IGNORECASE,
)
_WORD = re.compile(r"[\w.~/\\@+\-:#\[\]()]++")
_URL = re.compile(r"\b[a-z][a-z0-9+.\-]{0,20}://[^\s<>\"'`)\]]+|\bwww\.[^\s<>\"'`)\]]+", re.IGNORECASE)
_POSITION = re.compile(r"(?::\d+(?:[-:,]\d+)*|#L\d+(?:-L?\d+)?)$")
_LONGEST = 400
_LIBRARY = re.compile(r"/site-packages/|/dist-packages/|/lib/python\d|/node_modules/|/rustc/|/go/pkg/mod/")


def normal(path: str) -> str:
    """`path` with forward slashes, without `.` parts, and `..` resolved where it can be; empty for none."""
    path = path.strip().strip("\"'`").replace("\\", "/")
    if path.startswith("file://"):
        path = path.removeprefix("file://").replace("%3A", ":").replace("%3a", ":").replace("%20", " ")
    if path[:1] == "/" and (prefix := _DEVICE.match(path)):
        path = ("/" if prefix[0].upper().endswith("UNC") else "") + path[prefix.end() :]
    if not path or len(path) > _LONGEST or "\n" in path or "\0" in path:
        return ""
    if path[:2] == "//" != path[1:3]:
        share = normal(path[2:])
        return f"//{share}" if share else ""
    if "/." not in path and "//" not in path and path[0] != "." and path[-1] != "/":
        return path  # as nearly every path is
    absolute = path.startswith("/")
    parts: list[str] = []
    for part in path.split("/"):
        if part == ".." and parts and parts[-1] != "..":
            parts.pop()
        elif (part == ".." and not absolute) or part not in ("", ".", ".."):
            parts.append(part)
    return ("/" if absolute else "") + "/".join(parts)


_DEVICE = re.compile(
    r"//[?.]/UNC(?=/)|//[?.]/(?=[A-Za-z]:/)|/(?=[A-Za-z]:/)|//wsl(?:\$|\.localhost)/[^/]+(?=/)", re.IGNORECASE
)
"""What Windows and editors put before a path: device prefixes, a slash before a drive, WSL's server."""


def join(folder: str, path: str) -> str:
    """`path` as seen from `folder`, normalised."""
    if not folder or path.startswith(("/", "~")) or re.match(r"[A-Za-z]:[/\\]", path):
        return normal(path)
    return normal(f"{folder}/{path}")


def is_path(word: str) -> bool:
    """Whether a word in prose names a file: a known extension, and no framework or version."""
    name = word.replace("\\", "/").rsplit("/", 1)[-1]
    if len(word) > _LONGEST or not name:
        return False
    if name.lower() in _BARE and (name[0] == "." or name[0].isupper() or "/" in word):
        return True
    if "." not in name or name.rsplit(".", 1)[-1].lower() not in _KNOWN:
        return False
    return "/" in word or not _FRAMEWORKS.match(name)


def named(text: str) -> Iterator[str]:
    """Paths that prose mentions; neither URLs nor version numbers nor e-mail addresses."""
    if "://" in text or "www." in text.lower():
        text = _URL.sub(" ", text)
    for candidate in _WORD.findall(text):
        if len(candidate) > _LONGEST or ("." not in candidate and "ile" not in candidate):
            continue
        word = candidate.lstrip("@(#[").rstrip(".:,)]#")
        if ":" in word or "#" in word or "](" in word:
            word = _POSITION.sub("", word).split("](", 1)[-1].split("::", 1)[0]
        if "@" not in word and "(" not in word and is_path(word):
            path = normal(word)
            if path and not is_library(path):
                yield path


_DIFF = re.compile(
    r"^(?:diff --git a/(\S+) b/\S+|\+\+\+ (?:b/)?(\S+)|\*\*\* (?:(?:Add|Update|Delete) File|Move to): (.+))",
    re.MULTILINE,
)
_PYTHON = re.compile(r'File "([^"\n]{1,400})", line \d+')
_NODE = re.compile(r"^[ \t]++at (?:[^\n(]*\()?([^\s()]+):\d+:\d+\)?", re.MULTILINE)
_LINE = re.compile(r"\n([^\s:'\"(){}\[\]]{1,300}\.\w{1,10})[:\-]\d+[:\-]")
"""Behind a line's end and not at `^`: so that a search skips from line to line."""
_GREP_BYTES = 20_000
"""How much of one tool result is searched for `path:line:` hits."""


def changed(text: str) -> Iterator[str]:
    """Paths in the headers of diffs and patches."""
    if "+++ " in text or "diff --git " in text or "*** " in text:
        for header in _DIFF.finditer(text):
            path = normal(header[1] or header[2] or header[3])
            if path and path != "/dev/null":
                yield path


_PATCHED = re.compile(
    r"^(?:patching file |Applied patch (?:to )?)'?([^\s'\n]{1,300})'?(?: cleanly\.?)?(?: |$)", re.MULTILINE
)


def patched(text: str) -> Iterator[str]:
    """Paths that `patch` and `git apply` say they changed."""
    if "patching file " in text or "Applied patch " in text:
        for match in _PATCHED.finditer(text):
            path = normal(match[1])
            if path:
                yield path


def traced(text: str) -> Iterator[str]:
    """The project's own files in stack traces of Python and JavaScript, in the order of the text."""
    frames: list[re.Match[str]] = []
    if '", line ' in text:
        frames.extend(_PYTHON.finditer(text))
    if "    at " in text:
        frames.extend(_NODE.finditer(text))
    for frame in frames:
        path = normal(frame[1])
        if path and not is_library(path):
            yield path


def is_library(path: str) -> bool:
    """Whether a path lies in an installed package or is no file at all (`<stdin>`)."""
    return path.startswith("<") or _LIBRARY.search(path) is not None


def hits(text: str) -> Iterator[str]:
    """Paths of grep's `path:line:` output."""
    for match in _LINE.finditer(f"\n{text[:_GREP_BYTES]}"):
        path = normal(match[1])
        if path:
            yield path


_FENCE = re.compile(r"^[ \t]*+(?:```++|~~~++)[ \t]*+([^\n`]*+)$", re.MULTILINE)
_TITLE = re.compile(r"(?:title|file|filename|path)=[\"']?([^\"'\s}]+)")
_COMMENT = re.compile(r"\s*(?:#|//|--|/\*|<!--)\s*(\S+?)(?:\s*(?:\*/|-->))?\s*$")
_TAG = re.compile(
    r"<(?:file|document|path|file_path|source)\b(?:[^<>\n]{0,100}?\b(?:path|name|src)=[\"']([^\"'\n]{1,400}+)[\"'])?[^<>\n]{0,100}+>([^<\n]{0,400}+)"
)


def embedded(text: str) -> Iterator[str]:
    """Files whose content is in the text: fences with a file name, `<file path=…>`, diffs, traces."""
    yield from changed(text)
    yield from traced(text)
    if "<" in text:
        for tag in _TAG.finditer(text):
            for word in (tag[1], tag[2]):
                if word and is_path(word.strip()):
                    yield normal(word)
    if "```" in text or "~~~" in text:
        yield from _fenced(text)


def _fenced(text: str) -> Iterator[str]:
    """File names of fenced blocks: in the info string, on the line before, or in a first comment."""
    inside = False
    for fence in _FENCE.finditer(text):
        if inside:
            inside = False
            continue
        inside = True
        info = fence[1]
        before = text[max(0, fence.start() - _LONGEST) : fence.start()].rstrip("\n").rsplit("\n", 1)[-1]
        after = text[fence.end() + 1 : fence.end() + _LONGEST].split("\n", 1)[0]
        comment = _COMMENT.match(after)
        words: Iterable[str] = (
            *(title[1] for title in _TITLE.finditer(info)),
            *info.split(),
            before.strip().strip("*`#: ").removesuffix(":"),
            comment[1] if comment else "",
        )
        for word in words:
            bare = _POSITION.sub("", word) if len(word) <= _LONGEST else ""
            if bare and " " not in bare and is_path(bare):
                yield normal(bare)
                break
