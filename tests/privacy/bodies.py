"""Conversations in each dialect: one list of turns, written as each client would send it."""

import gzip
import json
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

MESSAGES, CHAT = "/v1/messages", "/v1/chat/completions"
RESPONSES = "/v1/responses"
COUNT = MESSAGES + "/count_tokens"
GEMINI = "/v1beta/models/auto:generateContent"
OLLAMA = "/api/chat"
DIALECTS = (MESSAGES, CHAT, RESPONSES, GEMINI, OLLAMA)
MODELS = ("auto", "cloud", "claude-opus-5-5", "claude-sonnet-5-5", "turnout/cloud", "gpt-5.5", "")
ROLES = ("system", "developer", "user", "assistant", "tool")


@dataclass(frozen=True, kw_only=True)
class Turn:
    """`role` as in `ROLES`, or `call` with a tool's name and input; `tool` answers the call before it."""

    role: str
    text: Any = ""
    tool: str = ""
    input: Any = None


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is posted. `body` is bytes where the JSON itself is the point; `form` as in `FORMS`."""

    path: str
    body: Mapping[str, Any] | bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    form: str = "plain"

    @property
    def content(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else _FORMS[self.form](self.body)

    @property
    def encoding(self) -> dict[str, str]:
        return {"content-encoding": self.form} if self.form in {"gzip", "deflate"} else {}


def _plain(body: Any) -> bytes:
    return json.dumps(body, ensure_ascii=False).encode("utf-8", "surrogatepass")


def _escaped(body: Any) -> bytes:
    """Every letter of every string as an escape, but for the fields that an endpoint must know."""
    if isinstance(body, dict):
        return b"{%b}" % b",".join(b"%b:%b" % (_plain(key), _escaped(value)) for key, value in body.items())
    if isinstance(body, list):
        return b"[%b]" % b",".join(map(_escaped, body))
    if not isinstance(body, str):
        return _plain(body)
    units = body.encode("utf-16-be", "surrogatepass")
    return b'"%b"' % b"".join(
        b"\\u%04x" % int.from_bytes(units[at : at + 2]) for at in range(0, len(units), 2)
    )


_FORMS: dict[str, Callable[[Any], bytes]] = {
    "plain": _plain,
    "ASCII": lambda body: json.dumps(body).encode(),
    "escaped": _escaped,
    "indented": lambda body: json.dumps(body, ensure_ascii=False, indent=3).encode("utf-8", "surrogatepass"),
    "escaped slashes": lambda body: _plain(body).replace(b"/", rb"\/"),
    "gzip": lambda body: gzip.compress(_plain(body)),
    "deflate": lambda body: zlib.compress(_plain(body)),
}
FORMS = tuple(_FORMS)


def request(
    path: str,
    turns: Sequence[Turn],
    *,
    model: str = "auto",
    stream: bool = False,
    headers: Mapping[str, str] | None = None,
    **fields: Any,
) -> Request:
    """Write turns in the dialect of `path`; `fields` are added to the body."""
    write = {CHAT: _chat, RESPONSES: _responses, GEMINI: _gemini, OLLAMA: _ollama}.get(path, _anthropic)
    body: dict[str, Any] = {"model": model, **write(turns)} if model else write(turns)
    if path == GEMINI:
        body.pop("model", None)
        body["generationConfig"] = {"maxOutputTokens": 20}
    elif path == OLLAMA:
        body |= {"stream": stream, "options": {"num_predict": 20}}
    elif path != COUNT:
        limit = "max_output_tokens" if path == RESPONSES else "max_tokens"
        body |= {limit: 20} | ({"stream": True} if stream else {})
    return Request(path=path, body=body | fields, headers=headers or {})


def _anthropic(turns: Sequence[Turn]) -> dict[str, Any]:
    body: dict[str, Any] = {}
    messages: list[dict[str, Any]] = []
    calls = 0
    for turn in turns:
        if turn.role == "call":
            calls += 1
            block = {"type": "tool_use", "id": f"t{calls}", "name": turn.tool, "input": turn.input}
            messages.append({"role": "assistant", "content": [block]})
        elif turn.role == "tool":
            block = {"type": "tool_result", "tool_use_id": f"t{calls}", "content": turn.text}
            messages.append({"role": "user", "content": [block]})
        elif turn.role in {"system", "developer"} and not messages:
            body["system"] = turn.text
        else:
            role = "system" if turn.role == "developer" else turn.role
            messages.append({"role": role, "content": turn.text})
    return body | {"messages": messages}


def _chat(turns: Sequence[Turn]) -> dict[str, Any]:
    messages: list[dict[str, Any]] = []
    calls = 0
    for turn in turns:
        if turn.role == "call":
            calls += 1
            arguments = turn.input if isinstance(turn.input, str) else json.dumps(turn.input)
            call = {
                "id": f"t{calls}",
                "type": "function",
                "function": {"name": turn.tool, "arguments": arguments},
            }
            messages.append({"role": "assistant", "content": None, "tool_calls": [call]})
        elif turn.role == "tool":
            messages.append({"role": "tool", "tool_call_id": f"t{calls}", "content": turn.text})
        else:
            messages.append({"role": turn.role, "content": turn.text})
    return {"messages": messages}


def _responses(turns: Sequence[Turn]) -> dict[str, Any]:
    items: list[dict[str, Any]] = []
    calls = 0
    for turn in turns:
        if turn.role == "call":
            calls += 1
            arguments = turn.input if isinstance(turn.input, str) else json.dumps(turn.input)
            call = {"call_id": f"t{calls}", "name": turn.tool, "arguments": arguments}
            items.append({"type": "function_call", **call})
        elif turn.role == "tool":
            items.append({"type": "function_call_output", "call_id": f"t{calls}", "output": turn.text})
        else:
            items.append({"type": "message", "role": turn.role, "content": turn.text})
    return {"input": items}


def _gemini(turns: Sequence[Turn]) -> dict[str, Any]:
    body: dict[str, Any] = {}
    contents: list[dict[str, Any]] = []
    called = ""
    for turn in turns:
        if turn.role == "call":
            called = turn.tool
            arguments = turn.input if isinstance(turn.input, dict) else {"input": turn.input}
            parts = [{"functionCall": {"name": called, "args": arguments}}]
            contents.append({"role": "model", "parts": parts})
        elif turn.role == "tool":
            answer = {"name": called, "response": {"output": turn.text}}
            contents.append({"role": "user", "parts": [{"functionResponse": answer}]})
        elif turn.role in {"system", "developer"} and not contents:
            body["systemInstruction"] = {"parts": _parts(turn.text)}
        else:
            role = "model" if turn.role == "assistant" else "user"
            contents.append({"role": role, "parts": _parts(turn.text)})
    return body | {"contents": contents}


def _parts(text: Any) -> list[dict[str, Any]]:
    return [{"text": text}] if isinstance(text, str) else [{"text": block["text"]} for block in text]


def _ollama(turns: Sequence[Turn]) -> dict[str, Any]:
    messages: list[dict[str, Any]] = []
    called = ""
    for turn in turns:
        if turn.role == "call":
            called = turn.tool
            arguments = turn.input if isinstance(turn.input, dict) else {"input": turn.input}
            function = {"name": called, "arguments": arguments}
            messages.append({"role": "assistant", "content": "", "tool_calls": [{"function": function}]})
        elif turn.role == "tool":
            messages.append({"role": "tool", "tool_name": called, "content": _joined(turn.text)})
        else:
            role = "system" if turn.role == "developer" else turn.role
            messages.append({"role": role, "content": _joined(turn.text)})
    return {"messages": messages}


def _joined(text: Any) -> str:
    if isinstance(text, str):
        return text
    return "\n\n".join(block.get("text") or json.dumps(block) for block in text)


def user(text: Any) -> Turn:
    return Turn(role="user", text=text)


def assistant(text: Any) -> Turn:
    return Turn(role="assistant", text=text)


def call(tool: str, arguments: Any) -> Turn:
    return Turn(role="call", tool=tool, input=arguments)


def result(text: Any) -> Turn:
    return Turn(role="tool", text=text)


def blocks(*texts: str) -> list[dict[str, str]]:
    return [{"type": "text", "text": text} for text in texts]
