"""Through Responses, too, nothing leaves that is protected: in every item, part and field of its body."""

import json
import random

import httpx
from bodies import RESPONSES, Request
from items import commanded, placed
from judge import judge
from test_leaks import report


def test_in_every_place(fence):
    leaks, idle = report(judge(fence, list(placed()), "i"))
    assert leaks == []
    assert idle == []


def test_in_every_call(fence):
    leaks, idle = report(judge(fence, list(commanded()), "j"))
    assert leaks == []
    assert idle == []


def test_by_every_path(fence):
    body = {"model": "cloud", "input": [{"role": "user", "content": "pathmark, see secrets/db.yml"}]}
    fence.arrived()
    for path in ("/responses", "/v1/responses/input_tokens", "/responses/input_tokens"):
        request = Request(path=path, body=body)
        with httpx.Client(timeout=60, verify=False) as client:
            url = fence.endpoints["messages"].url + path
            client.post(url, content=request.content, headers=fence.headers(request, fence.keys[11]))
        assert b"pathmark" not in fence.arrived(), path


def _post(fence, body, key, session=""):
    request = Request(path=RESPONSES, body=body, headers={"session-id": session} if session else {})
    with httpx.Client(timeout=60, verify=False) as client:
        return client.post(fence.url(request), content=request.content, headers=fence.headers(request, key))


def _reading(marker: str) -> list[dict]:
    line = f"  primary_connection: host=db-7.internal.example port=5432 user=ledger {marker}"
    return [
        {"role": "user", "content": f"Look around, {marker}."},
        {
            "type": "function_call",
            "call_id": "c",
            "name": "shell",
            "arguments": '{"command": "cat secrets/db.yml"}',
        },
        {"type": "function_call_output", "call_id": "c", "output": f"{line}\n{line.replace('7', '8')}"},
    ]


def test_a_session_that_read_it_stays(fence):
    """Also once its later requests no longer name the file: by its header, its cache key or its opening."""
    named = {
        "header": lambda tag: ({}, f"session-{tag}"),
        "cache key": lambda tag: ({"prompt_cache_key": f"01a22a12-3288-72c3-89c9-{tag:0>12}"}, ""),
        "opening": lambda _: ({}, ""),
    }
    for number, (name, of) in enumerate(named.items()):
        fields, session = of(f"{number}aaaa")
        marker = f"sess{number}xyz"
        first = {"model": "auto", "input": _reading(marker), **fields}
        later = [
            _reading(marker)[0],
            {"role": "assistant", "content": "Done."},
            {"role": "user", "content": "And?"},
        ]
        fence.arrived()
        assert _post(fence, first, fence.keys[number], session).headers["x-turnout-track"] == "local", name
        answer = _post(fence, {"model": "auto", "input": later, **fields}, fence.keys[number], session)
        assert answer.headers["x-turnout-track"] == "local", name
        assert marker.encode() not in fence.arrived(), name


def test_what_only_goes_on_from_a_long_beginning_is_read(fence):
    """A beginning that was read before is not cut again; what follows it is."""
    word = random.Random(3)
    turns = [
        item
        for at in range(60)
        for item in (
            {"role": "user", "content": f"Step {at}. {word.random()} " + "filler " * 60},
            {"role": "assistant", "content": f"Done {at}. " + "filler " * 60},
        )
    ]
    begin = {
        "model": "auto",
        "instructions": "You help.",
        "input": [*turns, {"role": "user", "content": "longmark"}],
    }
    fence.arrived()
    assert _post(fence, begin, fence.keys[7]).headers["x-turnout-track"] == "cloud"
    assert b"longmark" in fence.arrived()
    begin["input"] += [
        {"role": "assistant", "content": "Yes?"},
        {"type": "custom_tool_call", "call_id": "c", "name": "exec", "input": "cat secrets/db.yml"},
        {"type": "custom_tool_call_output", "call_id": "c", "output": "ok"},
    ]
    assert _post(fence, begin, fence.keys[7]).headers["x-turnout-track"] == "local"
    assert b"longmark" not in fence.arrived()


def test_a_key_that_stands_twice_is_refused(fence):
    """What is read, and what would be sent, could differ."""
    item = '{"role": "user", "content": "twicemark", "content": "This is INTERNAL only."}'
    for body in (
        f'{{"model": "auto", "input": [{item}]}}',
        '{"model": "auto", "input": "twicemark", "input": "This is INTERNAL only."}',
        '{"model": "auto", "instructions": "a", "instructions": "INTERNAL only", "input": "twicemark"}',
    ):
        fence.arrived()
        request = Request(path=RESPONSES, body=body.encode())
        with httpx.Client(timeout=60, verify=False) as client:
            answer = client.post(
                fence.url(request), content=request.content, headers=fence.headers(request, fence.keys[9])
            )
        assert answer.status_code == 400, json.dumps(answer.text)
        assert fence.arrived() == b""
