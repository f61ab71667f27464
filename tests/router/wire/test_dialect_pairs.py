# ruff: noqa: E501 - tables read best a row a line
"""The same thing said in every dialect: requests and replies, for each pair, whole and streamed, cut anywhere."""

import itertools
import json
from dataclasses import replace

import pytest

from router.types import Usage
from router.wire import DIALECTS
from router.wire.capabilities import adapt
from router.wire.conversation import Conversation
from router.wire.events import (
    CallArguments,
    CallEnded,
    CallStarted,
    Failed,
    RefusalDelta,
    Signature,
    Started,
    Stopped,
    TextDelta,
    ThinkingDelta,
    UsageReport,
)
from router.wire.target import CLAUDE, PROVIDER, Target

CHAT, MESSAGES, RESPONSES = "openai_chat", "anthropic_messages", "openai_responses"
NAMES = [CHAT, MESSAGES, RESPONSES]
PAIRS = list(itertools.permutations(NAMES, 2))
TARGETS = {
    MESSAGES: replace(CLAUDE, files=True),
    CHAT: replace(PROVIDER, alternating=False, prefill="native", files=True),
    RESPONSES: Target(dialect=RESPONSES, side="provider", files=True),
}
PNG, PDF = "iVBORw0KGgo=", "JVBERi0xLjQK"
SCHEMA = {
    "type": "object",
    "properties": {"path": {"type": "string"}},
    "required": ["path"],
    "additionalProperties": False,
}


# Requests: a row has the messages and fields of each dialect.


def chat(*messages, **fields):
    return {"model": "m", "max_tokens": 99, "messages": list(messages)} | fields


messages = chat


def turn(role, content):
    return {"role": role, "content": content}


def text(words):
    return {"type": "text", "text": words}


def function(name):
    return {"type": "function", "function": {"name": name, "description": "d", "parameters": SCHEMA}}


def tool(name):
    return {"name": name, "description": "d", "input_schema": SCHEMA}


def call(number, path):
    arguments = json.dumps({"path": path}, separators=(",", ":"))
    return {"id": f"call_{number}", "type": "function", "function": {"name": "read", "arguments": arguments}}


def use(number, path):
    return {"type": "tool_use", "id": f"call_{number}", "name": "read", "input": {"path": path}}


def result(number, content, **more):
    return {"type": "tool_result", "tool_use_id": f"call_{number}", "content": content} | more


def tool_message(number, content):
    return {"role": "tool", "tool_call_id": f"call_{number}", "content": content}


HI = turn("user", "hi")
IMAGE = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}
PICTURE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}
FAR = "https://example.com/a.png"
FILE = {"type": "file", "file": {"filename": "a.pdf", "file_data": f"data:application/pdf;base64,{PDF}"}}
DOCUMENT = {
    "type": "document",
    "title": "a.pdf",
    "source": {"type": "base64", "media_type": "application/pdf", "data": PDF},
}
CALLS = {"role": "assistant", "content": "so", "tool_calls": [call(1, "a"), call(2, "b")]}
USES = turn("assistant", [text("so"), use(1, "a"), use(2, "b")])
REQUESTS = {
    "text": (chat(HI), messages(HI)),
    "a system text": (chat(turn("system", "be brief"), HI), messages(HI, system="be brief")),
    "turns": (chat(HI, turn("assistant", "yes?"), turn("user", "go on")), messages(HI, turn("assistant", "yes?"), turn("user", "go on"))),
    "an image": (chat(turn("user", [text("what"), IMAGE])), messages(turn("user", [text("what"), PICTURE]))),
    "an image elsewhere": (
        chat(turn("user", [{"type": "image_url", "image_url": {"url": FAR}}])),
        messages(turn("user", [{"type": "image", "source": {"type": "url", "url": FAR}}])),
    ),
    "a document": (chat(turn("user", [text("sum up"), FILE])), messages(turn("user", [text("sum up"), DOCUMENT]))),
    "parallel calls and their results": (
        chat(HI, CALLS, tool_message(1, "text of a"), tool_message(2, "text of b"), tools=[function("read")]),
        messages(HI, USES, turn("user", [result(1, "text of a"), result(2, "text of b")]), tools=[tool("read")]),
    ),
    "results, then words": (
        chat(HI, CALLS, tool_message(1, "a"), tool_message(2, "b"), turn("user", "stop"), tools=[function("read")]),
        messages(HI, USES, turn("user", [result(1, "a"), result(2, "b"), text("stop")]), tools=[tool("read")]),
    ),
    "tools": (chat(HI, tools=[function("read"), function("write")]), messages(HI, tools=[tool("read"), tool("write")])),
    "any tool": (chat(HI, tools=[function("read")], tool_choice="required"), messages(HI, tools=[tool("read")], tool_choice={"type": "any"})),
    "no tool": (chat(HI, tools=[function("read")], tool_choice="none"), messages(HI, tools=[tool("read")], tool_choice={"type": "none"})),
    "one tool": (
        chat(HI, tools=[function("read")], tool_choice={"type": "function", "function": {"name": "read"}}),
        messages(HI, tools=[tool("read")], tool_choice={"type": "tool", "name": "read"}),
    ),
    "one call at a time": (
        chat(HI, tools=[function("read")], tool_choice="auto", parallel_tool_calls=False),
        messages(HI, tools=[tool("read")], tool_choice={"type": "auto", "disable_parallel_tool_use": True}),
    ),
    "stop sequences": (chat(HI, stop=["END", "</a>"]), messages(HI, stop_sequences=["END", "</a>"])),
    "one stop sequence": (chat(HI, stop="END"), messages(HI, stop_sequences=["END"])),
    "sampling": (chat(HI, temperature=0.5, top_p=0.9), messages(HI, temperature=0.5, top_p=0.9)),
    "a schema": (
        chat(HI, response_format={"type": "json_schema", "json_schema": {"name": "answer", "schema": SCHEMA, "strict": True}}),
        messages(HI, output_config={"format": {"type": "json_schema", "schema": SCHEMA}}),
    ),
    "a prefill": (chat(HI, turn("assistant", "Well,")), messages(HI, turn("assistant", "Well,"))),
    "a stream": (chat(HI, stream=True, stream_options={"include_usage": True}), messages(HI, stream=True)),
}  # fmt: skip


def responses(*items, **fields):
    body = {"model": "m", "max_output_tokens": 99, "input": list(items)}
    return body | fields


def offered(name):
    return {"type": "function", "name": name, "description": "d", "parameters": SCHEMA}


def called(number, path):
    arguments = json.dumps({"path": path}, separators=(",", ":"))
    return {"type": "function_call", "call_id": f"call_{number}", "name": "read", "arguments": arguments}


def output(number, content):
    return {"type": "function_call_output", "call_id": f"call_{number}", "output": content}


def said(words):
    return {
        "type": "message",
        "role": "assistant",
        "content": [{"type": "output_text", "text": words, "annotations": []}],
    }


def asked(words):
    return {"type": "input_text", "text": words}


SO = (said("so"), called(1, "a"), called(2, "b"))
IN_FILE = {"type": "input_file", "filename": "a.pdf", "file_data": f"data:application/pdf;base64,{PDF}"}
RESPONSES_REQUESTS = {
    "text": responses(HI),
    "a system text": responses(HI, instructions="be brief"),
    "turns": responses(HI, said("yes?"), turn("user", "go on")),
    "an image": responses(turn("user", [asked("what"), {"type": "input_image", "image_url": f"data:image/png;base64,{PNG}"}])),
    "an image elsewhere": responses(turn("user", [{"type": "input_image", "image_url": FAR}])),
    "a document": responses(turn("user", [asked("sum up"), IN_FILE])),
    "parallel calls and their results": responses(HI, *SO, output(1, "text of a"), output(2, "text of b"), tools=[offered("read")]),
    "results, then words": responses(HI, *SO, output(1, "a"), output(2, "b"), turn("user", "stop"), tools=[offered("read")]),
    "tools": responses(HI, tools=[offered("read"), offered("write")]),
    "any tool": responses(HI, tools=[offered("read")], tool_choice="required"),
    "no tool": responses(HI, tools=[offered("read")], tool_choice="none"),
    "one tool": responses(HI, tools=[offered("read")], tool_choice={"type": "function", "name": "read"}),
    "one call at a time": responses(HI, tools=[offered("read")], tool_choice="auto", parallel_tool_calls=False),
    "sampling": responses(HI, temperature=0.5, top_p=0.9),
    "a schema": responses(HI, text={"format": {"type": "json_schema", "name": "answer", "schema": SCHEMA, "strict": True}}),
    "a prefill": responses(HI, said("Well,")),
    "a stream": responses(HI, stream=True),
}  # fmt: skip
"""By the names above; this dialect has no stop sequences."""
EACH = [
    (name, source, target) for source, target in PAIRS for name in REQUESTS
    if RESPONSES not in (source, target) or name in RESPONSES_REQUESTS
]  # fmt: skip


def same(conversation: Conversation) -> Conversation:
    """What two dialects can both say of it: neighbouring user turns are one, unset values alike."""
    turns = []
    for turn in conversation.turns:
        if turns and turn.role == turns[-1].role == "user":
            turns[-1] = replace(turns[-1], parts=(*turns[-1].parts, *turn.parts))
        else:
            turns.append(turn)
    choice = conversation.tool_choice
    return replace(
        conversation,
        dialect=CHAT,
        turns=tuple(turns),
        tool_choice=None if choice is None or choice.mode == "auto" else choice,
        stream_usage=True,
        extras={},
    )


def body_of(name, dialect):
    body = RESPONSES_REQUESTS[name] if dialect == RESPONSES else REQUESTS[name][dialect == MESSAGES]
    return json.dumps(body).encode()


@pytest.mark.parametrize(("name", "dialect", "other"), EACH)
def test_two_dialects_ask_for_the_same(name, dialect, other):
    first, second = (same(DIALECTS[one].decode_request(body_of(name, one))) for one in (dialect, other))
    assert first == second


@pytest.mark.parametrize(("name", "source", "target"), EACH)
def test_a_request_says_the_same_in_the_other_dialect(name, source, target):
    decoded = DIALECTS[source].decode_request(body_of(name, source))
    adapted, dropped = adapt(decoded, TARGETS[target])
    assert dropped == ()
    encoded = DIALECTS[target].encode_request(adapted, model="m", target=TARGETS[target])
    again = DIALECTS[target].decode_request(encoded)
    assert same(again) == same(decoded)


MIDDLE = (turn("user", "hi"), turn("system", "be quick"), turn("user", "now"))


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_a_system_text_in_the_middle_stays_where_it_stands(source, target):
    """As such where the other side takes one there, else as a reminder among the user's words."""
    body = responses(*MIDDLE) if source == RESPONSES else chat(*MIDDLE)
    decoded = DIALECTS[source].decode_request(json.dumps(body).encode())
    adapted, _ = adapt(decoded, TARGETS[target])
    sent = DIALECTS[target].encode_request(adapted, model="m", target=TARGETS[target])
    assert sent.index(b"hi") < sent.index(b"be quick") < sent.index(b"now")


ERROR = messages(
    HI, USES, turn("user", [result(1, "no such file", is_error=True), result(2, [text("b"), PICTURE])])
)


def test_results_with_errors_and_images_lose_nothing():
    """Chat Completions has no word for an error: it is said in the text; an image of a result stays one."""
    decoded = DIALECTS[MESSAGES].decode_request(json.dumps(ERROR).encode())
    adapted, _ = adapt(decoded, TARGETS[CHAT])
    sent = DIALECTS[CHAT].encode_request(adapted, model="m", target=TARGETS[CHAT])
    assert b"Error: no such file" in sent
    assert PNG.encode() in sent
    plain, _ = adapt(decoded, PROVIDER)
    sent = json.loads(DIALECTS[CHAT].encode_request(plain, model="m", target=PROVIDER))
    assert [message["role"] for message in sent["messages"]] == ["user", "assistant", "tool", "tool", "user"]
    assert all(isinstance(message["content"], str) for message in sent["messages"][2:4])
    assert PNG in json.dumps(sent["messages"][4])


SIGNED = messages(
    HI,
    turn("assistant", [{"type": "thinking", "thinking": "hm", "signature": "sig"}, text("so")]),
    turn("user", "on"),
)


@pytest.mark.parametrize("target", NAMES)
def test_signed_thinking_goes_back_to_who_signed_it_alone(target):
    decoded = DIALECTS[MESSAGES].decode_request(json.dumps(SIGNED).encode())
    adapted, _ = adapt(decoded, TARGETS[target])
    sent = DIALECTS[target].encode_request(adapted, model="m", target=TARGETS[target])
    assert (b'"sig"' in sent) is (target == MESSAGES)
    assert b"so" in sent


# Replies: a row has the events, and each dialect's document and stream that say them.


def answer(content, finish="stop", usage=None, **message):
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": content} | message,
        "finish_reason": finish,
    }
    return {
        "id": "c",
        "object": "chat.completion",
        "model": "m",
        "choices": [choice],
        "usage": usage or used(9, 4),
    }


def used(prompt, output, cached=0):
    return {
        "prompt_tokens": prompt,
        "completion_tokens": output,
        "prompt_tokens_details": {"cached_tokens": cached},
    }


def reply(*blocks, stop="end_turn", sequence=None, **usage):
    counts = {"input_tokens": 9, "output_tokens": 4} | usage
    head = {"id": "m", "type": "message", "role": "assistant", "model": "m"}
    return head | {"content": list(blocks), "stop_reason": stop, "stop_sequence": sequence, "usage": counts}


def chunks_of(document):
    """A chat completion as its server streams it."""
    (choice,) = document["choices"]
    frame = {"id": "c", "object": "chat.completion.chunk", "model": "m"}

    def chunk(delta, finish=None):
        return frame | {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}

    message = choice["message"]
    yield chunk({"role": "assistant", "content": ""})
    for field in ("reasoning_content", "content", "refusal"):
        for piece in pieces(message.get(field) or ""):
            yield chunk({field: piece})
    for at, made in enumerate(message.get("tool_calls", ())):
        yield chunk(
            {
                "tool_calls": [
                    made | {"index": at, "function": {"name": made["function"]["name"], "arguments": ""}}
                ]
            }
        )
        for piece in pieces(made["function"]["arguments"]):
            yield chunk({"tool_calls": [{"index": at, "function": {"arguments": piece}}]})
    yield chunk({}, choice["finish_reason"])
    yield frame | {"choices": [], "usage": document["usage"]}


def events_of(document):
    """A message as its server streams it."""
    usage = document["usage"]
    start = document | {
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": usage | {"output_tokens": 1},
    }
    yield {"type": "message_start", "message": start}
    for at, block in enumerate(document["content"]):
        empty, deltas = begun(block)
        yield {"type": "content_block_start", "index": at, "content_block": empty}
        for delta in deltas:
            yield {"type": "content_block_delta", "index": at, "delta": delta}
        yield {"type": "content_block_stop", "index": at}
    stopped = {name: document[name] for name in ("stop_reason", "stop_sequence")}
    yield {"type": "message_delta", "delta": stopped, "usage": {"output_tokens": usage["output_tokens"]}}
    yield {"type": "message_stop"}


def begun(block):
    match block["type"]:
        case "text":
            return block | {"text": ""}, [
                {"type": "text_delta", "text": piece} for piece in pieces(block["text"])
            ]
        case "thinking":
            deltas = [{"type": "thinking_delta", "thinking": piece} for piece in pieces(block["thinking"])]
            return block | {"thinking": "", "signature": ""}, [
                *deltas,
                {"type": "signature_delta", "signature": block["signature"]},
            ]
        case _:
            arguments = block.get("cut") or json.dumps(block["input"], separators=(",", ":"))
            deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in pieces(arguments)]
            return {key: value for key, value in block.items() if key != "cut"} | {"input": {}}, deltas


def pieces(words):
    return [words[:3], words[3:]] if len(words) > 3 else [words] if words else []


def response(*items, reason=None, cached=0):
    usage = {"input_tokens": 9 + cached, "output_tokens": 4, "total_tokens": 13 + cached}
    usage |= {
        "input_tokens_details": {"cached_tokens": cached},
        "output_tokens_details": {"reasoning_tokens": 0},
    }
    status = (
        {"status": "incomplete", "incomplete_details": {"reason": reason}}
        if reason
        else {"status": "completed"}
    )
    return {"id": "r", "object": "response", "model": "m", "output": list(items), "usage": usage} | status


def response_events(document):
    """A response as its server streams it."""
    yield {
        "type": "response.created",
        "response": document | {"output": [], "status": "in_progress", "usage": None},
    }
    for at, item in enumerate(document["output"]):
        place = {"item_id": f"i{at}", "output_index": at}
        empty = {"content": []} if item["type"] == "message" else {"arguments": ""}
        yield {"type": "response.output_item.added", "output_index": at, "item": item | empty}
        if item["type"] == "message":
            (part,) = item["content"]
            yield {
                "type": "response.content_part.added",
                **place,
                "content_index": 0,
                "part": part | {"text": ""},
            }
            for piece in pieces(part["text"]):
                yield {"type": "response.output_text.delta", **place, "content_index": 0, "delta": piece}
            yield {"type": "response.output_text.done", **place, "content_index": 0, "text": part["text"]}
        else:
            for piece in pieces(item["arguments"]):
                yield {"type": "response.function_call_arguments.delta", **place, "delta": piece}
        if item.get("status") != "incomplete":
            yield {"type": "response.output_item.done", "output_index": at, "item": item}
    yield {"type": f"response.{document['status']}", "response": document}


def stream_of(dialect, document) -> bytes:
    if dialect == RESPONSES:
        numbered = (item | {"sequence_number": at} for at, item in enumerate(response_events(document)))
        return "".join(f"event: {item['type']}\ndata: {json.dumps(item)}\n\n" for item in numbered).encode()
    if dialect == MESSAGES:
        return "".join(
            f"event: {item['type']}\ndata: {json.dumps(item)}\n\n" for item in events_of(document)
        ).encode()
    return (
        "".join(f"data: {json.dumps(item)}\n\n" for item in chunks_of(document)).encode()
        + b"data: [DONE]\n\n"
    )


def calls(*paths):
    return [call(f"long{number}", path) for number, path in enumerate(paths)]


def uses(*paths):
    return [use(f"long{number}", path) for number, path in enumerate(paths)]


def read(path):
    return [
        CallStarted(id="", name="read"),
        CallArguments(json.dumps({"path": path}, separators=(",", ":"))),
        CallEnded(),
    ]


END, USED = Stopped(reason="end"), Usage(input=9, output=4)
REPLIES = {
    # name: (events, usage, chat completion, message)
    "text": ([TextDelta("Hello"), END], USED, answer("Hello"), reply(text("Hello"))),
    "wide text": ([TextDelta('"ü" \\ 😀\n'), END], USED, answer('"ü" \\ 😀\n'), reply(text('"ü" \\ 😀\n'))),
    "a call": ([*read("a"), Stopped(reason="tool_calls")], USED, answer(None, "tool_calls", tool_calls=calls("a")), reply(*uses("a"), stop="tool_use")),
    "text and parallel calls": (
        [TextDelta("so"), *read("a"), *read("b"), Stopped(reason="tool_calls")],
        USED,
        answer("so", "tool_calls", tool_calls=calls("a", "b")),
        reply(text("so"), *uses("a", "b"), stop="tool_use"),
    ),
    "cut at the limit": ([TextDelta("Hel"), Stopped(reason="output_limit")], USED, answer("Hel", "length"), reply(text("Hel"), stop="max_tokens")),
    "a refusal": ([TextDelta("No"), Stopped(reason="refusal")], USED, answer("No", "content_filter"), reply(text("No"), stop="refusal")),
    "cached tokens": (
        [TextDelta("Hello"), END],
        Usage(input=9, output=4, cache_read=30),
        answer("Hello", usage=used(39, 4, 30)),
        reply(text("Hello"), cache_read_input_tokens=30),
    ),
    "nothing": ([END], USED, answer(""), reply()),
}  # fmt: skip
RESPONSES_REPLIES = {
    "text": response(said("Hello")),
    "wide text": response(said('"ü" \\ 😀\n')),
    "a call": response(called("long0", "a")),
    "text and parallel calls": response(said("so"), called("long0", "a"), called("long1", "b")),
    "cut at the limit": response(said("Hel"), reason="max_output_tokens"),
    "a refusal": response(said("No"), reason="content_filter"),
    "cached tokens": response(said("Hello"), cached=30),
    "nothing": response(),
}
ASKED = Conversation(dialect=CHAT, turns=(), stream_usage=True, stop=("</a>",))


def merged(events):
    """The events but for ids and usage, neighbouring pieces of one kind joined; and the last usage."""
    usage, plain = None, []
    for event in events:
        match event:
            case Started():
                continue
            case UsageReport(reported):
                usage = reported
                continue
            case CallStarted():
                plain.append(CallStarted(id="", name=event.name))
                continue
        last = plain[-1] if plain else None
        if isinstance(event, TextDelta | ThinkingDelta | RefusalDelta | CallArguments) and type(last) is type(
            event
        ):
            plain[-1] = type(event)(last.text + event.text)
        else:
            plain.append(event)
    return plain, usage


def decoded(dialect, stream, size):
    """The events of a stream that comes in chunks of `size` bytes."""
    decoder = DIALECTS[dialect].reply_decoder()
    chunks = (stream[at : at + size] for at in range(0, len(stream), size))
    return [event for chunk in chunks for event in decoder.feed(chunk)] + decoder.end()


def encoded(dialect, events, *, singly):
    encoder = DIALECTS[dialect].reply_encoder(model="m", conversation=ASKED)
    return b"".join(encoder.feed([event]) for event in events) if singly else encoder.feed(events)


def dumped(body) -> bytes:
    return json.dumps(body, separators=(",", ":")).encode()


def document(name, dialect):
    if dialect == RESPONSES:
        return RESPONSES_REPLIES[name]
    return REPLIES[name][2 + (dialect == MESSAGES)]


@pytest.mark.parametrize("dialect", NAMES)
@pytest.mark.parametrize("name", REPLIES)
def test_a_reply_is_the_same_events_whole_and_streamed_cut_at_every_byte(name, dialect):
    expected = (REPLIES[name][0], REPLIES[name][1])
    body = document(name, dialect)
    assert merged(DIALECTS[dialect].decode_reply(dumped(body))) == expected
    stream = stream_of(dialect, body)
    for size in (len(stream), 1, 7):
        assert merged(decoded(dialect, stream, size)) == expected


@pytest.mark.parametrize("singly", [True, False])
@pytest.mark.parametrize(("source", "target"), [*PAIRS, *zip(NAMES, NAMES, strict=True)])
@pytest.mark.parametrize("name", REPLIES)
def test_a_reply_says_the_same_in_the_other_dialect(name, source, target, singly):
    expected, usage = REPLIES[name][:2]
    events = DIALECTS[source].decode_reply(dumped(document(name, source)))
    whole = DIALECTS[target].encode_reply(events, model="m", conversation=ASKED)
    assert merged(DIALECTS[target].decode_reply(whole)) == (expected, usage)
    pieces = decoded(source, stream_of(source, document(name, source)), 7)
    stream = encoded(target, pieces, singly=singly)
    assert merged(decoded(target, stream, 1)) == (expected, usage)


CUT = '{"path":"a.r'
CUT_CALLS = [call("long0", "a") | {"function": {"name": "read", "arguments": CUT}}]


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_a_call_that_was_cut_at_the_limit_is_no_bad_call(source, target):
    cut = {
        CHAT: answer(None, "length", tool_calls=CUT_CALLS),
        MESSAGES: reply(use("long0", "") | {"cut": CUT}, stop="max_tokens"),
        RESPONSES: response(
            called("long0", "a") | {"arguments": CUT, "status": "incomplete"}, reason="max_output_tokens"
        ),
    }[source]
    events = [
        event for event in decoded(source, stream_of(source, cut), 5) if not isinstance(event, CallEnded)
    ]
    plain, _ = merged(events)
    assert plain == [CallStarted(id="", name="read"), CallArguments(CUT), Stopped(reason="output_limit")]
    again, _ = merged(decoded(target, encoded(target, events, singly=True), 1))
    assert [event for event in again if not isinstance(event, CallEnded)] == plain


@pytest.mark.parametrize("target", [CHAT, MESSAGES])
def test_a_stop_sequence_is_told(target):
    events = DIALECTS[MESSAGES].decode_reply(
        json.dumps(reply(text("a"), stop="stop_sequence", sequence="</a>")).encode()
    )
    assert events[-1] == Stopped(reason="stop_sequence", sequence="</a>")
    whole = json.loads(DIALECTS[target].encode_reply(events, model="m", conversation=ASKED))
    if target == CHAT:
        assert whole["choices"][0]["finish_reason"] == "stop"
    else:
        assert (whole["stop_reason"], whole["stop_sequence"]) == ("stop_sequence", "</a>")


def test_signed_thinking_reaches_a_chat_client_as_reasoning():
    thinking = {"type": "thinking", "thinking": "hm, so", "signature": "sig"}
    events = decoded(MESSAGES, stream_of(MESSAGES, reply(thinking, text("so"))), 9)
    assert merged(events)[0] == [ThinkingDelta("hm, so"), Signature(signature="sig"), TextDelta("so"), END]
    back, _ = merged(decoded(CHAT, encoded(CHAT, events, singly=True), 1))
    assert back == [ThinkingDelta("hm, so"), TextDelta("so"), END]
    assert merged(decoded(MESSAGES, encoded(MESSAGES, events, singly=True), 1))[0] == merged(events)[0]


@pytest.mark.parametrize(("source", "target"), [*PAIRS, *zip(NAMES, NAMES, strict=True)])
@pytest.mark.parametrize("name", ["text", "text and parallel calls"])
def test_no_end_is_written_for_a_reply_that_broke_off(name, source, target):
    stream = stream_of(source, document(name, source))
    ends = {MESSAGES: b"stop_reason", CHAT: b"finish_reason", RESPONSES: b"event: response.completed"}
    for at in range(0, stream.rindex(ends[source]), 23):
        written = encoded(target, decoded(source, stream[:at], 11), singly=True)
        assert b"[DONE]" not in written
        assert b"message_stop" not in written
        assert b"response.completed" not in written


@pytest.mark.parametrize("target", NAMES)
@pytest.mark.parametrize(
    ("source", "error"),
    [
        (
            RESPONSES,
            b'event: error\ndata: {"type":"error","code":"server_error","message":"no memory"}\n\n',
        ),
        (CHAT, b'data: {"error":{"message":"no memory","type":"server_error"}}\n\n'),
        (
            MESSAGES,
            b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"no memory"}}\n\n',
        ),
    ],
)
def test_an_error_inside_a_stream_is_told_and_nothing_after_it(source, error, target):
    stream = stream_of(source, document("text", source))
    begin = stream[: stream.index(b"\n\n", len(stream) // 3) + 2]
    events = decoded(source, begin + error + stream, 13)
    assert isinstance(events[-1], Failed)
    written = encoded(target, events, singly=True)
    assert written.endswith(b"\n\n")
    assert b"no memory" in written.split(b"\n\n")[-2]
