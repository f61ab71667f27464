"""Other dialects and other providers, through litellm.

litellm translates; the connection is ours (`router.tracks.line`), so that a hang-up ends
the call at once, and statuses, `retry-after` and dropped connections are the provider's
own. A Messages request goes by way of Chat Completions, like one for a local model:
litellm's own adapter ends a broken stream as if it were complete.

Only fields of the dialect are handed over: litellm takes addresses, keys and callbacks
from the same argument list, and a client must not set those.
"""

import re
import time
from collections.abc import AsyncGenerator, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import aiohttp
import msgspec

from router.errors import BadRequest, TooLarge, TrackError, TurnoutError
from router.settings import CloudSettings
from router.system.pacing import Pacing
from router.tracks.chat import repaired
from router.tracks.credentials import credential
from router.tracks.egress import Egress, LiteFailure
from router.tracks.failures import KINDS, cloud_failure, failed, fault_of, unreachable
from router.tracks.headers import back, field
from router.tracks.local_request import wants_usage
from router.tracks.providers import base_url
from router.tracks.refusals import Refusal, read_refusal
from router.tracks.relay import first_unit, resume, turned
from router.tracks.streaming import EVENT_STREAM, single_chunk
from router.types import DialectName, Headers, ModelRequest, Plan, Progress, Reply, Usage
from router.wire import DIALECTS
from router.wire.body import whole
from router.wire.chat_calls import repair_reply
from router.wire.chat_history import repair_messages
from router.wire.chat_shape import check
from router.wire.json_mode import ask_for_json
from router.wire.sse import encode
from router.wire.tap import ENVELOPE
from router.wire.translate_reply import ReplyStream, from_chat
from router.wire.translate_request import to_chat
from router.wire.unsupported import refuse_unsupported

if TYPE_CHECKING:
    from router.tracks.line import Line

PREFIXES: Mapping[str, str] = {"anthropic": "anthropic/", "openai": "hosted_vllm/", "litellm": ""}
"""What litellm calls a provider. `hosted_vllm` is plain Chat Completions at any address."""

FIELDS = frozenset({
    "audio", "frequency_penalty", "function_call", "functions", "logit_bias", "logprobs",
    "max_completion_tokens", "max_tokens", "messages", "modalities", "n", "parallel_tool_calls",
    "prediction", "presence_penalty", "reasoning_effort", "response_format", "seed", "service_tier",
    "stop", "stream", "temperature", "thinking", "tool_choice", "tools", "top_logprobs", "top_p",
    "user", "verbosity", "web_search_options",
})  # fmt: skip
"""Of a Chat Completions body; `store`, `metadata` and the like mean something else to litellm."""

MOST_BYTES = 32 << 20
"""As much as Anthropic takes in one request."""
MOST_MESSAGES = 5_000
"""litellm takes 30 µs for each on the event loop, while everybody waits."""
MOST_KEYS = 20_000
"""In the arguments of all calls, which litellm decodes, walks and encodes again."""
_MOST = f"at most {MOST_BYTES >> 20} MB and {MOST_MESSAGES:,} messages are taken"
_REMEDY = "shorten the conversation, or speak the provider's own dialect, which is passed on as it is"

FIXED: Mapping[str, Any] = {
    "num_retries": 0,
    "max_retries": 0,
    "drop_params": True,  # what the provider cannot do is left out rather than refused
    "_skip_mcp_handler": True,  # it would import a package that is not needed here
}

_INVALID = re.compile(r"\bInvalid (?P<field>[a-z]+_[a-z_]+)\b")

DELTA = ("role", "content", "reasoning_content", "refusal", "tool_calls", "function_call")
"""Of a delta or message; the rest is litellm's own."""

DEARER = {"batch", "priority", "flex", "fast"}
"""Terms of service that change the price; the others are the usual one's names."""

_JSON: Headers = (("content-type", "application/json"),)
_STREAM: Headers = (("content-type", f"{EVENT_STREAM}; charset=utf-8"), ("cache-control", "no-cache"))

DONE = encode("", b"[DONE]")


class Told:
    """What litellm has reported; a `Tap` that is told rather than fed. See `router.types.Tap`."""

    def __init__(self, model: str) -> None:
        self.usage: Usage | None = None
        self.model = model
        self.started = False
        self.complete = False
        self.error = ""
        self.written = 0

    def feed(self, chunk: bytes) -> None:
        """Nothing to read: the bytes were made from what is known already."""


class Lite:
    """Carries a request to a provider that does not speak the client's dialect."""

    def __init__(self, settings: CloudSettings, egress: Egress, pacing: Pacing) -> None:
        self._settings = settings
        self._egress = egress
        self._pacing = pacing

    async def open(self, plan: Plan, model: str, progress: Progress) -> Reply:
        """Answer `plan.request` with `model`, in the client's dialect.

        Raises:
            TrackError: `cloud_error`, `no_credential`, `private` or `unsupported`.
            BadRequest: it cannot be put to the provider.
        """
        told = Told(model)
        progress.tap = told
        try:
            answer, line = await self._egress.chat(
                plan.clearance, await self._params(plan.request, model), progress
            )
            if not plan.request.stream:
                return _whole(plan.request, model, answer, line, told)
            source = self._stream(plan.request, answer, line, told)
            held = await first_unit(source, told)
        except LiteFailure as failure:
            if failure.line.evidence is not None and not plan.request.stream:
                told.written = max(failure.line.evidence.size - ENVELOPE, 0)
            return _refused(plan.request, model, failure)
        headers = (("content-type", f"{EVENT_STREAM}; charset=utf-8"), ("cache-control", "no-cache"))
        return Reply(
            track="cloud",
            model=model,
            status=200,
            headers=headers,
            chunks=await resume(held, source),
            tap=told,
        )

    async def _params(self, request: ModelRequest, model: str) -> dict[str, Any]:
        claude = self._settings.dialect == "anthropic" or "claude" in model
        size = len(request.body)
        params: dict[str, Any] = await self._pacing.call(
            size, _chat_fields, request.dialect, request.body, model, claude
        )
        params.update(FIXED, model=PREFIXES[self._settings.dialect] + model, timeout=self._settings.total_s)
        if request.stream:
            params["stream_options"] = {"include_usage": True}
        if self._settings.dialect != "litellm" or "base_url" in self._settings.model_fields_set:
            params["api_base"] = base_url(self._settings)
        if secret := credential(self._settings, request.headers).secret:
            params["api_key"] = secret
        return params

    def _stream(self, request: ModelRequest, answer: Any, line: "Line", told: Told) -> AsyncGenerator[bytes]:
        wanted = request.dialect != "openai_chat" or wants_usage(request.body)
        source = repaired(_encoded(answer, line, told, with_usage=wanted))
        if request.dialect == "openai_chat":
            return source
        return turned(source, ReplyStream(model=told.model))


def _chat_fields(dialect: DialectName, body: bytes, model: str, claude: bool) -> dict[str, Any]:
    """The fields of a body that litellm is given.

    Raises:
        BadRequest: it cannot be put to the provider.
        TooLarge: 413, litellm would keep everybody waiting over it.
    """
    if len(body) > MOST_BYTES:
        raise TooLarge(f"the body: {_MOST} for a translation to the provider's format; {_REMEDY}")
    if dialect == "openai_chat":
        check(body)
    else:
        body = to_chat(body, model=model)
    fields = whole(body)
    taken = FIELDS
    if claude:
        refuse_unsupported(fields)
        fields = ask_for_json(fields)
        taken = FIELDS | {"top_k"}  # a field of Claude's API, and none of Chat Completions
    params = {name: value for name, value in fields.items() if name in taken and value is not None}
    if isinstance(messages := params.get("messages"), list):
        if len(messages) > MOST_MESSAGES:
            raise TooLarge(f"messages: {_MOST} for a translation to the provider's format; {_REMEDY}")
        if sum(map(_keys, messages)) > MOST_KEYS:
            raise TooLarge(
                f"messages: at most {MOST_KEYS:,} keys in the arguments of calls are taken for a "
                f"translation to the provider's format; {_REMEDY}"
            )
        params["messages"] = list(repair_messages(messages))
    return params


def _keys(message: Any) -> int:
    """About how many keys the arguments of a message's calls hold."""
    calls = message.get("tool_calls") if isinstance(message, dict) else None
    functions = [
        call.get("function") for call in (calls if isinstance(calls, list) else ()) if isinstance(call, dict)
    ]
    arguments = [function.get("arguments") for function in functions if isinstance(function, dict)]
    return sum(text.count('":') for text in arguments if isinstance(text, str))


async def _encoded(answer: Any, line: "Line", told: Told, *, with_usage: bool) -> AsyncGenerator[bytes]:
    """The chunks of litellm as the event stream of Chat Completions.

    Raises:
        LiteFailure: the provider failed, or ended before its answer was complete.
    """
    frame = {"id": "", "object": "chat.completion.chunk", "created": int(time.time()), "model": told.model}
    try:
        async for chunk in answer:
            data = chunk.model_dump(exclude_none=True)
            frame["id"] = data["id"]
            choices = [_choice(choice) for choice in data["choices"]]
            told.written += sum(_length(choice["delta"]) for choice in choices)
            told.started = told.started or any(_useful(choice["delta"]) for choice in choices)
            if any(choice["finish_reason"] for choice in choices):
                _must_have_ended(line, told)  # where no reason came, litellm makes one up
            if any(choice["delta"] or choice["finish_reason"] for choice in choices):
                yield encode("", msgspec.json.encode(frame | {"choices": choices}))
            if (usage := data.get("usage")) and _reported(line):
                told.usage = _usage(usage, data.get("service_tier"))
                if with_usage:
                    yield encode("", msgspec.json.encode(frame | {"choices": [], "usage": _shown(usage)}))
        _must_have_ended(line, told)
    except (TimeoutError, LiteFailure):
        raise
    except Exception as failure:  # litellm raises anything over an answer that it cannot read
        raise LiteFailure(line, failure) from failure
    finally:
        line.close()
    told.complete = True
    yield DONE


def _must_have_ended(line: "Line", told: Told) -> None:
    """Hold the provider's own bytes against what litellm made of them.

    Raises:
        LiteFailure: no end came, and no reason for one.
    """
    evidence = line.evidence
    if evidence is not None and not (evidence.finished or (evidence.done and told.started)):
        raise LiteFailure(line, ConnectionResetError("it ended before it was complete"))


def _reported(line: "Line") -> bool:
    """Whether the provider reported usage; where it did not, litellm counts for itself and says nothing."""
    return line.evidence is None or line.evidence.usage


def _whole(request: ModelRequest, model: str, answer: Any, line: "Line", told: Told) -> Reply:
    data = answer.model_dump(exclude_none=True)
    messages = [_standard(choice["message"]) for choice in data["choices"]]
    told.started = any(map(_useful, messages))
    _must_have_ended(line, told)
    body = msgspec.json.encode({
        "id": data["id"],
        "object": "chat.completion",
        "created": data["created"],
        "model": model,
        "choices": [
            {
                "index": choice["index"],
                "message": {"content": None} | message,
                "finish_reason": choice["finish_reason"],
            }
            for choice, message in zip(data["choices"], messages, strict=True)
        ],
        "usage": _shown(data.get("usage", {})),
    })  # fmt: skip
    if _reported(line):
        told.usage = _usage(data.get("usage", {}), data.get("service_tier"))
    told.written = sum(map(_length, messages))
    told.complete = True
    body = repair_reply(body)
    if request.dialect != "openai_chat":
        body = from_chat(body, model=model)
    return Reply(track="cloud", model=model, status=200, headers=_JSON, chunks=single_chunk(body), tap=told)


def _refused(request: ModelRequest, model: str, failure: LiteFailure) -> Reply:
    """The provider's refusal of this client, in the client's words; its own failures are raised.

    Raises:
        TrackError: `cloud_error`; `no_credential`; `unsupported`, another address was wanted.
        BadRequest: litellm could not make a request of it.
    """
    line, response = failure.line, failure.line.response
    if line.forbidden is not None:
        raise line.forbidden from failure
    if line.broken is not None:
        late = isinstance(line.broken, TimeoutError)
        raise unreachable(
            f"could not be reached: {line.broken}",
            HTTPStatus.GATEWAY_TIMEOUT if late else HTTPStatus.BAD_GATEWAY,
            fault=fault_of(line.broken),
        ) from failure
    if response is None:
        raise _unsent(failure.failure) from failure
    if response.status < HTTPStatus.BAD_REQUEST:
        raise unreachable("broke off its answer, or gave one that cannot be read") from failure
    refusal, status, headers = _told_by(line, response)
    body = _in_words(request, status, refusal)
    told = Told(model)
    told.error = refusal.message or f"status {status}"
    told.complete = True
    if failed(status):
        raise cloud_failure(model=model, status=status, headers=headers, body=body, tap=told) from failure
    return Reply(
        track="cloud", model=model, status=status, headers=headers, chunks=single_chunk(body), tap=told
    )


def _unsent(failure: Exception) -> TurnoutError:
    """Why litellm sent nothing: for want of a key, or since it could not translate this request."""
    refused = getattr(failure, "status_code", 0) in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}
    if refused or "Missing credentials" in str(failure):
        return TrackError(
            "No credential for the cloud track: set `cloud.api_key_env`, or the provider's own variable.",
            cause="no_credential",
            status=HTTPStatus.BAD_REQUEST,
            kind="invalid_request_error",
        )
    # What litellm says is of its own code, and may cite the conversation: no client's matter.
    told = _INVALID.search(str(failure))
    return BadRequest(
        f"{told['field'] if told else 'a message, tool or option'}: cannot be translated for the provider; "
        "see the reference of Chat Completions for its values"
    )


def _told_by(line: "Line", response: aiohttp.ClientResponse) -> tuple[Refusal, int, Headers]:
    """What the provider said, its status and the fields worth passing on."""
    fields = back(response.raw_headers)
    passed = tuple((name, value) for name in ("retry-after", "request-id") if (value := field(fields, name)))
    return read_refusal(line.refusal), response.status, (*_JSON, *passed)


def _in_words(request: ModelRequest, status: int, refusal: Refusal) -> bytes:
    words = DIALECTS[request.dialect]
    sizes = refusal.overflow if status == HTTPStatus.BAD_REQUEST else None
    if sizes and all(sizes):
        return words.overflow(*sizes)
    return words.error(
        status, KINDS.get(status, "api_error"), refusal.message or f"the provider answered {status}"
    )


def _choice(choice: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "index": choice.get("index", 0),
        "delta": _standard(choice.get("delta", {})),
        "logprobs": choice.get("logprobs"),
        "finish_reason": choice.get("finish_reason"),
    }


def _standard(message: Mapping[str, Any]) -> dict[str, Any]:
    return {name: message[name] for name in DELTA if message.get(name) is not None}


def _useful(delta: Mapping[str, Any]) -> bool:
    return any(delta.get(name) for name in DELTA if name != "role")


def _length(delta: Mapping[str, Any]) -> int:
    """Bytes of content in a delta or message, about."""
    texts = [delta.get(name) for name in ("content", "reasoning_content", "refusal")]
    functions = [call.get("function") for call in delta.get("tool_calls") or ()]
    texts += [function.get("arguments") for function in (*functions, delta.get("function_call")) if function]
    return sum(len(text) for text in texts if isinstance(text, str))


def _usage(usage: Mapping[str, Any], tier: str | None = None) -> Usage:
    """Cached tokens and cache writes, which litellm counts among the prompt's, taken apart."""
    details = usage.get("prompt_tokens_details") or {}
    cached = details.get("cached_tokens") or usage.get("cache_read_input_tokens") or 0
    written = usage.get("cache_creation_input_tokens") or details.get("cache_creation_tokens") or 0
    told = (tier or usage.get("service_tier"), usage.get("speed"))
    hour = (details.get("cache_creation_token_details") or {}).get("ephemeral_1h_input_tokens") or 0
    return Usage(
        input=max((usage.get("prompt_tokens") or 0) - cached - written, 0),
        output=usage.get("completion_tokens") or 0,
        cache_read=cached,
        cache_write_5m=max(written - hour, 0),
        cache_write_1h=hour,
        terms=" ".join(word for word in told if word in DEARER),
    )


def _shown(usage: Mapping[str, Any]) -> dict[str, Any]:
    """The part of it that Chat Completions knows."""
    told = _usage(usage)
    return {
        "prompt_tokens": told.prompt,
        "completion_tokens": told.output,
        "total_tokens": told.prompt + told.output,
        "prompt_tokens_details": {"cached_tokens": told.cache_read},
    }
