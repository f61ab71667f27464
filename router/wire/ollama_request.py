"""Ollama, the request: the body of `/api/chat` or `/api/generate` as a conversation.

- A stream is the default. `options` are read where the neutral form has a word for them.
- Older clients give calls no ids, and say by a tool's name, or by order alone, which call they answer.
- A body without a message or a prompt asks for no answer: Ollama loads the model then.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from router.errors import BadRequest
from router.wire.body import Envelope, decode_object
from router.wire.conversation import (
    Conversation,
    Image,
    Reasoning,
    ResponseFormat,
    Sampling,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolResult,
    Turn,
)
from router.wire.data_urls import content
from router.wire.images import media_type_of
from router.wire.ollama_shape import (
    OllamaBody,
    OllamaCall,
    OllamaMessage,
    OllamaOptions,
    read_body,
    read_head,
    whole,
)

PROMPT = "prompt"
"""In `Conversation.extras`: the client's is a body of `/api/generate`, whose reply has another shape."""

_NEUTRAL = frozenset({
    "model", "messages", "system", "images", "tools", "format", "think", "options", "stream",
})  # fmt: skip
"""Fields that the neutral form has, too."""
_NEUTRAL_OPTIONS = frozenset(OllamaOptions.__struct_fields__)
_OF_A_MESSAGE = frozenset(OllamaMessage.__struct_fields__)


def read(body: bytes) -> Envelope:
    """Read the envelope; raises `BadRequest`."""
    head = read_head(body)
    return Envelope(model=head.model or "", stream=head.stream is not False)


def load_reply(body: bytes) -> bytes | None:
    """What is said to a body that asks for no answer, but for the model to be loaded; None for any other.

    Raises:
        BadRequest: it has a field that nobody knows, which may be the question.
    """
    head = read_head(body)
    if any((head.messages, head.prompt, head.images, head.system, head.suffix, head.context, head.tools)):
        return None
    fields = decode_object(body)
    for name, value in fields.items():
        if value and name not in _KNOWN:
            raise BadRequest(f"{name}: is no field of Ollama's; a question stands in `messages` or `prompt`")
    return msgspec.json.encode({
        "model": head.model or "",
        "created_at": timestamp(),
        "message": {"role": "assistant", "content": ""},
        "response": "",
        "done": True,
        "done_reason": "load" if _is_kept(fields.get("keep_alive")) else "unload",
    })  # fmt: skip


_KNOWN = _NEUTRAL | {
    "context", "keep_alive", "logprobs", "name", "prompt", "raw", "shift", "suffix", "template",
    "top_logprobs", "truncate",
}  # fmt: skip
_DURATION = re.compile(r"[-+]?(?:(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|ms|s|m|h))+|[-+]?\d+(?:\.\d+)?", re.ASCII)
"""As Ollama writes how long a model stays loaded: `5m`, `1h30m`, or seconds."""
_LONGEST = 40
"""Characters of one; more are not looked at."""


def _is_kept(keep_alive: Any) -> bool:
    """Whether a model is to stay loaded.

    Raises:
        BadRequest: it is no duration.
    """
    number = isinstance(keep_alive, int | float) and not isinstance(keep_alive, bool)
    text = isinstance(keep_alive, str) and len(keep_alive) <= _LONGEST and _DURATION.fullmatch(keep_alive)
    if not (keep_alive is None or number or text):
        raise BadRequest("keep_alive: must be a duration, such as `5m`, or a number of seconds")
    return keep_alive is None or any(digit in "123456789" for digit in str(keep_alive))


BARE = ("raw", "suffix")
"""Fields by which a prompt is completed as it is: without a template, or before other text."""


def is_bare(conversation: Conversation) -> bool:
    """Whether a client's prompt is to be completed as it is."""
    return any(conversation.extras.get(name) for name in BARE)


def check_bare(conversation: Conversation) -> None:
    """Hold a prompt that is completed as it is to what goes with one.

    Raises:
        BadRequest: names what does not, and the remedy.
    """
    images = any(isinstance(part, Image) for turn in conversation.turns for part in turn.parts)
    others = (
        ("messages", PROMPT not in conversation.extras),
        ("system", bool(conversation.system)),
        ("images", images),
        ("format", conversation.response_format is not None),
    )
    for name, value in others:
        if value:
            raise BadRequest(f"{name}: cannot stand beside `raw` or `suffix`; leave one of them out")


def timestamp() -> str:
    """The time of now, as Ollama writes it."""
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


def decode_request(body: bytes) -> Conversation:
    """Read a body that `read` has accepted.

    Raises:
        BadRequest: a field of the wrong kind; names it and the remedy.
    """
    read_only = read_body(body)
    fields = decode_object(body)
    options = read_only.options or OllamaOptions()
    turns = [*_turns(read_only.messages or ()), *_prompt(read_only)]
    leading = next((at for at, turn in enumerate(turns) if turn.role != "system"), len(turns))
    own = (Text(text=read_only.system),) if read_only.system else ()
    limit = whole("num_predict", options.num_predict)
    _is_kept(fields.get("keep_alive"))
    return Conversation(
        dialect="ollama",
        model=read_only.model or "",
        system=(*own, *(part for turn in turns[:leading] for part in turn.parts if isinstance(part, Text))),
        turns=tuple(turns[leading:]),
        tools=tuple(_tools(read_only)),
        sampling=Sampling(
            temperature=options.temperature,
            top_p=options.top_p,
            top_k=whole("top_k", options.top_k),
            seed=whole("seed", options.seed),
            frequency_penalty=options.frequency_penalty,
            presence_penalty=options.presence_penalty,
        ),
        response_format=_response_format(read_only.format),
        reasoning=_reasoning(read_only.think),
        stop=(options.stop,) if isinstance(options.stop, str) else tuple(options.stop or ()),
        output_limit=limit if limit is not None and limit > 0 else None,  # -1 and -2: as long as it likes
        stream=read_only.stream is not False,
        extras=dict(_extras(fields)),
    )


def _extras(fields: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """What has no neutral word, an option as `options.NAME`, a message's field as `messages[0].NAME`."""
    for name, value in fields.items():
        if name == PROMPT:
            yield PROMPT, True  # the text itself is the last turn
        elif name not in _NEUTRAL and value is not None:
            yield name, value
    options = fields.get("options")
    for name, value in options.items() if isinstance(options, dict) else ():
        if name not in _NEUTRAL_OPTIONS and value is not None:
            yield f"options.{name}", value
    for at, message in enumerate(fields.get("messages") or ()):
        yield from (
            (f"messages[{at}].{name}", message[name]) for name in message if name not in _OF_A_MESSAGE
        )
    if "images" in fields and PROMPT not in fields:
        yield "images", fields["images"]  # each message has its own


def _prompt(body: OllamaBody) -> Iterator[Turn]:
    if body.prompt is None:
        return
    images = _images(body.images, "images")
    text = (Text(text=body.prompt),) if body.prompt else ()
    yield Turn(role="user", parts=(*images, *text))


class _Open:
    """Calls that are not answered yet, in order: their ids and names."""

    def __init__(self) -> None:
        self._calls: list[tuple[str, str]] = []

    def add(self, call: ToolCall) -> None:
        self._calls.append((call.id, call.name))

    def answer(self, message: OllamaMessage, at: int) -> str:
        """The id of the call that a message answers.

        Raises:
            BadRequest: there is none before it.
        """
        name = message.tool_name or message.name or ""
        fits = [call for call in self._calls if message.tool_call_id == call[0]]
        fits += [call for call in self._calls if name == call[1]]
        fits += self._calls if not name and not message.tool_call_id else []
        if not fits:
            field = "tool_call_id" if message.tool_call_id else "tool_name" if message.tool_name else "role"
            raise BadRequest(
                f"messages[{at}].{field}: answers no call; send the assistant's message with its "
                "`tool_calls` before it, or make it a `user` message"
            )
        self._calls.remove(fits[0])
        return fits[0][0]


def _turns(messages: Sequence[OllamaMessage]) -> Iterator[Turn]:
    """Yield each message as a turn; an assistant's empty message is left out."""
    open_calls = _Open()
    for at, message in enumerate(messages):
        text = (Text(text=message.content),) if message.content else ()
        images = _images(message.images, f"messages[{at}].images")
        if message.role == "tool":
            result = ToolResult(call_id=open_calls.answer(message, at), parts=(*text, *images))
            yield Turn(role="user", parts=(result,))
        elif message.role == "assistant":
            calls = [_call(call, at, place) for place, call in enumerate(message.tool_calls or ())]
            for call in calls:
                open_calls.add(call)
            thought = (Thinking(text=message.thinking),) if message.thinking else ()
            said = text if (message.content or "").strip() else ()
            if parts := (*thought, *said, *calls):
                yield Turn(role="assistant", parts=parts)
        else:
            yield Turn(role=message.role, parts=(*images, *text))


def _call(call: OllamaCall, at: int, place: int) -> ToolCall:
    arguments = call.function.arguments
    if not isinstance(arguments, str):
        arguments = msgspec.json.encode(arguments or {}).decode()
    return ToolCall(id=call.id or f"call_{at}_{place}", name=call.function.name, arguments=arguments)


def _images(texts: Sequence[str] | None, where: str) -> Iterator[Image]:
    """Images: Ollama's are base64 alone, but some clients send a `data:` URL.

    Raises:
        BadRequest: one is neither; nobody downloads it here.
    """
    for at, text in enumerate(texts or ()):
        data = "".join(content(text).split())
        if _BASE64.fullmatch(data) is None:
            raise BadRequest(f"{where}[{at}]: must be an image's bytes in base64")
        yield Image(data=data, media_type=media_type_of(data))


_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")


def _tools(body: OllamaBody) -> Iterator[Tool]:
    for tool in body.tools or ():
        function = tool.function
        yield Tool(
            name=function.name, description=function.description or "", schema=function.parameters or {}
        )


def _response_format(shape: str | dict[str, Any] | None) -> ResponseFormat | None:
    if not shape:
        return None
    if isinstance(shape, dict):
        return ResponseFormat(kind="json_schema", schema=shape)
    if shape != "json":
        raise BadRequest(f"format: `{shape[:40]}` is none; send `json`, or a JSON schema as an object")
    return ResponseFormat(kind="json_object")


def _reasoning(think: bool | str | None) -> Reasoning | None:
    if think is None or think == "":
        return None
    if isinstance(think, str):
        return Reasoning(effort=think)
    return Reasoning(effort="medium" if think else "none")
