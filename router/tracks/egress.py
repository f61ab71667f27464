"""The one way out of this machine: every connection to the provider is opened here.

Rules that hold in this file:

- Every way out takes the request's `Clearance` and refuses before a name is resolved or a
  socket made. What has no clearance to show has no way out.
- This is the only module that makes an HTTP client for the provider, and the only one
  that imports litellm. A test reads the source tree and holds both.
- One address is sent to, the configured provider's; any other is refused, whoever wants it:
  a client, a variable such as OPENAI_API_BASE, a client of litellm's own making.
- A redirect is an answer, not an address to go to: a key never follows one.
"""

import asyncio
import importlib
import logging
import os
from collections.abc import Mapping, Sequence
from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.request import getproxies, proxy_bypass

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from policies.privacy import Clearance
from router.settings import CloudSettings
from router.tracks import providers
from router.tracks.connector import Body, Connector
from router.types import Progress, TrackError

if TYPE_CHECKING:
    from router.tracks.litellm_transport import LitellmTransport

IDLE_S = 45.0
"""How long an unused connection is kept: less than load balancers do (60 s and more), lest they close it
while a request is on its way."""

CONNECTIONS = 3
"""How many are taken for one request where each closes before anything was sent over it."""

QUIET: Mapping[str, str] = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS": "True",
    "LITELLM_LOCAL_BLOG_POSTS": "True",
    "LITELLM_MODE": "PRODUCTION",
    "DEFAULT_ANTHROPIC_CHAT_MAX_TOKENS": "32000",
}
"""litellm's environment: no downloads of tables that ship with it, no reading of a `.env` in whatever
folder we run in, and an output limit for Claude models newer than its table."""


def cleared(clearance: Clearance) -> None:
    """Refuse what may not leave this machine; anything but a plain yes is a no.

    Raises:
        TrackError: cause `private`, status 403, where the clearance does not allow it.
    """
    if clearance.allowed is not True:
        raise TrackError(
            f"This request must not leave this machine ({clearance.why or 'nothing allows it'}). "
            'Ask for model "local", or take what the policy\'s `never_cloud` names out of the conversation.',
            cause="private",
            status=HTTPStatus.FORBIDDEN,
            kind="permission_error",
        )


class LitellmFailure(ConnectionError):
    """A call through litellm failed; the transport has the provider's own answer, if any."""

    def __init__(self, transport: "LitellmTransport", failure: Exception) -> None:
        super().__init__(f"the provider's answer broke off: {failure}")
        self.transport = transport
        self.failure = failure


class Egress:
    """Owns the connections to the provider; pooled, made on first use on the running loop."""

    def __init__(self, settings: CloudSettings) -> None:
        self._settings = settings
        self._session: aiohttp.ClientSession | None = None
        self._proxy = lru_cache(_proxy_for)
        self._address = providers.address(settings)
        self._litellm: Any = None
        self._loading = asyncio.Lock()
        self.provider_errors: tuple[type[Exception], ...] = ()
        """What litellm raises for a provider's failure; empty until it is loaded."""

    async def post(
        self,
        clearance: Clearance,
        url: str,
        *,
        headers: Sequence[tuple[str, str]],
        body: bytes,
        progress: Progress | None = None,
    ) -> aiohttp.ClientResponse:
        """Send `body`, once, and return when the answer's headers are here; the caller closes the response.

        What fails is not tried again: the provider may have processed it (see `connector`). Only where a
        pooled connection closed before anything was sent, another is taken.

        Args:
            clearance: leave to do so.
            url: absolute; sent as it is written.
            headers: sent as they are; host and length are added.
            body: sent as it is.
            progress: whether anything was sent, and what status came, is noted there.

        Raises:
            TrackError: cause `private`; `unsupported` where this is not the configured address.
            aiohttp.ClientError: no connection, or it ended before the headers.
            TimeoutError: `cloud.connect_s` or `cloud.total_s` have passed.
        """
        cleared(clearance)
        self._confine(url)
        progress = progress or Progress()
        address = URL(url, encoded=True)
        proxy = self._proxy(address.scheme, address.host or "")
        connections = 0
        while True:
            connections += 1
            try:
                response = await self._opened().post(
                    address,
                    data=Body(body, progress),
                    headers=CIMultiDict(headers),
                    allow_redirects=False,
                    proxy=proxy,
                )
                break
            except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as failure:
                unreachable = isinstance(failure, aiohttp.ClientConnectorError)
                if progress.sent or unreachable or connections == CONNECTIONS:
                    raise
        progress.status = response.status
        return response

    async def get(
        self, clearance: Clearance, url: str, *, headers: Sequence[tuple[str, str]]
    ) -> aiohttp.ClientResponse:
        """Ask the provider about itself; nothing of any request is sent. As `post`."""
        cleared(clearance)
        self._confine(url)
        address = URL(url, encoded=True)
        return await self._opened().get(
            address,
            headers=CIMultiDict(headers),
            allow_redirects=False,
            proxy=self._proxy(address.scheme, address.host or ""),
        )

    def proxy(self, url: str) -> str:
        """The proxy of the environment for this address, without a password; empty for none."""
        address = URL(url, encoded=True)
        named = self._proxy(address.scheme, address.host or "")
        return str(URL(named).with_user(None)) if named else ""

    async def chat(
        self, clearance: Clearance, params: Mapping[str, Any], progress: Progress | None = None
    ) -> tuple[Any, "LitellmTransport"]:
        """`litellm.acompletion`, which speaks OpenAI's dialect to any provider.

        Returns:
            litellm's answer, and the transport it came over; the caller closes the transport.

        Raises:
            TrackError: cause `private`; `unsupported` where this provider cannot be held to one address.
            LitellmFailure: the provider refused, or could not be reached, or litellm could not make a
                request of it.
        """
        cleared(clearance)
        clients = {name: provider.client for name, provider in providers.PROVIDERS.items()}
        return await self._call("acompletion", clients, clearance, params, progress)

    async def embed(
        self, clearance: Clearance, params: Mapping[str, Any], progress: Progress | None = None
    ) -> tuple[Any, "LitellmTransport"]:
        """`litellm.aembedding`; what it takes, gives and raises is as with `chat`."""
        cleared(clearance)
        return await self._call("aembedding", providers.EMBEDDING_CLIENTS, clearance, params, progress)

    async def _call(
        self,
        function: str,
        clients: Mapping[str, str],
        clearance: Clearance,
        params: Mapping[str, Any],
        progress: Progress | None,
    ) -> tuple[Any, "LitellmTransport"]:
        """Call one of litellm's functions, held to the configured address; `clients` by provider."""
        provider = providers.provider_of(params["model"])
        if provider not in clients:
            raise providers.unknown_provider(provider or params["model"])
        if self._address is None:
            raise providers.unknown_address(self._settings)
        progress = progress or Progress()
        litellm = await self._load()
        from router.tracks.litellm_transport import CURRENT, LitellmTransport

        async def post(url: str, headers: Sequence[tuple[str, str]], body: bytes) -> aiohttp.ClientResponse:
            return await self.post(clearance, url, headers=headers, body=body, progress=progress)

        transport = LitellmTransport(post)
        CURRENT.set(transport)
        try:
            answer = await getattr(litellm, function)(
                **params, **_client(litellm, transport, clients[provider], params)
            )
        except (TimeoutError, asyncio.CancelledError):
            transport.close()
            raise
        except Exception as failure:  # litellm raises anything over a body that it cannot translate
            transport.close()
            if transport.forbidden is not None:
                raise transport.forbidden from failure
            raise LitellmFailure(transport, failure) from failure
        return answer, transport

    async def close(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()
            self._session = None
        if self._litellm is not None:
            await self._litellm.close_litellm_async_clients()

    def _confine(self, url: str) -> None:
        """Refuse an address that is not the configured provider's.

        Raises:
            TrackError: cause `unsupported`.
        """
        if self._address is None:
            raise providers.unknown_address(self._settings)
        if (address := URL(url, encoded=True)).origin() != self._address:
            raise providers.another_address(address, self._address)

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            # `trust_env` is left off: it would read ~/.netrc in a thread for every request,
            # and replace the client's key by what stands there. The proxy is taken by hand.
            self._session = aiohttp.ClientSession(
                connector=Connector(limit=self._settings.connections, keepalive_s=IDLE_S),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(
                    total=self._settings.total_s, sock_connect=self._settings.connect_s
                ),
                skip_auto_headers=("accept", "accept-encoding", "content-type", "user-agent"),
                max_line_size=32768,
                max_field_size=32768,
            )
        return self._session

    async def _load(self) -> Any:
        async with self._loading:
            if self._litellm is None:
                loop = asyncio.get_running_loop()
                self._litellm, self.provider_errors = await loop.run_in_executor(None, _import_litellm)
        return self._litellm


def _import_litellm() -> tuple[Any, tuple[type[Exception], ...]]:
    """Import and quieten litellm: takes seconds, so on first need and off the loop."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    litellm: Any = importlib.import_module("litellm")
    litellm.telemetry = False
    litellm.suppress_debug_info = True
    litellm.turn_off_message_logging = True
    litellm.DEFAULT_MAX_RETRIES = 0  # `aembedding` takes 0 for "as usual", which would be 2
    litellm.disable_stop_sequence_limit = True  # it would keep four, whatever the provider takes
    _fence(litellm)
    _quieten()
    base = importlib.import_module("litellm.llms.base_llm.chat.transformation").BaseLLMException
    openai, httpx = importlib.import_module("openai"), importlib.import_module("httpx")
    return litellm, (openai.OpenAIError, base, httpx.HTTPError)


def _fence(litellm: Any) -> None:
    """Let clients of litellm's own making go over the current call's transport, or nowhere."""
    from router.tracks.litellm_transport import CurrentTransport, NoTransport

    handlers = importlib.import_module("litellm.llms.custom_httpx.http_handler")
    httpx = importlib.import_module("httpx")

    def over_transport(*_: object, **__: object) -> CurrentTransport:
        return CurrentTransport()

    def nowhere(*_: object, **__: object) -> NoTransport:
        return NoTransport()

    handlers.AsyncHTTPHandler.create_async_transport = staticmethod(over_transport)
    handlers.AsyncHTTPHandler._create_async_transport = staticmethod(over_transport)  # noqa: SLF001 - as above
    handlers.HTTPHandler._create_sync_transport = nowhere  # noqa: SLF001 - there is no public name
    litellm.aclient_session = httpx.AsyncClient(transport=CurrentTransport(), trust_env=False)
    litellm.client_session = httpx.Client(transport=NoTransport(), trust_env=False)


_LOGGERS = (
    "LiteLLM", "LiteLLM Proxy", "LiteLLM Router", "openai", "httpx", "httpcore", "botocore", "boto3",
)  # fmt: skip


def _quieten() -> None:
    """Keep what is sent out of the log, whatever LITELLM_LOG and OPENAI_LOG are set to."""
    for name in _LOGGERS:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)


def _client(
    litellm: Any, transport: "LitellmTransport", kind: str, params: Mapping[str, Any]
) -> dict[str, Any]:
    """The client that litellm must be given for its call to go over `transport`."""
    if kind == providers.HTTP:
        handler = importlib.import_module("litellm.llms.custom_httpx.http_handler").AsyncHTTPHandler
        return {"client": handler(transport=transport, follow_redirects=False)}
    openai, httpx = importlib.import_module("openai"), importlib.import_module("httpx")
    *_, key, base = litellm.get_llm_provider(
        params["model"], api_base=params.get("api_base"), api_key=params.get("api_key")
    )
    http = httpx.AsyncClient(transport=transport, trust_env=False)
    return {"client": openai.AsyncOpenAI(api_key=key, base_url=base, http_client=http, max_retries=0)}


def _proxy_for(scheme: str, host: str) -> str | None:
    """The proxy for this address, by `HTTPS_PROXY` and `NO_PROXY`."""
    return None if proxy_bypass(host) else getproxies().get(scheme)
