"""What answers at `local.url`: its model, window and abilities; or what is wrong, and the remedy.

Asked at the start and now and then while running. An address without `/v1` is tried with it, too: Ollama's
users write it so, and its server answers the paths of OpenAI's API only below that.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from http import HTTPStatus
from typing import Any

import aiohttp
import msgspec

from router.settings import LocalSettings
from router.tracks.local_client import LocalClient
from router.tracks.server_abilities import Abilities, find_abilities
from router.tracks.window import find_window, from_models
from router.wire.body import UNREADABLE

PATIENCE_S = 3.0
"""How long a server may take to list its models."""
SHOWN = 5
"""Names of models in a message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalServer:
    """What was found."""

    url: str
    """The base URL that requests go to; `local.url`, with `/v1` where only that is served."""
    reachable: bool
    """Whether anything answers there."""
    model: str = ""
    context: int = 0
    """In tokens; 0 where the server does not say."""
    abilities: Abilities | None = None
    """What the model can do; None where the server does not say."""
    problem: str = ""
    """What is wrong and how to mend it, for a person; empty where all is well."""


class _Model(msgspec.Struct):
    id: str = ""


class _Models(msgspec.Struct):
    data: list[_Model] | None = None


def to_dict(server: LocalServer) -> dict[str, Any]:
    """Give it as JSON values."""
    return asdict(server) | {"abilities": sorted(server.abilities) if server.abilities else None}


def candidates(url: str) -> Iterator[str]:
    """The base URLs that `local.url` may mean, the most likely first."""
    base = url.rstrip("/")
    yield base
    if not base.endswith("/v1"):
        yield f"{base}/v1"


async def find_server(client: LocalClient, settings: LocalSettings) -> LocalServer:
    """Ask what answers at `local.url`; never raises for what it does."""
    statuses: list[str] = []
    for base in candidates(settings.url):
        try:
            async with asyncio.timeout(PATIENCE_S), await client.get(f"{base}/models") as response:
                status, body = response.status, await response.read()
        except (aiohttp.ClientError, OSError) as failure:
            return _unreachable(settings, failure)
        if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            return _refused(settings, base, status)
        names = _names(body) if status == HTTPStatus.OK else None
        if names is not None:
            return await _found(client, settings, base, names, body)
        statuses.append(f"{base}/models: {status}")
    base = settings.url.rstrip("/")
    return LocalServer(
        url=base,
        reachable=True,
        abilities=await _abilities(client, base, settings.name),
        problem=f"no list of models there ({'; '.join(statuses)}), so it may be no OpenAI-compatible server: "
        "set local.url to its base URL, which mostly ends in /v1",
    )


async def _found(
    client: LocalClient, settings: LocalSettings, base: str, names: list[str], body: bytes
) -> LocalServer:
    name = settings.name or next(iter(names), "")
    problem = ""
    if not names:
        problem = "the server has no model: load or pull one there"
    elif settings.name and settings.name not in names:
        problem = f"local.name: the server has no {settings.name!r}; it has {', '.join(names[:SHOWN])}"
    context = settings.context or from_models(body, name) or await find_window(client, base, name)
    abilities = await _abilities(client, base, name)
    if abilities is not None and "tools" not in abilities and not problem:
        problem = f"{name} calls no tools, so agents will not work with it: use a model that does"
    return LocalServer(
        url=base, reachable=True, model=name, context=context, abilities=abilities, problem=problem
    )


def _unreachable(settings: LocalSettings, failure: BaseException) -> LocalServer:
    why = "no answer in time" if isinstance(failure, TimeoutError) else "no connection"
    return LocalServer(
        url=settings.url.rstrip("/"),
        reachable=False,
        problem=f"nothing answers at {settings.url} ({why}): start the server there, or set local.url "
        "(TURNOUT_LOCAL__URL) to where it listens; without it the embedded model serves",
    )


def _refused(settings: LocalSettings, base: str, status: int) -> LocalServer:
    named = settings.api_key_env
    remedy = (
        f"check the key in {named}" if named else "set local.api_key_env to the variable that has its key"
    )
    return LocalServer(url=base, reachable=True, problem=f"the server asks for a key ({status}): {remedy}")


def _names(body: bytes) -> list[str] | None:
    """The models' names; None where this is no list of models."""
    try:
        data = msgspec.json.decode(body, type=_Models).data
    except UNREADABLE:
        return None
    return None if data is None else [model.id for model in data if model.id]


async def _abilities(client: LocalClient, base: str, name: str) -> Abilities | None:
    try:
        return await find_abilities(client, base, name)
    except (aiohttp.ClientError, OSError):
        return None
