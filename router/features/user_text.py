"""What of a block of user text is the user's, and what is the harness's.

Harness text is recognised only where a harness puts it, at the start of a line or of a block, so
that a user who quotes a tag in a sentence keeps it. A file that the user attached counts as given;
its text is none of the ask.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import msgspec

from router.features import paths
from router.features.clients import CLIENTS, COMMON, UNKNOWN, Client
from router.features.paths import FileAccess


@dataclass(frozen=True, slots=True)
class _Rules:
    """A client's row and the common one, compiled together."""

    tags: frozenset[str]
    asks: frozenset[str]
    blocks: re.Pattern[str]
    cut: re.Pattern[str]
    unwrap: re.Pattern[str] | None
    endings: re.Pattern[str] | None
    attached: re.Pattern[str]
    side: re.Pattern[str]
    side_asks: re.Pattern[str]
    toolless_side_asks: re.Pattern[str]
    subagents: re.Pattern[str]
    gives: re.Pattern[str]
    resets: re.Pattern[str]
    compacted: re.Pattern[str]


def _any(parts: tuple[str, ...], flags: int = 0) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{part})" for part in parts), flags)


def _rules(client: Client) -> _Rules:
    return _Rules(
        tags=frozenset((*client.tags, *COMMON.tags)),
        asks=frozenset((*client.asks, *COMMON.asks)),
        blocks=_any((*client.blocks, *COMMON.blocks)),
        cut=re.compile(rf"^(?:{'|'.join((*client.cut, *COMMON.cut))})", re.MULTILINE),
        unwrap=_any(client.unwrap, re.MULTILINE) if client.unwrap else None,
        endings=_any(client.endings) if client.endings else None,
        attached=_any((*client.attached, *COMMON.attached), re.MULTILINE),
        side=_any((*client.side, *COMMON.side, *COMMON.side_asks, *COMMON.toolless_side_asks)),
        side_asks=_any((*client.side_asks, *COMMON.side_asks)),
        toolless_side_asks=_any((*client.toolless_side_asks, *COMMON.toolless_side_asks)),
        subagents=_any((*client.subagents, *COMMON.subagents)),
        gives=_any((*client.gives, *COMMON.gives)),
        resets=_any((*client.resets, *COMMON.resets)),
        compacted=_any((*client.compacted, *COMMON.compacted)),
    )


_RULES = {client.name: _rules(client) for client in (*CLIENTS, UNKNOWN)}

_OPENED = re.compile(r"<([A-Za-z_][\w\-:]{0,60})[ >]")
_SURROUNDINGS = re.compile(
    r"(?:system|reminder|environment|env|workspace|editor|ide|repo|repository|git|project|terminal|session)"
    r"[-_]?(?:reminder|instructions|info|information|details|context|state|status|layout|structure|metadata)",
    re.IGNORECASE,
)
"""Names of elements in which assistants, also those never seen, tell of where they run."""
_EDITOR = re.compile(
    r"(?:ide|vscode|jetbrains)[-_]\w[\w\-]*|"
    r"(?:\w+[-_])?(?:diagnostics|problems)|"
    r"(?:currently|open|opened|visible|active|current|focused|recent|recently|selected|viewed)[-_]?"
    r"(?:and[-_])?(?:opened|open|viewed|recently|visible|edited|editor|text)?[-_]?(?:viewed|edited|editor)?[-_]?"
    r"(?:files?|tabs?|editors?|documents?|buffers?|selections?|changes|edits|lines?)",
    re.IGNORECASE,
)
"""Names of elements in which editors tell of tabs, selections and diagnostics."""
_IDE_SETUP = ("# Context from my IDE setup:", "# Files mentioned by the user:")
_IDE_ASK = re.compile(r"^## My request for \w+:[ \t]*$", re.MULTILINE)
"""How Codex' editor extension puts tabs and selections before the ask, and heads the ask."""
_MOST_ELEMENTS = 40
"""Different ones looked for in one text: each costs a pass over it."""

_CALLED = re.compile(
    r"^Called the \w+ tool with the following input: "
    r'\{[^\n]*?"(?:file_path|filePath|path)": ?"([^"\n]{1,400})"',
    re.MULTILINE,
)


LONGEST = 2_000_000
"""Characters of one block of user text, its two ends, in which the harness's part is looked for."""


class UserText(msgspec.Struct, frozen=True, kw_only=True):
    """One block of user text with the harness's part set aside."""

    text: str
    attached: tuple[FileAccess, ...]
    side: bool
    toolless_side: bool
    """It asks for a side request where no tools are offered; else these are the user's words."""
    summary: bool
    """A side request of either kind for a summary of the conversation."""
    compacted: bool
    """It stands for the beginning of a conversation that was compacted."""
    reset: bool


def parse_user_text(client: Client, text: str) -> UserText:
    """Set the harness's text in `text` aside; files it attaches count as given."""
    rules = _RULES[client.name]
    if len(text) > LONGEST:
        text = f"{text[: LONGEST // 2]}\n{text[-LONGEST // 2 :]}"
    start = text.lstrip()
    called = _CALLED.findall(text) if "Called the " in text else ()
    attached = [FileAccess(path, "given") for path in map(paths.normal, called) if path]
    if rules.gives.match(start):
        attached.extend(FileAccess(path, "given") for path in paths.embedded(text))
    reset = bool(rules.resets.match(start))
    side = bool(rules.side_asks.match(start))
    own = start
    if not (reset or side or _is_harness(rules, start)):
        own = text = _without_surroundings(rules, text, attached)
        side = bool(rules.side_asks.match(text))
    else:
        text = ""
    toolless_side = not side and bool(rules.toolless_side_asks.match(text))
    return UserText(
        text="" if side else text,
        attached=tuple(attached),
        side=side,
        toolless_side=toolless_side,
        summary=(side or toolless_side) and is_summary(client, own),
        compacted=bool(rules.compacted.match(start)),
        reset=reset,
    )


_END = 600
"""Characters at a block's end in which what ends a harness's block is looked for."""


def _is_harness(rules: _Rules, start: str) -> bool:
    """Whether a block is wholly the harness's, unless it holds the ask in an element of its own."""
    if rules.blocks.match(start) or (rules.endings and rules.endings.search(start[-_END:])):
        return not any(f"<{tag}>" in start for tag in rules.asks)
    return False


def _without_surroundings(rules: _Rules, text: str, attached: list[FileAccess]) -> str:
    """The ask alone; files around it are added to `attached`."""
    if text.lstrip().startswith(_IDE_SETUP):
        heading = next(_IDE_ASK.finditer(text), None)
        text = text[heading.end() :] if heading else ""
    if "---" in text or "```" in text:
        text = _without_files(rules, text, attached)
    if "<" in text:
        text = _without_elements(rules, text, attached)
    if (match := rules.cut.search(text)) and text[: match.start()].strip():
        text = text[: match.start()]
    if rules.unwrap:
        text = rules.unwrap.sub("", text)
    return _unquoted(text.strip())


_FROM = re.compile(r"^Content from @?([^\n]{1,400}):$", re.MULTILINE)


def _without_files(rules: _Rules, text: str, attached: list[FileAccess]) -> str:
    """`text` without whole files behind the ask."""
    parts: list[str] = []
    done = 0
    for match in rules.attached.finditer(text):
        source = match.groupdict().get("path")
        named = map(paths.normal, (source,) if source else _FROM.findall(match[0]))
        attached.extend(FileAccess(path, "given") for path in named if path)
        parts.append(text[done : match.start()])
        done = match.end()
    return "".join((*parts, text[done:])) if done else text


def _without_elements(rules: _Rules, text: str, attached: list[FileAccess]) -> str:
    """`text` without the elements that are the harness's; what holds the ask, alone."""
    opened = dict.fromkeys(_OPENED.findall(text))
    if "command-args" in opened:
        text = _without(text, "command-args") if _is_local_command(text) else _ARGUMENTS.sub("", text)
    theirs = (
        tag for tag in opened if tag in rules.tags or _SURROUNDINGS.fullmatch(tag) or _EDITOR.fullmatch(tag)
    )
    for tag in islice(theirs, _MOST_ELEMENTS):
        text = _without(text, tag)
    for tag in (tag for tag in opened if tag in _HOLDERS):
        text = _without_holders(text, tag, attached)
    for tag in (tag for tag in opened if tag in _FILE_TAGS):
        text = _without_attachments(text, tag, attached)
    for tag in (tag for tag in opened if tag in rules.asks):
        text, around = _within(text, tag)
        attached.extend(FileAccess(path, "given") for path in paths.embedded(around) if path)
    return text


_ARGUMENTS = re.compile(r"</?command-args>")
_COMMAND_NAME = re.compile(r"<command-name>/?([\w:\-]{1,60})</command-name>")
_LOCAL_COMMANDS = frozenset(
    [
        "add-dir",
        "agents",
        "bashes",
        "bug",
        "chrome",
        "clear",
        "color",
        "compact",
        "config",
        "context",
        "copy",
        "cost",
        "desktop",
        "diff",
        "doctor",
        "effort",
        "exit",
        "export",
        "extra-usage",
        "fast",
        "feedback",
        "fork",
        "help",
        "hooks",
        "ide",
        "install-github-app",
        "keybindings",
        "login",
        "logout",
        "mcp",
        "memory",
        "mobile",
        "model",
        "new",
        "output-style",
        "passes",
        "permissions",
        "plugin",
        "plugins",
        "privacy-settings",
        "quit",
        "rate-limit-options",
        "release-notes",
        "reload-plugins",
        "remote-control",
        "remote-env",
        "rename",
        "reset",
        "resume",
        "rewind",
        "sandbox",
        "skills",
        "stats",
        "status",
        "statusline",
        "stickers",
        "tag",
        "tasks",
        "terminal-setup",
        "theme",
        "think-back",
        "todos",
        "undo",
        "upgrade",
        "usage",
        "vim",
        "voice",
    ]
)
"""Commands of Claude Code that it carries out itself: their arguments are settings, not an ask."""


def _is_local_command(text: str) -> bool:
    name = _COMMAND_NAME.search(text)
    return "<local-command-std" in text or (name is not None and name[1] in _LOCAL_COMMANDS)


_HOLDERS = frozenset(("attached_files", "attachments", "attached_context", "context"))
"""Elements that hold what the user attached."""
_HELD = re.compile(r"\s*(?:The following items were attached by the user\b|<(?:files?|attachments?)>)")
"""How `context` begins where it is one of them."""


def _without_holders(text: str, tag: str, attached: list[FileAccess]) -> str:
    """`text` without elements `tag` that hold attached files."""
    parts: list[str] = []
    done = 0
    for start, inner, closing, end in _elements(text, tag):
        content = text[inner:closing]
        if tag == "context" and not _HELD.match(content):
            continue
        named = [name[1].strip() for name in _ATTRIBUTE.finditer(content) if paths.is_path(name[1].strip())]
        files = dict.fromkeys((*map(paths.normal, named), *paths.embedded(content)))
        attached.extend(FileAccess(path, "given") for path in files if path)
        parts.append(text[done:start])
        done = end
    return "".join((*parts, text[done:])) if done else text


_FILE_TAGS = frozenset(
    ("file_content", "file_contents", "file", "attached_file", "attachment", "document", "context_file")
)
"""Elements in which a file stands, where an attribute names it."""
_ATTRIBUTE = re.compile(
    r"\b(?:path|name|file|file_?path|filename|src|source|uri|title)=[\"']([^\"'\n]{1,400})[\"']",
    re.IGNORECASE,
)


def _without_attachments(text: str, tag: str, attached: list[FileAccess]) -> str:
    """`text` without elements `tag` that name a file; those without a name are the user's."""
    parts: list[str] = []
    done = 0
    for start, inner, _, end in _elements(text, tag):
        name = _ATTRIBUTE.search(text[start : min(inner, start + 1_000)])
        if name and paths.is_path(name[1].strip()):
            attached.append(FileAccess(paths.normal(name[1]), "given"))
            parts.append(text[done:start])
            done = end
    return "".join((*parts, text[done:])) if done else text


def is_side(client: Client, system: str) -> bool:
    """Whether a block of system text is that of a title, commit message, compaction or topic request."""
    return bool(_RULES[client.name].side.match(system.lstrip()))


def is_summary(client: Client, text: str) -> bool:
    """Whether the text of a side request asks for what a conversation will be remembered by (compaction)."""
    text = text.lstrip()
    return is_side(client, text) and bool(_SUMMARY.search(text, 0, 1_000)) and not _LABEL.search(text, 0, 200)


_SUMMARY = re.compile(r"summar|compact|condens|checkpoint|hand-?off|state_snapshot", re.IGNORECASE)
_LABEL = re.compile(
    r"\b(?:titles?|topic|branch name|commit message|pull request|follow-?up"
    r"|(?:under|most|max|maximum|in|exactly) \d+(?:-\d+)? (?:words|characters)"
    r"|tool output|output from the tool)\b",
    re.IGNORECASE,
)
"""What a request for a short label, or about one result, names; it may speak of summarising, too."""


def is_subagent(client: Client, system: str) -> bool:
    """Whether a block of system text is a sub-agent's."""
    return bool(_RULES[client.name].subagents.match(system.lstrip()))


_BEGINS, _ENDS = "--- Content from referenced files ---", "--- End of content ---"
_RESULT_HEADING = re.compile(r"\s*\[\w{1,60}(?: for '[^\n]{0,2000}')?\] Result:\s*\Z")
_HEADING = 2_200
"""Characters of such a heading, at most."""


def joined(texts: tuple[str, ...]) -> list[str]:
    """Blocks of one message, those together that say one thing: a heading and its answer, attached files."""
    blocks: list[list[str]] = []
    inside = after_heading = False
    for text in texts:
        if inside or (after_heading and not text.lstrip().startswith("<environment_details>")):
            blocks[-1].append(text)
        else:
            blocks.append([text])
        inside = (inside or text.strip() == _BEGINS) and text.strip() != _ENDS
        after_heading = not inside and len(text) < _HEADING and bool(_RESULT_HEADING.match(text))
    return ["\n".join(block) for block in blocks]


def _unquoted(text: str) -> str:
    """An ask that a command line passed on in quotes, with those in it escaped (`opencode run "…"`)."""
    if text[:1] == '"' == text[-1:] and '"' not in text[1:-1].replace('\\"', ""):
        return text[1:-1].replace('\\"', '"').strip()
    return text


def _without(text: str, tag: str) -> str:
    """`text` without the elements `tag`."""
    parts: list[str] = []
    done = 0
    for start, _, _, end in _elements(text, tag):
        parts.append(text[done:start])
        done = end
    return "".join((*parts, text[done:])) if done else text


def _within(text: str, tag: str) -> tuple[str, str]:
    """What the last element `tag` holds, and what stands around it; all of `text` where there is none."""
    for start, inner, closing, end in reversed(list(_elements(text, tag))):
        return text[inner:closing], f"{text[:start]}\n{text[end:]}"
    return text, ""


def _elements(text: str, tag: str) -> Iterator[tuple[int, int, int, int]]:
    """Where elements `tag` that open at the start of a line begin, hold and end. Linear in the text."""
    opened, closed = f"<{tag}", f"</{tag}>"
    marks = re.compile(rf"{re.escape(closed)}|{re.escape(opened)}(?=[ >])")
    at = text.find(opened)
    while at >= 0:
        after = at + len(opened)
        if text[after : after + 1] in _TAG_GOES_ON and _starts_line(text, at):
            inner = text.find(">", after) + 1
            closing = text.find(closed, inner)
            if not inner or closing < 0:
                return
            closing = _closing(text, inner, marks, closed) or closing
            after = closing + len(closed)
            yield at, inner, closing, after
        at = text.find(opened, after)


_MOST_NESTED = 20


def _closing(text: str, inner: int, marks: re.Pattern[str], closed: str) -> int:
    """Where the element that holds what is at `inner` closes, past those of its name in it; 0 for nowhere."""
    depth = 1
    for mark in islice(marks.finditer(text, inner), _MOST_NESTED):
        if mark[0] == closed:
            depth -= 1
            if not depth:
                return mark.start()
        elif _starts_line(text, mark.start()) or text.endswith("\\n", 0, mark.start()):
            depth += 1
    return 0


_TAG_GOES_ON = (">", " ")
_INDENT = 40


def _starts_line(text: str, at: int) -> bool:
    """Whether only blanks or another element stand before `at` in its line."""
    return text[max(0, at - _INDENT) : at].rstrip(" \t")[-1:] in ("", "\n", ">")
