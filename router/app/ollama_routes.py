"""Ollama's paths beside `/api/chat` and `/api/generate`: lists of models, and refusals of the others."""

from typing import Any

import msgspec
from fastapi import APIRouter, Request

from router.accounts.keys import Keyring
from router.app import model_lists
from router.app.authentication import authenticate
from router.app.body import take_body
from router.app.early_response import body_of
from router.app.model_routes import CatalogState, listed
from router.errors import BadRequest
from router.wire.body import decode

Json = dict[str, Any]
RUNNING = "Ollama is running"
"""What Ollama says at `/`, which its clients look for."""
VERSION = "0.12.6"
"""Of Ollama, whose API this is: clients refuse to work with one that is too old for tools or thinking."""
MOST_BYTES = 2**20
MANAGED = (
    ("POST", "/api/pull"),
    ("POST", "/api/push"),
    ("POST", "/api/create"),
    ("POST", "/api/copy"),
    ("DELETE", "/api/delete"),
    ("HEAD", "/api/blobs/{digest}"),
    ("POST", "/api/blobs/{digest}"),
)
"""Paths that manage Ollama's own store of models."""


class _Named(msgspec.Struct):
    model: str = ""
    name: str = ""
    """What older clients say for `model`."""


_NAMED = msgspec.json.Decoder(_Named)


def build_ollama(endpoint: CatalogState, keyring: Keyring) -> APIRouter:
    """Build the routes."""
    router = APIRouter()

    @router.api_route("/api/version", methods=["GET", "HEAD"])
    async def version() -> Json:
        """The version of Ollama's API that is spoken here."""
        return {"version": VERSION}

    @router.api_route("/api/tags", methods=["GET", "HEAD"])
    async def tags(request: Request) -> Json:
        """The model names a client may request, as Ollama lists them."""
        account, _ = authenticate(request.scope, keyring)
        return model_lists.ollama_list(listed(await endpoint.catalog(), account))

    @router.get("/api/ps")
    async def running(request: Request) -> Json:
        """The local model, which is loaded or loads with the next request."""
        account, _ = authenticate(request.scope, keyring)
        return model_lists.ollama_running(listed(await endpoint.catalog(), account))

    @router.post("/api/show")
    async def show(request: Request) -> Json:
        """One model; any name is accepted, since unknown ones mean `auto`."""
        account, headers = authenticate(request.scope, keyring)
        body = await take_body(body_of(request.scope), headers, owner=account.key_id, limit=MOST_BYTES)
        named = decode(_NAMED, body)
        return model_lists.ollama_show((await endpoint.catalog()).find(named.model or named.name))

    async def managed(request: Request) -> Json:
        """Refuse to manage models."""
        authenticate(request.scope, keyring)
        raise BadRequest(
            f"{request.url.path}: models are not managed here; ask for `auto`, `local` or `cloud`, and set "
            "the local model with `local.model` (a GGUF file) or `local.url`"
        )

    for method, path in MANAGED:
        router.add_api_route(path, managed, methods=[method], include_in_schema=False)

    return router
