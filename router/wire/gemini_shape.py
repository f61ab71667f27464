"""The shape of Gemini's bodies, as far as translating them depends on it; and the one spelling that is read.

Google's servers take every field in two spellings, `systemInstruction` and `system_instruction`, and one
object where a list of one is meant. `normalise` writes the first of each, so that nobody else has to know.
What a client named itself, such as a tool's arguments, stays as it is.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec

from router.errors import BadRequest
from router.wire.body import UNREADABLE, decode, decode_object

Object = dict[str, Any]
Number = int | float
Name = Annotated[str, msgspec.Meta(min_length=1)]
Integer = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]


class GeminiHead(msgspec.Struct, frozen=True):
    """What carrying a request depends on; `model`, `stream` and `alt` are the path's, see `gemini_path`."""

    contents: Annotated[list[Object], msgspec.Meta(min_length=1)]
    model: str | None = None
    stream: bool | None = None
    alt: str | None = None
    tools: list[Object] | None = None


class Blob(msgspec.Struct, frozen=True, rename="camel"):
    """Bytes in base64."""

    data: str
    mime_type: str | None = None
    display_name: str | None = None


class FileData(msgspec.Struct, frozen=True, rename="camel"):
    """A file by its address."""

    file_uri: Name
    mime_type: str | None = None
    display_name: str | None = None


class GeminiCall(msgspec.Struct, frozen=True, rename="camel"):
    """A call of the model's; most models of Gemini's give it no id."""

    name: Name
    args: Object | None = None
    id: str | None = None


class GeminiResult(msgspec.Struct, frozen=True, rename="camel"):
    """What the client's tool answered."""

    name: str | None = None
    response: Object | None = None
    id: str | None = None
    parts: list[Object] | None = None


class GeminiPart(msgspec.Struct, frozen=True, rename="camel"):
    """One part of a content; which it is its field says."""

    text: str | None = None
    thought: bool | None = None
    thought_signature: str | None = None
    inline_data: Blob | None = None
    file_data: FileData | None = None
    function_call: GeminiCall | None = None
    function_response: GeminiResult | None = None


class GeminiContent(msgspec.Struct, frozen=True):
    """One turn. Without a role it is the user's."""

    parts: list[GeminiPart] | None = None
    role: Literal["user", "model", "function", "tool", ""] | None = None


class SystemInstruction(msgspec.Struct, frozen=True):
    """The system text. Google reads no role of it, and its older packages write `system` there."""

    parts: list[GeminiPart] | None = None
    role: str | None = None


class FunctionDeclaration(msgspec.Struct, frozen=True, rename="camel"):
    """A tool that the client runs itself; its schema is Gemini's own, or JSON schema."""

    name: Name
    description: str | None = None
    parameters: Object | None = None
    parameters_json_schema: Object | bool | None = None


class GeminiTool(msgspec.Struct, frozen=True, rename="camel"):
    """Tools of one kind."""

    function_declarations: list[FunctionDeclaration] | None = None


class CallingConfig(msgspec.Struct, frozen=True, rename="camel"):
    """Whether the model may, must or must not call a function."""

    mode: Literal["MODE_UNSPECIFIED", "AUTO", "ANY", "NONE", "VALIDATED"] | None = None
    allowed_function_names: list[str] | None = None


class ToolConfig(msgspec.Struct, frozen=True, rename="camel"):
    """How tools are called."""

    function_calling_config: CallingConfig | None = None


class ThinkingConfig(msgspec.Struct, frozen=True, rename="camel"):
    """How much the model is to think, and whether the client is told of it."""

    include_thoughts: bool | None = None
    thinking_budget: Integer | None = None
    thinking_level: str | None = None


class GenerationConfig(msgspec.Struct, frozen=True, rename="camel"):
    """What the neutral form has a word for, too."""

    temperature: Number | None = None
    top_p: Number | None = None
    top_k: Number | None = None
    seed: Integer | None = None
    max_output_tokens: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)] | None = None
    stop_sequences: list[str] | None = None
    presence_penalty: Number | None = None
    frequency_penalty: Number | None = None
    response_mime_type: str | None = None
    response_schema: Object | None = None
    response_json_schema: Object | bool | None = None
    thinking_config: ThinkingConfig | None = None


class GeminiBody(msgspec.Struct, frozen=True, rename="camel"):
    """A whole body."""

    contents: Annotated[list[GeminiContent], msgspec.Meta(min_length=1)]
    system_instruction: SystemInstruction | None = None
    tools: list[GeminiTool] | None = None
    tool_config: ToolConfig | None = None
    generation_config: GenerationConfig | None = None
    model: str | None = None
    stream: bool | None = None


class _Counted(msgspec.Struct, frozen=True):
    contents: msgspec.Raw = msgspec.Raw()
    generateContentRequest: msgspec.Raw = msgspec.Raw()  # noqa: N815 - the field's own name


_NUMBER, _INTEGER, _OBJECT = "must be a number", "must be an integer of 64 bits", "must be an object"
_TEXTS = "must be an array of strings"
_REMEDIES = {
    "contents": "must be a non-empty array of contents, each with `parts` and a `role`",
    "contents[]": "must be an object with `parts` and a `role`",
    "contents[].role": "must be `user` or `model`; the system text is `systemInstruction`",
    "contents[].parts": "must be an array of parts",
    "contents[].parts[]": 'must be an object, such as {"text": "…"}',
    "contents[].parts[].text": "must be a string",
    "systemInstruction": "must be an object with `parts`",
    "toolConfig": _OBJECT,
    "toolConfig.functionCallingConfig.mode": "must be `AUTO`, `ANY`, `NONE` or `VALIDATED`",
    "toolConfig.functionCallingConfig.allowedFunctionNames": _TEXTS,
    "generationConfig": _OBJECT,
    "generationConfig.temperature": _NUMBER,
    "generationConfig.topP": _NUMBER,
    "generationConfig.topK": _INTEGER,
    "generationConfig.seed": _INTEGER,
    "generationConfig.maxOutputTokens": "must be a number of tokens; leave it out for the model's own limit",
    "generationConfig.presencePenalty": _NUMBER,
    "generationConfig.frequencyPenalty": _NUMBER,
    "generationConfig.stopSequences": _TEXTS,
    "generationConfig.responseSchema": "must be a schema, as an object",
    "generationConfig.thinkingConfig.thinkingBudget": "must be a number of tokens, 0 for none, -1 for any",
}
_HEAD = msgspec.json.Decoder(GeminiHead)
_BODY = msgspec.json.Decoder(GeminiBody)
_COUNTED = msgspec.json.Decoder(_Counted)


def read_head(body: bytes) -> GeminiHead:
    """Read what carrying a body depends on.

    Raises:
        BadRequest: a field of the wrong kind; names it and the remedy.
    """
    return decode(_HEAD, body, _REMEDIES)


def read_body(body: bytes) -> GeminiBody:
    """Read a body that is to be translated.

    Raises:
        BadRequest: names the field, and what stands there in the place of what.
    """
    return decode(_BODY, body, _REMEDIES)


_OPAQUE: Mapping[str, Any] = {}
"""What a client named itself: its keys are not Gemini's."""
_PART: Mapping[str, Any] = {
    "inlineData": {"mimeType": None, "displayName": None},
    "fileData": {"mimeType": None, "fileUri": None, "displayName": None},
    "functionCall": {"args": _OPAQUE},
    "functionResponse": {"response": _OPAQUE, "parts": [{"inlineData": {"mimeType": None}}]},
    "executableCode": None,
    "codeExecutionResult": None,
    "thoughtSignature": None,
    "videoMetadata": None,
    "mediaResolution": None,
}
_CONTENT: Mapping[str, Any] = {"parts": [_PART]}
_FIELDS: Mapping[str, Any] = {
    "contents": [_CONTENT],
    "systemInstruction": _CONTENT,
    "tools": [
        {
            "functionDeclarations": [
                {
                    "parameters": _OPAQUE,
                    "parametersJsonSchema": _OPAQUE,
                    "response": _OPAQUE,
                    "responseJsonSchema": _OPAQUE,
                }
            ],
            "googleSearch": None,
            "googleSearchRetrieval": None,
            "codeExecution": None,
            "urlContext": None,
            "googleMaps": None,
            "fileSearch": None,
            "computerUse": None,
            "mcpServers": None,
        }
    ],
    "toolConfig": {
        "functionCallingConfig": {"allowedFunctionNames": None},
        "retrievalConfig": None,
        "includeServerSideToolInvocations": None,
    },
    "safetySettings": None,
    "generationConfig": {
        "topP": None, "topK": None, "candidateCount": None, "maxOutputTokens": None, "stopSequences": None,
        "presencePenalty": None, "frequencyPenalty": None, "responseMimeType": None, "responseLogprobs": None,
        "responseModalities": None, "speechConfig": None, "imageConfig": None, "mediaResolution": None,
        "enableEnhancedCivicAnswers": None, "responseFormat": _OPAQUE, "serviceTier": None,
        "responseSchema": _OPAQUE, "responseJsonSchema": _OPAQUE,
        "thinkingConfig": {"includeThoughts": None, "thinkingBudget": None, "thinkingLevel": None},
    },
    "cachedContent": None,
    "serviceTier": None,
    "generateContentRequest": None,
}  # fmt: skip
"""Every field that has two spellings or may stand without its list, by where it stands."""


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)([A-Z])", lambda letter: f"_{letter[0].lower()}", name)


def _names(table: Any) -> frozenset[str]:
    if isinstance(table, list):
        return _names(table[0])
    own = frozenset(name for name in table or () if _snake(name) != name)
    return own.union(*(_names(inner) for inner in (table or {}).values() if inner))


_CAMEL: Mapping[str, str] = {_snake(name): name for name in sorted(_names(_FIELDS))}
_OTHER_SPELLING = re.compile(
    rb'"(?:%s)"\s*:|"(?:contents|parts|tools|function_?[dD]eclarations)"\s*:\s*\{'
    % b"|".join(name.encode() for name in _CAMEL)
)


def normalise(body: bytes) -> bytes:
    """Write each field in the spelling of JSON, and each list as one; most bodies stay as they are.

    The body of a count that holds the request to be counted is that request.

    Raises:
        BadRequest: a field stands there in both spellings.
    """
    if _OTHER_SPELLING.search(body):
        try:
            body = msgspec.json.encode(_respelled(decode_object(body), _FIELDS, ""))
        except RecursionError as error:
            raise BadRequest("the body is nested too deeply: send flatter JSON") from error
    if b'"generateContentRequest"' not in body:
        return body
    try:
        counted = _COUNTED.decode(body)
    except UNREADABLE:
        return body  # whoever reads it says what is wrong
    if counted.generateContentRequest and counted.contents:
        raise BadRequest("generateContentRequest: cannot stand beside `contents`; leave one of them out")
    return bytes(counted.generateContentRequest) or body


def _respelled(value: Any, table: Any, where: str) -> Any:
    if isinstance(table, list):
        items = value if isinstance(value, list) else [value] if isinstance(value, dict) else None
        if items is None:
            return value
        return [_respelled(item, table[0], f"{where}[{at}]") for at, item in enumerate(items)]
    if not isinstance(value, dict) or not table:
        return value
    fields: Object = {}
    for name, inner in value.items():
        spelled = _CAMEL.get(name, name)
        spelled = spelled if spelled in table else name
        if spelled in fields or (spelled != name and spelled in value):
            raise BadRequest(f"{where}{'.' if where else ''}{name}: is there twice, as `{spelled}`, too")
        place = f"{where}.{spelled}".removeprefix(".")
        fields[spelled] = _respelled(inner, table.get(spelled), place)
    return fields


_MODEL_FIELD = re.compile(rb"\s*\{")


def with_path(body: bytes, *, stream: bool, alt: str) -> bytes:
    """Write into a body what its path and query say: whether it streams, and how.

    Raises:
        BadRequest: the body has such a field itself, which Gemini's has not.
    """
    head = read_head(body)
    for name in ("stream", "alt"):
        if getattr(head, name) is not None:
            raise BadRequest(f"{name}: is no field of a body; the path says whether an answer streams")
    if not stream:
        return body
    opening = _MODEL_FIELD.match(body)
    start = opening.end() if opening else 0
    return b"".join((body[:start], b'"stream":true,"alt":', msgspec.json.encode(alt), b",", body[start:]))
