"""OpenAI Responses, the request: a conversation as the body of `POST /v1/responses`."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from router.wire.conversation import (
    Conversation,
    Document,
    Image,
    Opaque,
    Part,
    Refusal,
    ResponseFormat,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolResult,
    Turn,
)
from router.wire.responses_reasoning import seal
from router.wire.responses_shape import Object
from router.wire.responses_tools import DIALECT, KINDS, encode_call, own_name, tools_by_name
from router.wire.target import Target


def encode_request(conversation: Conversation, *, model: str, target: Target) -> bytes:
    """Write the body.

    Args:
        conversation: what `capabilities.adapt` left of the client's.
        model: the name that the receiving side knows its model by.
        target: the receiving side; it makes no difference here.
    """
    del target
    sampling, reasoning = conversation.sampling, conversation.reasoning
    nested, extras = _nested(conversation.extras if conversation.dialect == DIALECT else {})
    text = nested.get("text", {}) | encode_format(conversation.response_format)
    thought = nested.get("reasoning", {}) | (
        {"effort": reasoning.effort} if reasoning and reasoning.effort else {}
    )
    tools = list(_tools(conversation.tools))
    fields: Object = {
        "instructions": "\n\n".join(part.text for part in conversation.system) or None,
        "tools": tools or None,
        "tool_choice": encode_choice(conversation) if tools else None,
        "parallel_tool_calls": conversation.parallel_tool_calls,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "max_output_tokens": conversation.output_limit,
        "reasoning": thought or None,
        "text": text or None,
        "user": conversation.user or None,
        "stream": conversation.stream or None,
    }
    present = {name: value for name, value in fields.items() if value is not None}
    return msgspec.json.encode({"model": model} | extras | {"input": list(_items(conversation))} | present)


def _nested(extras: Mapping[str, Any]) -> tuple[dict[str, Object], Object]:
    """Put what stood in `text` and `reasoning` back into them; the other fields beside."""
    nested: dict[str, Object] = {}
    plain: Object = {}
    for name, value in extras.items():
        outer, dot, inner = name.partition(".")
        if dot:
            nested.setdefault(outer, {})[inner] = value
        else:
            plain[name] = value
    return nested, plain


def encode_format(shape: ResponseFormat | None) -> Object:
    """Write the form that the answer must have, as a field of `text`; empty for any text."""
    if shape is None:
        return {}
    form: Object = {"type": shape.kind}
    if shape.kind == "json_schema":
        form |= {"name": shape.name, "schema": dict(shape.schema)}
        form |= {"strict": shape.strict} if shape.strict is not None else {}
    return {"format": form}


def _tools(tools: Sequence[Tool | Opaque]) -> Iterator[Object]:
    """Write tools; those of one namespace stand in it, where its first one stood."""
    spaces: dict[str, list[Object]] = {}
    for tool in tools:
        if isinstance(tool, Opaque):
            yield dict(tool.value)
        elif not tool.namespace:
            yield _tool(tool)
        elif tool.namespace in spaces:
            spaces[tool.namespace].append(_tool(tool))
        else:
            spaces[tool.namespace] = inner = [_tool(tool)]
            yield {"type": "namespace", "name": tool.namespace, "description": "", "tools": inner}


def _tool(tool: Tool) -> Object:
    described = {"description": tool.description} if tool.description else {}
    if tool.kind in KINDS:
        more = {"execution": "client", "parameters": dict(tool.schema)} if tool.kind == "tool_search" else {}
        return {"type": tool.kind} | more | (described if more else {})
    if tool.free_text:
        return {"type": "custom", "name": own_name(tool)} | described
    strict = {"strict": tool.strict} if tool.strict is not None else {}
    return {"type": "function", "name": own_name(tool), "parameters": dict(tool.schema)} | described | strict


def encode_choice(conversation: Conversation) -> str | Object | None:
    """Write which tool must be called; None where nothing was said of it."""
    choice = conversation.tool_choice
    if choice is None:
        return None
    if choice.mode != "tool":
        return choice.mode
    tool = tools_by_name(conversation).get(choice.name)
    if tool is None:
        return {"type": choice.name}
    if tool.kind in KINDS:
        return {"type": tool.kind}
    named = {"type": "custom" if tool.free_text else "function", "name": own_name(tool)}
    return named | ({"namespace": tool.namespace} if tool.namespace else {})


def _items(conversation: Conversation) -> Iterator[Object]:
    tools = tools_by_name(conversation)
    called: dict[str, Tool | None] = {}
    """The tool of each call, by which its output is named."""
    for turn in conversation.turns:
        if turn.role == "assistant":
            yield from _answer(turn.parts, tools, called)
            continue
        for part in turn.parts:
            if isinstance(part, ToolResult):
                yield _result(part, called.get(part.call_id))
        yield from _said(turn)


def _said(turn: Turn) -> Iterator[Object]:
    spoken = [part for part in turn.parts if not isinstance(part, ToolResult)]
    if spoken or not turn.parts:
        role = "developer" if turn.role == "system" else "user"
        yield {"type": "message", "role": role, "content": _content(spoken)}


def _answer(
    parts: Sequence[Part], tools: Mapping[str, Tool], called: dict[str, Tool | None]
) -> Iterator[Object]:
    """Write an assistant's turn; its texts that follow each other are one message."""
    text: list[Object] = []
    for part in parts:
        if isinstance(part, Text | Refusal):
            text.append(_spoken(part))
            continue
        if text:
            yield _message(text)
            text = []
        if isinstance(part, ToolCall):
            called[part.id] = tools.get(part.name)
            item = encode_call(part, tools, item_id="", status="completed")
            del item["id"]
            yield item
        elif isinstance(part, Thinking):
            summary = [{"type": "summary_text", "text": part.text}] if part.text else []
            encrypted = seal(part)
            yield {"type": "reasoning", "summary": summary} | (
                {"encrypted_content": encrypted} if encrypted else {}
            )
        elif isinstance(part, Opaque):
            yield dict(part.value)
    if text:
        yield _message(text)


def _spoken(part: Text | Refusal) -> Object:
    if isinstance(part, Refusal):
        return {"type": "refusal", "refusal": part.text}
    return {"type": "output_text", "text": part.text, "annotations": []}


def _message(content: list[Object]) -> Object:
    return {"type": "message", "role": "assistant", "content": content}


def _result(result: ToolResult, tool: Tool | None) -> Object:
    """Write what a call was answered, as the item that goes with the call's."""
    kind = tool.kind if tool is not None else ""
    item: Object = {"type": "function_call_output", "call_id": result.call_id}
    texts = "\n".join(part.text for part in result.parts if isinstance(part, Text))
    if kind == "shell":
        code = int(result.error)
        printed = {"stdout": texts, "stderr": "", "outcome": {"type": "exit", "exit_code": code}}
        return item | {"type": "shell_call_output", "output": [printed]}
    if kind == "local_shell":
        return {"type": "local_shell_call_output", "id": result.call_id, "output": texts}
    if kind == "apply_patch":
        status = "failed" if result.error else "completed"
        return item | {"type": "apply_patch_call_output", "output": texts, "status": status}
    if tool is not None and tool.free_text:
        item["type"] = "custom_tool_call_output"
    content = _content(result.parts)
    if result.error and isinstance(content, str) and "error" not in content[:40].lower():
        content = f"Error: {content}"
    return item | {"output": content}


def _content(parts: Sequence[Part]) -> str | list[Object]:
    """A string where it is one piece of text alone."""
    written = [_encoded(part) for part in parts]
    match written:
        case []:
            return ""
        case [{"type": "input_text", "text": str(text), **more}] if not more:
            return text
        case _:
            return written


def _encoded(part: Part) -> Object:
    match part:
        case Image():
            url = f"data:{part.media_type or 'image/png'};base64,{part.data}" if part.data else part.url
            return {"type": "input_image", "image_url": url} | (
                {"detail": part.detail} if part.detail else {}
            )
        case Document() if part.text is None:
            data = f"data:{part.media_type};base64,{part.data}" if part.media_type else part.data
            fields = {
                "filename": part.title,
                "file_data": data,
                "file_id": part.file_id,
                "file_url": part.url,
            }
            return {"type": "input_file"} | {name: value for name, value in fields.items() if value}
        case Text(cache=mark) if mark:
            marked = {"prompt_cache_breakpoint": {"mode": "explicit"}}
            return {"type": "input_text", "text": part.text} | marked
        case _:
            return {"type": "input_text", "text": getattr(part, "text", "")}
