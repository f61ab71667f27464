"""What the receiving side lacks of a request, decided in one place from the tables below.

A field, a tool or a part of a message is

- carried: the receiving side has it, in the same word or in another one;
- refused, where an answer without it would mislead the client: `BadRequest` names it and the remedy;
- dropped, where the answer is of use without it: its name reaches the client in `x-turnout-degraded`;
- ignored, where no answer differs by it: caching, billing, the provider's own records.

`adapt` is called once, between decoding a request and encoding it for another side. An encoder then
writes all of what it is handed, and needs to know nothing of this.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Literal, NamedTuple

import msgspec

from router.errors import BadRequest
from router.types import DialectName
from router.wire.body import UNREADABLE
from router.wire.claude_models import fit_conversation
from router.wire.conversation import (
    GO_ON,
    Conversation,
    Document,
    Image,
    Opaque,
    Part,
    Refusal,
    Sampling,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolResult,
    Turn,
    free_text_tools,
)
from router.wire.responses_tools import is_search
from router.wire.target import Side, Target

Fate = Literal["carried", "refused", "dropped", "ignored"]

REMEDY = "leave it out, or ask for a model that has it"
JSON_ONLY = "Answer with one JSON object and nothing else: no Markdown fence, no text before or after it."
"""`json_object` in words, for models that have no such mode."""


class _Row(NamedTuple):
    """What becomes of a top-level field, by the side that answers."""

    claude: Fate
    local: Fate
    provider: Fate
    reason: str = ""
    usual: tuple[Any, ...] = ()
    """Values that ask for nothing beyond what is done anyway, beside null, false, 0 and empty ones."""
    empty_asks: bool = False
    """An empty object, or 0, asks for something: what it leaves out has defaults."""


_NO_PROBABILITIES = "Claude reports no token probabilities"
_NO_PENALTIES = "Claude takes no penalties"
_NO_FORMS = "Claude is held to a JSON schema alone; use `response_format`"
_OLDER = "the older form is not translated; use `{}`"
_NO_REPLY_PROBABILITIES = "Ollama's reply is written without token probabilities here"
_BARE = "only the local model completes a prompt as it is"
_IGNORED = _Row("ignored", "ignored", "ignored")
_OF_THE_MACHINE = (
    "num_ctx", "num_keep", "num_batch", "num_gpu", "main_gpu", "low_vram", "f16_kv", "logits_all",
    "vocab_only", "use_mmap", "use_mlock", "num_thread", "numa",
)  # fmt: skip
"""Ollama's options of how a model is loaded; here the settings say so, and no prompt is cut to `num_ctx`."""
_NO_GEMINI_PROBABILITIES = "Gemini's reply is written without token probabilities here"
_OF_GOOGLES_MODELS: tuple[tuple[str, str, tuple[Any, ...]], ...] = (
    ("candidateCount", "only one candidate is made", (1,)),
    ("responseLogprobs", _NO_GEMINI_PROBABILITIES, ()),
    ("logprobs", _NO_GEMINI_PROBABILITIES, ()),
    ("responseModalities", "the models here answer in text", (["TEXT"], ["MODALITY_UNSPECIFIED"])),
    ("responseFormat", "send `responseMimeType` and `responseJsonSchema`", ()),
    ("speechConfig", "the models here answer in text", ()),
    ("imageConfig", "the models here answer in text", ()),
    ("translationConfig", "the models here answer in text", ()),
)
"""What asks Google's models for more than one answer in text."""
_FIELDS: Mapping[DialectName, Mapping[str, _Row]] = {
    "openai_chat": {
        "n": _Row("refused", "carried", "carried", "only one choice is made", (1,)),
        "logprobs": _Row("refused", "carried", "carried", _NO_PROBABILITIES),
        "top_logprobs": _Row("refused", "carried", "carried", _NO_PROBABILITIES),
        "logit_bias": _Row("refused", "carried", "carried", "Claude takes no token biases"),
        "seed": _Row("refused", "carried", "carried", "Claude takes no seed", empty_asks=True),
        "frequency_penalty": _Row("refused", "carried", "carried", _NO_PENALTIES),
        "presence_penalty": _Row("refused", "carried", "carried", _NO_PENALTIES),
        "audio": _Row("refused", "carried", "carried", "Claude answers in text"),
        "modalities": _Row("refused", "carried", "carried", "Claude answers in text", (["text"],)),
        "functions": _Row("refused", "carried", "carried", _OLDER.format("tools")),
        "function_call": _Row(
            "refused", "carried", "carried", _OLDER.format("tool_choice"), ("none", "auto")
        ),
        "ebnf": _Row("refused", "carried", "carried", _NO_FORMS),
        "grammar": _Row("refused", "carried", "carried", _NO_FORMS),
        "guided_choice": _Row("refused", "carried", "carried", _NO_FORMS),
        "guided_grammar": _Row("refused", "carried", "carried", _NO_FORMS),
        "guided_json": _Row("refused", "carried", "carried", _NO_FORMS),
        "guided_regex": _Row("refused", "carried", "carried", _NO_FORMS),
        "json_schema": _Row("refused", "carried", "carried", _NO_FORMS),
        "regex": _Row("refused", "carried", "carried", _NO_FORMS),
        "structured_outputs": _Row("refused", "carried", "carried", _NO_FORMS),
        "continue_final_message": _Row("ignored", "carried", "ignored"),
        "verbosity": _Row("dropped", "carried", "carried"),
        "web_search_options": _Row("carried", "dropped", "carried", empty_asks=True),
        "service_tier": _Row("dropped", "ignored", "carried", usual=("auto", "default")),
        "store": _Row("dropped", "dropped", "dropped"),
        "prediction": _Row("ignored", "ignored", "carried"),
        "metadata": _Row("ignored", "ignored", "ignored"),
        "prompt_cache_key": _Row("ignored", "ignored", "ignored"),
        "prompt_cache_options": _Row("ignored", "ignored", "ignored"),
        "prompt_cache_retention": _Row("ignored", "ignored", "ignored"),
        "safety_identifier": _Row("ignored", "ignored", "ignored"),
        "stream_options": _Row("ignored", "ignored", "ignored"),
    },
    "openai_responses": {
        "store": _Row("dropped", "dropped", "dropped"),
        "include": _Row("dropped", "dropped", "dropped", usual=([], ["reasoning.encrypted_content"])),
        "truncation": _Row("dropped", "dropped", "dropped", usual=("disabled",)),
        "text.verbosity": _Row("dropped", "dropped", "dropped", usual=("medium",)),
        "user": _Row("carried", "ignored", "ignored"),
        "reasoning.summary": _Row("ignored", "ignored", "ignored"),
        "reasoning.generate_summary": _Row("ignored", "ignored", "ignored"),
        "reasoning.context": _Row("ignored", "ignored", "ignored"),
        "reasoning.mode": _Row("dropped", "dropped", "dropped", usual=("standard",)),
        "service_tier": _Row("dropped", "ignored", "dropped", usual=("auto", "default")),
        "client_metadata": _Row("ignored", "ignored", "ignored"),
        "metadata": _Row("ignored", "ignored", "ignored"),
        "prompt_cache_key": _Row("ignored", "ignored", "ignored"),
        "prompt_cache_options": _Row("ignored", "ignored", "ignored"),
        "prompt_cache_retention": _Row("ignored", "ignored", "ignored"),
        "safety_identifier": _Row("ignored", "ignored", "ignored"),
        "stream_options": _Row("ignored", "ignored", "ignored"),
    },
    "anthropic_messages": {
        "safeguards": _Row(
            "carried", "dropped", "refused", "the provider that this endpoint is set up for runs none"
        ),
        # How others think is their own matter: Claude Code sends both with every request.
        "thinking": _Row("carried", "ignored", "ignored"),
        "output_config": _Row("carried", "ignored", "ignored"),
        "service_tier": _Row("carried", "ignored", "ignored"),
        "metadata": _Row("carried", "ignored", "ignored"),
        "cache_control": _Row("carried", "ignored", "ignored"),
        "context_management": _Row("carried", "ignored", "ignored"),
        "diagnostics": _Row("carried", "ignored", "ignored"),
        "betas": _Row("carried", "ignored", "ignored"),
        "inference_geo": _Row("carried", "ignored", "ignored"),
        "speed": _Row("carried", "ignored", "ignored"),
    },
    "gemini": {
        "alt": _IGNORED,
        "includeThoughts": _IGNORED,
        "labels": _IGNORED,
        "store": _Row("dropped", "dropped", "dropped"),
        "serviceTier": _Row("dropped", "ignored", "dropped", usual=("standard", "unspecified")),
        "safetySettings": _Row("dropped", "dropped", "dropped"),
        "cachedContent": _Row("refused", "refused", "refused", "nothing is kept here; send its contents"),
        "toolConfig.functionCallingConfig.mode": _Row("dropped", "dropped", "dropped"),
        **{
            f"generationConfig.{name}": _Row("refused", "refused", "refused", reason, usual)
            for name, reason, usual in _OF_GOOGLES_MODELS
        },
        "generationConfig.mediaResolution": _Row("dropped", "dropped", "dropped"),
        "generationConfig.enableEnhancedCivicAnswers": _IGNORED,
    },
    "ollama": {
        "prompt": _IGNORED,
        "keep_alive": _IGNORED,
        "think": _Row("carried", "ignored", "ignored"),  # what was thought is left out for `false`
        "truncate": _IGNORED,
        "shift": _IGNORED,
        **dict.fromkeys((f"options.{name}" for name in _OF_THE_MACHINE), _IGNORED),
        "options.repeat_penalty": _Row("dropped", "dropped", "dropped", usual=(1, 1.1)),
        "options.repeat_last_n": _Row("dropped", "dropped", "dropped", usual=(64,)),
        # Its clients set them for every model, to tune rather than to hold an answer to them.
        "options.seed": _Row("dropped", "carried", "carried", empty_asks=True),
        "options.frequency_penalty": _Row("dropped", "carried", "carried"),
        "options.presence_penalty": _Row("dropped", "carried", "carried"),
        "logprobs": _Row("refused", "refused", "refused", _NO_REPLY_PROBABILITIES),
        "top_logprobs": _Row("refused", "refused", "refused", _NO_REPLY_PROBABILITIES),
        "template": _Row("refused", "refused", "refused", "the prompt is made by the model's own template"),
        "context": _Row(
            "refused", "refused", "refused", "tokens of an earlier answer mean nothing here; use /api/chat"
        ),
        "suffix": _Row("refused", "refused", "refused", _BARE),
        "raw": _Row("refused", "refused", "refused", _BARE),
    },
}
"""A field that is in no row is dropped where the other side speaks another dialect."""

_SAMPLING: Mapping[str, _Row] = {
    name: _FIELDS["openai_chat"][name] for name in ("seed", "frequency_penalty", "presence_penalty")
} | {"top_k": _Row("carried", "carried", "dropped")}
_OPTIONS = frozenset({*Sampling.__dataclass_fields__, "stop"})
_OLLAMAS = {name: f"options.{name}" for name in _OPTIONS} | {
    "reasoning_effort": "think",
    "response_format": "format",
}
"""What Ollama calls what Chat Completions has a field for."""
_WORDS: Mapping[DialectName, Mapping[str, str]] = {
    "ollama": _OLLAMAS,
    "gemini": {
        "temperature": "generationConfig.temperature",
        "top_p": "generationConfig.topP",
        "top_k": "generationConfig.topK",
        "seed": "generationConfig.seed",
        "frequency_penalty": "generationConfig.frequencyPenalty",
        "presence_penalty": "generationConfig.presencePenalty",
        "stop": "generationConfig.stopSequences",
        "reasoning_effort": "generationConfig.thinkingConfig",
        "thinking": "generationConfig.thinkingConfig",
        "response_format": "generationConfig.responseSchema",
        "tool_choice": "toolConfig",
    },
}
"""What other dialects call what Chat Completions has a field for."""


def adapt(conversation: Conversation, target: Target) -> tuple[Conversation, tuple[str, ...]]:
    """Leave out what `target` lacks.

    Args:
        conversation: as its client sent it.
        target: who is to answer.

    Returns:
        What is left to encode, and the names of what was dropped, in the client's words.

    Raises:
        BadRequest: something without which the answer would mislead; names it and the remedy.
    """
    dropped: list[str] = []
    words = _WORDS.get(conversation.dialect, {})
    if target.dialect == conversation.dialect and free_text_tools(conversation):
        _check_reply_fields(conversation)
    adapted = replace(
        conversation,
        extras=dict(_extras(conversation, target, dropped)),
        tools=tuple(_tools(conversation, target, dropped)),
        turns=tuple(_turn(turn, conversation.dialect, target, dropped) for turn in conversation.turns),
        sampling=replace(
            conversation.sampling,
            **{
                name: None
                for name, word, row in _sampling_rows(conversation.dialect, words)
                if _fate(word, getattr(conversation.sampling, name), row, target, dropped) != "carried"
            },
        ),
    )
    prefill = target.prefill != "none" and (target.model is None or target.model.prefill)
    if not prefill and continues(conversation) and _has_text(adapted.turns[-1]):
        dropped.append("prefill")
        adapted = replace(adapted, turns=(*adapted.turns, _GO_ON))
    if target.dialect == "openai_chat" != conversation.dialect:
        adapted = _without_signatures(adapted, target, dropped)
    adapted = _in_words(adapted, target)
    if target.model is not None and target.dialect != conversation.dialect:
        adapted, more = fit_conversation(adapted, target.model)
        dropped += (words.get(name, name) for name in more)
    return adapted, tuple(dict.fromkeys(dropped))


def _sampling_rows(dialect: DialectName, words: Mapping[str, str]) -> Iterator[tuple[str, str, _Row]]:
    """How tokens are drawn: each value's name, its client's word for it, and what becomes of it."""
    for name, row in _SAMPLING.items():
        word = words.get(name, name)
        yield name, word, row if word == name else _FIELDS[dialect].get(word, row)


def _without_signatures(conversation: Conversation, target: Target, dropped: list[str]) -> Conversation:
    """Leave out what a side that speaks Chat Completions is not told by a client of another dialect.

    No signature comes back this way, without which Claude refuses the next turn of one that thinks; how
    others think is their own matter, unless the client has OpenAI's words for it. Whose words these are is
    their provider's alone.
    """
    if conversation.dialect == "openai_responses" and target.side != "claude":
        return replace(conversation, user="")
    if conversation.dialect == "openai_responses" and conversation.reasoning is not None:
        dropped.append("reasoning.effort")
    return replace(conversation, reasoning=None, user="")


def drop_fields(
    fields: Mapping[str, msgspec.Raw], target: Target
) -> tuple[dict[str, msgspec.Raw], tuple[str, ...]]:
    """Leave out what `target` lacks of a body whose client speaks its dialect: `adapt` for bodies passed on.

    Returns:
        The fields that are left, and the names of those whose absence makes a difference.

    Raises:
        BadRequest: a number out of range, or too deep nesting, in a field that is looked at.
    """
    dropped: list[str] = []
    rows = _FIELDS[target.dialect]
    carried = {
        name: value
        for name, value in fields.items()
        if (row := rows.get(name, _ANY)) is _ANY
        or name == "stream_options"
        or _fate(name, _decode(name, value), row, target, dropped) == "carried"
    }
    return carried, tuple(dropped)


def _decode(name: str, value: msgspec.Raw) -> Any:
    try:
        return msgspec.json.decode(value)
    except UNREADABLE as error:
        raise BadRequest(f"{name}: cannot be read: {error}") from error


_GO_ON = Turn(role="user", parts=(Text(text=GO_ON),))


def continues(conversation: Conversation) -> bool:
    """Whether the answer is to go on from text that the client gave: the last turn is the assistant's."""
    last = conversation.turns[-1] if conversation.turns else None
    return (
        last is not None
        and last.role == "assistant"
        and not any(isinstance(part, ToolCall) for part in last.parts)
    )


def _has_text(turn: Turn) -> bool:
    """Whether anything of a turn is left to go on from; thinking, for one, is sent to nobody else."""
    return any(isinstance(part, Text | Refusal) and part.text.strip() for part in turn.parts)


def _extras(conversation: Conversation, target: Target, dropped: list[str]) -> Iterator[tuple[str, Any]]:
    rows = _FIELDS.get(conversation.dialect, {})
    other = _ANY if target.any_field and target.dialect == conversation.dialect else _FOREIGN
    for name, value in conversation.extras.items():
        if _fate(name, value, rows.get(name, other), target, dropped) == "carried":
            yield name, value


_ANY = _Row("carried", "carried", "carried")
_FOREIGN = _Row("dropped", "dropped", "dropped")


def _fate(name: str, value: Any, row: _Row, target: Target, dropped: list[str]) -> Fate:
    fate: Fate = getattr(row, target.side)
    if fate == "carried":
        return fate
    asks = value or (row.empty_asks and (value == {} or (value == 0 and value is not False)))
    if not asks or value in row.usual:
        return "ignored"
    if fate == "refused":
        raise BadRequest(f"{name}: {row.reason}; {REMEDY}")
    if fate == "dropped":
        dropped.append(name)
    return fate


def _tools(conversation: Conversation, target: Target, dropped: list[str]) -> Iterator[Tool | Opaque]:
    for tool in conversation.tools:
        own = (
            isinstance(tool, Opaque) and tool.dialect == target.dialect and target.side in _OWN[tool.dialect]
        )
        if isinstance(tool, Tool):
            if tool.kind == "grammar" and target.dialect != conversation.dialect:
                dropped.append(f"{tool.name}.format")
            yield tool
        elif own and tool.kind != "custom":
            yield tool
        elif tool.dialect == "openai_chat":
            raise _refused_tool(tool, target)
        elif tool.dialect == "gemini":
            yield _googles_tool(tool, target)
        elif (
            tool.dialect == "openai_responses"
            and target.dialect == "anthropic_messages"
            and is_search(tool.kind)
        ):
            yield _web_search(tool.value)
        elif (forced := conversation.tool_choice) and tool.kind.startswith(forced.name or "-"):
            raise BadRequest(f"tool_choice: {_name_of(target)} has no `{forced.name}`; {REMEDY}")
        else:
            dropped.append(tool.kind)  # run by the provider's own servers


def _googles_tool(tool: Opaque, target: Target) -> Opaque:
    """What Google's servers run: Claude's search in place of theirs, and nothing in place of the rest.

    Raises:
        BadRequest: nobody here has it; an answer that was to rest on it would mislead.
    """
    if tool.kind == "googleSearch" and target.dialect == "anthropic_messages":
        return _web_search({})
    raise BadRequest(
        f"{tool.where}: is run by Google's servers, and {_name_of(target)} has nothing like it; leave it "
        "out, or offer a function in its place and run it yourself"
    )


_REPLY_FIELDS: Mapping[str, _Row] = {
    name: _FIELDS["openai_chat"][name] for name in ("n", "logprobs", "top_logprobs", "audio", "modalities")
}
"""Fields that ask for more than one answer in text, which is all that a translated reply holds."""


def _check_reply_fields(conversation: Conversation) -> None:
    """See that a request whose calls are translated back asks for nothing that is lost on the way.

    Raises:
        BadRequest: names the field and the remedy.
    """
    for name, row in _REPLY_FIELDS.items():
        value = conversation.extras.get(name)
        if value and value not in row.usual:
            raise BadRequest(
                f"{name}: cannot be had beside a `custom` tool, which is a function of one string here; "
                "leave it out, or offer the tool as a `function`"
            )


def _refused_tool(tool: Opaque, target: Target) -> BadRequest:
    if tool.kind == "custom":
        return BadRequest(
            f"{tool.where}.custom.format: {_name_of(target)} cannot be held to a grammar; leave it out, and "
            "say in the tool's description what the text must look like"
        )
    return BadRequest(
        f"{tool.where}.type: `{tool.kind[:40]}` cannot be sent to {_name_of(target)}; offer it as a "
        "`function`, or as a `custom` tool without a grammar"
    )


_OWN: Mapping[DialectName, tuple[Side, ...]] = {
    "openai_chat": ("local",),
    "openai_responses": ("provider",),
    "anthropic_messages": ("claude",),
    "gemini": ("provider",),
    "ollama": (),
    "openai_completions": (),
    "llama_infill": (),
}
"""Whose models take a dialect's tools that are no functions. litellm takes none of them."""


def _turn(turn: Turn, dialect: DialectName, target: Target, dropped: list[str]) -> Turn:
    if dialect == "openai_responses" and target.side != "claude" and any(map(_is_sealed, turn.parts)):
        dropped.append("reasoning.encrypted_content")
        turn = replace(turn, parts=tuple(part for part in turn.parts if not _is_sealed(part)))
    if all(isinstance(part, _PLAIN) for part in turn.parts):
        return turn
    parts = tuple(
        adapted for part in turn.parts if (adapted := _part(part, dialect, target, dropped)) is not None
    )
    return replace(turn, parts=parts)


def _is_sealed(part: Part) -> bool:
    """Whether only one of Claude's models takes this reasoning back."""
    return isinstance(part, Thinking) and bool(part.signature or part.redacted)


_PLAIN = (Text, Image, Thinking, Refusal, ToolCall)


def _part(part: Part, dialect: DialectName, target: Target, dropped: list[str]) -> Part | None:
    match part:
        case Opaque():
            return _opaque(part, target, dropped)
        case Document():
            return _document(part, dialect, target, dropped)
        case ToolResult():
            inner = (_part(piece, dialect, target, dropped) for piece in part.parts)
            return replace(part, parts=tuple(piece for piece in inner if isinstance(piece, _IN_RESULT)))
        case _:
            return part


_IN_RESULT = (Text, Image, Document)


def _opaque(part: Opaque, target: Target, dropped: list[str]) -> Part | None:
    claude = target.side == "claude"
    if part.dialect == target.dialect and (part.dialect == "anthropic_messages") == claude:
        return part
    if part.text:
        return Text(text=part.text)
    if part.dialect == "openai_chat":
        raise BadRequest(
            f"{part.where}.type: `{part.kind[:40]}` cannot be sent to {_name_of(target)}; {REMEDY}"
        )
    dropped.append(part.kind)
    return None


def _name_of(target: Target) -> str:
    return {"claude": "Claude", "local": "the local model", "provider": "this provider"}[target.side]


def _document(part: Document, dialect: DialectName, target: Target, dropped: list[str]) -> Part:
    """A document that the target reads, its text, or a word to the model that there was one."""
    if part.citations and target.side != "claude":
        dropped.append("citations")
    if part.text is not None:
        return part if target.files else Text(text=part.text, cache=part.cache)
    elsewhere = part.url and target.dialect == "openai_chat"  # which has no word for a file's address
    if part.url and not elsewhere:
        return part
    if part.file_id and dialect != target.dialect:
        raise BadRequest(
            f"file_id: `{part.file_id[:40]}` was uploaded to another provider; send the file's data"
        )
    if (target.files or dialect == target.dialect) and not elsewhere:
        return part
    dropped.append("document")
    return Text(text=f"[{part.title or 'a document'}: the user attached a file that this model cannot read]")


def _in_words(conversation: Conversation, target: Target) -> Conversation:
    """Express by other means what Claude's API has no field for."""
    if target.side != "claude":
        return conversation
    shape, extras = conversation.response_format, dict(conversation.extras)
    if shape is not None and shape.kind == "json_object":
        system = (Text(text=JSON_ONLY), *conversation.system)
        conversation = replace(conversation, response_format=None, system=system)
    if (
        target.dialect == "anthropic_messages"
        and (options := extras.pop("web_search_options", None)) is not None
    ):
        conversation = replace(conversation, tools=(*conversation.tools, _web_search(options)), extras=extras)
    return conversation


_SEARCHES: Mapping[str, int] = {"low": 1, "medium": 5, "high": 10}
"""How often Claude may search for what Chat Completions calls a context of that size."""


def _web_search(options: Any) -> Opaque:
    """Claude's own tool, for what Chat Completions has a field for, and Responses a tool."""
    fields: Mapping[str, Any] = options if isinstance(options, dict) else {}
    where = fields.get("user_location")
    value = {
        "type": "web_search_20250305",
        "name": "web_search",
        "max_uses": _SEARCHES.get(str(fields.get("search_context_size") or "medium"), _SEARCHES["medium"]),
    }
    place = where.get("approximate", where) if isinstance(where, dict) else None
    if isinstance(place, dict):
        existing = {name: value for name, value in place.items() if value is not None}
        value["user_location"] = {**existing, "type": "approximate"}
    filters = fields.get("filters")
    if isinstance(filters, dict) and filters.get("allowed_domains"):
        value["allowed_domains"] = filters["allowed_domains"]
    return Opaque(dialect="anthropic_messages", kind="web_search_20250305", value=value)


def is_ignored(dialect: DialectName, name: str, side: Side) -> bool:
    """Whether a field is listed as one by which no answer of this side's differs."""
    row = _FIELDS[dialect].get(name)
    return row is not None and getattr(row, side) == "ignored"
