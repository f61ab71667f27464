"""Ollama's bodies as conversations and back; replies, whole and a line at a time."""

import json
from dataclasses import replace

import pytest

from router.errors import BadRequest
from router.types import Usage
from router.wire import DIALECTS, detect_dialect
from router.wire.capabilities import adapt
from router.wire.claude_models import ClaudeModel
from router.wire.conversation import (
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
from router.wire.events import (
    CallArguments,
    CallEnded,
    CallStarted,
    Failed,
    RefusalDelta,
    Started,
    Stopped,
    TextDelta,
    ThinkingDelta,
    UsageReport,
)
from router.wire.target import CLAUDE, LOCAL, Target

OLLAMA = DIALECTS["ollama"]
SERVER = Target(dialect="ollama", side="provider")
JPEG, PNG = "/9j/4AAQSkZJRg==", "iVBORw0KGgo="
SCHEMA = {"type": "object", "properties": {"path": {"type": "string"}}}
CALL = {"function": {"name": "ls", "arguments": {"path": "."}}}


def decoded(**fields):
    return OLLAMA.decode_request(json.dumps(fields).encode())


def said(role, *parts):
    return Turn(role=role, parts=parts)


HELLO = {"role": "user", "content": "Hello."}
TURNS = [
    ([HELLO], [said("user", Text(text="Hello."))]),
    (
        [{"role": "user", "content": "Look.", "images": [JPEG, f"data:image/png;base64,{PNG}"]}],
        [
            said(
                "user",
                Image(data=JPEG, media_type="image/jpeg"),
                Image(data=PNG, media_type="image/png"),
                Text(text="Look."),
            )
        ],
    ),
    (
        [HELLO, {"role": "assistant", "content": "", "thinking": "Hm."}, HELLO],
        [
            said("user", Text(text="Hello.")),
            said("assistant", Thinking(text="Hm.")),
            said("user", Text(text="Hello.")),
        ],
    ),
    (  # two calls without ids, answered by name and the other way round
        [
            {"role": "assistant", "tool_calls": [CALL, {"function": {"name": "cat", "arguments": "{}"}}]},
            {"role": "tool", "tool_name": "cat", "content": "text"},
            {"role": "tool", "tool_name": "ls", "content": "a.py"},
        ],
        [
            said(
                "assistant",
                ToolCall(id="call_0_0", name="ls", arguments='{"path":"."}'),
                ToolCall(id="call_0_1", name="cat", arguments="{}"),
            ),
            said("user", ToolResult(call_id="call_0_1", parts=(Text(text="text"),))),
            said("user", ToolResult(call_id="call_0_0", parts=(Text(text="a.py"),))),
        ],
    ),
    (  # and in order, by a client that names neither
        [
            {"role": "assistant", "content": "I look.", "tool_calls": [CALL, CALL]},
            {"role": "tool", "content": "1"},
            {"role": "tool", "content": "2"},
        ],
        [
            said(
                "assistant",
                Text(text="I look."),
                ToolCall(id="call_0_0", name="ls", arguments='{"path":"."}'),
                ToolCall(id="call_0_1", name="ls", arguments='{"path":"."}'),
            ),
            said("user", ToolResult(call_id="call_0_0", parts=(Text(text="1"),))),
            said("user", ToolResult(call_id="call_0_1", parts=(Text(text="2"),))),
        ],
    ),
    (
        [
            {"role": "assistant", "tool_calls": [CALL | {"id": "c1"}]},
            {"role": "tool", "tool_call_id": "c1", "tool_name": "ls", "content": "a.py"},
        ],
        [
            said("assistant", ToolCall(id="c1", name="ls", arguments='{"path":"."}')),
            said("user", ToolResult(call_id="c1", parts=(Text(text="a.py"),))),
        ],
    ),
]


@pytest.mark.parametrize(("messages", "turns"), TURNS, ids=range(len(TURNS)))
def test_messages(messages, turns):
    conversation = decoded(model="m", messages=messages)
    assert list(conversation.turns) == turns
    body = OLLAMA.encode_request(conversation, model="m", target=SERVER)
    again = OLLAMA.decode_request(body)
    assert again.turns == conversation.turns


FIELDS = [
    ({"format": "json"}, {"response_format": ResponseFormat(kind="json_object")}),
    ({"format": SCHEMA}, {"response_format": ResponseFormat(kind="json_schema", schema=SCHEMA)}),
    ({"format": ""}, {"response_format": None}),
    ({"think": True}, {"reasoning": Reasoning(effort="medium")}),
    ({"think": False}, {"reasoning": Reasoning(effort="none")}),
    ({"think": "high"}, {"reasoning": Reasoning(effort="high")}),
    (
        {"options": {"temperature": 0.2, "top_p": 0.9, "top_k": 40, "seed": 7}},
        {"sampling": Sampling(temperature=0.2, top_p=0.9, top_k=40, seed=7)},
    ),
    ({"options": {"num_predict": 64, "stop": ["END"]}}, {"output_limit": 64, "stop": ("END",)}),
    ({"options": {"num_predict": -1, "stop": "END"}}, {"output_limit": None, "stop": ("END",)}),
    ({"options": {"num_predict": 4096.0, "seed": 7.0}}, {"output_limit": 4096, "sampling": Sampling(seed=7)}),
    ({"stream": False}, {"stream": False}),
    ({}, {"stream": True}),
    (
        {"tools": [{"type": "function", "function": {"name": "ls", "parameters": SCHEMA}}]},
        {"tools": (Tool(name="ls", schema=SCHEMA),)},
    ),
]


@pytest.mark.parametrize(("fields", "expected"), FIELDS, ids=str)
def test_fields(fields, expected):
    conversation = decoded(model="m", messages=[HELLO], **fields)
    assert conversation == replace(conversation, **expected)
    body = OLLAMA.encode_request(conversation, model="m", target=SERVER)
    again = OLLAMA.decode_request(body)
    assert replace(again, reasoning=None) == replace(conversation, reasoning=None)
    assert (again.reasoning and again.reasoning.effort) == (
        conversation.reasoning and conversation.reasoning.effort
    )


def test_a_prompt_with_a_system_text_and_images():
    conversation = decoded(model="m", system="Be brief.", prompt="What is it?", images=[PNG], stream=False)
    assert conversation.system == (Text(text="Be brief."),)
    parts = (Image(data=PNG, media_type="image/png"), Text(text="What is it?"))
    assert conversation.turns == (Turn(role="user", parts=parts),)
    reply = json.loads(OLLAMA.encode_reply(ANSWER, model="m", conversation=conversation))
    assert (reply["response"], reply["done"]) == ("It is é\n", True)
    assert "message" not in reply


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        (
            {"messages": [{"role": "developer", "content": "x"}]},
            "messages[0].role: must be `system`, `user`, `assistant` or `tool`",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "text"}]}]},
            "messages[0].content: must be a string; images stand in `images`",
        ),
        ({"messages": [HELLO], "options": {"num_predict": "x"}}, "options.num_predict: must be an integer"),
        ({"messages": [HELLO], "options": {"seed": 1e300}}, "options.seed: must be an integer"),
        ({"messages": [HELLO], "keep_alive": "x"}, "keep_alive: must be a duration, such as `5m`"),
        ({"messages": [HELLO, {"role": "tool", "tool_name": "f"}]}, "messages[1].tool_name: answers no call"),
        ({"messages": [HELLO, {"role": "tool", "content": "x"}]}, "messages[1].role: answers no call"),
        (
            {
                "messages": [
                    {"role": "assistant", "tool_calls": [CALL]},
                    {"role": "tool", "tool_call_id": "c"},
                ]
            },
            "messages[1].tool_call_id: answers no call",
        ),
        ({"messages": [HELLO], "format": "xml"}, "format: `xml`"),
        ({"messages": [HELLO], "options": {"temperature": "hot"}}, "options.temperature"),
        ({"messages": [{"role": "assistant", "tool_calls": [{"function": {}}]}]}, "function.name"),
        ({"messages": [HELLO], "tools": [{"type": "function"}]}, "tools[0].function"),
        ({"messages": [HELLO, HELLO | {"images": [PNG, "no base64!"]}]}, "messages[1].images[1]: must be"),
        ({"prompt": "x", "images": ["https://x.example/y.png"]}, "images[0]: must be an image's bytes"),
    ],
)
def test_a_field_of_the_wrong_kind_is_named(fields, words):
    with pytest.raises(BadRequest) as refused:
        decoded(**fields)
    assert words in refused.value.message


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"messages": [HELLO], "prompt": "x"}, "prompt: cannot stand beside `messages`"),
        ({"prompt": ["x"]}, "prompt: must be a string"),
        ({"messages": "x"}, "messages: must be a non-empty array"),
        ({"stream": "yes"}, "stream: must be true or false"),
        ({"prompt": "x", "images": [1]}, "images[0]: must be a string"),
        ({"prompt": "x", "tools": [{}]}, "tools: /api/generate answers in text alone"),
    ],
)
def test_the_envelope_is_checked_at_once(fields, words):
    with pytest.raises(BadRequest) as refused:
        OLLAMA.read(json.dumps(fields).encode())
    assert words in refused.value.message


@pytest.mark.parametrize("target", [CLAUDE, LOCAL])
@pytest.mark.parametrize(
    ("field", "value"),
    [("template", "{{ .Prompt }}"), ("context", [1, 2]), ("suffix", "}"), ("raw", True), ("logprobs", True)],
)
def test_what_is_not_served_is_refused_by_its_name(target, field, value):
    with pytest.raises(BadRequest) as refused:
        adapt(decoded(prompt="x", **{field: value}), target)
    assert refused.value.message.startswith(f"{field}: ")


def test_what_is_without_is_named_and_what_says_nothing_is_not():
    conversation = decoded(
        messages=[HELLO],
        keep_alive="5m",
        template="",
        raw=False,
        options={"num_ctx": 8192, "num_thread": 4, "repeat_penalty": 1.1, "mirostat": 2, "min_p": 0.1},
    )
    _, dropped = adapt(conversation, LOCAL)
    assert set(dropped) == {"options.mirostat", "options.min_p"}


CALLS = [
    CallStarted(id="c1", name="ls"),
    CallArguments('{"path":'),
    CallArguments('"."}'),
    CallEnded(),
    CallStarted(id="c2", name="pwd"),
    CallEnded(),
]
USAGE = UsageReport(Usage(input=7, cache_read=5, output=3))
ANSWER = [Started(model="m"), TextDelta("It is "), TextDelta("é\n"), USAGE, Stopped(reason="end")]
ASKED = decoded(model="m", messages=[HELLO])


def stream(events, conversation=ASKED):
    encoder = OLLAMA.reply_encoder(model="m", conversation=conversation, prompt_tokens=9)
    return [json.loads(line) for line in encoder.feed(events).splitlines()]


def test_a_stream_is_one_object_a_line():
    *pieces, last = stream(ANSWER)
    assert [piece["message"] for piece in pieces] == [
        {"role": "assistant", "content": "It is "},
        {"role": "assistant", "content": "é\n"},
    ]
    assert not any(piece["done"] for piece in pieces)
    assert last["message"] == {"role": "assistant", "content": ""}
    assert (last["done"], last["done_reason"]) == (True, "stop")
    assert (last["prompt_eval_count"], last["eval_count"]) == (12, 3)
    times = [last[f"{name}_duration"] for name in ("total", "prompt_eval", "eval")]
    assert all(isinstance(time, int) and time > 0 for time in times)
    assert times[0] >= max(times[1:])


def test_calls_are_written_whole():
    events = [Started(), TextDelta("I look."), *CALLS, Stopped(reason="tool_calls")]
    calls = [call for piece in stream(events) for call in piece["message"].get("tool_calls", ())]
    assert calls == [
        {"id": "c1", "function": {"index": 0, "name": "ls", "arguments": {"path": "."}}},
        {"id": "c2", "function": {"index": 1, "name": "pwd", "arguments": {}}},
    ]
    whole = json.loads(OLLAMA.encode_reply(events, model="m", conversation=ASKED))
    assert whole["message"] == {"role": "assistant", "content": "I look.", "tool_calls": calls}
    assert whole["done_reason"] == "stop"


def test_a_call_that_is_cut_off_is_left_out():
    *_, last = stream([Started(), *CALLS[:2], Stopped(reason="output_limit")])
    assert (last["done_reason"], "tool_calls" in last["message"]) == ("length", False)


@pytest.mark.parametrize(("think", "shown"), [(None, True), (True, True), (False, False)])
def test_thinking_is_shown_unless_it_is_not_wanted(think, shown):
    conversation = decoded(messages=[HELLO], **({} if think is None else {"think": think}))
    events = [Started(), ThinkingDelta("Hm."), TextDelta("Yes."), Stopped(reason="end")]
    thought = "".join(piece["message"].get("thinking", "") for piece in stream(events, conversation))
    assert thought == ("Hm." if shown else "")
    whole = json.loads(OLLAMA.encode_reply(events, model="m", conversation=conversation))
    assert whole["message"].get("thinking") == ("Hm." if shown else None)


def test_an_upstream_that_reports_no_usage():
    *_, last = stream([Started(), TextDelta("a"), TextDelta("b"), Stopped(reason="end")])
    assert (last["prompt_eval_count"], last["eval_count"]) == (9, 2)


def test_errors():
    assert json.loads(OLLAMA.error("api_error", "No.")) == {"error": "No."}
    assert OLLAMA.error_event("api_error", "No.") == b'{"error":"No."}\n'
    assert stream([Failed(message="No.")]) == [{"error": "No."}]
    assert "9001 tokens" in json.loads(OLLAMA.overflow(9001, 8192))["error"]


REPLIES = {
    "thought": [ThinkingDelta("Hm."), TextDelta("Yes."), USAGE, Stopped(reason="end")],
    "calls": [*CALLS, USAGE, Stopped(reason="tool_calls")],
    "cut": [TextDelta("It"), USAGE, Stopped(reason="output_limit")],
    "refused": [RefusalDelta("No."), USAGE, Stopped(reason="refusal")],
}


@pytest.mark.parametrize("size", [1, 7, 1 << 20])
@pytest.mark.parametrize("name", REPLIES)
def test_a_stream_is_read_as_it_was_written(name, size):
    encoder = OLLAMA.reply_encoder(model="m", conversation=ASKED)
    data = encoder.feed([Started(model="m"), *REPLIES[name]])
    decoder = OLLAMA.reply_decoder()
    parts = [data[at : at + size] for at in range(0, len(data), size)]
    events = [event for part in parts for event in decoder.feed(part)] + decoder.end()
    assert events[0] == Started(model="m")
    assert events[-1] == REPLIES[name][-1]
    assert events[-2] == UsageReport(Usage(input=12, output=3))
    texts = [(type(event), event.text) for event in events if isinstance(event, TextDelta | ThinkingDelta)]
    spoken = [event for event in REPLIES[name] if isinstance(event, TextDelta | ThinkingDelta | RefusalDelta)]
    assert [text for _, text in texts] == [event.text for event in spoken]
    assert [event.id for event in events if isinstance(event, CallStarted)] == [
        event.id for event in REPLIES[name] if isinstance(event, CallStarted)
    ]


def test_what_is_said_while_nothing_answers_says_nothing():
    decoder = OLLAMA.reply_decoder()
    assert decoder.feed(OLLAMA.framing.keep_alive) == [Started()]


def test_a_number_out_of_range_is_named():
    with pytest.raises(BadRequest) as refused:
        OLLAMA.decode_request(b'{"messages":[],"options":{"num_ctx":1e400}}')
    assert refused.value.message.startswith("options.num_ctx: cannot be read")


def test_an_option_is_named_as_its_client_has_it():
    options = {
        "seed": 0,
        "temperature": 1.5,
        "top_p": 0.3,
        "top_k": 3,
        "stop": [" "],
        "presence_penalty": 0.5,
    }
    target = replace(CLAUDE, model=ClaudeModel(sampling=False))
    conversation, dropped = adapt(
        decoded(messages=[HELLO], think="high", format="json", options=options), target
    )
    assert set(dropped) >= {f"options.{name}" for name in options}
    assert all(name.startswith("options.") or name == "think" for name in dropped)
    assert conversation.sampling == Sampling()
    kept, dropped = adapt(decoded(messages=[HELLO], options=options), LOCAL)
    assert (kept.sampling.seed, dropped) == (0, ())


def test_what_no_side_reads_is_named():
    message = HELLO | {"annotations": ["x"], "name": "n", "notes": None}
    _, dropped = adapt(decoded(messages=[HELLO, message], images=[PNG]), CLAUDE)
    assert set(dropped) == {"messages[1].annotations", "images"}


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({}, "load"),
        ({"keep_alive": "1h30m"}, "load"),
        ({"keep_alive": "1.5h1.m.5s"}, "load"),
        ({"keep_alive": "1" * 39 + "s"}, "load"),
        ({"keep_alive": -1}, "load"),
        ({"keep_alive": 0}, "unload"),
        ({"keep_alive": "0s"}, "unload"),
        ({"keep_alive": "0", "prompt": ""}, "unload"),
    ],
)
def test_a_model_is_loaded_or_unloaded(fields, reason):
    reply = json.loads(OLLAMA.load_reply(json.dumps(fields | {"model": "local"}).encode()))
    assert reply["done_reason"] == reason


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        (b'{"Prompt":"hi"}', "Prompt: is no field of Ollama's"),
        (b'{"keep_alive":"x"}', "keep_alive: must be a duration"),
        (b'{"keep_alive":[]}', "keep_alive: must be a duration"),
        (b'{"keep_alive":{}}', "keep_alive: must be a duration"),
        (b'{"keep_alive":true}', "keep_alive: must be a duration"),
        (b'{"keep_alive":"%bs"}' % (b"1" * 40), "keep_alive: must be a duration"),
        (b'{"keep_alive":1e400}', "keep_alive: cannot be read"),
    ],
)
def test_what_is_wrong_with_a_body_without_a_question(fields, words):
    with pytest.raises(BadRequest) as refused:
        OLLAMA.load_reply(fields)
    assert words in refused.value.message


@pytest.mark.parametrize(
    ("body", "loads"),
    [
        ({"model": "local"}, True),
        ({"model": "local", "messages": [], "keep_alive": 5}, True),
        ({"model": "local", "prompt": ""}, True),
        ({"model": "local", "prompt": "x"}, False),
        ({"model": "local", "prompt": "", "images": [PNG]}, False),
        ({"model": "local", "messages": [HELLO]}, False),
        ({"model": "local", "prompt": "", "suffix": "}"}, False),
        ({"model": "local", "prompt": "", "context": [1]}, False),
    ],
)
def test_a_body_without_a_question_only_loads(body, loads):
    reply = OLLAMA.load_reply(json.dumps(body).encode())
    assert (reply is not None) is loads
    if reply:
        assert (json.loads(reply)["done_reason"], json.loads(reply)["model"]) == ("load", "local")


def test_its_bodies_are_known_by_their_shape():
    assert detect_dialect(b'{"messages":[{"role":"user","content":"x"}],"options":{}}') == "ollama"
    assert detect_dialect(b'{"prompt":"x","keep_alive":"5m"}') == "ollama"
    assert detect_dialect(b'{"prompt":"x","system":"y"}') == "ollama"
