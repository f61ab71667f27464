"""OpenAI Responses, the reply: events written whole or as a stream.

Clients check the order, so every event is written in the one that they know: `response.created` and
`.in_progress`, for each item `output_item.added`, what grows in it, `output_item.done`, and last the whole
response again. What a tool is called with is written in the form that its client knows (`responses_tools`).

A call that was cut off has no `done` of its own: assistants run a call at that event. It stands in the last
one alone, as incomplete.
"""

from collections.abc import Iterable, Mapping
from time import time
from typing import Literal

import msgspec

from router.types import Usage
from router.wire.chat_errors import error
from router.wire.conversation import Conversation, Thinking, ToolCall
from router.wire.events import (
    CallArguments,
    CallEnded,
    CallStarted,
    Event,
    Failed,
    RefusalDelta,
    Signature,
    Started,
    Stopped,
    StopReason,
    TextDelta,
    ThinkingDelta,
    UsageReport,
)
from router.wire.responses_errors import failure
from router.wire.responses_reasoning import UNSIGNED, seal
from router.wire.responses_request_encoder import encode_choice, encode_format
from router.wire.responses_shape import Object, make_id
from router.wire.responses_tools import CALL_TYPES, encode_call, tools_by_name
from router.wire.usage import write_responses_usage

ENCRYPTED = "reasoning.encrypted_content"
"""In `include`: the client sends reasoning back, and needs its signature for that."""
_INCOMPLETE: Mapping[StopReason, str] = {
    "output_limit": "max_output_tokens",
    "overflow": "max_output_tokens",
    "refusal": "content_filter",
}
"""Why a response is incomplete; `completed` for the rest."""
_ECHOED = ("metadata", "prompt_cache_key", "safety_identifier")
_to_json = msgspec.json.Encoder().encode
Part = Literal["output_text", "refusal"]


class ResponsesReplyEncoder:
    """Writes a streamed reply; see `router.wire.events`."""

    def __init__(self, *, model: str, conversation: Conversation, prompt_tokens: int = 0) -> None:
        """Start.

        Args:
            model: the name that the client is told.
            conversation: what it asked for.
            prompt_tokens: of the prompt, should the upstream report no usage.
        """
        self._response = _response(model, conversation)
        self._tools = tools_by_name(conversation)
        self._seals = ENCRYPTED in (conversation.extras.get("include") or ())
        self._prompt_tokens = prompt_tokens
        self._usage: Usage | None = None
        self._frames: list[bytes] = []
        self._number = 0
        self._output: list[Object] = []
        self._delta = (b"", b"")
        """Before and behind the text of the delta that is written most."""
        self._open: Literal["", "message", "reasoning", "call"] = ""
        self._texts: list[str] = []
        """Of the part, or the arguments of the call, that is open."""
        self._part: Part = "output_text"
        self._call = CallStarted(id="", name="")
        self._pieces = 0

    def feed(self, events: Iterable[Event]) -> bytes:
        """Return the complete frames for these events; empty while there is none to write."""
        for event in events:
            if type(event) is TextDelta and self._open == "message" and self._part == "output_text":
                self._write_delta(event.text)  # nearly all are this one
            else:
                self._add(event)
        frames, self._frames = self._frames, []
        return b"".join(frames)

    @property
    def document(self) -> Object:
        """The response as it stands."""
        return self._response

    def _add(self, event: Event) -> None:
        match event:
            case TextDelta(text):
                self._say("output_text", text)
            case RefusalDelta(text):
                self._say("refusal", text)
            case ThinkingDelta(text):
                self._think(text)
            case Signature():
                self._sign(event)
            case CallStarted():
                self._begin_call(event)
            case CallArguments(text):
                self._write_arguments(text)
            case CallEnded():
                self._close()
            case UsageReport(usage):
                self._usage = usage
            case Started():
                self._frame("response.created", {"response": self._response})
                self._frame("response.in_progress", {"response": self._response})
            case Stopped(reason=reason):
                self._stop(reason)
            case Failed(message=message, kind=kind):
                self._frames.append(failure(kind, message, self._response, self._number))

    def _frame(self, name: str, fields: Object) -> None:
        event = {"type": name, "sequence_number": self._number, **fields}
        self._frames.append(b"event: %b\ndata: %b\n\n" % (name.encode(), _to_json(event)))
        self._number += 1

    def _write_delta(self, text: str) -> None:
        """Write a delta of what is open."""
        self._texts.append(text)
        self._pieces += 1
        before, behind = self._delta
        self._frames.append(b"%b%b%b%d}\n\n" % (before, _to_json(text), behind, self._number))
        self._number += 1

    def _use_delta(self, name: str, fields: Object) -> None:
        """Prepare what `_write_delta` writes: all but the text and the number stay."""
        head = _to_json({"type": name, **self._place(), **fields})[:-1]
        self._delta = (b'event: %b\ndata: %b,"delta":' % (name.encode(), head), b',"sequence_number":')

    @property
    def _index(self) -> int:
        """Of the item that is open."""
        return len(self._output) - 1

    @property
    def _item(self) -> Object:
        return self._output[-1]

    def _place(self) -> Object:
        return {"item_id": self._item["id"], "output_index": self._index}

    def _begin(self, kind: Literal["message", "reasoning", "call"], item: Object) -> None:
        self._close()
        self._open, self._texts = kind, []
        self._output.append(item)
        if item["type"] not in CALL_TYPES:  # what those do is known at their end
            self._frame_item("added")

    def _frame_item(self, what: Literal["added", "done"]) -> None:
        self._frame(f"response.output_item.{what}", {"output_index": self._index, "item": self._item})

    def _say(self, part: Part, text: str) -> None:
        if self._open != "message":
            item: Object = {"type": "message", "id": make_id("msg"), "role": "assistant", "content": []}
            self._begin("message", item | {"status": "in_progress"})
            self._begin_part(part)
        elif part != self._part:
            self._end_part()
            self._begin_part(part)
        self._write_delta(text)

    def _begin_part(self, part: Part) -> None:
        self._part, self._texts = part, []
        index = {"content_index": len(self._item["content"])}
        self._frame("response.content_part.added", self._place() | index | {"part": _part(part, "")})
        more: Object = {"logprobs": []} if part == "output_text" else {}
        self._use_delta(f"response.{part}.delta", index | more)

    def _end_part(self) -> None:
        text, index = "".join(self._texts), {"content_index": len(self._item["content"])}
        part = _part(self._part, text)
        self._item["content"].append(part)
        done = {"text": text, "logprobs": []} if self._part == "output_text" else {"refusal": text}
        self._frame(f"response.{self._part}.done", self._place() | index | done)
        self._frame("response.content_part.done", self._place() | index | {"part": part})

    def _think(self, text: str) -> None:
        if self._open != "reasoning":
            self._begin("reasoning", {"type": "reasoning", "id": make_id("rs"), "summary": []})
        if not self._texts:
            part = {"type": "summary_text", "text": ""}
            self._frame("response.reasoning_summary_part.added", self._place() | _FIRST | {"part": part})
            self._use_delta("response.reasoning_summary_text.delta", _FIRST)
        self._write_delta(text)

    def _sign(self, event: Signature) -> None:
        if not self._seals:
            return
        if self._open != "reasoning":
            self._begin("reasoning", {"type": "reasoning", "id": make_id("rs"), "summary": []})
        thought = Thinking(text="".join(self._texts), signature=event.signature, redacted=event.redacted)
        self._item["encrypted_content"] = seal(thought)
        self._close()

    def _begin_call(self, event: CallStarted) -> None:
        self._close()  # first: what is open is no argument of this call, nor is its name this one's
        self._texts = []
        self._call = CallStarted(id=event.id or make_id("call"), name=event.name)
        tool = self._tools.get(event.name)
        prefix = "fc" if tool is None or not (tool.free_text or tool.kind) else "ctc"
        self._begin("call", self._called(make_id(prefix), "in_progress"))
        if self._item["type"] == "function_call":
            self._use_delta("response.function_call_arguments.delta", {})

    def _called(self, item_id: str, status: str) -> Object:
        call = ToolCall(id=self._call.id, name=self._call.name, arguments="".join(self._texts))
        return encode_call(call, self._tools, item_id=item_id, status=status)

    def _write_arguments(self, text: str) -> None:
        if self._item["type"] == "function_call":
            self._write_delta(text)
        else:  # what it takes is in the arguments once they are complete
            self._texts.append(text)
            self._pieces += 1

    def _end_call(self) -> None:
        if not self._texts and self._item["type"] == "function_call":
            self._write_delta("{}")  # clients parse it, and an empty text is no JSON
        existing = self._item["type"] not in CALL_TYPES
        item = self._output[-1] = self._called(self._item["id"], "completed")
        if not existing:
            self._frame_item("added")
        if item["type"] == "function_call":
            done = {"name": item["name"], "arguments": item["arguments"]}
            self._frame("response.function_call_arguments.done", self._place() | done)
        elif item["type"] == "custom_tool_call":
            name = "response.custom_tool_call_input"
            self._frame(f"{name}.delta", self._place() | {"delta": item["input"]})
            self._frame(f"{name}.done", self._place() | {"input": item["input"]})

    def _close(self, status: Literal["completed", "incomplete"] = "completed") -> None:
        """End the item that is open; an `incomplete` call stands as it is."""
        kind, self._open = self._open, ""
        if kind == "message":
            self._end_part()
            self._item["status"] = status
        elif kind == "reasoning" and self._texts:
            text = "".join(self._texts)
            part = {"type": "summary_text", "text": text}
            self._item["summary"].append(part)
            if self._seals and "encrypted_content" not in self._item:
                self._item["encrypted_content"] = UNSIGNED
            self._frame("response.reasoning_summary_text.done", self._place() | _FIRST | {"text": text})
            self._frame("response.reasoning_summary_part.done", self._place() | _FIRST | {"part": part})
        elif kind == "call" and status == "incomplete":
            self._output[-1] = self._called(self._item["id"], status)
            return
        elif kind == "call":
            self._end_call()
        if kind:
            self._frame_item("done")

    def _stop(self, reason: StopReason) -> None:
        why = _INCOMPLETE.get(reason)
        status: Literal["completed", "incomplete"] = "incomplete" if why else "completed"
        # Whoever ends a call says so: one that is still open was cut off.
        self._close("incomplete" if self._open == "call" else status)
        # An upstream that reports no usage sends about one token per piece.
        usage = self._usage or Usage(input=self._prompt_tokens, output=self._pieces, estimated=True)
        self._response = self._response | {
            "status": status,
            "completed_at": None if why else int(time()),
            "incomplete_details": {"reason": why} if why else None,
            "output": self._output,
            "usage": write_responses_usage(usage),
        }
        self._frame(f"response.{status}", {"response": self._response})


_FIRST: Object = {"summary_index": 0}
"""A summary is one part here."""


def encode_reply(
    events: Iterable[Event], *, model: str, conversation: Conversation, prompt_tokens: int = 0
) -> bytes:
    """Write a whole reply; the arguments are those of `ResponsesReplyEncoder`."""
    encoder = ResponsesReplyEncoder(model=model, conversation=conversation, prompt_tokens=prompt_tokens)
    for event in events:
        if isinstance(event, Failed):
            return error(event.kind, event.message)
        encoder.feed((event,))
    return _to_json(encoder.document)


def _response(model: str, conversation: Conversation) -> Object:
    """A response that has begun, with what its client asked for, but for its tools and instructions."""
    extras, reasoning = conversation.extras, conversation.reasoning
    return {
        "id": make_id("resp"),
        "object": "response",
        "created_at": int(time()),
        "status": "in_progress",
        "background": False,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "max_output_tokens": conversation.output_limit,
        "model": model,
        "output": [],
        "parallel_tool_calls": conversation.parallel_tool_calls is not False,
        "previous_response_id": None,
        "reasoning": {
            "effort": reasoning.effort if reasoning else None,
            "summary": extras.get("reasoning.summary"),
        },
        "service_tier": "default",
        "store": False,
        "temperature": conversation.sampling.temperature,
        "text": encode_format(conversation.response_format) or {"format": {"type": "text"}},
        "tool_choice": encode_choice(conversation) or "auto",
        "tools": [],
        "top_p": conversation.sampling.top_p,
        "truncation": "disabled",
        "usage": None,
        "user": conversation.user or None,
        "metadata": {},
    } | {name: extras[name] for name in _ECHOED if name in extras}


def _part(part: Part, text: str) -> Object:
    if part == "refusal":
        return {"type": "refusal", "refusal": text}
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
