"""The catalogue of models as each dialect lists it."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from router.app.model_catalog import ListedModel
from router.errors import BadRequest

Json = dict[str, Any]

CREATED = "2026-01-01T00:00:00Z"
"""Said of every name: when a model was made is not known here, and clients parse it."""
CREATED_S = 1_767_225_600


def openai_model(model: ListedModel) -> Json:
    """A row of OpenAI's list, with the fields that clients of other servers read beside its own."""
    row: Json = {
        "id": model.name,
        "object": "model",
        "created": CREATED_S,
        "owned_by": "turnout",
        "description": model.description,
        "capabilities": list(model.capabilities),
    }
    if model.context:
        # OpenRouter's name for it, vLLM's, and Groq's.
        row |= dict.fromkeys(("context_length", "max_model_len", "context_window"), model.context)
    if model.output:
        row["max_output_tokens"] = model.output
    return row


def openai_list(models: Sequence[ListedModel]) -> Json:
    """OpenAI's `GET /v1/models`."""
    return {"object": "list", "data": [openai_model(model) for model in models]}


def anthropic_model(model: ListedModel) -> Json:
    """A row of Anthropic's list."""
    row: Json = {
        "id": model.name,
        "type": "model",
        "display_name": model.name,
        "description": model.description,
        "created_at": CREATED,
        "lifecycle": "active",
        "capabilities": {
            "image_input": {"supported": "vision" in model.capabilities},
            "thinking": {"supported": "thinking" in model.capabilities},
            **({"embedding": {"supported": True}} if model.embeds else {}),
        },
    }
    if model.context:
        row["max_input_tokens"] = model.context
    if model.output:
        row["max_tokens"] = model.output
    return row


MOST_LISTED = 1000
"""As many as Anthropic's API takes for `limit`, and Google's for `pageSize`."""


def anthropic_list(
    models: Sequence[ListedModel], *, limit: int = 20, after: str = "", before: str = ""
) -> Json:
    """Anthropic's `GET /v1/models`: a page of at most `limit` behind the id `after`, or before `before`."""
    rows = [anthropic_model(model) for model in models]
    ids = [row["id"] for row in rows]
    if after in ids:
        rows = rows[ids.index(after) + 1 :]
    if before in ids:
        rows = rows[: ids.index(before)]
    limit = min(max(limit, 1), MOST_LISTED)
    page = rows[-limit:] if before in ids and not after else rows[:limit]
    return {
        "data": page,
        "has_more": len(page) < len(rows),
        "first_id": page[0]["id"] if page else None,
        "last_id": page[-1]["id"] if page else None,
    }


def for_claude_code(models: Sequence[ListedModel]) -> tuple[ListedModel, ...]:
    """The names as Claude Code's picker takes them: those without `anthropic` or `claude` it leaves out.

    One that embeds writes no code, so it is not offered.
    """
    own = ("claude", "anthropic")
    return tuple(
        model if model.name.lower().startswith(own) else replace(model, name=f"anthropic/{model.name}")
        for model in models
        if not model.embeds
    )


GEMINI_PREFIX = "models/"
ACTIONS = ("generateContent", "streamGenerateContent", "countTokens")
"""What a model may be asked for in Gemini's dialect."""
PAGE = 50
"""Models on a page where a client of Google's names no number."""


def gemini_model(model: ListedModel) -> Json:
    """A row of Gemini's list."""
    row: Json = {
        "name": f"{GEMINI_PREFIX}{model.name}",
        "displayName": model.name,
        "description": model.description,
        "supportedGenerationMethods": list(ACTIONS),
        "thinking": "thinking" in model.capabilities,
    }
    if model.context:
        row["inputTokenLimit"] = model.context
    if model.output:
        row["outputTokenLimit"] = model.output
    return row


def gemini_list(models: Sequence[ListedModel], *, size: int = 0, token: str = "") -> Json:
    """Gemini's `GET /v1beta/models`: a page of `size` models behind the one that `token` names.

    Raises:
        BadRequest: `token` is none that a page ended with.
    """
    rows = [gemini_model(model) for model in models if not model.embeds]  # nothing embeds in this dialect
    names = [row["displayName"] for row in rows]
    if token and token not in names:
        raise BadRequest("pageToken: no page ended with it; leave it out to begin with the first")
    start = names.index(token) + 1 if token else 0
    end = start + (min(size, MOST_LISTED) if size > 0 else PAGE)
    more = {"nextPageToken": names[end - 1]} if end < len(rows) else {}
    return {"models": rows[start:end], **more}


def ollama_name(name: str) -> str:
    """A name as Ollama lists it: always with a tag."""
    return name if ":" in name.rpartition("/")[2] else f"{name}:latest"


def _details(model: ListedModel) -> Json:
    family = "turnout" if model.track != "local" else model.served or "turnout"
    return {
        "parent_model": "",
        "format": "gguf" if model.track == "local" else "",
        "family": family,
        "families": [family],
        "parameter_size": "",
        "quantization_level": "",
    }


def ollama_model(model: ListedModel) -> Json:
    """A row of Ollama's `GET /api/tags`; there is no file behind most of these names, so its size is 0."""
    name = ollama_name(model.name)
    return {
        "name": name,
        "model": name,
        "modified_at": CREATED,
        "size": 0,
        "digest": hashlib.sha256(f"{name} {model.served}".encode()).hexdigest(),
        "details": _details(model),
        "description": model.description,
        "capabilities": list(model.capabilities),
        **({"context_length": model.context} if model.context else {}),
    }


def ollama_list(models: Sequence[ListedModel]) -> Json:
    """Ollama's `GET /api/tags`."""
    return {"models": [ollama_model(model) for model in models]}


def ollama_running(models: Sequence[ListedModel]) -> Json:
    """Ollama's `GET /api/ps`: the local model, which no client's `keep_alive` unloads."""
    rows = (ollama_model(model) for model in models if model.track == "local" and model.name == model.served)
    return {"models": [row | {"size_vram": 0, "expires_at": "9999-12-31T23:59:59Z"} for row in rows]}


def ollama_show(model: ListedModel) -> Json:
    """Ollama's `POST /api/show`; clients read the window from `<architecture>.context_length`."""
    info: Json = {"general.architecture": "turnout", "general.basename": model.served or model.name}
    if model.context:
        info["turnout.context_length"] = model.context
    return {
        "modelfile": f"# {model.description}\nFROM {ollama_name(model.name)}\n",
        "parameters": f"num_ctx                        {model.context}" if model.context else "",
        "template": "{{ .Prompt }}{{ .Suffix }}" if "insert" in model.capabilities else "{{ .Prompt }}",
        "license": "",
        "details": _details(model),
        "model_info": info,
        "capabilities": list(model.capabilities),
        "modified_at": CREATED,
        "description": model.description,
    }


def _lm_studio_type(model: ListedModel) -> str:
    if model.embeds:
        return "embeddings"
    return "vlm" if "vision" in model.capabilities else "llm"


def lm_studio_model(model: ListedModel) -> Json:
    """A row of LM Studio's `GET /api/v0/models`."""
    row: Json = {
        "id": model.name,
        "object": "model",
        "type": _lm_studio_type(model),
        "publisher": "turnout",
        "arch": model.served or "turnout",
        "compatibility_type": "gguf",
        "quantization": "",
        "state": "loaded",
        "capabilities": ["tool_use"] if "tools" in model.capabilities else [],
        "description": model.description,
    }
    if model.context:
        row |= {"max_context_length": model.context, "loaded_context_length": model.context}
    return row


def lm_studio_list(models: Sequence[ListedModel]) -> Json:
    """LM Studio's `GET /api/v0/models`."""
    return {"object": "list", "data": [lm_studio_model(model) for model in models]}
