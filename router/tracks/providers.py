"""Which company a request may go to: the provider that is configured, its models, its one address.

A client names a model; the configuration names the provider. A name that the provider does not
have never changes where a prompt goes, nor asks one company for another's model.
"""

import re
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import NamedTuple

from yarl import URL

from policies.decide import Decision, claude_model, untagged
from router.errors import Misconfigured
from router.settings import CloudSettings
from router.types import TrackError

SDK, HTTP = "sdk", "http"
"""Through which kind of client litellm reaches a provider: OpenAI's, or its own handler."""
OPENAI_URL = "https://api.openai.com/v1"
ANTHROPIC_VERSION = ("anthropic-version", "2023-06-01")
"""A field that Anthropic's API demands."""


class Provider(NamedTuple):
    """How litellm reaches a provider."""

    client: str
    address: str
    """Scheme, host and port; empty where `cloud.base_url` must be set."""


PROVIDERS: Mapping[str, Provider] = {
    "anthropic": Provider(HTTP, "https://api.anthropic.com"),
    "azure_ai": Provider(HTTP, ""),
    "baseten": Provider(SDK, "https://inference.baseten.co"),
    "bedrock": Provider(HTTP, ""),
    "cerebras": Provider(SDK, "https://api.cerebras.ai"),
    "dashscope": Provider(SDK, "https://dashscope.aliyuncs.com"),
    "databricks": Provider(HTTP, ""),
    "deepinfra": Provider(SDK, "https://api.deepinfra.com"),
    "deepseek": Provider(HTTP, "https://api.deepseek.com"),
    "featherless_ai": Provider(SDK, "https://api.featherless.ai"),
    "fireworks_ai": Provider(HTTP, "https://api.fireworks.ai"),
    "friendliai": Provider(SDK, "https://api.friendli.ai"),
    "gemini": Provider(HTTP, "https://generativelanguage.googleapis.com"),
    "groq": Provider(HTTP, "https://api.groq.com"),
    "hosted_vllm": Provider(HTTP, ""),
    "hyperbolic": Provider(SDK, "https://api.hyperbolic.xyz"),
    "lambda_ai": Provider(SDK, "https://api.lambda.ai"),
    "litellm_proxy": Provider(SDK, ""),
    "lm_studio": Provider(SDK, ""),
    "meta_llama": Provider(SDK, "https://api.llama.com"),
    "minimax": Provider(HTTP, "https://api.minimax.io"),
    "mistral": Provider(HTTP, "https://api.mistral.ai"),
    "moonshot": Provider(SDK, "https://api.moonshot.ai"),
    "nebius": Provider(SDK, "https://api.studio.nebius.ai"),
    "novita": Provider(SDK, "https://api.novita.ai"),
    "nscale": Provider(SDK, "https://inference.api.nscale.com"),
    "nvidia_nim": Provider(SDK, "https://integrate.api.nvidia.com"),
    "openai": Provider(SDK, "https://api.openai.com"),
    "openrouter": Provider(HTTP, "https://openrouter.ai"),
    "ovhcloud": Provider(HTTP, "https://oai.endpoints.kepler.ai.cloud.ovh.net"),
    "perplexity": Provider(SDK, "https://api.perplexity.ai"),
    "sambanova": Provider(SDK, "https://api.sambanova.ai"),
    "scaleway": Provider(SDK, "https://api.scaleway.ai"),
    "together_ai": Provider(HTTP, "https://api.together.ai"),
    "vercel_ai_gateway": Provider(SDK, "https://ai-gateway.vercel.sh"),
    "volcengine": Provider(SDK, "https://ark.cn-beijing.volces.com"),
    "wandb": Provider(SDK, "https://api.inference.wandb.ai"),
    "xai": Provider(HTTP, "https://api.x.ai"),
    "zai": Provider(SDK, "https://api.z.ai"),
}
"""Providers that litellm reaches over the connection it is given, measured with litellm 1.106, a
stream and a whole answer each. Others open connections of their own, and are refused."""

EMBEDDING_CLIENTS: Mapping[str, str] = {
    **dict.fromkeys(("azure_ai", "fireworks_ai", "litellm_proxy", "mistral", "nebius", "nvidia_nim"), SDK),
    **dict.fromkeys(("openai", "together_ai", "wandb"), SDK),
    **dict.fromkeys(("bedrock", "dashscope", "databricks", "gemini", "hosted_vllm", "lm_studio"), HTTP),
    **dict.fromkeys(("openrouter", "ovhcloud", "perplexity", "sambanova", "vercel_ai_gateway"), HTTP),
    "volcengine": HTTP,
}
"""Those that litellm reaches for embeddings, and how, which differs from chats; measured as above."""

FAMILIES: Mapping[str, re.Pattern[str]] = {
    "anthropic": re.compile(r"claude-"),
    "openai": re.compile(r"gpt-(?!oss)|chatgpt-|codex-|o[1-9](?:$|-)"),
    "gemini": re.compile(r"gemini-"),
    "xai": re.compile(r"grok-"),
    "deepseek": re.compile(r"deepseek-"),
    "mistral": re.compile(r"(?:mistral|codestral|devstral|magistral|ministral|pixtral)-"),
    "bedrock": re.compile(r"(?:(?:us|eu|apac|jp|au|global)\.)?anthropic\.claude-"),
}
"""How a company's model names begin; models that anybody serves, such as gpt-oss, are no company's."""


_PLAIN = re.compile(r"[\w.@-]+(?::\d+)?", re.ASCII)
"""A model's name that may become part of a URL, as it does at Google's and Amazon's."""
_NAME = re.compile(_PLAIN.pattern + r"(?:\[\w+\])?", re.ASCII)
"""Any model's name: with its window, too."""
_VERSION = re.compile(r":\d+$", re.ASCII)
"""What Amazon puts behind a name."""
_LATEST = re.compile(r":latest(?=(?:\[\w+\])?$)", re.ASCII)
"""The tag that Ollama's clients put behind any name; with another one a name is a model's of Ollama's."""


def model_for(settings: CloudSettings, requested: str, decision: Decision) -> str:
    """The model to ask the provider for: the first that it has, else the configured one.

    Args:
        settings: the configured provider.
        requested: the name the client sent.
        decision: may name a model, too.
    """
    named = (own_name(settings, name) for name in (decision.model, requested) if name)
    return next(filter(None, named), "") or _otherwise(settings, decision)


def _otherwise(settings: CloudSettings, decision: Decision) -> str:
    """The configured model; a safety check alone keeps the name it came with, even if it is unknown here."""
    if decision.rule != "guard" or not decision.model or decision.model == settings.model:
        return settings.model
    prefix, _ = _split(settings)
    return decision.model if lacks_model(settings, decision.model) else prefix + decision.model


def own_name(settings: CloudSettings, name: str) -> str:
    """A client's name for a model as the configured provider calls it; empty where it has none such.

    What is sent for a name and what lists tell of it are both from here. Names are compared by company,
    not looked up: the provider itself refuses a model that is gone.
    """
    prefix, configured = _split(settings)
    family = _family(settings, prefix, configured)
    if not family:
        return ""
    spelled = name.strip().lower()
    if family != "bedrock":
        spelled = _LATEST.sub("", spelled)
    elif not _VERSION.search(spelled):
        spelled = untagged(spelled)
    readings = (claude_model(name), *_readings(spelled))
    bare = next((part for part in readings if FAMILIES[family].match(part)), "")
    tagged = family != "bedrock" and ":" in bare
    if tagged or not (_PLAIN if prefix else _NAME).fullmatch(bare):
        return ""
    return prefix + bare


def lacks_model(settings: CloudSettings, name: str) -> bool:
    """Whether the provider surely has no model of that name: another company makes it."""
    if own_name(settings, name) or name.strip() == settings.model:
        return False
    prefix, _ = _split(settings)
    return any(map(_company, _readings(name.strip()))) or bool(prefix and not _PLAIN.fullmatch(name))


def made_by_openai(model: str) -> bool:
    """Whether OpenAI serves it, whatever gateway stands before it; its open models are anybody's to serve."""
    return _company(model.rpartition("/")[2]) == "openai"


def provider_of(model: str) -> str:
    """The provider in litellm's name for a model; a bare name belongs to the company that makes it."""
    prefix, slash, _ = model.partition("/")
    return prefix if slash else _company(model)


def for_embeddings(settings: CloudSettings) -> CloudSettings | None:
    """The provider that texts may be embedded by, as litellm reaches it; None where there is none.

    It is the one of `cloud.embedding_model`; without that the cloud's own, of which a client has to name a
    model.

    Raises:
        Misconfigured: litellm asks the provider of `cloud.embedding_model` for none.
    """
    own = provider_of(settings.model) if settings.dialect == "litellm" else settings.dialect
    if settings.embedding_model:
        model = settings.embedding_model
        _check_embeds(model)
    elif settings.dialect == "anthropic" or own not in EMBEDDING_CLIENTS:
        return None
    else:
        model = f"openai/{settings.model}" if settings.dialect == "openai" else settings.model
    same = provider_of(model) == own
    set_here = settings.model_fields_set
    values: dict[str, object] = {name: getattr(settings, name) for name in _LINE}
    values |= {"dialect": "litellm", "model": model}
    if settings.embedding_url:
        values["base_url"] = settings.embedding_url
    elif same and (settings.dialect == "openai" or "base_url" in set_here):
        values["base_url"] = base_url(settings)
    if settings.embedding_key_env:
        values["api_key_env"] = settings.embedding_key_env
    elif same and "api_key_env" in set_here:
        values["api_key_env"] = settings.api_key_env
    return CloudSettings.model_validate(values)


def _check_embeds(model: str) -> None:
    if provider_of(model) not in EMBEDDING_CLIENTS:
        raise Misconfigured(
            f"cloud.embedding_model: no provider that embeds stands before {model!r}; write one of these, a "
            f"slash and its model: {', '.join(EMBEDDING_CLIENTS)}"
        )


_LINE = ("connect_s", "first_byte_s", "total_s", "connections")
"""Settings of the connection itself."""


def speaks_responses(settings: CloudSettings) -> bool:
    """Whether the provider takes a client's Responses as they are: OpenAI does, others where it is set."""
    if settings.dialect != "openai" or settings.responses == "never":
        return False
    return settings.responses == "always" or URL(base_url(settings)).host == URL(OPENAI_URL).host


def base_url(settings: CloudSettings) -> str:
    """The base URL to send to; OpenAI's own where its dialect is spoken and no address is set.

    The paths of `anthropic` begin with `/v1`, so an address that ends with it means the same without.
    """
    if settings.dialect == "openai" and "base_url" not in settings.model_fields_set:
        return OPENAI_URL
    url = settings.base_url.rstrip("/")
    return url.removesuffix("/v1") if settings.dialect == "anthropic" else url


def address_problem(settings: CloudSettings) -> str:
    """What is probably wrong with `cloud.base_url`, and the remedy; empty where it looks well.

    OpenAI-compatible servers answer below `/v1` or another path, and at none of them without.
    """
    url = base_url(settings)
    if settings.dialect != "openai" or URL(url).path not in {"", "/"}:
        return ""
    return f"cloud.base_url: {url} has no path, and OpenAI-compatible servers have one: mostly {url}/v1"


def address(settings: CloudSettings) -> URL | None:
    """The one address that may be sent to; None where the configuration names none."""
    if settings.dialect != "litellm" or "base_url" in settings.model_fields_set:
        return URL(base_url(settings)).origin()
    provider = PROVIDERS.get(provider_of(settings.model))
    return URL(provider.address) if provider and provider.address else None


def unknown_address(settings: CloudSettings) -> TrackError:
    """Say that nothing is sent to a provider whose address nobody configured."""
    name = provider_of(settings.model) or settings.model
    return _unsupported(
        f"cloud.model: where `{name}` is reached is not known here, so nothing was sent. "
        "Set `cloud.base_url` to its address."
    )


def unknown_provider(provider: str) -> TrackError:
    """Say that litellm would open connections of its own to this provider."""
    return _unsupported(
        f"cloud.model: the provider `{provider}` cannot be held to one address, so nothing was sent. "
        f"Set `cloud.dialect: openai` with `cloud.base_url`, or use one of: {', '.join(PROVIDERS)}."
    )


def another_address(url: URL, allowed: URL) -> TrackError:
    """Say that something would have gone elsewhere than configured."""
    return _unsupported(
        f"{url.origin()} is not the configured provider ({allowed}), so nothing was sent. "
        "If it is the one you mean, set `cloud.base_url`; a variable such as OPENAI_API_BASE does not count."
    )


def no_safety_checks() -> TrackError:
    """Say that this provider runs no safeguards beside its model."""
    return _unsupported(
        "safeguards: the provider that this endpoint is set up for runs none; leave the field out"
    )


def no_model_for_safety_check(settings: CloudSettings, name: str) -> TrackError:
    """Say that the model which is to judge is not to be had here."""
    return _unsupported(
        f"model: this is a safety check, and the provider here has no `{name}`; no other model judges in its "
        f"place. Name one that it has, such as `{settings.model}`"
    )


def _unsupported(message: str) -> TrackError:
    return TrackError(
        message, cause="unsupported", status=HTTPStatus.BAD_REQUEST, kind="invalid_request_error"
    )


def _readings(name: str) -> Iterator[str]:
    """The name as it was sent, then without each of the providers that SDKs put before it."""
    while name:
        yield name
        name = name.partition("/")[2]


def _split(settings: CloudSettings) -> tuple[str, str]:
    """The configured model's prefix with its slash, and its own name."""
    if settings.dialect != "litellm":
        return "", settings.model
    prefix, slash, bare = settings.model.rpartition("/")
    return prefix + slash, bare


def _family(settings: CloudSettings, prefix: str, configured: str) -> str:
    """Whose models the provider has: those of the configured one's maker; its own where it is not set."""
    if settings.dialect in FAMILIES and "model" not in settings.model_fields_set:
        return settings.dialect
    return _company(configured) or (prefix[:-1] if prefix[:-1] in FAMILIES else "")


def _company(name: str) -> str:
    return next((company for company, names in FAMILIES.items() if names.match(name)), "")
