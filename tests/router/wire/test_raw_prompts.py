"""Replies to prompts that are completed as they are: read whole and cut anywhere, and passed on."""

import json

import pytest

from router.errors import BadRequest
from router.types import RAW_DIALECTS, Usage
from router.wire import DIALECTS, detect_dialect
from router.wire.events import Failed, Started, Stopped, TextDelta, UnreadableReply, UsageReport

USAGE = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}


def choice(text, finish=None):
    return {"model": "m", "choices": [{"text": text, "index": 0, "finish_reason": finish}]}


def filled(text, **end):
    return {"content": text, "stop": bool(end), **end}


STREAMS = {
    "openai_completions": [
        choice("It "),
        choice("is."),
        choice("", "length"),
        {"choices": [], "usage": USAGE},
    ],
    "llama_infill": [
        filled("It "),
        filled("is."),
        filled("", stop=True, stop_type="limit", tokens_evaluated=7, tokens_predicted=3),
    ],
}


def stream(name, *, done=True):
    data = b"".join(b"data: %b\n\n" % json.dumps(piece).encode() for piece in STREAMS[name])
    return data + (b"data: [DONE]\n\n" if done and name == "openai_completions" else b"")


@pytest.mark.parametrize("done", [True, False])
@pytest.mark.parametrize("size", [1, 7, 1 << 20])
@pytest.mark.parametrize("name", STREAMS)
def test_a_stream(name, size, done):
    decoder, data = DIALECTS[name].reply_decoder(), stream(name, done=done)
    parts = [data[at : at + size] for at in range(0, len(data), size)]
    events = [event for part in parts for event in decoder.feed(part)] + decoder.end()
    assert isinstance(events[0], Started)
    assert "".join(event.text for event in events if isinstance(event, TextDelta)) == "It is."
    assert events[-1] == Stopped(reason="output_limit")
    assert [event.usage for event in events if isinstance(event, UsageReport)] == [Usage(input=7, output=3)]
    assert sum(isinstance(event, Stopped) for event in events) == 1


@pytest.mark.parametrize("usage", [True, False])
@pytest.mark.parametrize("name", STREAMS)
def test_its_bytes_are_passed_on_without_a_usage_that_was_not_asked_for(name, usage):
    decoder, data = DIALECTS[name].reply_decoder(observing=True), stream(name)
    passed = b"".join(decoder.repair(data[at : at + 5], usage=usage)[1] for at in range(0, len(data), 5))
    kept = usage or name == "llama_infill"
    assert passed == (data if kept else data.replace(b'data: {"choices": [], "usage"', b"\0").split(b"\0")[0]
                      + b"data: [DONE]\n\n")  # fmt: skip


@pytest.mark.parametrize("usage", [True, False])
def test_an_end_that_has_the_usage_with_it_is_passed_on(usage):
    """As llama-server ends a stream."""
    decoder = DIALECTS["openai_completions"].reply_decoder(observing=True)
    pieces = [choice("It is."), choice("", "stop") | {"usage": USAGE}]
    data = b"".join(b"data: %b\n\n" % json.dumps(piece).encode() for piece in pieces) + b"data: [DONE]\n\n"
    events, passed = decoder.repair(data, usage=usage)
    assert passed == data
    assert events[-2:] == [UsageReport(Usage(input=7, output=3)), Stopped(reason="end")]


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_that_breaks_off_has_no_end(name):
    decoder = DIALECTS[name].reply_decoder()
    piece = b"data: %b\n\n" % json.dumps(STREAMS[name][0]).encode()
    assert [type(event) for event in decoder.feed(piece)] == [Started, TextDelta]
    assert decoder.end() == []


WHOLE = {
    "openai_completions": choice("It is.", "stop") | {"usage": USAGE},
    "llama_infill": filled("It is.", stop=True, stop_type="eos", tokens_evaluated=7, tokens_predicted=3),
}


@pytest.mark.parametrize("name", WHOLE)
def test_a_whole_reply(name):
    events = DIALECTS[name].decode_reply(json.dumps(WHOLE[name]).encode())
    assert events == [
        Started(model=WHOLE[name].get("model", "")),
        TextDelta("It is."),
        UsageReport(Usage(input=7, output=3)),
        Stopped(reason="end"),
    ]
    with pytest.raises(UnreadableReply):
        DIALECTS[name].decode_reply(b"<html>")


@pytest.mark.parametrize("name", WHOLE)
def test_an_error_inside_a_stream(name):
    decoder = DIALECTS[name].reply_decoder(observing=True)
    (event,) = decoder.feed(b'data: {"error": {"message": "No.", "type": "server_error"}}\n\n')
    assert (type(event), event.message) == (Failed, "No.")
    assert decoder.feed(b"data: nonsense\n\n: comment\n\n") == []


@pytest.mark.parametrize("name", sorted(RAW_DIALECTS))
def test_nothing_makes_a_conversation_of_it(name):
    with pytest.raises(BadRequest, match="completes no prompt as it is"):
        DIALECTS[name].decode_request(b'{"prompt":"x"}')


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"{}", "prompt: must be"),
        (b'{"prompt":["a","b"]}', "prompt: must be a string, or an array of one"),
        (b'{"prompt":[1]}', "prompt[0]"),
        (b'{"prompt":"a","suffix":1}', "suffix"),
    ],
)
def test_the_envelope_is_checked(body, words):
    with pytest.raises(BadRequest) as refused:
        DIALECTS["openai_completions"].read(body)
    assert refused.value.message.startswith(words)


def test_their_bodies_are_known_by_their_shape():
    assert detect_dialect(b'{"prompt":"x","suffix":"y"}') == "openai_completions"
    assert detect_dialect(b'{"input_prefix":"x","prompt":""}') == "llama_infill"
