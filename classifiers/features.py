"""What was read from one request, as plain numbers and words.

`Features` is made by `router.features` from the bytes a client sent, after the
harness's own text was set aside, and is all that classifiers and policies see.
Every field has a default, so a request that could not be read in full is still
a valid (cautious) `Features`.
"""

from dataclasses import dataclass, replace
from typing import Literal

Kind = Literal["ask", "agent", "autocomplete", "housekeeping", "summary", "subagent", "count", "guard"]
Client = Literal[
    "claude-code",
    "codex",
    "opencode",
    "continue",
    "pi",
    "aider",
    "mini-swe-agent",
    "openhands",
    "cline",
    "roo-code",
    "kilo-code",
    "copilot",
    "qwen-code",
    "gemini-cli",
    "gptme",
    "goose",
    "crush",
    "kimi-cli",
    "mistral-vibe",
    "zed",
    "cursor",
    "windsurf",
    "droid",
    "amp",
    "unknown",
]
"""The assistants that are told apart."""
Phase = Literal["", "explore", "implement", "verify"]

TEXTS = frozenset({"ask", "ask_key", "earlier_asks", "newest_ask", "paths"})
"""The fields that hold the user's words, or tell them apart: never stored, never shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Features:
    """One request, read. Counts are of the whole conversation unless said otherwise."""

    client: str = "unknown"
    """Which assistant sent it: `claude-code`, `codex`, `pi`, ... or `unknown`."""
    conversation: str = ""
    """Stable id of the conversation: the session header, else a hash of its opening."""
    kind: Kind = "ask"
    """`agent` once tools were used in this conversation, `ask` before that; `summary` is what a client
    remembers a conversation by (compaction); `guard` judges what is safe."""
    phase: Phase = ""
    """What the last tool calls did; empty where no tool was used."""

    context_tokens: int = 0
    """Tokens of system + tools + messages."""
    tokens_exact: bool = True
    """False where `context_tokens` is an estimate from bytes, not yet a count."""
    output_limit: int = 0
    """The most tokens the client wants back; 0 where it set none."""

    files: int = 0
    """Distinct paths read, edited or given so far."""
    files_edited: int = 0
    directories: int = 0
    """Distinct directories of those files."""
    files_named: int = 0
    """Distinct paths in the user's own asks."""

    tools_offered: int = 0
    """A fact about the client, not about the work: do not decide on it."""
    tools_used: int = 0
    """Distinct tools called."""
    tool_calls: int = 0
    tool_errors: int = 0
    repeats: int = 0
    """Tool calls that repeat an earlier call with identical arguments."""
    repeat_streak: int = 0
    """Of those, how many in a row end the turn so far."""
    error_streak: int = 0
    """Failed tool answers in a row that end the turn so far."""
    same_call_failed: int = 0
    """How often in this turn a call that failed just now has failed with the same arguments."""
    same_test_failed: int = 0
    """How often in this turn a test that failed just now has failed, with an edit before each time but the
    first."""
    edits_rejected: int = 0
    """Edits in a row that did not apply and that end the turn so far."""
    turn_edits: int = 0
    """Edits made in this turn."""
    mid_step: bool = False
    """The model's newest step is not over: a tool call is open, or its answer is to be continued."""
    tests_failed: int = 0
    """Failing tests in the newest test summary seen; 0 where none was seen."""
    tests_passed: int = 0
    """Passing tests in that summary."""
    tests_fixed: bool = False
    """The newest test summary has no failure, and an earlier one of this turn had."""

    turns: int = 0
    """User turns (real asks, not tool results)."""
    turn_calls: int = 0
    """Model calls made in this turn before this one."""
    ask: str = ""
    """The newest ask that stands alone, and the asks since that go on from it, oldest first; harness text
    removed. Never stored."""
    newest_ask: str = ""
    """The newest ask alone. Never stored."""
    earlier_asks: tuple[str, ...] = ()
    """The asks before it, oldest first; only so many, and of long ones only so much, as tell what it goes on
    from. Never stored."""
    ask_key: str = ""
    """Equal for requests that belong to the same ask, its images included. Never stored."""
    self_contained: float | None = None
    """How likely everything that the ask refers to stands in the message, 0..1; None where nobody judged."""
    follow_up: bool = False
    """The newest ask only goes on from the one before ("yes, do it")."""

    images: int = 0
    thinking: bool = False
    server_tools: bool = False
    """A tool that only the provider's servers can run was offered and used, or is forced."""
    safeguards: bool = False
    """The provider's own safety review was asked for, which no other server runs."""
    json_schema: bool = False
    """The answer must conform to a schema the request carries."""

    paths: frozenset[str] = frozenset()
    """The distinct paths behind `files` and `files_named`, as they were written. Never stored."""


def without_texts(features: Features) -> Features:
    """Return the features without the user's words and paths; `ask_key`, a hash, stays."""
    return replace(features, ask="", newest_ask="", earlier_asks=(), paths=frozenset())
