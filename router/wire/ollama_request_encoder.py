"""Ollama, the request: a conversation as the body of `/api/chat`."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from router.wire.arguments import settle
from router.wire.conversation import (
    Conversation,
    Image,
    Part,
    Reasoning,
    ResponseFormat,
    Thinking,
    Tool,
    ToolCall,
    ToolResult,
)
from router.wire.ollama_request import PROMPT
from router.wire.target import Target

Object = dict[str, Any]


def encode_request(conversation: Conversation, *, model: str, target: Target) -> bytes:
    """Write the body.

    Args:
        conversation: what `capabilities.adapt` left of the client's.
        model: the name that the receiving side knows its model by.
        target: the receiving side.
    """
    del target
    own = conversation.extras if conversation.dialect == "ollama" else {}
    extras = {name: value for name, value in own.items() if name != PROMPT and "." not in name}
    fields: Object = {
        "messages": list(_messages(conversation)),
        "tools": [_tool(tool) for tool in conversation.tools if isinstance(tool, Tool)] or None,
        "format": _format(conversation.response_format),
        "think": _think(conversation.reasoning),
        "options": _options(conversation, own) or None,
    }
    written = {name: value for name, value in fields.items() if value is not None}
    return msgspec.json.encode({"model": model, **extras, **written, "stream": conversation.stream})


def _messages(conversation: Conversation) -> Iterator[Object]:
    if conversation.system:
        yield {"role": "system", "content": _text(conversation.system)}
    names = {
        part.id: part.name for turn in conversation.turns for part in turn.parts if isinstance(part, ToolCall)
    }
    for turn in conversation.turns:
        for part in turn.parts:
            if isinstance(part, ToolResult):
                yield _message("tool", part.parts) | {
                    "tool_call_id": part.call_id,
                    "tool_name": names.get(part.call_id, ""),
                }
        if spoken := [part for part in turn.parts if not isinstance(part, ToolResult)]:
            yield _message(turn.role, spoken)


def _message(role: str, parts: Sequence[Part]) -> Object:
    message: Object = {"role": role, "content": _text(parts)}
    if thought := "".join(part.text for part in parts if isinstance(part, Thinking)):
        message["thinking"] = thought
    if images := [part.data for part in parts if isinstance(part, Image) and part.data]:
        message["images"] = images
    if calls := [part for part in parts if isinstance(part, ToolCall)]:
        message["tool_calls"] = [
            {
                "id": call.id,
                "function": {"name": call.name, "arguments": msgspec.Raw(settle(call.arguments).encode())},
            }
            for call in calls
        ]
    return message


def _text(parts: Sequence[Part]) -> str:
    texts = (getattr(part, "text", "") for part in parts if not isinstance(part, Thinking | Image))
    return "\n".join(text for text in texts if text)


def _tool(tool: Tool) -> Object:
    function = {"name": tool.name, "description": tool.description, "parameters": dict(tool.schema)}
    return {"type": "function", "function": function}


def _format(shape: ResponseFormat | None) -> str | Object | None:
    if shape is None:
        return None
    return dict(shape.schema) if shape.kind == "json_schema" else "json"


def _think(reasoning: Reasoning | None) -> bool | str | None:
    if reasoning is None:
        return None
    return False if reasoning.effort == "none" else reasoning.effort or True


def _options(conversation: Conversation, extras: Any) -> Object:
    drawn = conversation.sampling
    fields: Object = {
        "num_predict": conversation.output_limit,
        "temperature": drawn.temperature,
        "top_p": drawn.top_p,
        "top_k": drawn.top_k,
        "seed": drawn.seed,
        "frequency_penalty": drawn.frequency_penalty,
        "presence_penalty": drawn.presence_penalty,
        "stop": list(conversation.stop) or None,
    }
    others = {
        name.removeprefix("options."): value for name, value in extras.items() if name.startswith("options.")
    }
    return others | {name: value for name, value in fields.items() if value is not None}
