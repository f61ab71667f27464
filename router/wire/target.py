"""Who is to answer a request, as far as its encoding depends on it."""

from dataclasses import dataclass, replace
from typing import Literal

from router.types import DialectName
from router.wire.claude_models import ClaudeModel

Side = Literal["claude", "local", "provider"]
"""Whose model answers: Anthropic's, one on this machine, or any other company's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The receiving side of a request."""

    dialect: DialectName
    side: Side
    output_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    """What Chat Completions calls the answer's limit; OpenAI's newer models refuse the older name."""
    prefill: Literal["native", "flags", "none"] = "native"
    """How it goes on from the text of a last turn that is the assistant's: by itself, when the request
    asks for it with vLLM's fields, or not at all."""
    alternating: bool = False
    """Turns must alternate, in plain text, and a system message may stand in front alone."""
    files: bool = False
    """Reads a PDF or another file in base64."""
    any_field: bool = False
    """Every field of a client of the same dialect is passed on."""
    model: ClaudeModel | None = None
    """What a model of Anthropic's takes, where it answers."""
    marks_cache: bool = False
    """The prompt is marked for the provider's cache, where the client marked nothing."""


CLAUDE = Target(dialect="anthropic_messages", side="claude", files=True)
LOCAL = Target(dialect="openai_chat", side="local", prefill="flags", alternating=True, any_field=True)
PROVIDER = Target(dialect="openai_chat", side="provider", prefill="flags", alternating=True)
OPENAI = replace(PROVIDER, output_field="max_completion_tokens", prefill="none", files=True)
