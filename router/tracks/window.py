"""The local server's window, and answer limits that fit into it.

Clients ask for as many tokens as their usual model can write (Claude Code: 32,000 and more). Servers
such as vLLM refuse a limit that does not fit beside the prompt, and do not shorten it.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from typing import TypeVar

import aiohttp
import msgspec

from router.tracks.local_client import LocalClient
from router.wire.body import UNREADABLE
from router.wire.upstream_errors import OutputLimit

T = TypeVar("T")

SMALLEST = 256
"""An answer that must be shorter is of no use: the prompt counts as too long."""
MARGIN = 1.1
"""The prompt is counted with another tokeniser than the server's."""
LARGE = 8192
"""From this limit on it is worth asking an unknown server for its window."""


SEARCH_S = 2.0
"""How long a server is asked for its window, in all."""


class _Meta(msgspec.Struct, frozen=True):
    n_ctx: int | None = None


class _Model(msgspec.Struct, frozen=True):
    """A model in a server's list; each server has a field of its own."""

    id: str = ""
    max_model_len: int | None = None  # vLLM, SGLang
    loaded_context_length: int | None = None  # LM Studio
    context_window: int | None = None
    meta: _Meta | None = None  # llama-server


class _Listed(msgspec.Struct, frozen=True):
    data: list[_Model] = []


class _Generation(msgspec.Struct, frozen=True):
    n_ctx: int | None = None


class _Props(msgspec.Struct, frozen=True):
    default_generation_settings: _Generation | None = None


class _Running(msgspec.Struct, frozen=True):
    name: str = ""
    context_length: int | None = None


class _Processes(msgspec.Struct, frozen=True):
    models: list[_Running] = []


async def find_window(client: LocalClient, url: str, name: str) -> int:
    """Ask the server at `url` how large the window of its model `name` is; 0 where it does not say.

    Servers differ in where they tell it.
    """
    root = url.rstrip("/").removesuffix("/v1")
    sources: tuple[tuple[str, Callable[[bytes], int]], ...] = (
        (f"{url.rstrip('/')}/models", partial(from_models, name=name)),
        (f"{root}/props", from_props),
        (f"{root}/api/v0/models", partial(from_models, name=name)),
        (f"{root}/api/ps", partial(from_processes, name=name)),
    )
    try:
        async with asyncio.timeout(SEARCH_S):
            for address, read in sources:
                async with await client.get(address) as response:
                    body = await response.read() if response.status == HTTPStatus.OK else b""
                if window := read(body):
                    return window
    except (aiohttp.ClientError, OSError):
        pass  # the request itself meets whatever is wrong
    return 0


async def first_model(client: LocalClient, url: str) -> tuple[str, int]:
    """Ask the server at `url` for the first model in its list; return its name and window, where told."""
    async with await client.get(f"{url.rstrip('/')}/models") as response:
        body = await response.read()
    try:
        name = str(msgspec.json.decode(body)["data"][0]["id"])
    except (*UNREADABLE, KeyError, IndexError, TypeError):
        return "", 0
    return name, from_models(body, name)


async def server_models(client: LocalClient, url: str) -> frozenset[str]:
    """Ask the server at `url` which models it lists; Ollama's tag `:latest` is left out."""
    async with await client.get(f"{url.rstrip('/')}/models") as response:
        listed = _decoded(await response.read(), _Listed, _Listed())
    return frozenset(model.id.removesuffix(":latest") for model in listed.data)


def from_models(body: bytes, name: str) -> int:
    """Read `GET /v1/models` or LM Studio's `GET /api/v0/models`; 0 where it does not say."""
    for model in _decoded(body, _Listed, _Listed()).data:
        if name in {"", model.id}:
            meta = model.meta.n_ctx if model.meta else None
            return model.max_model_len or model.loaded_context_length or model.context_window or meta or 0
    return 0


def from_props(body: bytes) -> int:
    """Read llama-server's `GET /props`: the window of one slot; 0 where it does not say."""
    settings = _decoded(body, _Props, _Props()).default_generation_settings
    return (settings and settings.n_ctx) or 0


def from_processes(body: bytes, name: str) -> int:
    """Read Ollama's `GET /api/ps`; 0 where the model is not loaded or its window is not given."""
    running = _decoded(body, _Processes, _Processes()).models
    return next((model.context_length or 0 for model in running if model.name == name), 0)


def fitting(limit: int, window: int, prompt: int) -> int:
    """Shorten an answer's limit to what the window leaves beside the prompt.

    A prompt that seems to fill the window keeps a small limit: the server has the last word on that.

    Args:
        limit: what the client asked for, in tokens.
        window: in tokens; 0 where unknown.
        prompt: our estimate, in tokens.
    """
    if not window or limit + prompt <= window:
        return limit
    return min(limit, max(window - int(prompt * MARGIN), SMALLEST))


def corrected(limit: int, refused: OutputLimit, prompt: int) -> int:
    """The limit to try next; 0 where what is left beside the prompt is too little to be of use."""
    most = refused.most or refused.window - int(prompt * MARGIN)
    if most < min(limit, SMALLEST) or most >= limit:
        return 0
    return most


def _decoded(body: bytes, form: type[T], otherwise: T) -> T:
    try:
        return msgspec.json.decode(body, type=form)
    except UNREADABLE:
        return otherwise
