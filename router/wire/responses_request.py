"""OpenAI Responses, the request: its body as a conversation.

An assistant's turn is several items there: what it thought, said and called, one after the other, is one
turn here. Nothing is kept here between requests: what names something kept passes to a provider that speaks
this dialect, and is refused by all others, with the remedy.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import msgspec

from router.errors import BadRequest
from router.wire import body as wire_body
from router.wire.body import Envelope, decode_object
from router.wire.conversation import (
    CacheMark,
    Conversation,
    Document,
    Image,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    ResponseFormat,
    Role,
    Sampling,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Turn,
)
from router.wire.data_urls import inline
from router.wire.free_text import arguments_of
from router.wire.responses_reasoning import unseal
from router.wire.responses_shape import (
    BODY,
    ENVELOPE,
    ActionCall,
    Choice,
    Content,
    ContentPart,
    CustomCall,
    FunctionCall,
    Message,
    Object,
    Outline,
    Output,
    ReasoningItem,
    ShellOutput,
    ShellOutputs,
    convert,
    is_own,
)
from router.wire.responses_tools import (
    CALL_TYPES,
    DIALECT,
    KINDS,
    OUTPUT_TYPES,
    call_arguments,
    decode_tools,
    is_search,
    is_servers,
    joined,
)

_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_NEUTRAL = frozenset({
    "model", "input", "instructions", "tools", "tool_choice", "parallel_tool_calls", "temperature", "top_p",
    "max_output_tokens", "stream", "user",
})  # fmt: skip
"""Fields that the neutral form has, too."""
_SENT_WHOLE = "nothing is kept here between requests; leave it out and send the whole conversation as `input`"
_ANOTHER = "belongs to another API; the conversation is `input` here, and the system text `instructions`"
_REFUSED: Mapping[str, str] = {
    "background": "an answer is given in the request that asks for it; leave it out, or stream the answer",
    "messages": _ANOTHER,
    "system": _ANOTHER,
}
"""Fields without which the answer would mislead, and those of other APIs."""
_CONTINUED = ("previous_response_id", "conversation", "prompt")
"""Fields beside which `input` may be left out: they name what OpenAI keeps."""
_PROVIDERS: Mapping[str, str] = {
    "previous_response_id": _SENT_WHOLE,
    "conversation": _SENT_WHOLE,
    "prompt": "stored prompts are OpenAI's alone; send their text as `instructions` and `input`",
    "moderation": "OpenAI alone moderates; leave it out",
    "top_logprobs": "token probabilities are not carried; leave it out",
}
"""Fields that the provider alone can serve: they pass where it is asked in this dialect, and nowhere else."""
_NOT_ASKED = frozenset({b"", b"null", b"false", b"0", b'""', b"{}"})
_PROBABILITIES = "message.output_text.logprobs"


def read(body: bytes) -> Envelope:
    """Read the envelope.

    Raises:
        BadRequest: a field of the wrong kind, or one that nobody can serve; names it and the remedy.
    """
    outline = wire_body.decode(ENVELOPE, body)
    if outline.input is None and not any(_is_set(outline, name) for name in _CONTINUED):
        raise BadRequest(f"input: {wire_body.REMEDIES['input']} (it is missing)")
    _refuse(outline, _REFUSED)
    previous = msgspec.json.decode(outline.previous_response_id or b"null")
    if isinstance(previous, str) and is_own(previous):
        raise BadRequest(f"previous_response_id: this answer was written here, and {_SENT_WHOLE}")
    return Envelope(
        model=outline.model or "", stream=bool(outline.stream), provider_field=_provider_field(outline)
    )


def _refuse(outline: Outline, fields: Mapping[str, str]) -> None:
    for name, remedy in fields.items():
        if _is_set(outline, name):
            raise BadRequest(f"{name}: {remedy}")


def _is_set(outline: Outline, name: str) -> bool:
    return bytes(getattr(outline, name)) not in _NOT_ASKED


def _provider_field(outline: Outline) -> str:
    """See `ModelRequest.provider_field`."""
    if name := next((name for name in _PROVIDERS if _is_set(outline, name)), ""):
        return name
    if _PROBABILITIES in (outline.include or ()):
        return "include"
    items = outline.input if isinstance(outline.input, list) else ()
    foreign = (f"input[{at}]" for at, item in enumerate(items) if kind_of(item.type, item.role) not in _READ)
    servers = (
        f"tools[{at}]"
        for at, tool in enumerate(outline.tools or ())
        if is_servers(tool.type, tool.environment)
    )
    return next(foreign, "") or next(servers, "")


def _refuse_providers(body: bytes) -> None:
    """Refuse what no translation carries.

    Raises:
        BadRequest: names the field and the remedy.
    """
    outline = wire_body.decode(ENVELOPE, body)
    _refuse(outline, _PROVIDERS)
    if _PROBABILITIES in (outline.include or ()):
        raise BadRequest(f"include: `{_PROBABILITIES}`: token probabilities are not carried; leave it out")


def decode_request(body: bytes) -> Conversation:
    """Read a body that `read` has accepted.

    Raises:
        BadRequest: a field of the wrong kind, or what nobody here has; names it and the remedy.
    """
    _refuse_providers(body)
    request = wire_body.decode(BODY, body)
    items = _Items()
    for at, item in enumerate(request.input if isinstance(request.input, list) else ()):
        items.add(item, f"input[{at}]")
    if isinstance(request.input, str):
        items.add({"role": "user", "content": request.input}, "input")
    turns = items.turns()
    leading = next((at for at, turn in enumerate(turns) if turn.role != "system"), len(turns))
    message = (Text(text=request.instructions),) if request.instructions else ()
    tools = [*decode_tools(request.tools or (), "tools"), *items.tools]
    choice = request.tool_choice
    form = request.text.format if request.text else None
    return Conversation(
        dialect=DIALECT,
        model=request.model or "",
        system=(
            *message,
            *(part for turn in turns[:leading] for part in turn.parts if isinstance(part, Text)),
        ),
        turns=tuple(turns[leading:]),
        tools=tuple(_allowed(_distinct(tools), choice)),
        tool_choice=_tool_choice(choice),
        parallel_tool_calls=request.parallel_tool_calls,
        sampling=Sampling(temperature=request.temperature, top_p=request.top_p),
        response_format=_response_format(form) if form else None,
        reasoning=Reasoning(effort=request.reasoning.effort)
        if request.reasoning and request.reasoning.effort
        else None,
        output_limit=request.max_output_tokens,
        stream=bool(request.stream),
        user=request.user or "",
        extras={name: value for name, value in _extras(body).items() if value is not None},
    )


def _extras(body: bytes) -> Object:
    """The fields without a neutral word; of those that have one in part, the rest under its whole name."""
    others = {name: raw for name, raw in _FIELDS.decode(body).items() if name not in _NEUTRAL}
    extras = decode_object(msgspec.json.encode(others))
    for outer, inner in (("text", "format"), ("reasoning", "effort")):
        remainder = extras.pop(outer, None) or {}
        extras |= {f"{outer}.{name}": value for name, value in remainder.items() if name != inner}
    return extras


def _distinct(tools: list[Tool | Opaque]) -> list[Tool | Opaque]:
    """Tools by name, each once: an item may offer again what was offered before."""
    by_name = {tool.name if isinstance(tool, Tool) else f".{tool.kind}": tool for tool in tools}
    return list(by_name.values())


def _allowed(tools: list[Tool | Opaque], choice: str | Choice | None) -> list[Tool | Opaque]:
    """The tools that may be called; all but where the client names some."""
    if not isinstance(choice, Choice) or choice.type != "allowed_tools":
        return tools
    allowed = {
        joined(allowed.namespace, allowed.name) if allowed.name else f".{allowed.type}"
        for allowed in (convert(tool, Choice, "tool_choice.tools[]") for tool in choice.tools or ())
    }
    return [
        tool
        for tool in tools
        if (isinstance(tool, Tool) and not allowed.isdisjoint({tool.name, f".{tool.kind}"}))
        or (isinstance(tool, Opaque) and f".{tool.kind}" in allowed)
    ]


def _tool_choice(choice: str | Choice | None) -> ToolChoice | None:
    if choice is None or isinstance(choice, str):
        return None if choice is None else ToolChoice(mode=choice)  # type: ignore[arg-type]  # was checked
    if choice.type == "allowed_tools":
        return ToolChoice(mode=choice.mode or "auto")
    if choice.type in {"function", "custom"}:
        if not choice.name:
            raise BadRequest("tool_choice.name: is missing")
        return ToolChoice(mode="tool", name=joined(choice.namespace, choice.name))
    if choice.type in KINDS or is_search(choice.type):
        return ToolChoice(mode="tool", name="web_search" if is_search(choice.type) else choice.type)
    raise BadRequest(
        f"tool_choice.type: `{choice.type[:40]}` is run by OpenAI's servers, and by nobody here; leave it out"
    )


def _response_format(form: Any) -> ResponseFormat | None:
    if form.type == "text":
        return None
    if form.type == "json_object":
        return ResponseFormat(kind="json_object")
    return ResponseFormat(
        kind="json_schema", name=form.name or "answer", schema=form.schema or {}, strict=form.strict
    )


_ROLES: Mapping[str, Role] = {"system": "system", "developer": "system", "assistant": "assistant"}
_REFUSED_ITEMS: Mapping[str, str] = {
    "item_reference": "nothing is kept here between requests; send the item itself",
    "compaction": "it is encrypted by another provider; send the conversation, or a summary as text",
    "compaction_trigger": "conversations are not compacted here; ask for a summary in a message",
}
_LEFT_OUT = frozenset(
    {"web_search_call", "file_search_call", "image_generation_call", "code_interpreter_call"}
)
"""What OpenAI's servers did in an earlier answer, which goes on without it."""


_OFFERS = frozenset({"tool_search_output", "additional_tools"})


def kind_of(type_: Any, role: Any) -> str:
    """What an item is; messages and references may leave their type out."""
    if type_ is None:
        return "item_reference" if role is None else "message"
    return type_ if isinstance(type_, str) else ""


class _Items:
    """The turns as the items come; those of one answer wait until it is known that no more join it."""

    def __init__(self) -> None:
        self.tools: list[Tool | Opaque] = []
        """Offered by items."""
        self._turns: list[Turn] = []
        self._answer: list[Part] = []

    def add(self, item: Object, where: str) -> None:
        """Add an item.

        Raises:
            BadRequest: names the item.
        """
        kind = kind_of(item.get("type"), item.get("role"))
        if kind == "tool_search_call" and item.get("execution") != "client":
            self._answer.append(Opaque(dialect=DIALECT, kind=kind, value=item, where=where))
        elif read_part := _PARTS.get(kind):
            self._answer.append(read_part(item, where))
        elif read_result := _RESULTS.get(kind):
            self._say(Turn(role="user", parts=(read_result(item, where),)))
        elif kind == "message":
            self._message(convert(item, Message, where), where)
        elif kind in _OFFERS:
            self._offer(item, where)
        elif kind in _LEFT_OUT:
            self._answer.append(Opaque(dialect=DIALECT, kind=kind, value=item, where=where))
        else:
            remedy = _REFUSED_ITEMS.get(kind, "it cannot be put to the models here; leave it out")
            raise BadRequest(f"{where}.type: `{kind[:40]}`: {remedy}")

    def _offer(self, item: Object, where: str) -> None:
        """Take tools that are offered from here on, and answer the search that found them."""
        tools = convert(item.get("tools") or [], list[Object], f"{where}.tools")
        offered = list(decode_tools(tools, f"{where}.tools"))
        self.tools += offered
        if call_id := item.get("call_id"):
            names = ", ".join(tool.name for tool in offered if isinstance(tool, Tool)) or "none"
            parts = (Text(text=f"Tools found: {names}"),)
            self._say(Turn(role="user", parts=(ToolResult(call_id=str(call_id), parts=parts),)))

    def _message(self, message: Message, where: str) -> None:
        parts = tuple(_content(message.content, f"{where}.content"))
        role = _ROLES.get(message.role, "user")
        if role == "assistant":
            for part in parts:
                if not isinstance(part, Text) or part.text.strip():
                    self._answer.append(part)
        else:
            self._say(Turn(role=role, parts=parts))

    def turns(self) -> list[Turn]:
        """Return all turns."""
        self._end_answer()
        return self._turns

    def _say(self, turn: Turn) -> None:
        self._end_answer()
        self._turns.append(turn)

    def _end_answer(self) -> None:
        if self._answer:
            self._turns.append(Turn(role="assistant", parts=tuple(self._answer)))
            self._answer = []


def _content(content: Content | None, where: str) -> Iterator[Part]:
    if isinstance(content, str):
        yield from (Text(text=content),) if content else ()
        return
    for at, part in enumerate(content or ()):
        yield _part(part, f"{where}[{at}]")


def _part(part: ContentPart, where: str) -> Part:
    mark: CacheMark | None = "5m" if part.prompt_cache_breakpoint else None
    match part.type:
        case "input_text" | "output_text" | "text" | "summary_text" | "reasoning_text":
            return Text(text=part.text or "", cache=mark)
        case "refusal":
            return Refusal(text=part.refusal or part.text or "")
        case "input_image":
            return _image(part, where, mark)
        case "input_file":
            media_type, data = inline(part.file_data or "")
            return Document(
                title=part.filename or "",
                data=data or part.file_data or "",
                media_type=media_type,
                url=part.file_url or "",
                file_id=part.file_id or "",
                cache=mark,
            )
        case _:
            raise BadRequest(
                f"{where}.type: `{part.type[:40]}` cannot be put to the models here; leave it out"
            )


def _image(part: ContentPart, where: str, mark: CacheMark | None) -> Image:
    if not part.image_url:
        raise BadRequest(f"{where}.image_url: is missing; an uploaded file is OpenAI's alone: send its data")
    media_type, data = inline(part.image_url)
    detail = "high" if part.detail == "original" else part.detail or ""
    return Image(
        url="" if data else part.image_url, data=data, media_type=media_type, detail=detail, cache=mark
    )


def _function_call(item: Object, where: str) -> ToolCall:
    call = convert(item, FunctionCall, where)
    arguments = call.arguments
    written = arguments if isinstance(arguments, str) else msgspec.json.encode(arguments or {}).decode()
    return ToolCall(id=call.call_id, name=joined(call.namespace, call.name), arguments=written)


def _custom_call(item: Object, where: str) -> ToolCall:
    call = convert(item, CustomCall, where)
    return ToolCall(
        id=call.call_id, name=joined(call.namespace, call.name), arguments=arguments_of(call.input)
    )


def _action_call(kind: str, item: Object, where: str) -> ToolCall:
    call = convert(item, ActionCall, where)
    did = getattr(call, KINDS[kind].field)
    return ToolCall(id=call.call_id or call.id or "", name=kind, arguments=call_arguments(kind, did))


def _reasoning(item: Object, where: str) -> Thinking | Opaque:
    """What was thought; what another provider encrypted is left to it."""
    thought = convert(item, ReasoningItem, where)
    text = "".join(part.text for part in thought.summary or thought.content or ())
    encrypted = thought.encrypted_content or ""
    if encrypted:
        mine = unseal(encrypted, text)
        return mine or Opaque(dialect=DIALECT, kind="reasoning.encrypted_content", value=item, where=where)
    return Thinking(text=text)


def _result(item: Object, where: str) -> ToolResult:
    result = convert(item, Output, where)
    if not (call_id := result.call_id or result.id):
        raise BadRequest(f"{where}.call_id: must name the call that this answers")
    parts = _content(result.output, f"{where}.output")
    return ToolResult(
        call_id=call_id,
        parts=tuple(part for part in parts if isinstance(part, Text | Image | Document)),
        error=result.status == "failed",
    )


def _shell_result(item: Object, where: str) -> ToolResult:
    result = convert(item, ShellOutputs, where)
    parts = tuple(Text(text=text) for output in result.output if (text := _printed(output)))
    return ToolResult(call_id=result.call_id, parts=parts)


def _printed(output: ShellOutput) -> str:
    code = output.outcome.get("exit_code")
    ended = "timed out" if output.outcome.get("type") == "timeout" else f"Exit code: {code}" if code else ""
    return "\n".join(filter(None, (output.stdout, output.stderr, ended)))


_PARTS: Mapping[str, Callable[[Object, str], Part]] = {
    "function_call": _function_call,
    "custom_tool_call": _custom_call,
    "reasoning": _reasoning,
    **{type_: partial(_action_call, kind) for type_, kind in CALL_TYPES.items()},
}
"""Items of an answer."""
_RESULTS: Mapping[str, Callable[[Object, str], ToolResult]] = {
    **dict.fromkeys(OUTPUT_TYPES, _result),
    "shell_call_output": _shell_result,
}
_READ = frozenset({"message", "tool_search_call", *_OFFERS, *_LEFT_OUT, *_PARTS, *_RESULTS})
"""Items that can be put to models of other makers."""
