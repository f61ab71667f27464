"""With which key the provider is asked: the client's own, or ours from the environment.

A client's own key is recognised by the provider's prefix, so that a Turnout key or a
placeholder never reaches a provider, and one provider's key never reaches another.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

from router.settings import CloudSettings
from router.types import Headers, TrackError

CARRIERS = frozenset({"authorization", "x-api-key"})
"""The fields a client puts its key in; both are in use with both dialects."""

OURS = {"anthropic": "ANTHROPIC_API_KEY", "openai": "OPENAI_API_KEY"}
"""Where our key is looked for unless `cloud.api_key_env` is set."""
AUTH_TOKEN = "ANTHROPIC_AUTH_TOKEN"  # noqa: S105 - a name
"""Anthropic's other variable: a token in place of a key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """A key as the header fields that carry it."""

    headers: Headers
    own: bool
    """True where it is the client's own."""

    @property
    def secret(self) -> str:
        """The key alone; empty where there is none."""
        return _secret(self.headers[0][1]) if self.headers else ""


def credential(
    settings: CloudSettings, headers: Headers, environ: Mapping[str, str] = os.environ
) -> Credential:
    """The key for `cloud.base_url`; an empty one where litellm looks for its provider's own variable.

    Raises:
        TrackError: cause `no_credential`; the message says what to set.
    """
    own = _clients(settings, headers)
    if own:
        return Credential(headers=own, own=True)
    name = _env_name(settings)
    if key := environ.get(name, "").strip():  # a line break at its end would end the head
        carrier = (
            ("x-api-key", key) if settings.dialect == "anthropic" else ("authorization", f"Bearer {key}")
        )
        return Credential(headers=(carrier,), own=False)
    if settings.dialect == "anthropic" and (token := environ.get(AUTH_TOKEN, "").strip()):
        return Credential(headers=(("authorization", f"Bearer {token}"),), own=False)
    if not name:
        return Credential(headers=(), own=False)
    raise TrackError(
        f"No credential for the cloud track: {remedy(settings)} where `turnout serve` runs, or let the "
        f"client send its own key ({_EXAMPLE.get(settings.dialect, 'cloud.forward_credentials: always')}); "
        'or ask for model "local".',
        cause="no_credential",
        status=HTTPStatus.BAD_REQUEST,
        kind="invalid_request_error",
    )


def key_name(settings: CloudSettings, environ: Mapping[str, str] = os.environ) -> str:
    """The variable whose key is used, or would be; empty where litellm looks for its provider's own."""
    name = _env_name(settings)
    if settings.dialect == "anthropic" and not environ.get(name) and environ.get(AUTH_TOKEN):
        return AUTH_TOKEN
    return name


def remedy(settings: CloudSettings) -> str:
    """What gives the cloud a credential for everybody, in a few words."""
    name = _env_name(settings)
    return f"set {name}" if name else "set `cloud.api_key_env`, or the provider's own variable"


def has_own(settings: CloudSettings, environ: Mapping[str, str] = os.environ) -> bool:
    """Whether there is a key of ours, so that no client needs one."""
    try:
        credential(settings, (), environ)
    except TrackError:
        return False
    return True


_EXAMPLE = {"anthropic": "sk-ant-...", "openai": "sk-..."}


def _env_name(settings: CloudSettings) -> str:
    """Empty where litellm should look for its provider's own variable.

    The default names Anthropic's key, which must not go to whoever else `base_url` is.
    """
    if "api_key_env" in settings.model_fields_set:
        return settings.api_key_env
    return OURS.get(settings.dialect, "")


def _clients(settings: CloudSettings, headers: Headers) -> Headers:
    if settings.forward_credentials == "never":
        return ()
    carried = tuple(pair for pair in headers if pair[0] in CARRIERS and pair[1])
    if settings.forward_credentials == "always":
        return carried
    return tuple(pair for pair in carried if _is_providers(_secret(pair[1]), settings.dialect))


def _is_providers(secret: str, dialect: str) -> bool:
    if dialect == "anthropic":
        return secret.startswith("sk-ant-")
    return dialect == "openai" and secret.startswith("sk-") and not secret.startswith("sk-ant-")


def _secret(value: str) -> str:
    scheme, _, token = value.partition(" ")
    return token.strip() if token and scheme.lower() == "bearer" else value.strip()
