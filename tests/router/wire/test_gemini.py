"""Gemini's bodies as conversations and back; replies, whole, as events and as a list."""

import base64
import json
from dataclasses import replace

import pytest

from router.errors import BadRequest
from router.types import Usage
from router.wire import DIALECTS, detect_dialect
from router.wire.capabilities import adapt
from router.wire.conversation import (
    Document,
    Image,
    Opaque,
    Reasoning,
    ResponseFormat,
    Sampling,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Turn,
)
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
from router.wire.gemini_reasoning import seal
from router.wire.target import CLAUDE, LOCAL, PROVIDER, Target

GEMINI = DIALECTS["gemini"]
SERVER = Target(dialect="gemini", side="provider")
PNG = "iVBORw0KGgo="
SCHEMA = {"type": "object", "properties": {"path": {"type": "string"}}}
ASK = {"role": "user", "parts": [{"text": "Hello."}]}
CALL = {"functionCall": {"name": "ls", "args": {"path": "."}}}
LS = {"functionDeclarations": [{"name": "ls", "parametersJsonSchema": SCHEMA}]}


def decoded(**fields):
    body = GEMINI.normalise(json.dumps({"contents": [ASK]} | fields).encode())
    GEMINI.read(body)
    return GEMINI.decode_request(body)


def said(role, *parts):
    return Turn(role=role, parts=parts)


def answered(name, text, **more):
    return {"functionResponse": {"name": name, "response": {"output": text}, **more}}


TURNS = [
    ([ASK], [said("user", Text(text="Hello."))]),
    ([{"parts": [{"text": "Hello."}]}], [said("user", Text(text="Hello."))]),
    (  # one object where a list is meant, and the other spelling
        {"parts": {"inline_data": {"mime_type": "image/png", "data": PNG}}},
        [said("user", Image(data=PNG, media_type="image/png"))],
    ),
    (  # the alphabet of addresses, without its padding
        [{"parts": [{"inlineData": {"mimeType": "image/png", "data": "-_-_AA"}}]}],
        [said("user", Image(data="+/+/AA==", media_type="image/png"))],
    ),
    (
        [
            {
                "parts": [
                    {"inlineData": {"mimeType": "text/plain", "data": base64.b64encode(b"a = 1").decode()}}
                ]
            }
        ],
        [said("user", Document(text="a = 1"))],
    ),
    (
        [{"parts": [{"fileData": {"mimeType": "image/png", "fileUri": "https://a.example/b.png"}}]}],
        [said("user", Image(url="https://a.example/b.png", media_type="image/png"))],
    ),
    (  # two calls without ids, answered by name and the other way round
        [
            {"role": "model", "parts": [CALL, {"functionCall": {"name": "cat"}}]},
            {"role": "user", "parts": [answered("cat", "text"), {"text": "Go on."}, answered("ls", "a.py")]},
        ],
        [
            said(
                "assistant",
                ToolCall(id="call_0_0", name="ls", arguments='{"path":"."}'),
                ToolCall(id="call_0_1", name="cat", arguments="{}"),
            ),
            said(
                "user",
                ToolResult(call_id="call_0_1", parts=(Text(text="text"),)),
                ToolResult(call_id="call_0_0", parts=(Text(text="a.py"),)),
                Text(text="Go on."),
            ),
        ],
    ),
    (  # two of one name, in order; the older role
        [
            {"role": "model", "parts": [CALL, CALL]},
            {"role": "function", "parts": [answered("ls", "1"), answered("ls", "2")]},
        ],
        [
            said(
                "assistant",
                ToolCall(id="call_0_0", name="ls", arguments='{"path":"."}'),
                ToolCall(id="call_0_1", name="ls", arguments='{"path":"."}'),
            ),
            said(
                "user",
                ToolResult(call_id="call_0_0", parts=(Text(text="1"),)),
                ToolResult(call_id="call_0_1", parts=(Text(text="2"),)),
            ),
        ],
    ),
    (  # one said twice, as Gemini CLI does in a session that it resumes, beside another of that name
        [
            {"role": "model", "parts": [{"functionCall": {"name": "ls", "id": one}} for one in ("a", "b")]},
            {
                "parts": [
                    answered("ls", "1", id="a"),
                    answered("ls", "1", id="a"),
                    answered("ls", "2", id="b"),
                ]
            },
        ],
        [
            said("assistant", *(ToolCall(id=one, name="ls", arguments="{}") for one in ("a", "b"))),
            said(
                "user",
                ToolResult(call_id="a", parts=(Text(text="1"),)),
                ToolResult(call_id="b", parts=(Text(text="2"),)),
            ),
        ],
    ),
    (  # with ids; what failed, and what is no plain text
        [
            {"role": "model", "parts": [{"functionCall": CALL["functionCall"] | {"id": "c1"}}]},
            {"parts": [{"functionResponse": {"id": "c1", "name": "ls", "response": {"error": "none"}}}]},
            {"role": "model", "parts": [CALL]},
            {"parts": [{"functionResponse": {"name": "ls", "response": {"files": ["a.py"]}}}]},
        ],
        [
            said("assistant", ToolCall(id="c1", name="ls", arguments='{"path":"."}')),
            said("user", ToolResult(call_id="c1", parts=(Text(text="none"),), error=True)),
            said("assistant", ToolCall(id="call_2_0", name="ls", arguments='{"path":"."}')),
            said("user", ToolResult(call_id="call_2_0", parts=(Text(text='{"files":["a.py"]}'),))),
        ],
    ),
    (  # an image beside what a tool answered
        [
            {"role": "model", "parts": [CALL]},
            {
                "parts": [
                    answered("ls", "Seen.", parts=[{"inline_data": {"mime_type": "image/png", "data": PNG}}])
                ]
            },
        ],
        [
            said("assistant", ToolCall(id="call_0_0", name="ls", arguments='{"path":"."}')),
            said(
                "user",
                ToolResult(
                    call_id="call_0_0",
                    parts=(Text(text="Seen."), Image(data=PNG, media_type="image/png")),
                ),
            ),
        ],
    ),
    (  # thoughts, and another company's signature
        [
            {
                "role": "model",
                "parts": [{"text": "Hm.", "thought": True}, {"text": "Yes.", "thoughtSignature": "AAAA"}],
            }
        ],
        [said("assistant", Thinking(text="Hm."), Text(text="Yes."))],
    ),
]


@pytest.mark.parametrize(("contents", "turns"), TURNS)
def test_contents(contents, turns):
    assert list(decoded(contents=contents).turns) == turns


def test_signed_thinking_comes_back_where_it_stood():
    signature = seal([Thinking(text="Hm.", signature="sig")]).replace("+", "-").replace("/", "_")
    parts = [{"text": "I look."}, CALL | {"thoughtSignature": signature}]
    (turn,) = decoded(contents=[{"role": "model", "parts": parts}]).turns
    assert turn.parts[:2] == (Thinking(text="Hm.", signature="sig"), Text(text="I look."))


@pytest.mark.parametrize("role", ["system", "user", "", None])
def test_the_system_text_has_a_role_that_nobody_reads(role):
    """Google's older JavaScript package writes `system` there."""
    said_so = decoded(systemInstruction={"role": role, "parts": [{"text": "Be brief."}]})
    assert said_so.system == (Text(text="Be brief."),)


def test_a_count_holds_the_request():
    body = json.dumps({"generate_content_request": {"contents": [ASK], "model": "models/auto"}}).encode()
    assert GEMINI.read(GEMINI.normalise(body)).model == "auto"


CONFIGS = [
    ({"maxOutputTokens": 9}, {"output_limit": 9}),
    ({"max_output_tokens": 9, "top_k": 4.0}, {"output_limit": 9, "sampling": Sampling(top_k=4)}),
    (
        {"temperature": 0.5, "topP": 0.9, "seed": 3},
        {"sampling": Sampling(temperature=0.5, top_p=0.9, seed=3)},
    ),
    ({"stopSequences": ["END"]}, {"stop": ("END",)}),
    ({"responseMimeType": "application/json"}, {"response_format": ResponseFormat(kind="json_object")}),
    (
        {
            "responseMimeType": "application/json",
            "responseSchema": {"type": "OBJECT", "propertyOrdering": []},
        },
        {"response_format": ResponseFormat(kind="json_schema", schema={"type": "object"})},
    ),
    (
        {"responseMimeType": "application/json", "responseJsonSchema": SCHEMA},
        {"response_format": ResponseFormat(kind="json_schema", schema=SCHEMA)},
    ),
    ({"thinkingConfig": {"thinkingBudget": 0}}, {"reasoning": Reasoning(effort="none")}),
    ({"thinkingConfig": {"thinkingBudget": -1}}, {"reasoning": Reasoning(adaptive=True)}),
    ({"thinking_config": {"thinking_budget": 2048}}, {"reasoning": Reasoning(budget_tokens=2048)}),
    ({"thinkingConfig": {"thinkingLevel": "HIGH"}}, {"reasoning": Reasoning(effort="high")}),
    ({"thinkingConfig": {"includeThoughts": True}}, {"extras": {"includeThoughts": True}}),
]


@pytest.mark.parametrize(("config", "expected"), CONFIGS)
def test_what_an_answer_shall_be(config, expected):
    got = decoded(generationConfig=config)
    assert got == replace(decoded(), **expected)


CHOICES = [
    ({"mode": "AUTO"}, ToolChoice(), ["ls", "cat"]),
    ({"mode": "NONE"}, ToolChoice(mode="none"), ["ls", "cat"]),
    ({"mode": "ANY"}, ToolChoice(mode="required"), ["ls", "cat"]),
    ({"mode": "ANY", "allowed_function_names": ["cat"]}, ToolChoice(mode="tool", name="cat"), ["cat"]),
    ({"mode": "ANY", "allowedFunctionNames": ["cat", "ls"]}, ToolChoice(mode="required"), ["ls", "cat"]),
    ({"mode": "VALIDATED", "allowedFunctionNames": ["ls"]}, ToolChoice(), ["ls"]),
]


@pytest.mark.parametrize(("calling", "choice", "names"), CHOICES)
def test_which_tools_may_be_called(calling, choice, names):
    functions = [{"name": "ls"}, {"name": "cat"}]
    got = decoded(
        tools=[{"function_declarations": functions}], tool_config={"function_calling_config": calling}
    )
    assert got.tool_choice == choice
    assert [tool.name for tool in got.tools] == names


def test_geminis_schemas_become_json_schemas():
    own = {
        "type": "OBJECT",
        "properties": {
            "mime_type": {"type": "STRING", "format": "enum", "enum": ["a"], "nullable": True},
            "nullable": {"type": "ARRAY", "items": {"type": "INTEGER", "format": "int32"}, "minItems": "1"},
            "either": {"any_of": [{"type": "NUMBER"}], "nullable": True},
        },
        "propertyOrdering": ["mime_type"],
    }
    (tool,) = decoded(tools=[{"functionDeclarations": [{"name": "f", "parameters": own}]}]).tools
    assert tool == Tool(
        name="f",
        schema={
            "type": "object",
            "properties": {
                "mime_type": {"type": ["string", "null"], "enum": ["a", None]},
                "nullable": {"type": "array", "items": {"type": "integer", "format": "int32"}, "minItems": 1},
                "either": {"anyOf": [{"type": "number"}, {"type": "null"}]},
            },
        },
    )


def test_audio_is_carried_to_models_that_hear():
    part = {"inlineData": {"mimeType": "audio/mpeg; rate=8000", "data": "-_8="}}
    ((heard,),) = (turn.parts for turn in decoded(contents=[{"parts": [part]}]).turns)
    assert heard == Opaque(
        dialect="openai_chat",
        kind="input_audio",
        value={"type": "input_audio", "input_audio": {"data": "+/8=", "format": "mp3"}},
        where="contents[0].parts[0]",
    )


REFUSED = [
    ({"contents": []}, "contents: must be a non-empty array"),
    ({"contents": [{"role": "system", "parts": []}]}, "contents[0].role: must be `user` or `model`"),
    ({"contents": [{"parts": [{"text": 1}]}]}, "contents[0].parts[0].text: must be a string"),
    ({"contents": [{"parts": [{}]}]}, "contents[0].parts[0]: holds nothing"),
    ({"contents": [{"parts": [answered("ls", "x")]}]}, "functionResponse.name: answers no call"),
    (
        {
            "contents": [
                {"role": "model", "parts": [{"functionCall": {"name": "ls", "id": "a"}}]},
                {"parts": [answered("ls", "1", id="a"), answered("ls", "2", id="a")]},
            ]
        },
        "contents[1].parts[1].functionResponse.name: answers no call",
    ),
    ({"contents": [{"parts": [{"inlineData": {"data": PNG}}]}]}, "inlineData.mimeType: is missing"),
    (
        {"contents": [{"parts": [{"inlineData": {"mimeType": "image/png", "data": "{}"}}]}]},
        "contents[0].parts[0].inlineData.data: must be base64",
    ),
    (
        {"contents": [{"parts": [{"inlineData": {"mimeType": "audio/ogg", "data": PNG}}]}]},
        "contents[0].parts[0].inlineData.mimeType: `audio/ogg` is read by no model here",
    ),
    (
        {"contents": [{"parts": [{"file_data": {"file_uri": "gs://a/b"}}]}]},
        "contents[0].parts[0].fileData.fileUri: is kept by Google",
    ),
    (
        {"systemInstruction": {"parts": [{"inlineData": {"mimeType": "image/png", "data": PNG}}]}},
        "systemInstruction.parts[0].text: is missing",
    ),
    ({"systemInstruction": {}, "system_instruction": {}}, "system_instruction: is there twice"),
    ({"generationConfig": {"topK": "4"}}, "generationConfig.topK: must be an integer"),
    ({"generationConfig": {"responseSchema": SCHEMA}}, "generationConfig.responseMimeType: must be"),
    ({"generationConfig": {"responseMimeType": "text/x.enum"}}, "generationConfig.responseMimeType: `text/x"),
    (
        {
            "tools": [LS],
            "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["no"]}},
        },
        "toolConfig.functionCallingConfig.allowedFunctionNames[0]: no tool is called `no`",
    ),
    (
        {"tools": [{"functionDeclarations": [{"name": "f", "parameters": {}, "parametersJsonSchema": {}}]}]},
        "tools[0].functionDeclarations[0].parametersJsonSchema: cannot stand beside",
    ),
]


@pytest.mark.parametrize(("fields", "words"), REFUSED)
def test_what_cannot_be_read_is_refused_by_its_place(fields, words):
    with pytest.raises(BadRequest) as refused:
        decoded(**fields)
    assert words in refused.value.message


LACKED = [
    ({"tools": [{"googleSearch": {}}]}, LOCAL, "tools[0].googleSearch: is run by Google's servers"),
    ({"tools": [LS, {"code_execution": {}}]}, CLAUDE, "tools[1].codeExecution: is run by Google's servers"),
    ({"tools": [{"urlContext": {}}]}, PROVIDER, "tools[0].urlContext: is run by Google's servers"),
    ({"cachedContent": "cachedContents/a"}, LOCAL, "cachedContent: nothing is kept here"),
    ({"generationConfig": {"candidateCount": 2}}, LOCAL, "generationConfig.candidateCount: only one"),
    ({"generationConfig": {"seed": 7}}, CLAUDE, "generationConfig.seed: Claude takes no seed"),
    ({"generationConfig": {"presencePenalty": 1}}, CLAUDE, "generationConfig.presencePenalty: Claude takes"),
    ({"generationConfig": {"responseModalities": ["AUDIO"]}}, LOCAL, "generationConfig.responseModalities: "),
    ({"generationConfig": {"response_logprobs": True}}, LOCAL, "generationConfig.responseLogprobs: "),
]


@pytest.mark.parametrize(("fields", "target", "words"), LACKED)
def test_what_nobody_has_is_refused_by_name(fields, target, words):
    with pytest.raises(BadRequest) as refused:
        adapt(decoded(**fields), target)
    assert refused.value.message.startswith(words)


def test_what_makes_no_other_answer_is_carried_on_or_named():
    fields = {
        "safetySettings": [{"category": "A", "threshold": "B"}],
        "generationConfig": {"candidateCount": 1, "responseModalities": ["TEXT"], "topK": 4},
        "notes": "x",
        "contents": [{"parts": [{"text": "Hi.", "videoMetadata": {"fps": 1}}]}],
        "toolConfig": {"functionCallingConfig": {"mode": "VALIDATED"}},
    }
    _, dropped = adapt(decoded(**fields), PROVIDER)
    assert set(dropped) == {
        "safetySettings", "notes", "contents[0].parts[0].videoMetadata", "generationConfig.topK",
        "toolConfig.functionCallingConfig.mode",
    }  # fmt: skip


def test_claude_searches_in_googles_place():
    adapted, dropped = adapt(decoded(tools=[{"googleSearch": {}}]), CLAUDE)
    assert ([tool.kind for tool in adapted.tools], dropped) == (["web_search_20250305"], ())


def test_a_request_is_written_as_it_was_read():
    fields = {
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "contents": [
            {
                "role": "user",
                "parts": [{"text": "Look."}, {"inlineData": {"mimeType": "image/png", "data": PNG}}],
            },
            {
                "role": "model",
                "parts": [
                    {
                        "functionCall": {"id": "c1", "name": "ls", "args": {"path": "."}},
                        "thoughtSignature": seal([Thinking(text="Hm.", signature="s")]),
                    }
                ],
            },
            {
                "role": "user",
                "parts": [{"functionResponse": {"id": "c1", "name": "ls", "response": {"output": "a"}}}],
            },
        ],
        "tools": [
            {"functionDeclarations": [{"name": "ls", "description": "d", "parametersJsonSchema": SCHEMA}]}
        ],
        "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["ls"]}},
        "generationConfig": {
            "maxOutputTokens": 9, "temperature": 0.5, "stopSequences": ["END"],
            "responseMimeType": "application/json", "responseJsonSchema": SCHEMA,
            "thinkingConfig": {"thinkingBudget": 2048},
        },
    }  # fmt: skip
    conversation, _ = adapt(decoded(**fields), SERVER)
    body = GEMINI.encode_request(conversation, model="m", target=SERVER)
    assert json.loads(body) == fields | {"model": "m"}


def test_the_dialect_is_detected():
    assert detect_dialect(json.dumps({"contents": [ASK]}).encode()) == "gemini"


REPLY = [
    Started(id="x", model="m"),
    ThinkingDelta("Hm."),
    Signature(signature="sig"),
    TextDelta("I "),
    TextDelta("look."),
    CallStarted(id="c1", name="ls"),
    CallArguments('{"path":'),
    CallArguments('"."}'),
    CallEnded(),
    UsageReport(Usage(input=7, output=5, cache_read=2, reasoning=1)),
    Stopped(reason="tool_calls"),
]
USAGE = {
    "promptTokenCount": 9,
    "candidatesTokenCount": 4,
    "totalTokenCount": 14,
    "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 9}],
    "cachedContentTokenCount": 2,
    "thoughtsTokenCount": 1,
}
CALLED = {
    "functionCall": {"id": "c1", "name": "ls", "args": {"path": "."}},
    "thoughtSignature": seal([Thinking(text="Hm.", signature="sig")]),
}
THOUGHT = {"text": "Hm.", "thought": True}


@pytest.mark.parametrize("tells", [False, True])
def test_a_whole_reply(tells):
    conversation = decoded(generationConfig={"thinkingConfig": {"includeThoughts": tells}})
    reply = json.loads(GEMINI.encode_reply(REPLY, model="m", conversation=conversation))
    (candidate,) = reply["candidates"]
    parts = [*([THOUGHT] if tells else []), {"text": "I look."}, CALLED]
    assert candidate == {"content": {"parts": parts, "role": "model"}, "finishReason": "STOP", "index": 0}
    assert (reply["usageMetadata"], reply["modelVersion"], bool(reply["responseId"])) == (USAGE, "m", True)


@pytest.mark.parametrize("alt", ["sse", ""])
def test_a_streamed_reply(alt):
    conversation = replace(decoded(), stream=True, extras={"alt": alt})
    encoder = GEMINI.reply_encoder(model="m", conversation=conversation)
    stream = b"".join(encoder.feed([event]) for event in REPLY)
    if alt:
        pieces = [json.loads(frame.removeprefix(b"data: ")) for frame in stream.split(b"\r\n\r\n") if frame]
    else:
        pieces = json.loads(stream)
    parts = [piece["candidates"][0]["content"]["parts"] for piece in pieces]
    assert parts == [[{"text": "I "}], [{"text": "look."}], [CALLED], [{"text": ""}]]
    assert [piece["candidates"][0].get("finishReason") for piece in pieces] == [None, None, None, "STOP"]
    assert pieces[-1]["usageMetadata"] == USAGE
    assert len({piece["responseId"] for piece in pieces}) == 1


@pytest.mark.parametrize("alt", ["sse", ""])
def test_an_error_in_a_stream(alt):
    encoder = GEMINI.reply_encoder(model="m", conversation=replace(decoded(), extras={"alt": alt}))
    stream = encoder.feed(
        [Started(), TextDelta("Hm."), Failed(message="Overloaded", kind="overloaded_error")]
    )
    last = json.loads(stream.split(b"data: ")[-1]) if alt else json.loads(stream)[-1]
    assert (last["error"]["code"], last["error"]["status"], last["error"]["message"]) == (
        503, "UNAVAILABLE", "Overloaded",
    )  # fmt: skip


ENDS = [
    ([TextDelta("It"), Stopped(reason="output_limit")], "MAX_TOKENS"),
    ([RefusalDelta("No."), Stopped(reason="refusal")], "SAFETY"),
    ([CallStarted(id="c", name="ls"), CallArguments('{"pa'), Stopped(reason="output_limit")], "MAX_TOKENS"),
]


@pytest.mark.parametrize(("events", "reason"), ENDS)
def test_why_a_reply_ended(events, reason):
    reply = json.loads(GEMINI.encode_reply([Started(), *events], model="m", conversation=decoded()))
    assert reply["candidates"][0]["finishReason"] == reason
    assert all("functionCall" not in part for part in reply["candidates"][0]["content"]["parts"])


def test_errors_are_googles():
    refusal = json.loads(GEMINI.error("not_found_error", "No such thing.", request_id="r"))["error"]
    assert (refusal["code"], refusal["status"], refusal["message"]) == (404, "NOT_FOUND", "No such thing.")
    assert refusal["details"][0]["metadata"] == {"requestId": "r"}
    overflow = json.loads(GEMINI.overflow(20, 10))["error"]
    assert (
        overflow["message"] == "The input token count (20) exceeds the maximum number of tokens allowed (10)."
    )
