"""`python sdk_agent.py PACKAGE URL MODEL ASK`: a small coding agent on a provider's own package.

It streams, has a shell as its only tool, and prints the last answer. `sdk_agent.mjs` is the same in
JavaScript. Retries are the package's own; what it raises ends the agent with status 1. A package is imported
where it is used: all of them together take seconds.
"""

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

KEY = "sk-ant-test-not-a-real-key"
SCHEMA = {"type": "object", "properties": {"command": {"type": "string"}}, "required": ["command"]}
FUNCTION = {"name": "bash", "description": "Run a command.", "parameters": SCHEMA}
Run = Callable[[str], str]
"""Runs a command; returns what it printed."""


def bash(command: str) -> str:
    ended = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    return ended.stdout + ended.stderr or "(no output)"


def by_openai(url: str, model: str, ask: str, run: Run) -> str:
    import openai

    messages: list[Any] = [{"role": "user", "content": ask}]
    with openai.OpenAI(base_url=f"{url}/v1", api_key=KEY) as client:
        while True:
            tools: Any = [{"type": "function", "function": FUNCTION}]
            with client.chat.completions.stream(model=model, messages=messages, tools=tools) as events:
                message = events.get_final_completion().choices[0].message
            if not message.tool_calls:
                return message.content or ""
            messages.append(message.to_dict())
            for call in message.tool_calls:
                printed = run(**json.loads(call.function.arguments))
                messages.append({"role": "tool", "tool_call_id": call.id, "content": printed})


def by_responses(url: str, model: str, ask: str, run: Run) -> str:
    import openai

    items: list[Any] = [{"role": "user", "content": ask}]
    with openai.OpenAI(base_url=f"{url}/v1", api_key=KEY) as client:
        while True:
            tools: Any = [{"type": "function", "strict": False, **FUNCTION}]
            with client.responses.stream(model=model, input=items, tools=tools) as events:
                response = events.get_final_response()
            calls = [item for item in response.output if item.type == "function_call"]
            if not calls:
                return response.output_text
            items += [item.to_dict() for item in response.output]
            for call in calls:
                printed = run(**json.loads(call.arguments))
                items.append({"type": "function_call_output", "call_id": call.call_id, "output": printed})


def by_anthropic(url: str, model: str, ask: str, run: Run) -> str:
    import anthropic

    messages: list[Any] = [{"role": "user", "content": ask}]
    tools: Any = [{"name": "bash", "description": "Run a command.", "input_schema": SCHEMA}]
    with anthropic.Anthropic(base_url=url, api_key=KEY) as client:
        while True:
            asked = {"model": model, "max_tokens": 1024, "messages": messages, "tools": tools}
            with client.messages.stream(**asked) as events:
                message = events.get_final_message()
            calls = [block for block in message.content if block.type == "tool_use"]
            if not calls:
                return "".join(block.text for block in message.content if block.type == "text")
            results = [
                {"type": "tool_result", "tool_use_id": call.id, "content": run(**call.input)}
                for call in calls
            ]
            messages.append({"role": "assistant", "content": [block.to_dict() for block in message.content]})
            messages.append({"role": "user", "content": results})


def by_ollama(url: str, model: str, ask: str, run: Run) -> str:
    import ollama

    messages: list[Any] = [{"role": "user", "content": ask}]
    tools: Any = [{"type": "function", "function": FUNCTION}]
    with ollama.Client(host=url, headers={"x-api-key": KEY}) as client:
        while True:
            pieces = list(client.chat(model=model, messages=messages, tools=tools, stream=True))
            if not pieces[-1].done:
                raise ConnectionError("the answer broke off")
            text = "".join(piece.message.content or "" for piece in pieces)
            calls = [call for piece in pieces for call in piece.message.tool_calls or ()]
            if not calls:
                return text
            messages.append({"role": "assistant", "content": text, "tool_calls": calls})
            for call in calls:
                printed = run(**call.function.arguments)
                messages.append({"role": "tool", "tool_name": "bash", "content": printed})


def by_google_genai(url: str, model: str, ask: str, run: Run) -> str:
    from google import genai
    from google.genai import types

    contents: list[Any] = [types.Content(role="user", parts=[types.Part(text=ask)])]
    declared: Any = types.FunctionDeclaration(
        name="bash", description="Run a command.", parameters_json_schema=SCHEMA
    )
    config = types.GenerateContentConfig(tools=[types.Tool(function_declarations=[declared])])
    http = types.HttpOptions(base_url=url, headers={"x-api-key": KEY})
    with genai.Client(api_key=KEY, http_options=http) as client:
        while True:
            pieces = list(
                client.models.generate_content_stream(model=model, contents=contents, config=config)
            )
            if not pieces[-1].candidates[0].finish_reason:
                raise ConnectionError("the answer broke off")
            parts = [part for piece in pieces for part in piece.candidates[0].content.parts or ()]
            calls = [part.function_call for part in parts if part.function_call]
            if not calls:
                return "".join(part.text or "" for part in parts)
            contents.append(types.Content(role="model", parts=parts))
            answers = [
                types.FunctionResponse(id=call.id, name=call.name, response={"output": run(**call.args)})
                for call in calls
            ]
            results = [types.Part(function_response=answer) for answer in answers]
            contents.append(types.Content(role="user", parts=results))


PACKAGES = {
    "openai": by_openai,
    "openai-responses": by_responses,
    "anthropic": by_anthropic,
    "ollama": by_ollama,
    "google-genai": by_google_genai,
}

if __name__ == "__main__":
    package, *rest = sys.argv[1:]
    print(PACKAGES[package](*rest, run=bash))  # noqa: T201 - the agent's answer
