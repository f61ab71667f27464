"""An Anthropic Messages request, as an OpenAI chat request for a local model.

The order of the rules that hold here: lose nothing the user or a tool said, then keep the
prompt's prefix the same from turn to turn, so that the engine need not read it again.

- What only Claude's servers know is left out: `cache_control`, thinking, their own tools,
  `metadata`, `context_management`, and blocks of unknown type that hold no text.
- Claude Code's billing line is left out: its suffix changes, and with it the whole prefix.
- System messages at the head of `messages` join the leading system message. Later ones
  become user text where they stand: moved to the front they would change the prefix each
  time one is added, and many chat templates allow a system message only in front.
- Neighbouring user texts become one message, for many templates want turns to alternate.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from router.errors import BadRequest
from router.wire.arguments import settle
from router.wire.body import whole
from router.wire.chat_shape import check

Block = Mapping[str, Any]
Content = str | list[Block] | None

_BILLING = "x-anthropic-billing-header:"
_GAP = "\n\n"


def to_chat(body: bytes, *, model: str) -> bytes:
    """Translate a Messages body that `anthropic_messages.read` has accepted.

    Args:
        body: the client's body.
        model: the name the local server knows its model by.

    Returns:
        The body of `POST /v1/chat/completions`, streaming where the client streams.

    Raises:
        BadRequest: a part that only translation looks at has the wrong shape.
    """
    try:
        chat = msgspec.json.encode(_translate(whole(body), model))
        check(chat)
        return chat  # noqa: TRY300
    except (AttributeError, KeyError, TypeError) as error:
        raise BadRequest(
            f"a block, tool or option has the wrong shape for the Messages API: {error}; see its reference"
        ) from error
    except RecursionError as error:
        raise BadRequest("the body is nested too deeply: send flatter JSON") from error


def _translate(asked: Block, model: str) -> dict[str, Any]:
    chat: dict[str, Any] = {"model": model, "messages": _messages(asked)}
    if _continues(chat["messages"]):
        chat |= {"add_generation_prompt": False, "continue_final_message": True}
    chat |= _tools(asked)
    chat |= {new: asked[old] for old, new in _SAME.items() if asked.get(old) is not None}
    if schema := _schema(asked):
        answer = {"name": "answer", "schema": schema, "strict": True}
        chat["response_format"] = {"type": "json_schema", "json_schema": answer}
    if asked.get("stream"):
        chat |= {"stream": True, "stream_options": {"include_usage": True}}
    return chat


def _continues(messages: list[Block]) -> bool:
    """Whether the answer goes on from text that the client gave: the last message is the assistant's.

    vLLM and SGLang do so on demand, llama-server, Ollama and our engine by themselves.
    """
    return bool(messages) and messages[-1]["role"] == "assistant" and "tool_calls" not in messages[-1]


_SAME: Mapping[str, str] = {
    "max_tokens": "max_tokens",
    "stop_sequences": "stop",
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
}
"""Fields that mean the same under both names; `top_k` is llama.cpp's and vLLM's."""


def _schema(asked: Block) -> Any:
    shape = (asked.get("output_config") or {}).get("format") or asked.get("output_format") or {}
    return shape.get("schema") if shape.get("type") == "json_schema" else None


def _tools(asked: Block) -> dict[str, Any]:
    """Return `tools` and what goes with them; nothing where no tool is left."""
    tools = [
        _tool(tool, at)
        for at, tool in enumerate(asked.get("tools") or ())
        if tool.get("type", "custom") == "custom"
    ]
    if not tools:
        return {}
    choice = asked.get("tool_choice") or {}
    fields: dict[str, Any] = {"tools": tools}
    if kind := choice.get("type"):
        named = {"type": "function", "function": {"name": choice.get("name")}}
        fields["tool_choice"] = named if kind == "tool" else _CHOICES.get(kind, "auto")
    if choice.get("disable_parallel_tool_use"):
        fields["parallel_tool_calls"] = False
    return fields


_CHOICES: Mapping[str, str] = {"auto": "auto", "any": "required", "none": "none"}


def _tool(tool: Block, at: int) -> Block:
    name, schema = tool.get("name"), tool.get("input_schema") or {"type": "object"}
    if not isinstance(name, str) or not name:
        raise BadRequest(f"tools[{at}].name: must be a string")
    if not isinstance(schema, dict):
        raise BadRequest(f"tools[{at}].input_schema: must be a JSON schema, an object")
    function: dict[str, Any] = {"name": name, "parameters": schema}
    if tool.get("description"):
        function["description"] = tool["description"]
    return {"type": "function", "function": function}


def _messages(asked: Block) -> list[Block]:
    chat = _Chat(system=_system_text(asked.get("system")))
    for message in asked["messages"]:
        _ROLES.get(message["role"], _Chat.user)(chat, message.get("content"))
    return chat.finish()


class _Chat:
    """The messages as they grow; user text waits until it is known that no more joins it."""

    def __init__(self, *, system: str) -> None:
        self._system = [system] if system else []
        self._done: list[Block] = []
        self._waiting: list[Block] = []
        self._reminders: list[Block] = []

    def system(self, content: Content) -> None:
        """Join the leading system message, or wait to be said with the next user text.

        It waits, because between a call and its result no other message may stand.
        """
        text = _system_text(content)
        if not text:
            return
        if self._done or self._waiting:
            self._reminders.append(_reminder(text))
        else:
            self._system.append(text)

    def user(self, content: Content) -> None:
        """Add results as tool messages, then the texts and images."""
        said: list[Block] = []
        for block in _blocks(content):
            if block.get("type") == "tool_result":
                result, images = _result(block)
                self._flush_user()
                self._done.append(result)
                said += images
            else:
                said += _parts(block)
        self._waiting += (*self._take_reminders(), *said)

    def assistant(self, content: Content) -> None:
        """Add what the model said and called."""
        blocks = _blocks(content)
        text = _GAP.join(
            block["text"] for block in blocks if block.get("type") == "text" and block.get("text")
        )
        calls = [_call(block) for block in blocks if block.get("type") == "tool_use"]
        if not text and not calls:
            return
        self._waiting += self._take_reminders()
        self._flush_user()
        message = {"role": "assistant", "content": text}
        self._done.append(message | {"tool_calls": calls} if calls else message)

    def finish(self) -> list[Block]:
        """Return all messages."""
        self._waiting += self._take_reminders()
        self._flush_user()
        leading = [{"role": "system", "content": _GAP.join(self._system)}] if self._system else []
        return [*leading, *self._done]

    def _take_reminders(self) -> list[Block]:
        taken, self._reminders = self._reminders, []
        return taken

    def _flush_user(self) -> None:
        if not self._waiting:
            return
        parts, self._waiting = self._waiting, []
        if all(part["type"] == "text" for part in parts):
            self._done.append({"role": "user", "content": _GAP.join(part["text"] for part in parts)})
        else:
            self._done.append({"role": "user", "content": parts})


_ROLES = {"system": _Chat.system, "developer": _Chat.system, "user": _Chat.user, "assistant": _Chat.assistant}


def _blocks(content: Content) -> list[Block]:
    """Return content as blocks; a string is one text block."""
    return [_text(content)] if isinstance(content, str) else content or []


def _text(text: str) -> Block:
    return {"type": "text", "text": text}


def _reminder(text: str) -> Block:
    """Say a system message as user text, in the form Claude Code itself uses for older models."""
    if text.lstrip().startswith("<system-reminder>"):
        return _text(text)
    return _text(f"<system-reminder>\n{text}\n</system-reminder>")


def _system_text(content: Content) -> str:
    texts = (
        _without_billing(part["text"])
        for block in _blocks(content)
        for part in _parts(block)
        if "text" in part
    )
    return _GAP.join(text for text in texts if text)


def _without_billing(text: str) -> str:
    return text.partition("\n")[2].lstrip() if text.startswith(_BILLING) else text


def _parts(block: Block) -> Iterator[Block]:
    """Yield a block as text and image parts; what is neither is left out."""
    kind = block.get("type")
    if kind == "image" and (url := _image_url(block.get("source") or {})):
        yield {"type": "image_url", "image_url": {"url": url}}
    elif kind == "document":
        yield from _document(block)
    elif kind == "search_result":
        yield from (part for inner in _blocks(block.get("content")) for part in _parts(inner))
    elif kind == "tool_reference":
        yield _text(f"Tool found: {block.get('tool_name')}")
    elif isinstance(text := block.get("text"), str) and text:
        yield _text(text)


def _image_url(source: Block) -> str:
    if source.get("type") == "base64":
        return f"data:{source.get('media_type')};base64,{source.get('data')}"
    return str(source.get("url", ""))


def _document(block: Block) -> Iterator[Block]:
    """Yield the text of a document; a PDF cannot be read here, and that is said to the model."""
    source = block.get("source") or {}
    title = block.get("title") or "a document"
    if source.get("type") == "text":
        yield _text(str(source.get("data", "")))
    elif source.get("type") == "content":
        yield from (part for inner in _blocks(source.get("content")) for part in _parts(inner))
    else:
        yield _text(f"[{title}: the user attached a file that this model cannot read]")


def _result(block: Block) -> tuple[Block, list[Block]]:
    """Return a tool message, and the images of the result: tool messages take text only."""
    parts = [part for inner in _blocks(block.get("content")) for part in _parts(inner)]
    text = _GAP.join(part["text"] for part in parts if part["type"] == "text")
    images = [part for part in parts if part["type"] != "text"]
    if images:
        text = _GAP.join(filter(None, (text, "(The image follows in the next message.)")))
    if block.get("is_error") and "error" not in text[:40].lower():
        text = f"Error: {text}"
    return {"role": "tool", "tool_call_id": block.get("tool_use_id"), "content": text}, images


def _call(block: Block) -> Block:
    arguments = settle(block.get("input"))
    return {
        "id": block.get("id"),
        "type": "function",
        "function": {"name": block.get("name"), "arguments": arguments},
    }
