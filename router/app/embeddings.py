"""The paths of embeddings, in each dialect: no model here makes any, and the answer says so."""

from fastapi import APIRouter, Request

from router.accounts.keys import Keyring
from router.app.authentication import authenticate
from router.errors import BadRequest

PATHS = ("/v1/embeddings", "/api/v0/embeddings", "/api/embed", "/api/embeddings")


def build_embeddings(keyring: Keyring) -> APIRouter:
    """Build the routes."""
    router = APIRouter()

    async def refuse(request: Request) -> None:
        """Refuse to embed."""
        authenticate(request.scope, keyring)
        raise BadRequest(
            f"{request.url.path}: no model here makes embeddings; point the client's embedding model at a "
            "server that has one"
        )

    for path in PATHS:
        router.add_api_route(path, refuse, methods=["POST"], include_in_schema=False)
    return router
