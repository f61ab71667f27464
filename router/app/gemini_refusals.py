"""What is said at paths of Google's API that are not served: why, and what to ask for instead.

Newer versions of Google's packages ask at `/v1` for what is kept at `/v1beta`, too; there others ask for
things of the same names, and Google's clients are told by their fields.
"""

import re
from collections.abc import Container, Mapping

from router.app import model_lists
from router.app.gemini_path import is_googles
from router.errors import BadRequest, NotFound, TurnoutError

_SERVED = ", ".join(f"`:{action}`" for action in model_lists.ACTIONS)
_NO_EMBEDDINGS = "texts are embedded in OpenAI's form at /v1/embeddings, or in Ollama's at /api/embed"
_NO_MEDIA = "no model here makes images, sound or video; ask Google's own API for them"
_NO_BATCHES = "batches are not run here; send each request to `:generateContent`"
_NO_LIVE = "live sessions are not held here; use `:streamGenerateContent`"
_NO_TUNING = "models are not tuned here; ask for `auto`, `local` or `cloud`"
_NO_INDEX = "documents are not indexed here; send their text in `contents`"
_ACTIONS: Mapping[str, str] = {
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
_COLLECTIONS: Mapping[str, str] = {
    "files": "files are not kept here; send the bytes as `inlineData`, or an `https:` address as `fileData`",
    "cachedContents": (
        "nothing is cached by name here; send the whole prompt each time: what begins like the one before it "
        "is reused by itself"
    ),
    "interactions": "interactions are not kept here; send the whole conversation to `:generateContent`",
    **dict.fromkeys(
        ("agents", "environments", "triggers", "webhooks", "credentials", "decisions"),
        "agents are not run here; send the conversation to `:generateContent`, with `tools`",
    ),
    "batches": _NO_BATCHES,
    "batchPredictionJobs": _NO_BATCHES,
    "auth_tokens": _NO_LIVE,
    "tunedModels": _NO_TUNING,
    "tuningJobs": _NO_TUNING,
    "corpora": _NO_INDEX,
    "fileSearchStores": _NO_INDEX,
    "ragStores": _NO_INDEX,
    "generatedFiles": _NO_MEDIA,
    "voices": _NO_MEDIA,
    "operations": "nothing here runs on after its answer, so that there is no operation to ask for",
    "openai": "OpenAI's API is at /v1: set the base URL to that",
    **dict.fromkeys(("v1", "v1beta"), "the version stands there twice; set the base URL without it"),
}
"""What Google keeps beside models, and why it is not kept here."""
_VERTEX = (
    "the paths of Vertex AI are not served; use the Gemini API: leave `vertexai` (GOOGLE_GENAI_USE_VERTEXAI) "
    "out, and set the base URL (GOOGLE_GEMINI_BASE_URL) to this endpoint"
)
_ELSEWHERE: Mapping[str, str] = {
    "/v1alpha/": "this version of Gemini's API is not served; set the version to `v1beta`",
    **dict.fromkeys(("/v1beta1/", "/v1/projects/", "/v1/publishers/"), _VERTEX),
    "/ws/google.": _NO_LIVE,
}
"""Other paths that Google's clients ask for, by how they begin."""
_PATH = re.compile(r"(?:/upload)?/(?P<version>v1|v1beta)/(?P<first>[^/:]+)(?P<rest>.*)", re.DOTALL)
_ACTION = re.compile(r"/(.*):(\w+)/?", re.DOTALL)


def refusal(method: str, path: str, fields: Container[str]) -> TurnoutError | None:
    """Return what to say at a path that takes no such request; None where it is none of Google's.

    Args:
        method: Of the request.
        path: Its path.
        fields: The names in its head.
    """
    for start, why in _ELSEWHERE.items():
        if path.startswith(start):
            return BadRequest(f"{path}: {why}")
    match = _PATH.fullmatch(path)
    if match is None:
        return None
    if match["first"] == "models":
        return _of_model(method, path, match["rest"], fields)
    if path.startswith("/v1/") and not is_googles(fields):
        return None
    if why := _COLLECTIONS.get(match["first"], ""):
        return BadRequest(f"{path}: {why}")
    return NotFound(
        f"there is nothing at {path}; of Gemini's API /v1beta/models is served, and of a model {_SERVED}"
    )


def _of_model(method: str, path: str, remaining: str, fields: Container[str]) -> TurnoutError | None:
    action = _ACTION.fullmatch(remaining)
    if method != "POST" or action is None:
        return None
    if why := _ACTIONS.get(action[2], ""):
        return BadRequest(f"{path}: {why}")
    if not action[1]:
        return NotFound(f"{path}: no model is named; ask for models/auto:{action[2]}")
    if path.startswith("/v1beta/") or is_googles(fields):
        return NotFound(f"there is nothing at {path}; a model is asked for {_SERVED}")
    return None
