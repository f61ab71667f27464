"""Paths of embeddings: no model here makes any, and the answer says so. `gemini_routes` has Google's."""

from fastapi import APIRouter, Request

from router.accounts.keys import Keyring
from router.app.authentication import authenticate
from router.errors import BadRequest

PATHS = ("/v1/embeddings", "/api/v0/embeddings", "/api/embed", "/api/embeddings")
NO_EMBEDDINGS = "no model here makes embeddings; point the client's embedding model at a server that has one"


def build_embeddings(keyring: Keyring) -> APIRouter:
    """Build the routes."""
    router = APIRouter()

    async def refuse(request: Request) -> None:
        """Refuse to embed."""
        authenticate(request.scope, keyring)
        raise BadRequest(f"{request.url.path}: {NO_EMBEDDINGS}")

    for path in PATHS:
        router.add_api_route(path, refuse, methods=["POST"], include_in_schema=False)
    return router
