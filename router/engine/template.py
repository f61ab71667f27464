"""From messages and tools to the prompt text the model was trained on.

The chat template comes out of the GGUF and is run in jinja2's sandbox. Clients send
conversations that many templates refuse: system messages in the middle, two user
messages in a row, tool results for a template without tools. `Template`
first puts a conversation into the plainest equal form, then tries forms from the most
to the least faithful until the template takes one.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NoReturn

import jinja2
from jinja2 import meta
from jinja2.ext import Extension, loopcontrols
from jinja2.nodes import Node
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

Message = dict[str, Any]
Tool = dict[str, Any]

_CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] "
    "+ '<|im_end|>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)

_TOOLS_SECTION = """You can call these tools, each described as JSON:
<tools>
{signatures}
</tools>

To call one, write a JSON object with its name and arguments, like this:
<tool_call>
{{"name": "tool name", "arguments": {{"argument": "value"}}}}
</tool_call>"""


class TemplateRefused(Exception):
    """The model's chat template accepts this conversation in no form."""


class _Generation(Extension):
    """`{% generation %}` marks training text; here it only passes its body on."""

    tags = {"generation"}  # noqa: RUF012 - jinja2 declares it as an instance attribute

    def parse(self, parser: Parser) -> list[Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Form:
    """One way to put a conversation, and what it gives up."""

    system: bool = True
    """Has a system message; else its text opens the first user message."""
    parsed: bool = True
    """Tool call arguments are objects; else JSON text."""


_FORMS = (_Form(), _Form(parsed=False), _Form(system=False), _Form(system=False, parsed=False))


class Template:
    """A chat template, compiled with Jinja."""

    def __init__(self, source: str, *, bos: str, eos: str) -> None:
        """Compile; `source` empty is ChatML.

        Raises:
            TemplateRefused: the template is not valid jinja2.
        """
        self.source = source or _CHATML
        environment = ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True, extensions=[_Generation, loopcontrols]
        )
        environment.filters["tojson"] = _tojson
        try:
            self.knows_tools = "tools" in meta.find_undeclared_variables(environment.parse(self.source))
            self._template = environment.from_string(self.source)
        except jinja2.TemplateError as error:
            raise TemplateRefused(f"the model's chat template does not compile: {error}") from error
        # Mistral's templates demand call ids of nine letters or digits.
        self._short_ids = "length 9" in self.source or "length != 9" in self.source
        self._fixed = {"bos_token": bos, "eos_token": eos, "raise_exception": _raise, "strftime_now": _now}

    def render(self, messages: Sequence[Message], tools: Sequence[Tool] = ()) -> str:
        """Return the prompt, up to where the assistant's answer begins.

        Where the last message is the assistant's own, its text ends the prompt, so that the
        answer goes on from it.

        Args:
            messages: OpenAI messages whose content is text.
            tools: OpenAI tools offered; empty for none.

        Raises:
            TemplateRefused: no form of the conversation is accepted.
        """
        messages, prefill = split_prefill(messages)
        reason = ""
        for form in _FORMS:
            try:
                prompt = self._template.render(
                    messages=self._put(messages, tools, form),
                    tools=list(tools) if tools and self.knows_tools else None,
                    add_generation_prompt=True,
                    **self._fixed,
                )
                return _continued(prompt, prefill) if prefill else prompt
            except (jinja2.TemplateError, TypeError, AttributeError, KeyError, IndexError) as error:
                reason = reason or str(error)
        raise TemplateRefused(f"the model's chat template refuses this conversation: {reason}")

    def _put(self, messages: Sequence[Message], tools: Sequence[Tool], form: _Form) -> list[Message]:
        """Bring the conversation into a form: order of roles, then tools, then the system text."""
        system, turns = _fold_system(messages)
        if self.knows_tools:
            turns = [_native(message, parsed=form.parsed, short_ids=self._short_ids) for message in turns]
        else:
            turns = [_spelled_out(message) for message in turns]
            if tools:
                system = "\n\n".join(filter(None, [system, _tools_section(tools)]))
        turns = _merge_users(turns)
        if not system:
            return turns
        if form.system:
            return [{"role": "system", "content": system}, *turns]
        return _merge_users([{"role": "user", "content": system}, *turns])


def split_prefill(messages: Sequence[Message]) -> tuple[Sequence[Message], str]:
    """Return the conversation without the answer that the client began, and that answer's text."""
    last = messages[-1] if len(messages) > 1 else {}
    if last.get("role") != "assistant" or last.get("tool_calls") or not last["content"].strip():
        return messages, ""
    return messages[:-1], last["content"]


def _continued(prompt: str, prefill: str) -> str:
    """Put the text behind the prompt; a thinking block that the template opened is closed before it."""
    closed = f"{prompt}\n</think>\n\n" if prompt.rstrip().endswith("<think>") else prompt
    return closed + prefill


def _fold_system(messages: Sequence[Message]) -> tuple[str, list[Message]]:
    """Join the leading system messages; later ones speak as the user, marked as system text."""
    leading: list[str] = []
    turns: list[Message] = []
    for message in messages:
        if message["role"] not in {"system", "developer"}:
            turns.append(message)
        elif not turns:
            leading.append(message["content"])
        elif message["content"]:
            text = f"<system-reminder>\n{message['content']}\n</system-reminder>"
            turns.append({"role": "user", "content": text})
    return "\n\n".join(filter(None, leading)), turns


def _merge_users(messages: Iterable[Message]) -> list[Message]:
    """Join neighbours that both speak as the user: many templates demand alternation."""
    merged: list[Message] = []
    for message in messages:
        if merged and merged[-1]["role"] == message["role"] == "user":
            merged[-1] = {"role": "user", "content": f"{merged[-1]['content']}\n\n{message['content']}"}
        else:
            merged.append(message)
    return merged


def _native(message: Message, *, parsed: bool, short_ids: bool) -> Message:
    """Write tool calls and results as templates that know tools want them."""
    call_id: Callable[[str], str] = _short if short_ids else str
    if message["role"] == "tool":
        return {**message, "tool_call_id": call_id(message.get("tool_call_id", ""))}
    if "tool_calls" not in message:
        return message
    calls = [
        {
            "id": call_id(call["id"]),
            "type": "function",
            "function": {
                "name": call["name"],
                "arguments": call["arguments"] if parsed else _tojson(call["arguments"]),
            },
        }
        for call in message["tool_calls"]
    ]
    return {**message, "tool_calls": calls}


def _spelled_out(message: Message) -> Message:
    """Write tool calls and results as text, as Hermes models do."""
    if message["role"] == "tool":
        return {"role": "user", "content": f"<tool_response>\n{message['content']}\n</tool_response>"}
    calls = [
        f"<tool_call>\n{_tojson({'name': call['name'], 'arguments': call['arguments']})}\n</tool_call>"
        for call in message.get("tool_calls", ())
    ]
    return {"role": message["role"], "content": "\n".join(filter(None, [message["content"], *calls]))}


def _tools_section(tools: Sequence[Tool]) -> str:
    return _TOOLS_SECTION.format(signatures="\n".join(_tojson(tool) for tool in tools))


def _short(call_id: str) -> str:
    return hashlib.sha256(call_id.encode()).hexdigest()[:9]


def _raise(message: str) -> NoReturn:
    raise jinja2.TemplateError(message)


def _now(form: str) -> str:
    # Only a date: a clock in the prompt would end prefix reuse within the second.
    return datetime.now().astimezone().replace(hour=0, minute=0, second=0, microsecond=0).strftime(form)


def _tojson(value: Any, **options: Any) -> str:
    """Encode JSON as transformers does for templates: without HTML escapes."""
    return json.dumps(value, **{"ensure_ascii": False, **options})
