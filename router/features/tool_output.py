"""What a tool answered: the text that its command printed, and whether it failed.

Harnesses wrap both in forms of their own; each is one row here.
"""

import re
from typing import Any

import msgspec

from router.features import messages, test_summary


class Output(msgspec.Struct, frozen=True, kw_only=True):
    """One answer."""

    text: str
    failed: bool
    """For a tool that does something: by the harness's mark, its words, or failed tests."""
    marked: bool
    """For one that only shows what is there, and may quote such words: by what only a harness says."""
    declined: bool = False
    """The user did not let it happen, so it tells nothing of the model that wanted it."""
    rejected: bool = False
    """An edit that does not apply, by the words of who should have applied it."""
    tested: tuple[int, int] | None = None
    """Tests failed and passed in the newest test summary here."""
    failing: tuple[int, ...] = ()
    """Names of the tests that failed, as `test_summary.failing` gives them."""


_HEAD = 1_200
_LONGEST_JSON = 2_000_000
_MARKED_HEAD = re.compile(
    r"\s*+(?:<tool_use_error>|<exception>|<error>|<returncode>(?!0</)|"
    r"(?:Error|ERROR|error): (?:[Cc]ould not|[Cc]annot|[Cc]an't|[Uu]nable to|[Nn]o such|[Pp]ermission denied|"
    r"[Aa]ccess denied|EACCES|EISDIR|EPERM)\b|"
    r"(?:(?:Error|ERROR|error): |\[ERROR\] )?(?:Error (?:executing|during|reading|running|calling|invoking"
    r"|writing|editing|applying|creating|listing"
    r"|opening|performing|searching|replacing|inserting|parsing|processing|accessing)\b[^\n:]{0,120}:|"
    r"(?:The )?[Tt]ool (?:execution failed|call failed|\w+ (?:not found|failed))|"
    r"(?:File|Path|Directory) (?:not found\b|does not exist|"
    r"[^\n]{1,400} (?:does not exist|not found|is not a file))|"
    r"Failed to (?:read|edit|write|apply|find|execute|create|open|replace|run|insert|delete|parse|access)\b|"
    r"Could not find (?:the )?(?:old|exact|specified|string|text|file)|"
    r"(?:[Oo]ld_?[Ss]tring|old_str|old text|[Ss]tring to replace|search (?:block|pattern|string))\b"
    r"[^\n]{0,80} not found|"
    r"No (?:replacement was performed|match(?:es)? (?:was |were )?found for (?:the )?(?:old|search)|"
    r"such file or directory)|"
    r"ENOENT\b|[Ii]nvalid (?:tool|arguments|parameters?)\b|"
    r"Missing (?:required )?(?:value for required )?parameter|"
    r"Unable to apply\b|Patch failed\b|UnifiedDiffNo(?:Match|tUnique): )|"
    r"# \d{1,4} SEARCH/REPLACE blocks? failed to match!|# Fix any errors below, if possible\.)"
)
_DECLINED = re.compile(
    r"\s*+(?:<(?:tool_use_error|error)>\s*+)?(?:Error: )?"
    r"(?:The user (?:doesn't want to (?:proceed|take)|denied|rejected|declined|cancelled|refused)\b|"
    r"User (?:denied|rejected|declined|cancelled|refused)\b|\[?Request interrupted by user|"
    r"(?:exec command |patch |command )?rejected by user|\[Operation Cancelled\]|"
    r"(?:Tool|Command)(?: execution| call)? (?:was )?(?:denied|cancelled|rejected) by (?:the )?user)"
)
"""How harnesses say that the user did not let a call happen."""
_REJECTED = re.compile(
    r"^# \d{1,4} SEARCH/REPLACE blocks? failed to match!|^UnifiedDiffNo(?:Match|tUnique): |"
    r"^error: (?:patch failed|corrupt patch|[^\n]{1,300}: patch does not apply)|^Hunk #\d{1,6} FAILED|"
    r"^\d+ out of \d+ hunks? (?:FAILED|failed)|^patch: \*\*\*\*|malformed patch at line|"
    r"^sed: (?:-e expression|can't read)",
    re.MULTILINE,
)
"""What says so of an edit, also where a command line made it."""
_FAILED_HEAD = re.compile(
    r"\s*+(?:Exit code [1-9]|\[Command exited with code (?!0\])|Return code: [1-9]|"
    # A tool of Codex, of Roo Code, of SWE-agent: some lines, then the code.
    r"(?:[^\n]{0,200}\n){0,4}(?:Process exited with code|Exit code:) [1-9]|"
    r"(?:Error|ERROR|error): |\[ERROR\] )"
)
_FAILED_TAIL = re.compile(
    r"(?:completed with exit code|[Ee]xit [Cc]ode:?|[Rr]eturn code:) (?!0\b)-?\d+[.\])>\s]*"
    r"(?:\nSignal: [^\n]*)?(?:\nProcess Group PGID: [^\n]*)?\s*$"
)
_ENDS = ("exit code", "return code")
_TAIL = 300


def parse(text: str, *, error: bool = False) -> list[Output]:
    """The answers in one tool result: one, or as many as a tool says in JSON.

    Args:
        text: Of the result.
        error: Whether the harness marked it as failed.
    """
    wrapped = _unwrapped(text) if text[:1] in "[{" else []
    answers = wrapped or [(text, False)]
    return [_output(answer, failed=failed or error) for answer, failed in answers]


def _output(text: str, *, failed: bool) -> Output:
    tested = test_summary.summary(text)
    lost = tested is not None and tested[0] > 0
    marked = failed or bool(_MARKED_HEAD.match(text[:_HEAD]))
    head = text[:_HEAD]
    return Output(
        text=text,
        failed=marked or lost or _failed(text),
        marked=marked,
        declined=bool(_DECLINED.match(head)),
        rejected=bool(_REJECTED.search(head) or _REJECTED.search(text[-_HEAD:])),
        tested=tested,
        failing=test_summary.failing(text) if lost else (),
    )


def _unwrapped(text: str) -> list[tuple[str, bool]]:
    """Answers in JSON, each with whether it failed; none where the text is no such JSON.

    Cline's: an object, or a list of objects, with `result` and `success`. mini-SWE-agent's: `output` and
    `returncode`.
    """
    if ('"success":' not in text and '"returncode":' not in text) or len(text) > _LONGEST_JSON:
        return []
    decoded = messages.decoded(text)
    items: list[Any] = decoded if isinstance(decoded, list) else [decoded]
    answers = [_answer(item) for item in items if isinstance(item, dict)]
    return [answer for answer in answers if answer] if len(answers) == len(items) else []


def _answer(item: dict[str, Any]) -> tuple[str, bool] | None:
    if isinstance(item.get("success"), bool) and ("result" in item or "query" in item):
        text = "\n".join(part for key in ("result", "error") if isinstance(part := item.get(key), str))
        return text, not item["success"]
    if isinstance(item.get("returncode"), int) and isinstance(item.get("output"), str):
        return item["output"], item["returncode"] != 0
    return None


def _failed(text: str) -> bool:
    """Whether what ran says that it failed, in words that a file may hold, too."""
    end = text[-_TAIL:]
    lowered = end.lower()
    return bool(
        _FAILED_HEAD.match(text[:_HEAD])
        or (any(word in lowered for word in _ENDS) and _FAILED_TAIL.search(end))
    )
