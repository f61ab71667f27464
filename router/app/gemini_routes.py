"""Google's paths beside those that ask a model: its list of models, and refusals of what is not served."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from router.accounts.keys import Keyring
from router.app import model_lists
from router.app.authentication import authenticate
from router.app.model_routes import CatalogState, listed
from router.errors import BadRequest, NotFound

Json = dict[str, Any]
METHODS = ("DELETE", "GET", "PATCH", "POST", "PUT")
_SERVED = ", ".join(f"`:{action}`" for action in model_lists.ACTIONS)
_NO_EMBEDDINGS = "texts are embedded in OpenAI's form at /v1/embeddings, or in Ollama's at /api/embed"
_NO_MEDIA = "no model here makes images, sound or video; ask Google's own API for them"
_NO_BATCHES = "batches are not run here; send each request to `:generateContent`"
_NO_LIVE = "live sessions are not held here; use `:streamGenerateContent`"
_NO_TUNING = "models are not tuned here; ask for `auto`, `local` or `cloud`"
_NO_INDEX = "documents are not indexed here; send their text in `contents`"
ACTIONS: Mapping[str, str] = {
    **dict.fromkeys(("embedContent", "batchEmbedContents", "asyncBatchEmbedContent"), _NO_EMBEDDINGS),
    **dict.fromkeys(("embedText", "batchEmbedText"), _NO_EMBEDDINGS),
    **dict.fromkeys(("predict", "predictLongRunning"), _NO_MEDIA),
    "batchGenerateContent": _NO_BATCHES,
    "bidiGenerateContent": _NO_LIVE,
    "computeTokens": "the ids of tokens are not told here; `:countTokens` counts them",
    **dict.fromkeys(
        ("generateText", "generateMessage"), "this API is of older models; use `:generateContent`"
    ),
    **dict.fromkeys(("countTextTokens", "countMessageTokens"), "use `:countTokens`"),
    "generateAnswer": _NO_INDEX,
}
"""What a model may be asked for at Google, and why not here."""
COLLECTIONS: Mapping[str, str] = {
    "files": "files are not kept here; send the bytes as `inlineData`, or an `https:` address as `fileData`",
    "cachedContents": (
        "nothing is cached by name here; send the whole prompt each time: what begins like the one before it "
        "is reused by itself"
    ),
    "interactions": "interactions are not kept here; send the whole conversation to `:generateContent`",
    "agents": "agents are not run here; send the conversation to `:generateContent`, with `tools`",
    "batches": _NO_BATCHES,
    "auth_tokens": _NO_LIVE,
    "tunedModels": _NO_TUNING,
    "tuningJobs": _NO_TUNING,
    "corpora": _NO_INDEX,
    "fileSearchStores": _NO_INDEX,
    "ragStores": _NO_INDEX,
    "generatedFiles": _NO_MEDIA,
    "operations": "nothing here runs on after its answer, so that there is no operation to ask for",
    "openai": "OpenAI's API is at /v1: set the base URL to that",
}
"""What Google keeps beside models, and why it is not kept here."""
_VERTEX = (
    "the paths of Vertex AI are not served; use the Gemini API: leave `vertexai` (GOOGLE_GENAI_USE_VERTEXAI) "
    "out, and set the base URL (GOOGLE_GEMINI_BASE_URL) to this endpoint"
)
ELSEWHERE: Mapping[str, str] = {
    "/v1alpha/{rest:path}": "this version of Gemini's API is not served; set the version to `v1beta`",
    **dict.fromkeys(
        ("/v1beta1/{rest:path}", "/v1/projects/{rest:path}", "/v1/publishers/{rest:path}"), _VERTEX
    ),
    "/ws/{rest:path}": _NO_LIVE,
}
"""Other paths that Google's clients ask for, by route."""
CATCHING = (
    *((method, "/v1beta/{rest}") for method in METHODS),
    *((method, "/upload/v1beta/{rest}") for method in METHODS),
    *((method, path.replace(":path", "")) for path in ELSEWHERE for method in METHODS),
    ("POST", "/v1beta/models/{name}"),
    ("POST", "/v1/models/{name}"),
)
"""The routes that refuse whatever is asked below them."""


def _nothing_at(request: Request) -> str:
    path = request.url.path
    return f"there is nothing at {path}; of Gemini's API /v1beta/models is served, and of a model {_SERVED}"


def build_gemini(endpoint: CatalogState, keyring: Keyring) -> APIRouter:
    """Build the routes."""
    router = APIRouter()

    @router.get("/v1beta/models")
    async def models(
        request: Request,
        size: Annotated[int, Query(alias="pageSize")] = 0,
        token: Annotated[str, Query(alias="pageToken")] = "",
    ) -> Json:
        """The model names a client may request, as Gemini's API lists them."""
        account, _ = authenticate(request.scope, keyring)
        return model_lists.gemini_list(listed(await endpoint.catalog(), account), size=size, token=token)

    @router.get("/v1beta/models/{name:path}")
    async def model(request: Request, name: str) -> Json:
        """One model; any name is accepted, since unknown ones mean `auto`."""
        authenticate(request.scope, keyring)
        if not name:
            raise NotFound(_nothing_at(request))
        return model_lists.gemini_model((await endpoint.catalog()).find(name))

    async def refuse_action(request: Request, name: str) -> None:
        """Refuse to ask a model for what none here does."""
        authenticate(request.scope, keyring)
        _, _, action = name.rpartition(":")
        path = request.url.path
        if why := ACTIONS.get(action):
            raise BadRequest(f"{path}: {why}")
        raise NotFound(f"there is nothing at {path}; a model is asked for {_SERVED}")

    async def refuse_collection(request: Request, rest: str) -> None:
        """Refuse what Google keeps beside models."""
        authenticate(request.scope, keyring)
        if why := COLLECTIONS.get(rest.partition("/")[0].partition(":")[0]):
            raise BadRequest(f"{request.url.path}: {why}")
        raise NotFound(_nothing_at(request))

    async def refuse_elsewhere(request: Request) -> None:
        """Refuse what other versions and products of Google's have."""
        authenticate(request.scope, keyring)
        raise BadRequest(f"{request.url.path}: {ELSEWHERE[request.scope['route'].path]}")

    for start in ("/v1beta", "/v1"):
        path = f"{start}/models/{{name:path}}"
        router.add_api_route(path, refuse_action, methods=["POST"], include_in_schema=False)
    for path in ("/v1beta/{rest:path}", "/upload/v1beta/{rest:path}"):
        router.add_api_route(path, refuse_collection, methods=list(METHODS), include_in_schema=False)
    for path in ELSEWHERE:
        router.add_api_route(path, refuse_elsewhere, methods=list(METHODS), include_in_schema=False)
    return router
