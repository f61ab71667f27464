"""OpenAI Chat Completions, the request: a conversation as its body."""

from collections.abc import Iterator, Sequence

import msgspec

from router.wire.alternating import alternate
from router.wire.arguments import settle
from router.wire.capabilities import continues
from router.wire.chat_shape import Object
from router.wire.conversation import (
    CacheMark,
    Conversation,
    Document,
    Image,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolResult,
)
from router.wire.target import Target


def encode_request(conversation: Conversation, *, model: str, target: Target) -> bytes:
    """Write the body of `POST /v1/chat/completions`; a stream always reports its usage.

    Args:
        conversation: what `capabilities.adapt` left of the client's.
        model: the name that the receiving side knows its model by.
        target: the receiving side.
    """
    if target.alternating:
        conversation = alternate(conversation)
    goes_on = target.prefill == "flags" and continues(conversation)
    return msgspec.json.encode(
        {"model": model}
        | (dict(conversation.extras) if conversation.dialect == "openai_chat" else {})
        | {"messages": list(_messages(conversation, target))}
        | (_CONTINUE if goes_on else {})
        | _tool_fields(conversation, target)
        | _sampling_fields(conversation, target)
        | _answer_fields(conversation)
    )


_CONTINUE: Object = {"add_generation_prompt": False, "continue_final_message": True}
"""vLLM and SGLang go on on demand; llama-server, Ollama and our engine by themselves."""


def _messages(conversation: Conversation, target: Target) -> Iterator[Object]:
    if conversation.system:
        yield {"role": "system", "content": _content(conversation.system, target)}
    for turn in conversation.turns:
        name = {"name": turn.name} if turn.name and not target.alternating else {}
        if turn.role == "assistant":
            yield _assistant(turn.parts, conversation, target) | name
            continue
        for part in turn.parts:
            if isinstance(part, ToolResult):
                yield _result(part, target)
        if spoken := [part for part in turn.parts if not isinstance(part, ToolResult)]:
            yield {"role": turn.role, "content": _content(spoken, target)} | name


def _assistant(parts: Sequence[Part], conversation: Conversation, target: Target) -> Object:
    texts = [part for part in parts if not isinstance(part, ToolCall | Thinking | Refusal)]
    calls = [_call(part) for part in parts if isinstance(part, ToolCall)]
    refusal = "".join(part.text for part in parts if isinstance(part, Refusal))
    # Many templates want text in any case; where Claude answers, litellm would put words in its place.
    nothing = "" if target.alternating and target.side != "claude" else None
    message: Object = {"role": "assistant", "content": _content(texts, target) if texts else nothing}
    if refusal:
        message["refusal"] = refusal
    if calls:
        message["tool_calls"] = calls
    if conversation.dialect == "openai_chat":
        message |= _reasoning_fields([part for part in parts if isinstance(part, Thinking)], target)
    return message


def _reasoning_fields(blocks: Sequence[Thinking], target: Target) -> Object:
    signed = [block for block in blocks if block.signature or block.redacted]
    if signed:
        return {"thinking_blocks": list(map(_thinking_block, signed))} if target.side == "claude" else {}
    return {"reasoning_content": "".join(block.text for block in blocks)} if blocks else {}


def _thinking_block(block: Thinking) -> Object:
    if block.redacted:
        return {"type": "redacted_thinking", "data": block.redacted}
    return {"type": "thinking", "thinking": block.text, "signature": block.signature}


def _call(call: ToolCall) -> Object:
    return {
        "id": call.id,
        "type": "function",
        "function": {"name": call.name, "arguments": settle(call.arguments)},
    }


def _result(result: ToolResult, target: Target) -> Object:
    content = _content(result.parts, target)
    if result.error and isinstance(content, str) and "error" not in content[:40].lower():
        content = f"Error: {content}"
    return {"role": "tool", "tool_call_id": result.call_id, "content": content} | _mark(result.cache, target)


def _content(parts: Sequence[Part], target: Target) -> str | list[Object]:
    """A string where it is text alone and one piece: servers that take no list take that."""
    written = [_encoded(part, target) for part in parts]
    match written:
        case []:
            return ""
        case [{"type": "text", "text": str(text), **more}] if not more:
            return text
        case _:
            return written


def _encoded(part: Part, target: Target) -> Object:
    match part:
        case Text():
            return {"type": "text", "text": part.text} | _mark(part.cache, target)
        case Image():
            detail = {"detail": part.detail} if part.detail else {}
            url = f"data:{part.media_type};base64,{part.data}" if part.data else part.url
            return {"type": "image_url", "image_url": {"url": url} | detail} | _mark(part.cache, target)
        case Document() if part.text is not None:
            return {"type": "text", "text": part.text} | _mark(part.cache, target)
        case Document():
            return {"type": "file", "file": _file_fields(part)} | _mark(part.cache, target)
        case Opaque(dialect="openai_chat"):
            return dict(part.value)
        case _:
            return {"type": "text", "text": getattr(part, "text", "")}


def _file_fields(document: Document) -> Object:
    data = f"data:{document.media_type};base64,{document.data}" if document.media_type else document.data
    fields = {"filename": document.title, "file_data": data, "file_id": document.file_id}
    return {name: value for name, value in fields.items() if value}


def _mark(mark: CacheMark | None, target: Target) -> Object:
    if mark is None or target.side != "claude":
        return {}
    return {"cache_control": {"type": "ephemeral"} | ({"ttl": "1h"} if mark == "1h" else {})}


def _tool_fields(conversation: Conversation, target: Target) -> Object:
    """Return `tools` and what goes with them; nothing where no tool is left."""
    fields: Object = {"tools": [_tool_of(tool, target) for tool in conversation.tools]}
    if not fields["tools"]:
        return {}
    if choice := conversation.tool_choice:
        named = {"type": "function", "function": {"name": choice.name}}
        fields["tool_choice"] = named if choice.mode == "tool" else choice.mode
    if conversation.parallel_tool_calls is not None:
        fields["parallel_tool_calls"] = conversation.parallel_tool_calls
    return fields


def _tool_of(tool: Tool | Opaque, target: Target) -> Object:
    if isinstance(tool, Opaque):
        return dict(tool.value)
    function: Object = {"name": tool.name, "parameters": dict(tool.schema) or {"type": "object"}}
    if tool.description:
        function["description"] = tool.description
    if tool.strict is not None:
        function["strict"] = tool.strict
    return {"type": "function", "function": function} | _mark(tool.cache, target)


def _sampling_fields(conversation: Conversation, target: Target) -> Object:
    drawn = conversation.sampling
    fields = {
        target.output_field: conversation.output_limit,
        "stop": list(conversation.stop) or None,
        "temperature": drawn.temperature,
        "top_p": drawn.top_p,
        "top_k": drawn.top_k,
        "seed": drawn.seed,
        "frequency_penalty": drawn.frequency_penalty,
        "presence_penalty": drawn.presence_penalty,
        "user": conversation.user or None,
    }
    return {name: value for name, value in fields.items() if value is not None}


def _answer_fields(conversation: Conversation) -> Object:
    fields: Object = {}
    if shape := conversation.response_format:
        fields["response_format"] = {"type": shape.kind}
        if shape.kind == "json_schema":
            schema = {"name": shape.name, "schema": dict(shape.schema), "strict": shape.strict}
            fields["response_format"]["json_schema"] = {
                name: value for name, value in schema.items() if value is not None
            }
    if reasoning := conversation.reasoning:
        fields |= _thinking_fields(reasoning)
    if conversation.stream:
        fields |= {"stream": True, "stream_options": {"include_usage": True}}
    return fields


def _thinking_fields(reasoning: Reasoning) -> Object:
    fields: Object = {"reasoning_effort": reasoning.effort} if reasoning.effort else {}
    if reasoning.adaptive:
        fields["thinking"] = {"type": "adaptive"}
    elif reasoning.budget_tokens is not None:
        fields["thinking"] = {"type": "enabled", "budget_tokens": reasoning.budget_tokens}
    return fields
