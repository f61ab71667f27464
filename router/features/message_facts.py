"""What one message contributes, whatever conversation it stands in. Made once per message never seen.

Its values are structs, as those of `dialects` are: a dataclass takes ten times as long to make.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import msgspec
import xxhash
from msgspec.structs import replace

from router.features import (
    gemini_options,
    messages,
    paths,
    safety_checks,
    text_calls,
    tool_calls,
    tool_output,
    user_text,
)
from router.features.clients import Client
from router.features.messages import Call, Message
from router.features.outline import Piece
from router.features.paths import FileAccess
from router.features.tokens import PER_IMAGE, PER_MESSAGE, Size, estimate
from router.types import DialectName

T = TypeVar("T")


class ToolCall(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One tool call, as a conversation's state needs it."""

    name: str
    digest: bytes
    """Equal for calls of the same tool with the same arguments."""
    accesses: tuple[FileAccess, ...]
    acts: frozenset[str]
    id: str
    atomic: bool
    """It does all that it says or, where it fails, nothing: its files count once it is answered."""
    looks: bool
    """It only shows what is there, so that its answer may quote anything."""
    same: bytes
    """Equal for calls that do the same, whatever else they say."""
    edits: bool
    """It changes files."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """How a call went, as far as its answer tells; as in `tool_output.Output`."""

    failed: bool
    marked: bool
    declined: bool
    rejected: bool
    tested: tuple[int, int] | None
    failing: tuple[int, ...]


class Answer(msgspec.Struct, frozen=True, gc=False):
    """The answer to one call."""

    id: str
    """The call's; empty for the next one in text."""
    outcomes: tuple[Outcome, ...]
    """One, or as many as a tool says in JSON."""


class MessageFacts(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What one message contributes to its conversation."""

    key: bytes
    """Equal for messages that say the same, wherever `cache_control` stands in them."""
    role: str
    size: Size
    length: int = 0
    """Bytes of text that the model will see."""
    ask: str = ""
    """The user's own words; empty where there are none."""
    asks: bool = False
    """The user asks something here: words, or images that no tool made."""
    calls: tuple[ToolCall, ...] = ()
    text_calls: tuple[ToolCall, ...] = ()
    """Commands in fences: calls only if an observation follows (agents without tool calls)."""
    results: int = 0
    answered: tuple[Answer, ...] = ()
    """Answers of tools: results, and user text that is what a command printed."""
    observed: bool = False
    """User text that is what a command printed."""
    accesses: tuple[FileAccess, ...] = ()
    images: int = 0
    server: bool = False
    side: bool = False
    toolless_side: bool = False
    """One only where no tools are offered; until then it counts as an ask."""
    summary: bool = False
    """Of those, one that asks for a summary of the conversation."""
    subagent: bool = False
    guard: int = safety_checks.NOTHING
    """Signs of a request that decides about safety, as `guards` reads them."""
    compacted: bool = False
    """It stands for the beginning of a conversation that was compacted."""
    reset: bool = False
    piece: bool = False
    """One of several that make an answer."""


_ASK_CHARS = 16_000
"""A longer ask keeps its two ends: the question stands at one of them."""
_SEARCHED_CHARS = 64_000
"""How much of one ask is searched for paths."""
_OUTPUT_CHARS = 400_000
"""How much of one tool result or answer is searched for paths, half at each end; more is data in practice."""
_COUNTED_CHARS = 2_000_000
"""Up to how long a text is counted; that takes 0.1 s a megabyte, in another thread."""
_HEAD_CHARS = 2_000
"""Where what begins an output is looked for."""
_SEEN_PATHS = 200
_OBSERVED = re.compile(
    r"\s*+(?:<returncode>|<exception>|<output>|Observation:|OBSERVATION:|EXECUTION RESULT of \[|"
    r"\{\"returncode\":|\[\w{1,60}\b[^\n]{0,2000}\] Result:|"
    r"<(?:tool_result|tool_response|tool_output|function_results|function_result)\b|"
    # Aider's, and its forks': edits that do not apply, and what a linter or the tests said of those that do.
    r"# \d{1,4} SEARCH/REPLACE blocks? failed to match!|UnifiedDiffNo(?:Match|tUnique): |"
    r"# Fix any errors below, if possible\.|I ran this command:\n|"
    r"Tool call error|No tool calls found|Please always provide EXACTLY ONE action)"
)
_SYSTEM_RESULT = re.compile(
    r"\s*+(?:(?:\u2705 )?(?:Ran (?:\w+ )?command|Executed code block|Saved to|Appended to|"
    r"Patch successfully applied|Patch(?:es)? applied|Command timed out|No output)\b|"
    r"Error(?: during execution)?:|```(?:stdout|stderr|result)\b|Aborted\b)"
)
"""What gptme tells of a tool in a system message."""
_FEEDBACK = re.compile(r"^<(feedback|answer|user_message)>\s*$", re.MULTILINE)
"""In an answer of Cline's and its forks': what the user typed at it."""
_SEARCH_REPLACE = re.compile(
    r"^([^\n`]{1,300})\n```[^\n]*\n<{5,9} SEARCH|^```[^\n]*\n([^\n`]{1,300})\n<{5,9} SEARCH", re.MULTILINE
)


Gathered = tuple[T, str | None]
"""The facts of a piece, and the text to count its tokens by; None where that stays an estimate."""


def gather(dialect: DialectName, client: Client, piece: Piece) -> Gathered[MessageFacts]:
    """Gather the facts of one message, of any role."""
    raw, decoded = piece.raw, piece.parsed_or_none()
    try:
        message = messages.message(dialect, decoded, raw)
        key = digest(messages.normal(decoded)) if decoded is not None else xxhash.xxh3_128_digest(raw)
        counted = text_of(message)
    except RecursionError:
        message = messages.message(dialect, None, raw)
        key = xxhash.xxh3_128_digest(raw)
        counted = text_of(message)
    length = len(counted.encode())
    fixed = fixed_tokens(message.images)
    facts = MessageFacts(
        key=key,
        role=message.role,
        size=Size(tokens=fixed + estimate(length), exact=False),
        length=length,
        images=message.images,
        server=message.server,
        piece=message.piece,
    )
    return _READERS[message.role](client, message, facts), countable(counted)


def countable(text: str) -> str | None:
    """A text whose tokens are counted; None for one too long for that to be worth it."""
    return text if len(text) <= _COUNTED_CHARS else None


def fixed_tokens(images: int) -> int:
    """Tokens of a message beside its text."""
    return PER_MESSAGE + PER_IMAGE * images


def digest(value: Any) -> bytes:
    """A short name for a decoded value."""
    return xxhash.xxh3_128_digest(msgspec.json.encode(value))


def text_of(message: Message) -> str:
    """Everything in a message that the model reads as text."""
    called = [
        part
        for call in message.calls
        for part in (
            call.name,
            call.arguments if isinstance(call.arguments, str) else messages.dump(call.arguments),
        )
    ]
    return "\n".join((*message.texts, *message.other, *called, *(result.text for result in message.results)))


def _system(client: Client, message: Message, facts: MessageFacts) -> MessageFacts:
    text = "\n".join(message.texts)
    if client.system_results and _SYSTEM_RESULT.match(text):
        outputs = tool_output.parse(text)
        return _with_outputs(replace(facts, answered=(_answer("", outputs),)), outputs)
    return replace(
        facts,
        side=_is_any(user_text.is_side, client, message.texts),
        summary=_is_any(user_text.is_summary, client, message.texts),
        subagent=_is_any(user_text.is_subagent, client, message.texts) or _MARKED in text[:1_000],
        guard=safety_checks.of_system(text),
    )


_MARKED = "cc_is_subagent=true"


def _is_any(test: Callable[[Client, str], bool], client: Client, texts: tuple[str, ...]) -> bool:
    """Whether one of a system text's blocks passes: a harness puts who it is before what it shall do."""
    return any(test(client, without_billing(text)) for text in texts)


_BILLING = re.compile(r"x-anthropic-billing-header:[^\n]*\n?")


def without_billing(text: str) -> str:
    """A system text without Claude Code's billing line, which changes from prompt to prompt."""
    return _BILLING.sub("", text, count=1).lstrip() if text.startswith("x-anthropic") else text


def _assistant(_client: Client, message: Message, facts: MessageFacts) -> MessageFacts:
    text = _both_ends("\n".join(message.texts), _OUTPUT_CHARS)
    edited: list[FileAccess] = []
    if "<<<<< SEARCH" in text:
        edited = [
            FileAccess(path, "edited")
            for match in _SEARCH_REPLACE.finditer(text)
            if (path := paths.normal((match[1] or match[2]).strip().strip("*`:")))
        ]
    # Fences that hold blocks to search and replace are edits, whatever language they name.
    written = () if message.calls or edited else text_calls.calls(text)
    return replace(
        facts,
        calls=tuple(_tool_call(call) for call in message.calls),
        text_calls=tuple(_tool_call(replace(call, id=f"#{at}")) for at, call in enumerate(written)),
        accesses=tuple(edited),
    )


def _tool_call(call: Call) -> ToolCall:
    accesses, acts = tool_calls.effect(call)
    return ToolCall(
        name=call.name,
        digest=digest([call.name, call.arguments]),
        accesses=tuple(dict.fromkeys(accesses)),
        acts=frozenset(acts),
        id=call.id,
        atomic=bool(call.id) and tool_calls.fails_whole(call.name),
        looks=tool_calls.only_looks(call),
        same=digest([call.name, tool_calls.action(call)]),
        edits="implement" in acts or any(how == "edited" for _, how in accesses),
    )


def _user(client: Client, message: Message, facts: MessageFacts) -> MessageFacts:
    asks: list[str] = []
    outputs: list[tool_output.Output] = []
    answered: list[Answer] = []
    for result in message.results:
        answers = tool_output.parse(result.text, error=result.error)
        outputs += answers
        answered.append(_answer(result.id, answers))
    accesses: list[FileAccess] = []
    side = toolless_side = wants_summary = compacted = reset = observed = False
    for block in user_text.joined(message.texts):
        text = block
        if _OBSERVED.match(text[:_HEAD_CHARS]):
            observed = True
            text, typed = _apart(text)
            answers = tool_output.parse(_behind_heading(text))
            answered.append(_answer("", answers))
            outputs += answers
            if not typed:
                continue
            text = typed
        parsed = user_text.parse_user_text(client, text)
        accesses.extend(parsed.attached)
        side |= parsed.side
        toolless_side |= parsed.toolless_side
        wants_summary |= parsed.summary
        compacted |= parsed.compacted
        reset |= parsed.reset
        if parsed.text:
            asks.append(parsed.text)
    ask = "\n\n".join(asks)
    facts = replace(
        facts,
        ask=_both_ends(ask, _ASK_CHARS),
        asks=bool(ask) or (message.images > 0 and not message.results),
        results=len(message.results),
        answered=tuple(answered),
        observed=observed,
        accesses=(*accesses, *_of_ask(ask)),
        side=side,
        toolless_side=toolless_side,
        summary=wants_summary,
        guard=safety_checks.of_user("\n".join(message.texts)),
        compacted=compacted,
        reset=reset,
    )
    return _with_outputs(facts, outputs)


def without_tools(facts: MessageFacts) -> MessageFacts:
    """The newest message of a request that offers no tools: what may be a side request is one."""
    return replace(facts, side=True, ask="", asks=False) if facts.toolless_side else facts


def _answer(call: str, outputs: list[tool_output.Output]) -> Answer:
    """The answer to one call, by its id; empty for one in text."""
    outcomes = (
        Outcome(
            failed=item.failed,
            marked=item.marked,
            declined=item.declined,
            rejected=item.rejected,
            tested=item.tested,
            failing=item.failing,
        )
        for item in outputs
    )
    return Answer(call, tuple(outcomes))


def _behind_heading(text: str) -> str:
    """An answer without the line in which Cline and its forks say whose it is."""
    heading, separator, answer = text.partition("] Result:")
    return (
        answer.lstrip("\n")
        if separator and len(heading) <= _HEAD_CHARS and heading.lstrip()[:1] == "["
        else text
    )


def _apart(text: str) -> tuple[str, str]:
    """A tool's answer, and what the user typed at it."""
    typed = _FEEDBACK.search(text)
    closing = text.find(f"</{typed[1]}>", typed.end()) if typed else -1
    return (text[: typed.start()], text[typed.end() : closing]) if typed and closing >= 0 else (text, "")


def _with_outputs(facts: MessageFacts, outputs: list[tool_output.Output]) -> MessageFacts:
    """`facts` with what tools answered; `observed` where they answered in text."""
    accesses = list(facts.accesses)
    for output in outputs:
        accesses.extend(_of_output(output.text))
    return replace(
        facts,
        observed=facts.observed or facts.role == "system",
        accesses=tuple(dict.fromkeys(accesses)),
    )


_READERS: dict[str, Callable[[Client, Message, MessageFacts], MessageFacts]] = {
    "system": _system,
    "assistant": _assistant,
    "user": _user,
}


def _of_ask(ask: str) -> list[FileAccess]:
    """Paths in the user's own words, and files whose content they hold."""
    searched = ask[:_SEARCHED_CHARS]
    embedded = [FileAccess(path, "given") for path in paths.embedded(searched) if path]
    return [*embedded, *(FileAccess(path, "named") for path in paths.named(searched))]


def _of_output(text: str) -> list[FileAccess]:
    """Files whose content a tool showed, and those of which a line passed by.

    A stack trace only passes by: most of its frames are imports, and of the rest what matters is opened next.
    """
    text = _both_ends(text, _OUTPUT_CHARS)
    accesses = [FileAccess(path, "read") for path in paths.changed(text)]
    accesses += [FileAccess(path, "edited") for path in paths.patched(text)]
    passed = dict.fromkeys((*paths.traced(text), *paths.hits(text)))
    return [*accesses, *(FileAccess(path, "seen") for path in list(passed)[:_SEEN_PATHS])]


def _both_ends(text: str, limit: int) -> str:
    if len(text) <= limit:
        return text
    half = limit // 2
    return f"{text[:half]}\n…\n{text[-half:]}"


class SystemFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The system text that stands beside the messages (Anthropic)."""

    key: bytes
    size: Size
    length: int
    side: bool
    summary: bool
    subagent: bool
    guard: int
    """As in `MessageFacts`."""


def gather_system(dialect: DialectName, client: Client, piece: Piece) -> Gathered[SystemFacts]:
    """Read a `system` field: a string or a list of text blocks."""
    raw, decoded = piece.raw, piece.parsed_or_none()
    message = messages.message(dialect, {"role": "system", "content": decoded}, raw)
    text = text_of(message) if decoded is not None else raw.decode(errors="replace")
    own = without_billing(text)
    facts = SystemFacts(
        key=digest(own),
        size=Size(tokens=estimate(len(text.encode())), exact=False),
        length=len(text.encode()),
        side=_is_any(user_text.is_side, client, message.texts),
        summary=_is_any(user_text.is_summary, client, message.texts),
        subagent=_is_any(user_text.is_subagent, client, message.texts) or _MARKED in text[:1_000],
        guard=safety_checks.of_system(own),
    )
    return facts, countable(text)


class ToolFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The tools a client offers."""

    key: bytes
    size: Size
    length: int
    names: tuple[str, ...]
    server: frozenset[str]
    """Names of those that only the provider's servers can run."""


_SERVER_TOOL = re.compile(r"(?:web_search|web_fetch|code_execution|computer|mcp|tool_search)\w*$")


def gather_tools(_dialect: DialectName, _client: Client, piece: Piece) -> Gathered[ToolFacts]:
    """Gather the facts of a `tools` field."""
    raw, decoded = piece.raw, piece.parsed_or_none()
    text = raw.decode(errors="replace")
    named = [(_tool_name(tool), tool.get("type")) for tool in _each_tool(decoded)]
    facts = ToolFacts(
        key=digest(messages.unmarked(decoded)) if decoded is not None else xxhash.xxh3_128_digest(raw),
        size=Size(tokens=estimate(len(raw)), exact=False),
        length=len(raw),
        names=tuple(name for name, _ in named),
        server=frozenset(name for name, kind in named if isinstance(kind, str) and _SERVER_TOOL.match(kind)),
    )
    return facts, countable(text)


def _each_tool(tools: Any) -> Iterator[dict[str, Any]]:
    """Yield each tool, those of a namespace in its place; what the client itself searches is no server's."""
    for tool in tools if isinstance(tools, list) else ():
        if not isinstance(tool, dict):
            continue
        if gemini_options.is_gemini(tool):
            yield from gemini_options.tools([tool])
            continue
        if tool.get("type") == "namespace":
            yield from _each_tool(tool.get("tools"))
        else:
            yield tool | {"type": "function"} if tool.get("execution") == "client" else tool


def _tool_name(tool: dict[str, Any]) -> str:
    inner = tool.get("function") or tool.get("custom")
    name = inner.get("name") if isinstance(inner, dict) else tool.get("name", tool.get("mcp_server_name"))
    return name if isinstance(name, str) else str(tool.get("type", ""))
