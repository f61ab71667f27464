"""Every place of a Gemini, Ollama or bare-prompt body in which a protected name or words may stand.

These are translated before a provider gets them, or never leave: what a place becomes is not what stands there.
"""

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from bodies import GEMINI, OLLAMA, Request
from targets import FOLDER, HARMLESS_PHRASE, PHRASE
from variants import Variant, opening

Body = dict[str, Any]
Place = Callable[[str], Body]
GENERATE, COMPLETIONS, INFILL = "/api/generate", "/v1/completions", "/infill"
COUNT_GEMINI = GEMINI.replace(":generateContent", ":countTokens")


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _address_safe(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _parts(*parts: Any, role: str = "user") -> Body:
    return {"contents": [{"role": role, "parts": [*parts]}]}


def _called(args: Any, **more: Any) -> Body:
    call = {"functionCall": {"name": "look", "args": args}} | more
    answer = {"functionResponse": {"name": "look", "response": {"output": "ok"}}}
    return {"contents": [{"role": "model", "parts": [call]}, {"role": "user", "parts": [answer]}]}


def _answered(response: Any, **more: Any) -> Body:
    call = {"functionCall": {"name": "look", "args": {}}}
    answer = {"functionResponse": {"name": "look", "response": response} | more}
    return {"contents": [{"role": "model", "parts": [call]}, {"role": "user", "parts": [answer]}]}


def _signed(text: str) -> Body:
    sealed = base64.b64encode(json.dumps({"claude": [[text, "c2ln", ""]]}).encode()).decode()
    return _parts({"text": "Yes.", "thoughtSignature": sealed}, role="model")


def _declared(**more: Any) -> Body:
    return {"tools": [{"functionDeclarations": [{"name": "look", "description": "Looks."} | more]}]}


def _schema(text: str) -> Body:
    return {"type": "OBJECT", "properties": {"q": {"type": "STRING", "description": text}}}


GEMINI_PLACES: Mapping[str, Place] = {
    "text": lambda text: _parts({"text": text}),
    "text without a role": lambda text: {"contents": [{"parts": [{"text": text}]}]},
    "one content, no list": lambda text: {"contents": {"role": "user", "parts": [{"text": text}]}},
    "one part, no list": lambda text: {"contents": [{"role": "user", "parts": {"text": text}}]},
    "two texts": lambda text: _parts({"text": text[:9]}, {"text": text[9:]}),
    "model's text": lambda text: _parts({"text": text}, role="model"),
    "thought": lambda text: _parts({"text": text, "thought": True}, role="model"),
    "signed thought": _signed,
    "systemInstruction": lambda text: {"systemInstruction": {"parts": [{"text": text}]}},
    "system_instruction": lambda text: {"system_instruction": {"parts": {"text": text}}},
    "args": lambda text: _called({"q": text}),
    "args, nested": lambda text: _called({"a": {"b": [{"c": text}]}}),
    "args, a key": lambda text: _called({text: 1}),
    "function_call": lambda text: {
        "contents": [
            {"role": "model", "parts": [{"function_call": {"name": "look", "args": {"q": text}}}]},
            {"parts": [{"function_response": {"name": "look", "response": {"result": "ok"}}}]},
        ]
    },
    "output": lambda text: _answered({"output": text}),
    "error": lambda text: _answered({"error": text}),
    "response, any field": lambda text: _answered({"stdout": text, "code": 0}),
    "response, nested": lambda text: _answered({"rows": [{"cells": [text]}]}),
    "response, JSON in it": lambda text: _answered({"output": json.dumps({"content": text})}),
    "response, a key": lambda text: _answered({text: "ok"}),
    "inlineData, text": lambda text: _parts(
        {"inlineData": {"mimeType": "text/plain", "data": _encoded(text)}}
    ),
    "inlineData, for addresses": lambda text: _parts(
        {"inlineData": {"mimeType": "text/plain", "data": _address_safe(text)}}
    ),
    "inline_data, JSON": lambda text: _parts(
        {"inline_data": {"mime_type": "application/json", "data": _encoded(json.dumps({"q": text}))}}
    ),
    "inlineData, image": lambda text: _parts(
        {"inlineData": {"mimeType": "image/png", "data": _encoded("PNG " + text)}}
    ),
    "inlineData, audio": lambda text: _parts(
        {"inlineData": {"mimeType": "audio/wav", "data": _encoded("RIFF " + text)}}
    ),
    "displayName": lambda text: _parts(
        {"inlineData": {"mimeType": "text/plain", "data": _encoded("x" * 30), "displayName": text}}
    ),
    "fileUri": lambda text: _parts(
        {"fileData": {"mimeType": "application/pdf", "fileUri": f"https://x.example/{text}"}}
    ),
    "attached to an answer": lambda text: _answered(
        {"output": "see the file"},
        parts=[{"inlineData": {"mimeType": "text/plain", "data": _encoded(text)}}],
    ),
    "executableCode": lambda text: _parts(
        {"executableCode": {"language": "PYTHON", "code": f"print('{text}')"}}, role="model"
    ),
    "codeExecutionResult": lambda text: _parts(
        {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": text}}, role="model"
    ),
    "declaration's description": lambda text: _declared(description=text),
    "declaration's parameters": lambda text: _declared(parameters=_schema(text)),
    "declaration's JSON schema": lambda text: _declared(parametersJsonSchema=_schema(text)),
    "responseSchema": lambda text: {
        "generationConfig": {"responseMimeType": "application/json", "responseSchema": _schema(text)}
    },
    "stopSequences": lambda text: {"generationConfig": {"stopSequences": [text]}},
    "an unknown field": lambda text: {"note": text},
    "an unknown field of a part": lambda text: _parts({"text": "x", "note": text}),
    "an unknown field of a content": lambda text: {
        "contents": [{"role": "user", "parts": [{"text": "x"}], "note": text}]
    },
    "labels": lambda text: {"labels": {"a": text}},
}


def _say(text: str, role: str = "user", **more: Any) -> Body:
    return {"messages": [{"role": role, "content": text} | more]}


def _calls(arguments: Any, answer: str = "ok", **more: Any) -> Body:
    call = {"function": {"name": "look", "arguments": arguments}}
    messages = [
        {"role": "assistant", "content": "", "tool_calls": [call]} | more,
        {"role": "tool", "tool_name": "look", "content": answer},
    ]
    return {"messages": messages}


OLLAMA_PLACES: Mapping[str, Place] = {
    "user": _say,
    "system": lambda text: _say(text, "system"),
    "assistant": lambda text: _say(text, "assistant"),
    "thinking": lambda text: _say("Yes.", "assistant", thinking=text),
    "arguments": lambda text: _calls({"q": text}),
    "arguments, as text": lambda text: _calls(json.dumps({"q": text})),
    "arguments, a key": lambda text: _calls({text: 1}),
    "answer": lambda text: _calls({}, text),
    "answer, JSON": lambda text: _calls({}, json.dumps({"stdout": text})),
    "images": lambda text: _say("x", images=[_encoded(text)]),
    "images, a URL": lambda text: _say("x", images=[f"data:image/png;base64,{_encoded(text)}"]),
    "tool's description": lambda text: {
        "tools": [{"type": "function", "function": {"name": "look", "description": text, "parameters": {}}}]
    },
    "tool's parameters": lambda text: {
        "tools": [{"type": "function", "function": {"name": "look", "parameters": _schema(text)}}]
    },
    "format": lambda text: {"format": _schema(text)},
    "stop": lambda text: {"options": {"stop": [text]}},
    "an unknown field": lambda text: {"note": text},
    "an unknown field of a message": lambda text: _say("x", note=text),
    "an unknown option": lambda text: {"options": {"note": text}},
    "keep_alive": lambda text: {"keep_alive": text},
}
GENERATE_PLACES: Mapping[str, Place] = {
    "prompt": lambda text: {"prompt": text},
    "system": lambda text: {"system": text},
    "template": lambda text: {"template": text},
    "images": lambda text: {"images": [_encoded(text)]},
    "format": lambda text: {"format": _schema(text)},
    "suffix": lambda text: {"suffix": text},
    "raw": lambda text: {"prompt": text, "raw": True},
    "context": lambda text: {"context": list(text.encode())},
}
BARE_PLACES: Mapping[str, tuple[str, Place]] = {
    "completions, prompt": (COMPLETIONS, lambda text: {"prompt": text}),
    "completions, list": (COMPLETIONS, lambda text: {"prompt": [text]}),
    "completions, suffix": (COMPLETIONS, lambda text: {"prompt": "x", "suffix": text}),
    "infill, prefix": (INFILL, lambda text: {"input_prefix": text}),
    "infill, suffix": (INFILL, lambda text: {"input_suffix": text}),
    "infill, extra": (INFILL, lambda text: {"input_extra": [{"filename": "a.py", "text": text}]}),
    "infill, filename": (INFILL, lambda text: {"input_extra": [{"filename": text, "text": "x"}]}),
}
NEVER_SENT = frozenset({
    "an unknown field", "an unknown field of a part", "an unknown field of a content", "labels", "inlineData, audio",
    "an unknown field of a message", "an unknown option", "keep_alive", "template", "context", "suffix", "raw",
    "attached to an answer", "fileUri", "stopSequences", "stop", "thinking", "signed thought", "thought",
    "images", "images, a URL", "inlineData, image",
})  # fmt: skip
"""Places whose words are refused or left out by what translates them: their harmless twins do not arrive."""


def _request(path: str, place: Place, text: str, first: str) -> Request:
    """The place behind a first ask; what it brings is added to the fields that are there."""
    body = place(text)
    if path in {GEMINI, COUNT_GEMINI}:
        contents = body.get("contents", [])
        contents = contents if isinstance(contents, list) else [contents]
        more = {"contents": [{"role": "user", "parts": [{"text": first}]}, *contents]}
        if path == COUNT_GEMINI:
            return Request(path=path, body=body | more)
        config = {"maxOutputTokens": 20} | body.get("generationConfig", {})
        return Request(path=path, body=body | more | {"generationConfig": config})
    options = {"num_predict": 20} | body.get("options", {})
    if path == OLLAMA:
        messages = [{"role": "user", "content": first}, *body.get("messages", [])]
        if body.get("messages") and messages[-1]["role"] == "assistant":
            messages.append({"role": "user", "content": "Go on."})
        more = {"messages": messages, "model": "auto", "stream": False, "options": options}
    elif path == GENERATE:
        prompt = f"{first}\n{body.get('prompt', '')}"
        more = {"prompt": prompt, "model": "auto", "stream": False, "options": options}
    else:
        more = {"model": "cloud", "max_tokens": 9}
    return Request(path=path, body=body | more)


def foreign() -> Iterator[Variant]:
    """Each place with the words, and with the path beside a marker."""
    listed = [(GEMINI, name, place) for name, place in GEMINI_PLACES.items()]
    listed += [
        (COUNT_GEMINI, name, place) for name, place in GEMINI_PLACES.items() if name != "responseSchema"
    ]
    listed += [(OLLAMA, name, place) for name, place in OLLAMA_PLACES.items()]
    listed += [(GENERATE, name, place) for name, place in GENERATE_PLACES.items()]
    listed += [(path, name, place) for name, (path, place) in BARE_PLACES.items()]
    for path, name, place in listed:
        twin = name not in NEVER_SENT and path in {GEMINI, OLLAMA, GENERATE}

        def words(pair: tuple[str, str], marker: str, path: str = path, place: Place = place) -> Request:
            return _request(path, place, f"This is {' '.join(pair)} {marker}", opening(marker))

        def named(file: str, marker: str, path: str = path, place: Place = place) -> Request:
            return _request(path, place, f"see {file}", opening(marker))

        yield Variant(
            kind="foreign words",
            name=f"{name} | {path}",
            protected=lambda marker, words=words: words(PHRASE, marker),
            harmless=lambda marker, words=words: words(HARMLESS_PHRASE, marker),
            twin=twin,
        )
        yield Variant(
            kind="foreign path",
            name=f"{name} | {path}",
            protected=lambda marker, named=named: named(FOLDER.protected.path, marker),
            harmless=lambda marker, named=named: named(FOLDER.harmless.path, marker),
            twin=twin,
        )
        if path == GEMINI:
            yield replace(
                Variant(
                    kind="foreign words, streamed",
                    name=name,
                    protected=lambda marker, words=words: _streamed(words(PHRASE, marker)),
                    harmless=lambda marker, words=words: _streamed(words(HARMLESS_PHRASE, marker)),
                    twin=twin,
                )
            )


def _streamed(request: Request) -> Request:
    return replace(request, path=request.path.replace(":generate", ":streamGenerate"), form="escaped")
