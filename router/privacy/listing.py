"""Whether a name in a tool's answer merely stands in a listing, with no content after it.

What is not provably a listing is content: whoever lists a folder may list a protected one, but
a name above lines of another kind is the heading of what follows.
"""

import re

import jiter
import re2

_WORD = re.compile(r"[\w@+~./\\\-]{1,400}[/*]?")
_PATTERN = re.compile(r"!?[\w@+~./*?\[\]{}\-]{1,200}|#.*")
_NAME = r"[\w@+~./\\\-]+"
_DATE = r"\d{1,4}[/.\-]\d{1,2}[/.\-]\d{1,4}\s+\d{1,2}:\d{2}(?:\s+[AP]M)?"
_FORMS = tuple(
    re.compile(form)
    for form in (
        r"(?:\s*\d+\s+\d+\s+)?[\-dlbcpsD][rwxsStT\-]{9}[.+@]?\s+\d+\s",  # ls -l, find -ls
        rf"{_DATE}\s+(?:<[A-Z]+>|[\d.,]+)\s+[^:=]+$",  # dir
        rf"[d\-][a-z\-]{{4,5}}\s+{_DATE}\s+[^:=]+$",  # PowerShell
        r"(?! {2})[ MADRCUT?!]{2} [^\s:=][^:=]*$",  # git status --short
        r"(?:On branch \S+|HEAD detached (?:at|from) \S+|Your branch is .{1,200}|No commits yet)$",
        r"(?:Changes (?:to be committed|not staged for commit)|Untracked files):$",
        r"(?:nothing|no changes) (?:to|added to) commit.{0,80}$",
        r"\s+\(use \"|## [\w./\-]+(?: \[[a-z]+ \d+(?:, [a-z]+ \d+)?\])?$",
        r"\s*\S+(?: => \S+)?\s+\|\s+(?:\d+ [+\-]*|Bin \d+ -> \d+ bytes)$",  # git diff --stat
        r"\s*\d+ files? changed(?:, \d+ insertions?\(\+\))?(?:, \d+ deletions?\(-\))?$",
        rf"(?:\d{{6}} [0-9a-f]{{40}} \d|[0-9.]+[KMGT]|\d+(?=\t\S*/))\t{_NAME}$",  # git ls-files -s, du
        rf"\s*\d+\s+(?:total$|(?=\S*[./\\]){_NAME}$)",  # wc
        rf"\d{{6}} (?:blob|tree|commit) [0-9a-f]{{40}}\t{_NAME}$",
        r"[\s│|]*(?:[├└]──+|\|--|`--|\+--|\\--)\s*\S.*$|\d+ director(?:y|ies)(?:, \d+ files?)?$",  # tree
        rf"\[(?:DIR|FILE|LINK)\] {_NAME}$",  # assistants' own tools, and the file server of MCP
        rf"{_NAME} \([\d.,]+ (?:bytes|[KMGT]?i?B)\)$",
    )
)
_HEADING = (
    r"Found \d+ (?:files?|paths?|matches)(?: in [\w./\\\-]+)?:?"
    r"|Found \d+ file\(s\) matching [^:=]{1,400}:|Directory listing for [^:=]{1,400}:"
)
_HEADED = re.compile(r"\s*(?:Found \d+ file\(s\) matching|Directory listing for) [^:=\n]{1,400}:\n")
_FRAME = re.compile(
    rf"(?:</?[A-Za-z][\w\-]*>|<(?:returncode|exit_?code)>\d+</\w+>|total \d+|{_HEADING}"
    r"|\(?\d+ (?:items?|files?)?(?: were)? ?(?:git|gemini)?-?ignored\)?"
    r"|Chunk ID: \w+|Wall time: [\d.]+ seconds?|Process exited with code -?\d+|Original token count: \d+"
    r"|Output:"
    r"|Error: \(none\)|Exit Code: \d+|Signal: \(none\)|Background PIDs: \(none\)|Process Group PGID: \d+"
    r"|Directory: [\w./\\()\-]{1,400}|\(Results are truncated[^:=]{0,200})$"
)
_OUTPUT = re.compile(r"Output: (?=\S)")
"""Before the first line of what a command of Gemini CLI's printed."""
_COMMIT = re.compile(r"commit [0-9a-f]{7,40}|(?:Author|Date|Merge|AuthorDate|Commit|CommitDate):\s|    \S")
_STATUS = re.compile(r"(?:Changes to be committed|Changes not staged for commit|Untracked files):$")
_STATUS_NAME = re.compile(
    r"\t(?:(?:[a-z]{4,10} )?[a-z]{4,10}:\s+)?[^\s:=]+(?: -> [^\s:=]+)?(?: \([a-z ,]+\))?$"
)
"""A file below a heading of `git status`."""
_NUMBER = re.compile(r"\s*\d{1,7}(?:\t|→)")
_SECRET = re.compile(r"[A-Za-z0-9+=_\-]{20,}")
_HASH = re.compile(r"\b[0-9a-f]{40}\b")
_EXTENSION = re.compile(r"\.[A-Za-z][A-Za-z0-9]{0,6}$")
_COUNT = re.compile(r"[\w@+~./\\\-]+:\d{1,4}$")
_FENCE = re.compile(r"^```[^\n`]*\n(.*?)```", re.DOTALL | re.MULTILINE)
_TREE = re2.compile(
    r"(?m)^(?:[ \t│]*[├└]──[^\n]*\n){2,}[ \t│]*[├└]──[^\n]*(?:\n[ \t]*$|\n\d+ director[^\n]*$|\n*\z)"
)
"""A folder as a tree of at least three lines, and nothing right below it."""
_FEW = 4
"""Bare words in order are a listing only where there are at least so many."""
_SEVERAL = 3


def is_listing(text: str) -> bool:
    """Whether all of `text` only names files."""
    lines = _lines(text)
    if not lines or any(map(_has_secret, lines)):
        return False
    if lines[0] == ".:":
        return all(line.endswith(":") or _WORD.fullmatch(line) for line in lines)
    commit = lines[0].startswith("commit ")
    status = any(map(_STATUS.match, lines))
    names = [
        name
        for line in lines
        if not _is_listing_line(line)
        and not (commit and _COMMIT.match(line))
        and not (status and _STATUS_NAME.match(line))
        and (name := line.strip()) not in _HERE
    ]
    if _HEADED.match(text):  # an assistant's own tool says what it is
        return all(map(_WORD.fullmatch, names))
    return not names or _names_files(names)


_HERE = frozenset({".", "./", "..", "../"})


def _lines(text: str) -> list[str]:
    """The lines that tell something; those of a JSON list are its items."""
    if text[:1] == "[":
        try:
            items = jiter.from_json(text.encode(errors="replace"), catch_duplicate_keys=True)
        except ValueError:
            items = None
        if isinstance(items, list) and all(isinstance(item, str) for item in items):
            return items
    lines = [_OUTPUT.sub("", line.rstrip(), count=1) for line in text.splitlines() if line.strip()]
    lines = [line for line in lines if not _FRAME.match(line.strip())]
    if all(map(_NUMBER.match, lines)):
        lines = [_NUMBER.sub("", line, count=1) for line in lines]
    return lines


def _names_files(names: list[str]) -> bool:
    if len(names) >= _SEVERAL and all(map(_PATTERN.fullmatch, names)) and any("*" in name for name in names):
        return True  # what a .gitignore holds
    if len(names) >= _SEVERAL and all(map(_COUNT.fullmatch, names)):
        return True  # how often something occurs in each
    if not all(map(_WORD.fullmatch, names)):
        return False
    nested = all("/" in name or "\\" in name for name in names)
    if nested and len(set(map(_root, names))) == 1:
        return True
    if nested and len(names) > 1 and _is_sorted(names) and all(map(_EXTENSION.search, names)):
        return True
    return len(names) >= _FEW and _is_sorted(names) and _named_like_files(names)


def without_listings(text: str) -> str:
    """A text without the fences in it that only hold a listing of several lines, and without drawn trees."""
    if "──" in text:
        text = _TREE.sub("", text)
    return _FENCE.sub(_emptied, text) if "```" in text else text


def _emptied(fence: re.Match[str]) -> str:
    return "" if len(_lines(fence[1])) > 1 and is_listing(fence[1]) else fence[0]


def _root(name: str) -> str:
    """The first segment, or all up to the first below the root."""
    head, _, below = name.replace("\\", "/").partition("/")
    return head or below.partition("/")[0]


def _is_listing_line(line: str) -> bool:
    """A line in the form that only a listing has."""
    return any(form.match(line) for form in _FORMS)


def _is_sorted(names: list[str]) -> bool:
    plain = [re.sub(r"[^\w/]", "", name).lower() for name in names]
    return plain in (sorted(plain), sorted(plain, reverse=True)) or names == sorted(names)


def _named_like_files(names: list[str]) -> bool:
    like = sum("/" in name or bool(_EXTENSION.search(name)) or name.startswith(".") for name in names)
    return 2 * like >= len(names)


def _has_secret(line: str) -> bool:
    """Whether a part of a name looks like a key rather than a word."""
    for part in _SECRET.findall(_HASH.sub("", line)):
        if any(map(str.isdigit, part)) and any(map(str.isupper, part)) and any(map(str.islower, part)):
            return True
    return False
