"""Gemini, the request: a conversation as the body of `generateContent`."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from router.wire.arguments import settle
from router.wire.conversation import (
    Conversation,
    Document,
    Image,
    Part,
    Reasoning,
    ResponseFormat,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    as_reminder,
)
from router.wire.gemini_reasoning import seal
from router.wire.gemini_request import ALT, DIALECT, THOUGHTS
from router.wire.images import media_type_of
from router.wire.target import Target

Object = dict[str, Any]
_CONFIG = "generationConfig."


def encode_request(conversation: Conversation, *, model: str, target: Target) -> bytes:
    """Write the body, with what is the path's as `gemini_shape.with_path` has it.

    Args:
        conversation: what `capabilities.adapt` left of the client's.
        model: the name that the receiving side knows its model by.
        target: the receiving side.
    """
    del target
    own = conversation.extras if conversation.dialect == DIALECT else {}
    extras = {name: value for name, value in own.items() if "." not in name and name not in {ALT, THOUGHTS}}
    tools = [_tool(tool) for tool in conversation.tools if isinstance(tool, Tool)]
    fields: Object = {
        "model": model,
        "stream": conversation.stream or None,
        "systemInstruction": {"parts": [{"text": part.text} for part in conversation.system]}
        if conversation.system
        else None,
        "contents": list(_contents(conversation)),
        "tools": [{"functionDeclarations": tools}] if tools else None,
        "toolConfig": _tool_config(conversation.tool_choice),
        "generationConfig": _config(conversation, own) or None,
    }
    return msgspec.json.encode(extras | {name: value for name, value in fields.items() if value is not None})


def _contents(conversation: Conversation) -> Iterator[Object]:
    names = {
        part.id: part.name for turn in conversation.turns for part in turn.parts if isinstance(part, ToolCall)
    }
    for turn in conversation.turns:
        parts = list(_parts(turn.parts, names))
        if turn.role == "system":
            parts = [{"text": as_reminder(part["text"])} for part in parts if "text" in part]
        if parts:
            yield {"role": "model" if turn.role == "assistant" else "user", "parts": parts}


def _parts(parts: Sequence[Part], names: Mapping[str, str]) -> Iterator[Object]:
    signed: list[Thinking] = []
    for part in parts:
        if isinstance(part, Thinking) and part.signature + part.redacted:
            signed.append(part)
        elif (written := _part(part, names)) is not None:
            if signed and isinstance(part, ToolCall):
                written["thoughtSignature"] = seal(signed)
                signed = []
            yield written
    if signed:
        yield {"text": "", "thoughtSignature": seal(signed)}


def _part(part: Part, names: Mapping[str, str]) -> Object | None:
    match part:
        case Image() | Document():
            return _file(part)
        case Thinking(text=text):
            return {"text": text, "thought": True} if text else None
        case ToolCall():
            arguments = msgspec.Raw(settle(part.arguments).encode())
            return {"functionCall": {"id": part.id, "name": part.name, "args": arguments}}
        case ToolResult():
            return {"functionResponse": _result(part, names)}
    text = getattr(part, "text", "")
    return {"text": text} if text else None


def _file(file: Image | Document) -> Object:
    """An image or a document: its text, its address, or its bytes."""
    if isinstance(file, Document) and file.text is not None:
        return {"text": file.text}
    kind = media_type_of(file.data) if isinstance(file, Image) else "application/pdf"
    if file.url:
        return {"fileData": {"fileUri": file.url, "mimeType": file.media_type or kind}}
    return {"inlineData": {"mimeType": file.media_type or kind, "data": file.data}}


def _result(result: ToolResult, names: Mapping[str, str]) -> Object:
    text = "\n".join(text for part in result.parts if (text := getattr(part, "text", "")))
    written = {
        "id": result.call_id,
        "name": names.get(result.call_id, ""),
        "response": {"error" if result.error else "output": text},
    }
    attached = [_part(part, names) for part in result.parts if getattr(part, "data", "")]
    return written | ({"parts": attached} if attached else {})


def _tool(tool: Tool) -> Object:
    return {"name": tool.name, "description": tool.description, "parametersJsonSchema": dict(tool.schema)}


def _tool_config(choice: ToolChoice | None) -> Object | None:
    if choice is None:
        return None
    mode = {"auto": "AUTO", "none": "NONE"}.get(choice.mode, "ANY")
    only = {"allowedFunctionNames": [choice.name]} if choice.mode == "tool" else {}
    return {"functionCallingConfig": {"mode": mode, **only}}


def _config(conversation: Conversation, extras: Mapping[str, Any]) -> Object:
    drawn = conversation.sampling
    fields: Object = {
        "maxOutputTokens": conversation.output_limit,
        "temperature": drawn.temperature,
        "topP": drawn.top_p,
        "topK": drawn.top_k,
        "seed": drawn.seed,
        "frequencyPenalty": drawn.frequency_penalty,
        "presencePenalty": drawn.presence_penalty,
        "stopSequences": list(conversation.stop) or None,
        "thinkingConfig": _thinking(conversation.reasoning, tells=bool(extras.get(THOUGHTS))) or None,
        **_format(conversation.response_format),
    }
    others = {
        name.removeprefix(_CONFIG): value
        for name, value in extras.items()
        if name.startswith(_CONFIG) and "." not in name.removeprefix(_CONFIG)
    }
    return others | {name: value for name, value in fields.items() if value is not None}


def _thinking(reasoning: Reasoning | None, *, tells: bool) -> Object:
    fields: Object = {"includeThoughts": True} if tells else {}
    if reasoning is None:
        return fields
    if reasoning.effort and reasoning.effort != "none":
        return fields | {"thinkingLevel": reasoning.effort.upper()}
    return fields | {"thinkingBudget": 0 if reasoning.effort == "none" else reasoning.budget_tokens or -1}


def _format(shape: ResponseFormat | None) -> Object:
    if shape is None:
        return {}
    fields: Object = {"responseMimeType": "application/json"}
    if shape.kind == "json_schema":
        fields["responseJsonSchema"] = dict(shape.schema)
    return fields
