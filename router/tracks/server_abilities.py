"""What the model behind `local.url` can do, as its server tells.

Servers differ in where they tell it, and some (vLLM, SGLang) do not: then nothing is known, rather than no.
"""

import asyncio
from http import HTTPStatus
from typing import Any, Literal

import aiohttp
import msgspec

from router.tracks.local_client import LocalClient
from router.tracks.window import SEARCH_S
from router.wire.body import UNREADABLE

Ability = Literal["completion", "tools", "insert", "vision", "audio", "thinking"]
"""Ollama's words."""
Abilities = frozenset[Ability]

_WORDS: dict[str, Ability] = {
    "completion": "completion",
    "tools": "tools",
    "tool_use": "tools",  # LM Studio's
    "insert": "insert",
    "vision": "vision",
    "multimodal": "vision",  # llama-server's
    "audio": "audio",
    "thinking": "thinking",
}
_COMPLETION: Abilities = frozenset({"completion"})
_VISION: Abilities = frozenset({"vision"})
_SENSES: Abilities = frozenset({"vision", "audio"})
_TEXT: Abilities = frozenset({"completion", "tools"})
"""What every model here is taken to do, where its server speaks of images alone."""


async def find_abilities(client: LocalClient, url: str, name: str) -> Abilities | None:
    """Ask the server at `url` what its model `name` can do; None where it does not say.

    llama-server tells at `/props`, LM Studio at `/api/v0/models`, Ollama at `/api/show`.

    Raises:
        aiohttp.ClientError, OSError: it does not answer.
    """
    root = url.rstrip("/").removesuffix("/v1")
    async with asyncio.timeout(SEARCH_S):
        if (abilities := from_props(await _read(client, f"{root}/props"))) is not None:
            return abilities
        if (abilities := from_lm_studio(await _read(client, f"{root}/api/v0/models"), name)) is not None:
            return abilities
        response = await client.post_at(f"{root}/api/show", msgspec.json.encode({"model": name}))
        return from_show(await _body(response))


async def _read(client: LocalClient, address: str) -> bytes:
    return await _body(await client.get(address))


async def _body(response: aiohttp.ClientResponse) -> bytes:
    async with response:
        return await response.read() if response.status == HTTPStatus.OK else b""


def from_props(body: bytes) -> Abilities | None:
    """Read llama-server's `GET /props`: `modalities` says what the projector that is loaded takes."""
    modalities = _object(body).get("modalities")
    if not isinstance(modalities, dict) or not isinstance(modalities.get("vision"), bool):
        return None
    return _TEXT | {ability for ability in _SENSES if modalities.get(ability) is True}


def from_lm_studio(body: bytes, name: str) -> Abilities | None:
    """Read LM Studio's `GET /api/v0/models`: a model's `type` is `llm`, or `vlm` where it sees."""
    rows = _object(body).get("data")
    for row in rows if isinstance(rows, list) else ():
        if isinstance(row, dict) and row.get("id") == name and row.get("type") in ("llm", "vlm"):
            abilities = (_words(row.get("capabilities")) or _TEXT) | _COMPLETION
            return abilities | _VISION if row["type"] == "vlm" else abilities
    return None


def from_show(body: bytes) -> Abilities | None:
    """Read Ollama's `POST /api/show`: a list of words in `capabilities`; older versions have none."""
    return _words(_object(body).get("capabilities")) or None


def is_ollama(body: bytes) -> bool:
    """Whether this is Ollama's answer to `GET /api/version`."""
    answer = _object(body)
    return set(answer) == {"version"} and isinstance(answer["version"], str)


def _words(listed: Any) -> Abilities:
    words = listed if isinstance(listed, list) else ()
    return frozenset(_WORDS[word] for word in words if isinstance(word, str) and word in _WORDS)


def _object(body: bytes) -> dict[str, Any]:
    try:
        value = msgspec.json.decode(body)
    except UNREADABLE:
        return {}
    return value if isinstance(value, dict) else {}
