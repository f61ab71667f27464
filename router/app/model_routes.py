"""Paths that list models: `/v1/models` of OpenAI, Anthropic and Google, and LM Studio's `/api/v0/models`."""

from typing import Annotated, Any, Protocol

from fastapi import APIRouter, Query, Request

from router.accounts.keys import Keyring
from router.accounts.teams import Account
from router.app import model_lists
from router.app.authentication import authenticate
from router.app.gemini_path import is_googles
from router.app.model_catalog import Catalog, ListedModel
from router.errors import NotFound
from router.features.clients import Clients

Json = dict[str, Any]


class CatalogState(Protocol):
    """The running endpoint, as far as its models are listed."""

    async def catalog(self) -> Catalog:
        """Return what is known of the models now; asks a local server that was not asked yet."""
        ...


def listed(catalog: Catalog, account: Account) -> tuple[ListedModel, ...]:
    """The names that an account may ask for; `auto` where the configured cloud model is among them."""
    own = (model for model in map(catalog.find, account.named_models()) if model.served)
    models = {model.name: model for model in (*catalog.list(), *own)}
    return tuple(
        model
        for model in models.values()
        if model.track == "local" or account.allows(model.served or catalog.cloud)
    )


def build_models(endpoint: CatalogState, keyring: Keyring) -> APIRouter:
    """Build the routes."""
    router = APIRouter()
    clients = Clients()

    @router.get("/v1/models")
    async def models(
        request: Request,
        *,
        limit: Annotated[int, Query()] = 20,
        after_id: Annotated[str, Query()] = "",
        before_id: Annotated[str, Query()] = "",
        size: Annotated[int, Query(alias="pageSize")] = 0,
        token: Annotated[str, Query(alias="pageToken")] = "",
    ) -> Json:
        """The model names a client may request, in the caller's dialect, with what each means here."""
        account, headers = authenticate(request.scope, keyring)
        rows = listed(await endpoint.catalog(), account)
        if _is_google(request):
            return model_lists.gemini_list(rows, size=size, token=token)
        if not _is_anthropic(request):
            return model_lists.openai_list(rows)
        if clients.recognise("", dict(headers), b"").name == "claude-code":
            rows = model_lists.for_claude_code(rows)
        return model_lists.anthropic_list(rows, limit=limit, after=after_id, before=before_id)

    @router.get("/v1/models/{name:path}")
    async def model(request: Request, name: str) -> Json:
        """One model; any name is accepted, since unknown ones mean `auto`."""
        authenticate(request.scope, keyring)
        match = (await endpoint.catalog()).find(_named(name, request))
        if _is_google(request):
            return model_lists.gemini_model(match)
        return (
            model_lists.anthropic_model(match) if _is_anthropic(request) else model_lists.openai_model(match)
        )

    @router.get("/v1beta/models")
    async def gemini(
        request: Request,
        size: Annotated[int, Query(alias="pageSize")] = 0,
        token: Annotated[str, Query(alias="pageToken")] = "",
    ) -> Json:
        """The same list as Gemini's API has it."""
        account, _ = authenticate(request.scope, keyring)
        return model_lists.gemini_list(listed(await endpoint.catalog(), account), size=size, token=token)

    @router.get("/v1beta/models/{name:path}")
    async def gemini_model(request: Request, name: str) -> Json:
        """One model, as Gemini's API has it."""
        authenticate(request.scope, keyring)
        return model_lists.gemini_model((await endpoint.catalog()).find(_named(name, request)))

    @router.get("/api/v0/models")
    async def lm_studio(request: Request) -> Json:
        """The same list as LM Studio has it."""
        account, _ = authenticate(request.scope, keyring)
        return model_lists.lm_studio_list(listed(await endpoint.catalog(), account))

    @router.get("/api/v0/models/{name:path}")
    async def lm_studio_model(request: Request, name: str) -> Json:
        """One model, as LM Studio has it."""
        authenticate(request.scope, keyring)
        return model_lists.lm_studio_model((await endpoint.catalog()).find(_named(name, request)))

    return router


def _named(name: str, request: Request) -> str:
    if not name.strip():
        raise NotFound(f"{request.url.path}: no model is named; leave the slash out for the list")
    return name


def _is_anthropic(request: Request) -> bool:
    return "anthropic-version" in request.headers


def _is_google(request: Request) -> bool:
    return is_googles(request.headers) and not _is_anthropic(request)
