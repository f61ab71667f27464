"""Gemini, the request: the body of `generateContent` as a conversation.

- Model and stream are the path's; they stand in the body by now (`gemini_shape.with_path`).
- Calls mostly have no ids: which call a result answers is said by its name, or by order alone.
- What Google's servers run themselves, or keep, is refused or dropped by name: see `capabilities`.
"""

import re
from base64 import b64decode
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from router.errors import BadRequest
from router.types import DialectName
from router.wire.body import Envelope, decode_object
from router.wire.conversation import (
    Conversation,
    Document,
    Image,
    Opaque,
    Part,
    Reasoning,
    ResponseFormat,
    Sampling,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Turn,
)
from router.wire.gemini_reasoning import standard, unseal
from router.wire.gemini_schema import json_schema
from router.wire.gemini_shape import (
    Blob,
    CallingConfig,
    FileData,
    FunctionDeclaration,
    GeminiBody,
    GeminiCall,
    GeminiContent,
    GeminiPart,
    GeminiResult,
    GeminiTool,
    GenerationConfig,
    Object,
    SystemInstruction,
    ThinkingConfig,
    read_body,
    read_head,
)

DIALECT: DialectName = "gemini"
THOUGHTS = "includeThoughts"
"""In `Conversation.extras`: the client is to be told what the model thought."""
ALT = "alt"
"""In `Conversation.extras`: how a stream is sent; `sse`, or empty for a list."""
SEARCH = "googleSearch"
"""The one tool of Google's servers that another provider has, too."""

_CONFIG, _TOOL_CONFIG = "generationConfig", "toolConfig"
_NEUTRAL = frozenset({
    "model", "stream", "contents", "systemInstruction", "tools", _TOOL_CONFIG, _CONFIG,
})  # fmt: skip
"""Fields that the neutral form has, too, at least in part."""
_CALLING = "functionCallingConfig"


def _camel(struct: type[msgspec.Struct]) -> frozenset[str]:
    return frozenset(struct.__struct_encode_fields__)


_OF_CONFIG, _OF_PART = _camel(GenerationConfig), _camel(GeminiPart)
_OF_CONTENT, _OF_TOOL = _camel(GeminiContent), _camel(GeminiTool)
_OF_THINKING, _OF_CALLING = _camel(ThinkingConfig), _camel(CallingConfig)
_SAID_ELSEWHERE = frozenset({"executableCode", "codeExecutionResult"})
"""Parts of what Google's servers ran in an earlier answer."""


def read(body: bytes) -> Envelope:
    """Read the envelope; raises `BadRequest`."""
    head = read_head(body)
    return Envelope(model=(head.model or "").removeprefix("models/"), stream=head.stream is True)


def decode_request(body: bytes) -> Conversation:
    """Read a body that `read` has accepted.

    Raises:
        BadRequest: a field of the wrong kind, or what nobody here has; names it and the remedy.
    """
    request = read_body(body)
    fields = decode_object(body)
    config = request.generation_config or GenerationConfig()
    tools = list(_tools(request, fields))
    calling = (request.tool_config and request.tool_config.function_calling_config) or CallingConfig()
    return Conversation(
        dialect=DIALECT,
        model=(request.model or "").removeprefix("models/"),
        system=tuple(_system(request.system_instruction)),
        turns=tuple(_turns(request.contents, fields["contents"])),
        tools=tuple(_allowed(tools, calling)),
        tool_choice=_tool_choice(calling),
        sampling=Sampling(
            temperature=config.temperature,
            top_p=config.top_p,
            top_k=_whole(config.top_k),
            seed=config.seed,
            frequency_penalty=config.frequency_penalty,
            presence_penalty=config.presence_penalty,
        ),
        response_format=_response_format(config),
        reasoning=_reasoning(config.thinking_config or ThinkingConfig()),
        stop=tuple(config.stop_sequences or ()),
        output_limit=config.max_output_tokens or None,
        stream=request.stream is True,
        extras=dict(_extras(fields, config)),
    )


def _whole(number: float | None) -> int | None:
    """`topK`, which clients also write as `64.0`."""
    if number is None:
        return None
    if not -(2**63) <= number < 2**63:
        raise BadRequest(f"{_CONFIG}.topK: must be an integer of 64 bits")
    return int(number)


def _extras(fields: Mapping[str, Any], config: GenerationConfig) -> Iterator[tuple[str, Any]]:
    """What has no neutral word, by its place in the body."""
    yield from ((name, value) for name, value in fields.items() if name not in _NEUTRAL and value is not None)
    yield from _others(fields.get(_CONFIG), _OF_CONFIG, _CONFIG)
    yield from _others(
        (fields.get(_CONFIG) or {}).get("thinkingConfig"), _OF_THINKING, f"{_CONFIG}.thinkingConfig"
    )
    if config.thinking_config and config.thinking_config.include_thoughts:
        yield THOUGHTS, True
    choice = fields.get(_TOOL_CONFIG) or {}
    yield from _others(choice, frozenset({_CALLING}), _TOOL_CONFIG)
    calling = choice.get(_CALLING) or {}
    yield from _others(calling, _OF_CALLING, f"{_TOOL_CONFIG}.{_CALLING}")
    if calling.get("mode") == "VALIDATED":
        yield f"{_TOOL_CONFIG}.{_CALLING}.mode", "VALIDATED"
    for at, content in enumerate(fields["contents"]):
        yield from _others(content, _OF_CONTENT, f"contents[{at}]")
        for place, part in enumerate(content.get("parts") or ()):
            named = _OF_PART | _SAID_ELSEWHERE
            yield from _others(part, named, f"contents[{at}].parts[{place}]")


def _others(value: Any, named: frozenset[str], where: str) -> Iterator[tuple[str, Any]]:
    for name, inner in value.items() if isinstance(value, dict) else ():
        if name not in named and inner is not None:
            yield f"{where}.{name}", inner


def _system(content: SystemInstruction | None) -> Iterator[Text]:
    for at, part in enumerate((content and content.parts) or ()):
        if part.text is None:
            raise BadRequest(f"systemInstruction.parts[{at}].text: is missing; a system text is text")
        if part.text:
            yield Text(text=part.text)


class _Open:
    """Calls that are not answered yet, in order: their ids and names; and the answers so far."""

    def __init__(self) -> None:
        self._calls: list[tuple[str, str]] = []
        self._answered: dict[str, GeminiResult] = {}

    def add(self, call: ToolCall) -> None:
        self._calls.append((call.id, call.name))

    def answer(self, result: GeminiResult, where: str) -> str:
        """The id of the call that a result answers; empty where it was said before, word by word.

        Gemini CLI says a result twice in a session that it resumes.

        Raises:
            BadRequest: there is none before it.
        """
        fits = [call for call in self._calls if result.id == call[0]]
        if result.id and not fits and self._answered.get(result.id) == result:
            return ""
        fits += [call for call in self._calls if result.name == call[1]]
        fits += self._calls if not result.name and not result.id else []
        if not fits:
            field = "name" if result.name else "id"
            raise BadRequest(
                f"{where}.functionResponse.{field}: answers no call; send the model's content with its "
                "`functionCall` before it, or say it as text"
            )
        self._calls.remove(fits[0])
        self._answered[fits[0][0]] = result
        return fits[0][0]


def _turns(contents: Sequence[GeminiContent], raw: Sequence[Object]) -> Iterator[Turn]:
    """Yield each content as a turn; one without parts is left out."""
    open_calls = _Open()
    for at, content in enumerate(contents):
        parts: list[Part] = []
        fields = raw[at].get("parts") or ()
        for place, part in enumerate(content.parts or ()):
            where = f"contents[{at}].parts[{place}]"
            for read_part in _part(part, fields[place], where, f"call_{at}_{place}", open_calls):
                if isinstance(read_part, Thinking) and read_part.signature + read_part.redacted:
                    parts.insert(_before_texts(parts), read_part)
                else:
                    parts.append(read_part)
        if content.role == "model":
            spoken = tuple(part for part in parts if not isinstance(part, Text) or part.text.strip())
            if spoken:
                yield Turn(role="assistant", parts=spoken)
        elif parts:
            results = [part for part in parts if isinstance(part, ToolResult)]
            others = [part for part in parts if not isinstance(part, ToolResult)]
            yield Turn(role="user", parts=(*results, *others))


def _before_texts(parts: Sequence[Part]) -> int:
    """Where reasoning stood whose signature came later: before the texts that follow the last call."""
    at = len(parts)
    while at and not isinstance(parts[at - 1], ToolCall | Thinking):
        at -= 1
    return at


def _part(part: GeminiPart, fields: Object, where: str, call_id: str, open_calls: _Open) -> Iterator[Part]:
    if part.thought_signature and (thoughts := unseal(part.thought_signature)):
        yield from thoughts
        if part.thought:
            return  # the same text
    if part.text:
        yield Thinking(text=part.text) if part.thought else Text(text=part.text)
    if part.inline_data is not None:
        yield _audio(part.inline_data, where) or _inline(part.inline_data, f"{where}.inlineData")
    if part.file_data is not None:
        yield _file(part.file_data, f"{where}.fileData")
    if part.function_call is not None:
        call = _call(part.function_call, call_id)
        open_calls.add(call)
        yield call
    if part.function_response is not None:
        yield from _result(part.function_response, open_calls, where)
    for kind in _SAID_ELSEWHERE.intersection(fields):
        content = fields[kind] or {}
        text = str(content.get("code") or content.get("output") or "") if isinstance(content, dict) else ""
        yield Opaque(dialect=DIALECT, kind=kind, value={kind: content}, text=text, where=where)
    if not (_OF_PART | _SAID_ELSEWHERE).intersection(fields):
        raise BadRequest(f"{where}: holds nothing that is known here; leave it out, or send `text`")


def _call(call: GeminiCall, call_id: str) -> ToolCall:
    arguments = msgspec.json.encode(call.args or {}).decode()
    return ToolCall(id=call.id or call_id, name=call.name, arguments=arguments)


_PLAIN = ("output", "result", "error")
"""What clients put a tool's text under, when that is all it said."""


def _result(result: GeminiResult, open_calls: _Open, where: str) -> Iterator[ToolResult]:
    response = result.response or {}
    text = next((response[name] for name in _PLAIN if response.keys() == {name}), None)
    if not isinstance(text, str):
        text = msgspec.json.encode(response).decode() if response else ""
    attached = [
        _inline(msgspec.convert(part["inlineData"], Blob), f"{where}.functionResponse.parts[{at}].inlineData")
        for at, part in enumerate(result.parts or ())
        if _is_blob(part, f"{where}.functionResponse.parts[{at}]")
    ]
    if call_id := open_calls.answer(result, where):
        yield ToolResult(
            call_id=call_id,
            parts=(*((Text(text=text),) if text else ()), *attached),
            error="error" in response and "output" not in response,
        )


def _is_blob(part: Object, where: str) -> bool:
    blob = part.get("inlineData")
    if not isinstance(blob, dict) or not isinstance(blob.get("data"), str):
        raise BadRequest(f"{where}: must have `inlineData` with `mimeType` and `data`")
    return True


_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")
_TEXTUAL = re.compile(r"text/|application/(?:json|xml|yaml|x-yaml|toml|javascript|x-javascript)")


def _inline(blob: Blob, where: str) -> Image | Document:
    kind = (blob.mime_type or "").partition(";")[0].strip().lower()
    data = standard(blob.data)
    if not kind:
        raise BadRequest(f"{where}.mimeType: is missing")
    if _BASE64.fullmatch(data) is None:
        raise BadRequest(f"{where}.data: must be base64")
    if kind.startswith("image/"):
        return Image(data=data, media_type=kind)
    _check_readable(kind, where)
    title = blob.display_name or ""
    if _TEXTUAL.match(kind):
        return Document(title=title, text=b64decode(data).decode("utf-8", "replace"))
    return Document(title=title, data=data, media_type=kind)


_SOUNDS = {
    "audio/wav": "wav", "audio/x-wav": "wav", "audio/wave": "wav", "audio/mp3": "mp3", "audio/mpeg": "mp3",
}  # fmt: skip
"""Kinds of audio that Chat Completions has a word for."""


def _audio(blob: Blob, where: str) -> Opaque | None:
    """Audio as Chat Completions has it; None where it is something else."""
    sound = _SOUNDS.get((blob.mime_type or "").partition(";")[0].strip().lower())
    if sound is None:
        return None
    value = {"type": "input_audio", "input_audio": {"data": standard(blob.data), "format": sound}}
    return Opaque(dialect="openai_chat", kind="input_audio", value=value, where=where)


def _check_readable(kind: str, where: str) -> None:
    if kind.startswith(("audio/", "video/")):
        raise BadRequest(f"{where}.mimeType: `{kind[:40]}` is read by no model here; send text or images")


_GOOGLES = re.compile(r"https?://(?:[\w.-]+\.)?(?:googleapis\.com|youtube\.com|youtu\.be)/", re.IGNORECASE)


def _file(file: FileData, where: str) -> Image | Document:
    if not file.file_uri.startswith(("http://", "https://")) or _GOOGLES.match(file.file_uri):
        raise BadRequest(f"{where}.fileUri: is kept by Google, and for nobody here; send it as `inlineData`")
    kind = (file.mime_type or "").partition(";")[0].strip().lower()
    _check_readable(kind, where)
    if kind.startswith("image/"):
        return Image(url=file.file_uri, media_type=kind)
    return Document(title=file.display_name or "", url=file.file_uri, media_type=kind)


def _tools(request: GeminiBody, fields: Mapping[str, Any]) -> Iterator[Tool | Opaque]:
    for at, tool in enumerate(request.tools or ()):
        for place, function in enumerate(tool.function_declarations or ()):
            yield _function(function, f"tools[{at}].functionDeclarations[{place}]")
        for kind, value in fields["tools"][at].items():
            if kind not in _OF_TOOL and value is not None:
                settings = value if isinstance(value, dict) else {}
                yield Opaque(dialect=DIALECT, kind=kind, value=settings, where=f"tools[{at}].{kind}")


def _function(function: FunctionDeclaration, where: str) -> Tool:
    own, general = function.parameters, function.parameters_json_schema
    if own is not None and general is not None:
        raise BadRequest(f"{where}.parametersJsonSchema: cannot stand beside `parameters`; leave one out")
    schema = json_schema(own) if own is not None else general
    return Tool(
        name=function.name,
        description=function.description or "",
        schema=schema if isinstance(schema, dict) else {},
    )


def _allowed(tools: list[Tool | Opaque], calling: CallingConfig) -> list[Tool | Opaque]:
    """The tools that may be called; all but where the client names some."""
    allowed = calling.allowed_function_names
    if not allowed or calling.mode not in {"ANY", "VALIDATED"}:
        return tools
    names = {tool.name for tool in tools if isinstance(tool, Tool)}
    for at, name in enumerate(allowed):
        if name not in names:
            place = f"{_TOOL_CONFIG}.{_CALLING}.allowedFunctionNames[{at}]"
            raise BadRequest(f"{place}: no tool is called `{name[:60]}`; name one of `functionDeclarations`")
    return [tool for tool in tools if isinstance(tool, Tool) and tool.name in allowed]


def _tool_choice(calling: CallingConfig) -> ToolChoice | None:
    allowed = calling.allowed_function_names or []
    match calling.mode:
        case "ANY":
            only = len(allowed) == 1
            return ToolChoice(mode="tool", name=allowed[0]) if only else ToolChoice(mode="required")
        case "NONE":
            return ToolChoice(mode="none")
        case "AUTO" | "VALIDATED":
            return ToolChoice(mode="auto")
    return None


_JSON = "application/json"


def _response_format(config: GenerationConfig) -> ResponseFormat | None:
    own, general = config.response_schema, config.response_json_schema
    kind = config.response_mime_type or ""
    if own is not None and general is not None:
        raise BadRequest(
            f"{_CONFIG}.responseJsonSchema: cannot stand beside `responseSchema`; leave one of them out"
        )
    if kind not in {"", "text/plain", _JSON}:
        raise BadRequest(f"{_CONFIG}.responseMimeType: `{kind[:40]}` is none; send `{_JSON}` or `text/plain`")
    schema = json_schema(own) if own is not None else general
    if schema is not None and kind != _JSON:
        raise BadRequest(f"{_CONFIG}.responseMimeType: must be `{_JSON}` beside a schema")
    if isinstance(schema, dict) and schema:
        return ResponseFormat(kind="json_schema", schema=schema)
    return ResponseFormat(kind="json_object") if kind == _JSON else None


def _reasoning(config: ThinkingConfig) -> Reasoning | None:
    budget, level = config.thinking_budget, (config.thinking_level or "").lower()
    if level and level != "thinking_level_unspecified":
        return Reasoning(effort=level)
    if budget is None:
        return None
    if budget == 0:
        return Reasoning(effort="none")
    return Reasoning(adaptive=True) if budget < 0 else Reasoning(budget_tokens=budget)
