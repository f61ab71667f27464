"""Answers that never came to an end, or never told what they cost: no end is invented, no guess is exact."""

import contextlib
import json

import pytest

from policies.decide import Decision
from router.billing.gpu_time import WorkTime
from router.routing.attempts import RequestAttempts
from router.types import TrackError

CHAT, MESSAGES = "openai_chat", "anthropic_messages"
ENDS = (b"end_turn", b'"stop"', b"message_stop", b"[DONE]")
FAILS, BREAKS, GUESSED, EXACT = "fails", "breaks off", "its usage is guessed", "its usage is exact"


def events(*documents) -> bytes:
    texts = (text if isinstance(text, str) else json.dumps(text) for text in documents)
    return "".join(f"data: {text}\n\n" for text in texts).encode()


def named(*documents) -> bytes:
    return "".join(f"event: {one['type']}\ndata: {json.dumps(one)}\n\n" for one in documents).encode()


def chunk(finish=None, /, **delta):
    return {"id": "c", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def used(prompt, output):
    return {"prompt_tokens": prompt, "completion_tokens": output, "total_tokens": 9}


WORD = chunk(role="assistant", content="Hello over there, and welcome")
STOP = chunk("stop")
ROLE = chunk(role="assistant", content="")
NOTHING_USED = {"id": "c", "choices": [], "usage": used(0, 0)}
CHAT_STREAMS = {
    "nothing": (b"", FAILS),
    "a page": (b"<html>bad gateway</html>", FAILS),
    "a page as an event": (events("<html>"), FAILS),
    "an empty object": (events({}), FAILS),
    "null": (events("null"), FAILS),
    "comments": (b": ping\n\n: ping\n\n", FAILS),
    "a role": (events(ROLE), FAILS),
    "a role and no more": (events(ROLE, "[DONE]"), FAILS),
    "only done": (events("[DONE]"), FAILS),
    "an error": (events({"error": {"message": "no memory"}}), FAILS),
    "half": (events(WORD), BREAKS),
    "half and a torn event": (events(WORD) + b'data: {"id":"c","choi', BREAKS),
    "half and an error": (events(WORD, {"error": {"message": "no memory"}}), BREAKS),
    "no usage": (events(WORD, STOP, "[DONE]"), GUESSED),
    "null for usage": (events(WORD, STOP, {"choices": [], "usage": None}, "[DONE]"), GUESSED),
    "none used": (events(WORD, STOP, NOTHING_USED, "[DONE]"), GUESSED),
    "less than none used": (events(WORD, STOP, {"choices": [], "usage": used(-5, 9**17)}, "[DONE]"), GUESSED),
    "half its usage": (
        events(WORD, STOP, {"choices": [], "usage": {"prompt_tokens": 77}}, "[DONE]"),
        GUESSED,
    ),
    "all": (events(WORD, STOP, {"id": "c", "choices": [], "usage": used(77, 5)}, "[DONE]"), EXACT),
}


def document(message, finish="stop", **more) -> bytes:
    choice = {"index": 0, "message": message, "finish_reason": finish}
    return json.dumps({"id": "c", "object": "chat.completion", "choices": [choice], **more}).encode()


SAID = {"role": "assistant", "content": "Hello over there, and welcome"}
CHAT_DOCUMENTS = {
    "nothing": (b"", FAILS),
    "a page": (b"<html>bad gateway</html>", FAILS),
    "an empty object": (b"{}", FAILS),
    "null": (b"null", FAILS),
    "a list": (b"[]", FAILS),
    "no choices": (b'{"id":"c","choices":[]}', FAILS),
    "no message": (b'{"id":"c","choices":[{"index":0}]}', FAILS),
    "an empty message": (document({}, None), FAILS),
    "half": (document(SAID, usage=used(77, 5))[:90], FAILS),
    "no usage": (document(SAID), GUESSED),
    "null for usage": (document(SAID, usage=None), GUESSED),
    "none used": (document(SAID, usage=used(0, 0)), GUESSED),
    "less than none used": (document(SAID, usage=used(-5, 9**17)), GUESSED),
    "half its usage": (document(SAID, usage={"prompt_tokens": 77}), GUESSED),
    "all": (document(SAID, usage=used(77, 5)), EXACT),
}
NO_REASON = (document(SAID, None, usage=used(77, 5)), FAILS)


def start(**usage):
    message = {"id": "m", "type": "message", "role": "assistant", "content": [], "stop_reason": None}
    return {"type": "message_start", "message": message | {"model": "claude-sonnet-5-5"} | usage}


def delta(reason="end_turn", **usage):
    return {"type": "message_delta", "delta": {"stop_reason": reason, "stop_sequence": None}, **usage}


PROMPT = {"usage": {"input_tokens": 77, "output_tokens": 1}}
OUTPUT = {"usage": {"output_tokens": 5}}
TEXT = (
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hello over there"}},
    {"type": "content_block_stop", "index": 0},
)
BYE = {"type": "message_stop"}
CLAUDE_STREAMS = {
    "nothing": (b"", FAILS),
    "a page": (b"<html>bad gateway</html>", FAILS),
    "a page as an event": (events("<html>"), FAILS),
    "a start": (named(start(**PROMPT)), FAILS),
    "a start and an end": (named(start(**PROMPT), BYE), FAILS),
    "half": (named(start(**PROMPT), *TEXT[:2]), BREAKS),
    "an end without its reason": (named(start(**PROMPT), *TEXT, BYE), BREAKS),
    "an end without a reason": (named(start(**PROMPT), *TEXT, delta(None, **OUTPUT), BYE), BREAKS),
    "no usage": (named(start(), *TEXT, delta(), BYE), GUESSED),
    "none used": (
        named(
            start(usage={"input_tokens": 0, "output_tokens": 0}),
            *TEXT,
            delta(usage={"output_tokens": 0}),
            BYE,
        ),
        GUESSED,
    ),
    "all": (named(start(**PROMPT), *TEXT, delta(**OUTPUT), BYE), EXACT),
}
NATIVE_STREAMS = {
    "no usage": (named(start(), *TEXT, delta(), BYE), GUESSED),
    "half its usage": (named(start(**PROMPT), *TEXT, delta(), BYE), GUESSED),
    "an end without its reason": (named(start(**PROMPT), *TEXT, BYE), GUESSED),
    "all": (named(start(**PROMPT), *TEXT, delta(**OUTPUT), BYE), EXACT),
}


def message(reason="end_turn", content=None, **more) -> bytes:
    blocks = [{"type": "text", "text": "Hello over there"}] if content is None else content
    fields = {"id": "m", "type": "message", "role": "assistant", "model": "claude-sonnet-5-5"}
    return json.dumps(fields | {"content": blocks, "stop_reason": reason} | more).encode()


WHOLE = {"usage": {"input_tokens": 77, "output_tokens": 5}}
CLAUDE_DOCUMENTS = {
    "nothing": (b"", FAILS),
    "an empty object": (b"{}", FAILS),
    "null": (b"null", FAILS),
    "half": (message(**WHOLE)[:100], FAILS),
    "no reason": (message(None, **WHOLE), FAILS),
    "nothing and no reason": (message(None, [], **WHOLE), FAILS),
    "none used": (message(usage={"input_tokens": 0, "output_tokens": 0}), GUESSED),
    "half its usage": (message(usage={"input_tokens": 77}), GUESSED),
    "numbers in words": (message(usage={"input_tokens": "7", "output_tokens": "x"}), GUESSED),
    "all": (message(**WHOLE), EXACT),
}
NATIVE_DOCUMENTS = {
    "nothing": (b"", FAILS),
    "a page": (b"<html>bad gateway</html>", FAILS),
    "half": (message(**WHOLE)[:100], FAILS),
    "no usage": (message(), GUESSED),
    "half its usage": (message(usage={"input_tokens": 77}), GUESSED),
    "all": (message(**WHOLE), EXACT),
}


def rows(tracks, dialects, tables):
    """One row for each answer, on each track that may give it, to each dialect that may get it."""
    for track in tracks:
        for dialect in dialects:
            for stream, table in tables.items():
                for name, (body, ends) in table.items():
                    how = f"{track}-{dialect}-{'stream' if stream else 'document'}-{name}"
                    yield pytest.param(track, dialect, stream, body, ends, id=how)


ROWS = [
    *rows(["local"], [CHAT, MESSAGES], {True: CHAT_STREAMS, False: CHAT_DOCUMENTS}),
    *rows(["openai"], [MESSAGES], {True: CHAT_STREAMS, False: CHAT_DOCUMENTS | {"no reason": NO_REASON}}),
    *rows(["anthropic"], [CHAT], {True: CLAUDE_STREAMS, False: CLAUDE_DOCUMENTS}),
    *rows(["litellm"], [CHAT, MESSAGES], {True: CLAUDE_STREAMS, False: CLAUDE_DOCUMENTS}),
    *rows(["anthropic"], [MESSAGES], {True: NATIVE_STREAMS, False: NATIVE_DOCUMENTS}),
]


@pytest.fixture
def gives(cloud, local, raw, read):
    """A track whose server answers with these bytes, and ends the answer as HTTP must."""

    async def start_track(track: str, body: bytes, *, stream: bool):
        async def behave(reader, writer) -> None:
            await read(reader)
            kind = "text/event-stream" if stream else "application/json"
            head = (
                f"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}"
            )
            writer.write(f"{head}\r\n\r\n".encode() + body)
            await writer.drain()

        url, accepted = await raw(behave)
        if track == "local":
            return local(url=url, name="mine"), accepted
        named = {"model": "anthropic/claude-sonnet-5-5"} if track == "litellm" else {}
        return cloud(dialect=track, base_url=url, **named), accepted

    return start_track


@pytest.mark.parametrize(("track", "dialect", "stream", "body", "ends"), ROWS)
async def test_no_end_is_invented_and_no_guess_is_exact(
    gives, plan, track, dialect, stream, body, ends
) -> None:
    opened, accepted = await gives(track, body, stream=stream)
    decision = Decision(track="local" if track == "local" else "cloud", rule="asked", why="for the test")
    request = plan({"stream": stream}, dialect=dialect)
    attempts = RequestAttempts(request, decision, WorkTime())
    attempts.start_attempt()
    if ends == FAILS:
        with pytest.raises(TrackError) as caught:
            await opened.open(request, decision, attempts.progress)
        assert caught.value.status in {500, 502}
        attempts.fail_attempt(caught.value)
        assert attempts.done[-1].sent
        usage = attempts.done[-1].usage
        assert usage is None if track == "local" else usage.estimated
        assert len(accepted) == 1
        return
    reply = await opened.open(request, decision, attempts.progress)
    attempts.succeed(reply)
    text, broken = b"", False
    async with contextlib.aclosing(reply.chunks) as chunks:
        try:
            async for piece in chunks:
                text += piece
        except ConnectionError:
            broken = True
    usage = attempts.finish_reply(reply, "").usage
    assert len(accepted) == 1
    assert b"Hello over there" in text
    assert broken is (ends == BREAKS)
    assert not (broken and any(end in text for end in ENDS))
    assert usage.estimated is (ends != EXACT)
    if ends == EXACT:
        assert (usage.prompt, usage.output) == (77, 5)
    else:
        assert 3 < usage.output < 20
