"""What is found at `cloud.base_url`: real servers that answer as providers, gateways and proxies do."""

import json
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from policies.privacy import Clearance
from router.settings import CloudSettings
from router.system.certificates import CA_FILE, FOREIGN
from router.tracks.cloud import CloudTrack
from router.tracks.cloud_provider import CloudProvider, find_provider
from router.tracks.egress import Egress
from router.types import TrackError

ALLOWED = Clearance(allowed=True)
KEY = "sk-ant-api03-ours"
MODELS = {"data": [{"id": "claude-sonnet-5-5-20261101"}, {"id": "claude-haiku-5-5"}]}
PROXIES = ("http_proxy", "https_proxy", "no_proxy", "all_proxy")


@pytest.fixture(autouse=True)
def direct(monkeypatch) -> None:
    for name in (*PROXIES, *(name.upper() for name in PROXIES), CA_FILE, *FOREIGN):
        monkeypatch.delenv(name, raising=False)


@asynccontextmanager
async def served(
    answer: Callable[[web.Request], Any], *, tls: ssl.SSLContext | None = None
) -> AsyncIterator[str]:
    """Serve what `answer` returns for each request: a status, or a document."""

    async def handle(request: web.Request) -> web.Response:
        found = answer(request)
        status, body = (found, "{}") if isinstance(found, int) else (200, json.dumps(found))
        return web.Response(status=status, text=body, content_type="application/json")

    runner = web.ServerRunner(web.Server(handle))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    try:
        yield f"http{'s' if tls else ''}://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def look(url: str, **settings: Any) -> CloudProvider:
    cloud = CloudSettings(base_url=url, **settings)
    egress = Egress(cloud)
    try:
        return await find_provider(egress, cloud, ALLOWED)
    finally:
        await egress.close()


def with_key(request: web.Request) -> Any:
    """As Anthropic: the list is for holders of a key."""
    if request.path != "/v1/models" or "anthropic-version" not in request.headers:
        return 404
    return MODELS if request.headers.get("x-api-key") == KEY else 401


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
async def test_a_key_that_is_accepted(monkeypatch, end):
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY + end)  # as read from a file
    async with served(with_key) as url:
        found = await look(url)
    assert (found.reachable, found.credential, found.problem, found.proxy) == (True, "accepted", "", "")


async def test_a_key_that_is_refused_is_named_and_not_shown(monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-old")
    async with served(with_key) as url:
        found = await look(url)
    assert (found.reachable, found.credential) == (True, "refused")
    assert "ANTHROPIC_API_KEY (401): put a valid one there" in found.problem
    assert "sk-ant-old" not in found.problem


async def test_without_a_key_it_is_reached_alone():
    async with served(with_key) as url:
        found = await look(url)
    assert (found.reachable, found.credential, found.problem) == (True, "none", "")


async def test_a_list_for_everybody_proves_no_key(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-any")
    async with served(lambda _: MODELS) as url:
        found = await look(f"{url}/v1", dialect="openai", model="claude-haiku-5-5")
    assert (found.credential, found.problem) == ("unknown", "")


@pytest.mark.parametrize(("status", "shown"), [(400, ""), (401, ""), (404, "(404)"), (405, "(405)")])
async def test_a_server_without_responses_is_told_of_at_the_start(status, shown):
    bodies = []

    def answer(request):
        if request.path != "/v1/responses":
            return MODELS
        bodies.append(request.content_length)
        return status

    settings = {"dialect": "openai", "model": "claude-haiku-5-5"}
    async with served(answer) as url:
        found = await look(f"{url}/v1", responses="always", **settings)
        assert not (await look(f"{url}/v1", **settings)).problem
    assert bodies == [len("{}")]
    assert (shown in found.problem, bool(found.problem)) == (True, bool(shown))
    if shown:
        assert found.problem.startswith(f"cloud.responses: there is nothing at {url}/v1/responses")
        assert found.problem.endswith("set it to `never`")


STATUSES = [
    (403, "may not ask for its models"),
    (404, "check cloud.base_url and cloud.dialect"),
    (308, "set it to where it leads"),
    (429, "the key's limit is reached"),
    (503, "it has a fault now"),
]


@pytest.mark.parametrize(("status", "problem"), STATUSES)
async def test_what_is_wrong_names_the_remedy(monkeypatch, status, problem):
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    async with served(lambda _: status) as url:
        found = await look(url)
    assert problem in found.problem
    assert (found.reachable, found.credential) == (True, "unknown")


async def test_a_model_that_the_provider_has_not(monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    async with served(with_key) as url:
        found = await look(url, model="claude-sonet-5-5")
    assert found.problem == (
        "cloud.model: the provider lists no 'claude-sonet-5-5'; "
        "it has claude-sonnet-5-5-20261101, claude-haiku-5-5"
    )


async def test_litellms_providers_are_reached_without_a_key():
    asked = []

    def note(request: web.Request) -> int:
        asked.append(dict(request.headers))
        return 404

    async with served(note) as url:
        found = await look(url, dialect="litellm", model="groq/llama")
    assert (found.reachable, found.credential, found.problem) == (True, "unknown", "")
    assert "Authorization" not in asked[0]


async def test_a_provider_without_an_address():
    cloud = CloudSettings(dialect="litellm", model="nobody/model")
    egress = Egress(cloud)
    found = await find_provider(egress, cloud, ALLOWED)
    assert not found.reachable
    assert "Set `cloud.base_url`" in found.problem


async def test_nothing_there():
    found = await look("http://127.0.0.1:9")
    assert (found.reachable, found.credential) == (False, "unknown")
    assert found.problem.startswith("no connection to 127.0.0.1: check cloud.base_url")


async def test_no_such_host():
    found = await look("http://nobody.invalid")
    assert not found.reachable
    assert found.problem.startswith("there is no host nobody.invalid: check cloud.base_url")


async def test_a_proxy_is_named_without_its_password(monkeypatch):
    monkeypatch.setenv("http_proxy", "http://ana:secret@127.0.0.1:9")
    found = await look("http://api.example")
    assert found.proxy == "http://127.0.0.1:9"
    assert "the proxy http://127.0.0.1:9 does not answer" in found.problem
    assert "secret" not in found.problem


async def test_a_proxy_that_asks_for_a_login(monkeypatch):
    async with served(lambda _: 407) as url:
        monkeypatch.setenv("http_proxy", url)
        found = await look("http://api.example")
        monkeypatch.setenv("https_proxy", url)
        tunnelled = await look("https://api.example")
    assert "asks for a login" in found.problem
    assert "asks for a login" in tunnelled.problem


@pytest.fixture(scope="module")
def own_certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1",
         "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate],
        check=True,
        capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context, certificate


async def test_a_certificate_of_the_companys_own(monkeypatch, own_certificate):
    context, certificate = own_certificate
    async with served(lambda _: 401, tls=context) as url:
        unknown = await look(url)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
        foreign = await look(url)
        monkeypatch.setenv("SSL_CERT_FILE", "/nowhere/ca.pem")
        gone = await look(url)
    assert "set SSL_CERT_FILE to a file with its certificate" in unknown.problem
    assert "REQUESTS_CA_BUNDLE is not read here: set SSL_CERT_FILE to the same file" in foreign.problem
    assert "'/nowhere/ca.pem', which is no file" in gone.problem


async def test_who_keeps_all_here_asks_nobody(monkeypatch):
    asked = []
    async with served(lambda request: asked.append(request) or MODELS) as url:
        cloud = CloudSettings(base_url=url)
        egress = Egress(cloud)
        track = CloudTrack(cloud, egress)
        assert await track.look(ALLOWED) is None  # no key to try
        monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
        assert await track.look(Clearance(allowed=False)) is None
        with pytest.raises(TrackError, match="must not leave"):
            await egress.get(Clearance(allowed=False), f"{url}/v1/models", headers=())
        with pytest.raises(TrackError, match="is not the configured provider"):
            await egress.get(ALLOWED, "http://127.0.0.1:9/v1/models", headers=())
        assert asked == []
        assert (await track.look(ALLOWED)) == track.provider is not None
        await egress.close()
    assert asked
