"""What answers at `cloud.base_url`, and whether it takes our key; or what is wrong, and the remedy.

Asked at the start and now and then while running. It costs nothing: the provider lists its models, and no
model is called. Nothing of any request is in the question, and it is asked only where the policy lets
something leave. A provider that litellm speaks to keeps its list elsewhere: there only an answer is waited
for, and no key is sent.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from http import HTTPStatus
from typing import Any, Literal

import aiohttp
import msgspec

from policies.privacy import Clearance
from router.settings import CloudSettings
from router.system.certificates import untrusted
from router.tracks import providers
from router.tracks.credentials import credential, has_own, key_name
from router.tracks.egress import Egress
from router.types import Headers, TrackError
from router.wire.body import UNREADABLE

PATIENCE_S = 5.0
"""How long a provider may take to answer."""
_NO_PATH = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED})
SHOWN = 5
"""Names of models in a message."""
CredentialCheck = Literal["accepted", "refused", "unknown", "none"]
"""What the provider makes of our key: `unknown` where it answers alike without, `none` where we have none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudProvider:
    """What was found."""

    url: str
    """What was asked for."""
    reachable: bool
    """Whether anything answers there."""
    credential: CredentialCheck = "unknown"
    proxy: str = ""
    """The proxy of the environment that is in between, without its password."""
    problem: str = ""
    """What is wrong and how to mend it, for a person; empty where all is well."""


class _Model(msgspec.Struct):
    id: str = ""


class _Models(msgspec.Struct):
    data: list[_Model] | None = None


def to_dict(provider: CloudProvider) -> dict[str, Any]:
    """Give it as JSON values."""
    return asdict(provider)


async def find_provider(egress: Egress, settings: CloudSettings, clearance: Clearance) -> CloudProvider:
    """Ask what answers at `cloud.base_url`; never raises for what it does.

    Raises:
        TrackError: `private`, where nothing may leave.
    """
    address = providers.address(settings)
    if address is None:
        problem = providers.unknown_address(settings).message
        return CloudProvider(url="", reachable=False, problem=problem)
    url, key = _question(settings) or (f"{address}/", ())
    proxy = egress.proxy(url)
    try:
        status, body = await _ask(egress, url, key, clearance)
        responses_problem = await _responses_problem(egress, settings, clearance)
        open_to_all = bool(key) and status == HTTPStatus.OK and await _is_open(egress, url, clearance)
    except (aiohttp.ClientError, OSError) as failure:
        return CloudProvider(
            url=url, reachable=False, proxy=proxy, problem=_unreachable(settings, proxy, failure)
        )
    probed = url != f"{address}/"
    return CloudProvider(
        url=url,
        reachable=True,
        proxy=proxy,
        credential=_verdict(settings, status, open_to_all=open_to_all, probed=probed),
        problem=(_problem(settings, url, status, body) if probed else "") or responses_problem,
    )


def _question(settings: CloudSettings) -> tuple[str, Headers] | None:
    """The address of the list of models, and the fields to ask with; None where there is no such list."""
    base = providers.base_url(settings)
    match settings.dialect:
        case "anthropic":
            return f"{base}/v1/models?limit=1000", (*_key(settings), providers.ANTHROPIC_VERSION)
        case "openai":
            return f"{base}/models", _key(settings)
    return None


def _key(settings: CloudSettings) -> Headers:
    try:
        return credential(settings, ()).headers
    except TrackError:
        return ()


async def _ask(egress: Egress, url: str, headers: Headers, clearance: Clearance) -> tuple[int, bytes]:
    async with (
        asyncio.timeout(PATIENCE_S),
        await egress.get(clearance, url, headers=(*headers, ("accept-encoding", "identity"))) as response,
    ):
        return response.status, await response.read()


async def _is_open(egress: Egress, url: str, clearance: Clearance) -> bool:
    """Whether the list is there for everybody, as at OpenRouter; then it proves nothing of a key."""
    versioned = (providers.ANTHROPIC_VERSION,) if "/v1/models?" in url else ()
    return (await _ask(egress, url, versioned, clearance))[0] == HTTPStatus.OK


async def _responses_problem(egress: Egress, settings: CloudSettings, clearance: Clearance) -> str:
    """Whether a server that is said to speak Responses has their path, where an empty body is refused."""
    if settings.responses != "always":
        return ""
    url = f"{providers.base_url(settings)}/responses"
    headers = (*_key(settings), ("content-type", "application/json"), ("accept-encoding", "identity"))
    async with (
        asyncio.timeout(PATIENCE_S),
        await egress.post(clearance, url, headers=headers, body=b"{}") as response,
    ):
        if response.status not in _NO_PATH:
            return ""
    return f"cloud.responses: there is nothing at {url} ({response.status}): set it to `never`"


def _verdict(settings: CloudSettings, status: int, *, open_to_all: bool, probed: bool) -> CredentialCheck:
    if not has_own(settings):
        return "none"
    if not probed or open_to_all:
        return "unknown"
    if status == HTTPStatus.OK:
        return "accepted"
    return "refused" if status == HTTPStatus.UNAUTHORIZED else "unknown"


def _problem(settings: CloudSettings, url: str, status: int, body: bytes) -> str:
    """What an answer shows to be wrong. Its own words are not repeated: they may quote the key."""
    if address_problem := providers.address_problem(settings):
        return address_problem
    if status == HTTPStatus.OK:
        return _model_problem(settings, body)
    if status == HTTPStatus.UNAUTHORIZED:
        name = key_name(settings)
        refused = f"the provider does not take the key in {name} (401): put a valid one there"
        return refused if has_own(settings) else ""
    return _of_status(status) or (
        f"no list of models at {url.partition('?')[0]} ({status}), so cloud.base_url may be no address of "
        f"the dialect {settings.dialect}: check cloud.base_url and cloud.dialect"
    )


def _of_status(status: int) -> str:
    if status == HTTPStatus.FORBIDDEN:
        return "the provider answers 403: this key, or this network or country, may not ask for its models"
    if status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
        return _proxy_refused(status)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return "the provider answers 429: the key's limit is reached now; wait, or raise it there"
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return f"the provider answers {status}: it has a fault now, or cloud.base_url is not its address"
    if status < HTTPStatus.BAD_REQUEST:
        return f"cloud.base_url leads elsewhere ({status}): set it to where it leads, mostly https://"
    return ""


def _model_problem(settings: CloudSettings, body: bytes) -> str:
    names = list(_names(body))
    expected = settings.model
    # A name without a date stands for the newest with one.
    if not names or any(name == expected or name.startswith(f"{expected}-") for name in names):
        return ""
    return f"cloud.model: the provider lists no {expected!r}; it has {', '.join(names[:SHOWN])}" + (
        " and others" if len(names) > SHOWN else ""
    )


def _names(body: bytes) -> Iterator[str]:
    try:
        models = msgspec.json.decode(body, type=_Models).data or ()
    except UNREADABLE:
        return
    yield from (model.id for model in models if model.id)


def _unreachable(settings: CloudSettings, proxy: str, failure: BaseException) -> str:
    """Why no answer came, and the remedy."""
    address = providers.address(settings)
    host = address.host if address else ""
    elsewhere = "check cloud.base_url, and the network or its proxy (HTTPS_PROXY)"
    match failure:
        case aiohttp.ClientHttpProxyError():
            return _proxy_refused(failure.status)
        case aiohttp.ClientProxyConnectionError():
            return f"the proxy {proxy} does not answer: correct HTTPS_PROXY, or name {host} in NO_PROXY"
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientConnectorSSLError():
            return f"no TLS connection to {host}: {untrusted()}"
        case aiohttp.ClientConnectorDNSError():
            return f"there is no host {host}: {elsewhere}"
        case TimeoutError():
            return f"{host} gave no answer in {PATIENCE_S:g} s: {elsewhere}"
    return f"no connection to {host}: {elsewhere}"


def _proxy_refused(status: int) -> str:
    login = status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED
    expected = "asks for a login: write it as http://USER:PASSWORD@HOST:PORT"
    return f"the proxy in HTTPS_PROXY {expected if login else 'refuses the connection'} ({status})"
