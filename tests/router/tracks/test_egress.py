"""The one way out: nothing without a clearance, and no other module that could."""

import ast
import asyncio
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from policies.decide import Decision
from policies.privacy import Clearance
from router.settings import CloudSettings
from router.tracks.cloud import CloudTrack
from router.tracks.egress import Egress
from router.types import TrackError

ROOT = Path(__file__).parents[3]
CLOUD = Decision(track="cloud", rule="asked", why="for the test")

CLIENTS = {
    "router/tracks/egress.py": "the provider, with a clearance",
    "router/tracks/local_client.py": "the address of `local.url` or of the engine",
    "router/engine/process.py": "the engine's own health, on loopback",
}
"""Who may make an HTTP client, and for which address."""

OUTWARD = frozenset({"httpx", "requests", "urllib3", "openai", "anthropic", "http", "litellm"})
"""Packages that can open a connection."""

ALLOWED = {
    "router/tracks/litellm_transport.py": {"httpx"},  # a transport that goes through the egress
    "router/tracks/egress.py": {"litellm", "httpx", "openai"},
}
HARMLESS = {"http": {"HTTPStatus"}}


def sources() -> Iterator[tuple[str, ast.Module]]:
    """Every module that a request passes through; commands are programs of their own."""
    for path in sorted((ROOT / "router").rglob("*.py")):
        if not {"cli", "connect"} & set(path.relative_to(ROOT).parts):
            yield str(path.relative_to(ROOT)), ast.parse(path.read_text("utf-8"))


def imported(tree: ast.Module) -> Iterator[str]:
    """Names of packages that a module imports anywhere, also by `import_module("...")`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            package = node.module.partition(".")[0]
            if not {alias.name for alias in node.names} <= HARMLESS.get(package, set()):
                yield package
        elif isinstance(node, ast.Call) and "import" in ast.unparse(node.func):
            yield from (
                str(arg.value).partition(".")[0] for arg in node.args if isinstance(arg, ast.Constant)
            )


def test_only_the_egress_makes_connections_to_the_provider() -> None:
    makers = {path for path, tree in sources() if "ClientSession(" in ast.unparse(tree)}
    assert makers <= CLIENTS.keys()
    assert "router/tracks/egress.py" in makers


def test_only_the_egress_imports_what_could() -> None:
    found = {path: set(imported(tree)) & OUTWARD for path, tree in sources()}
    assert {path: names for path, names in found.items() if names - ALLOWED.get(path, set())} == {}
    assert "litellm" in found["router/tracks/egress.py"]


def test_every_public_way_out_begins_by_asking_for_leave() -> None:
    tree = next(tree for path, tree in sources() if path == "router/tracks/egress.py")
    egress = next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Egress")
    ways = [node for node in egress.body if isinstance(node, ast.AsyncFunctionDef) and node.name[0] != "_"]
    assert {way.name for way in ways} == {"post", "get", "chat", "embed", "close"}
    for way in ways:
        if way.name != "close":
            assert ast.unparse(way.body[1]) == "cleared(clearance)", way.name


@pytest.fixture
def trap() -> Iterator[socket.socket]:
    """A listening socket that must never be connected to."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        yield server
        with pytest.raises(BlockingIOError):
            server.accept()


@pytest.mark.parametrize("dialect", ["anthropic_messages", "openai_chat"])
@pytest.mark.parametrize("provider", ["anthropic", "openai", "litellm"])
@pytest.mark.parametrize("stream", [True, False])
async def test_nothing_leaves_without_a_clearance(trap, plan, monkeypatch, dialect, provider, stream) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-ours")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-ours")
    settings = CloudSettings(
        base_url=f"http://127.0.0.1:{trap.getsockname()[1]}", dialect=provider, model="openai/m"
    )
    egress = Egress(settings)
    track = CloudTrack(settings, egress)
    private = plan({"stream": stream}, dialect=dialect, allowed=False)
    for attempt in (track.open(private, CLOUD), track.count(private)):
        with pytest.raises(TrackError) as caught:
            await attempt
        error = caught.value
        assert (error.cause, error.status, error.kind) == ("private", 403, "permission_error")
        assert "secrets/key.txt" in error.message
        assert 'model "local"' in error.message
    await asyncio.sleep(0)
    await egress.close()
    assert track.breaker.up


@pytest.mark.parametrize("clearance", [Clearance(allowed=False), None, "yes", object()])
async def test_anything_but_a_plain_yes_is_a_no(trap, clearance) -> None:
    url = f"http://127.0.0.1:{trap.getsockname()[1]}"
    egress = Egress(CloudSettings(base_url=url))
    params = {"model": "anthropic/c", "messages": [], "api_base": url, "api_key": "k"}
    for attempt in (
        egress.post(clearance, url, headers=(), body=b""),
        egress.chat(clearance, params),
        egress.embed(clearance, {"model": "openai/e", "input": ["x"], "api_base": url, "api_key": "k"}),
    ):
        with pytest.raises((TrackError, AttributeError)):
            await attempt
    await egress.close()


async def test_a_proxy_of_the_environment_is_used(raw, read, monkeypatch) -> None:
    asked = []

    async def behave(reader, writer) -> None:
        asked.append(await read(reader))
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")

    proxy, _ = await raw(behave)
    monkeypatch.setenv("http_proxy", proxy)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    egress = Egress(CloudSettings(base_url="http://api.example"))
    async with await egress.post(
        Clearance(allowed=True), "http://api.example/v1", headers=(("x", "1"),), body=b"{}"
    ) as response:
        assert await response.read() == b"ok"
    assert asked[0].startswith(b"POST http://api.example/v1 HTTP/1.1\r\n")
    monkeypatch.setenv("no_proxy", "*")
    await egress.close()


STEERING = {
    "custom_llm_provider": "openai",
    "fallbacks": ["openai/gpt-5"],
    "mock_response": "made up",
    "model_list": [{"model_name": "m"}],
    "extra_headers": {"x-steered": "yes"},
    "metadata": {"callbacks": ["x"]},
}
"""What litellm takes from the same arguments as the dialect's fields."""


@pytest.mark.parametrize("dialect", ["anthropic_messages", "openai_chat"])
@pytest.mark.parametrize("stream", [True, False])
async def test_a_clients_words_never_change_where_it_goes(
    trap, upstream, plan, monkeypatch, dialect, stream
) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", "k")
    elsewhere = f"http://127.0.0.1:{trap.getsockname()[1]}"
    settings = CloudSettings(base_url=upstream.url, dialect="litellm", model="gemini/gemini-2.5-pro")
    egress = Egress(settings)
    steering = {"api_base": elsewhere, "base_url": elsewhere, "api_key": "theirs", **STEERING}
    asked = {"model": "claude-opus-5-5", "stream": stream, **steering}
    await CloudTrack(settings, egress).open(plan(asked, dialect=dialect), CLOUD)
    await egress.close()
    (row,) = await upstream.requests()
    assert row["path"].startswith("/models/gemini-2.5-pro:")
    assert b"made up" not in row["body"]
    assert not any(name.lower() == "x-steered" for name, _ in row["headers"])


@pytest.mark.parametrize(
    ("model", "variables", "says"),
    [
        ("openai/gpt-5", ("OPENAI_API_BASE", "OPENAI_BASE_URL"), "cloud.base_url"),
        ("gemini/gemini-2.5-pro", ("GEMINI_API_BASE",), "cloud.base_url"),
        ("groq/llama", ("GROQ_API_BASE",), "cloud.base_url"),
        ("hosted_vllm/llama", ("HOSTED_VLLM_API_BASE",), "cloud.base_url"),
        ("some-model", (), "cloud.base_url"),
        ("cohere_chat/command", (), "cannot be held to one address"),
        ("sagemaker/endpoint", (), "cannot be held to one address"),
    ],
)
async def test_other_addresses_are_refused_by_name(trap, plan, monkeypatch, model, variables, says) -> None:
    for name in ("GROQ_API_KEY", "GEMINI_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.setenv(name, "k")
    for name in variables:
        monkeypatch.setenv(name, f"http://127.0.0.1:{trap.getsockname()[1]}/v1")
    for variable in ("http_proxy", "https_proxy"):  # what is let through ends here, not on the internet
        monkeypatch.setenv(variable, "http://127.0.0.1:1")
    settings = CloudSettings(dialect="litellm", model=model)
    egress = Egress(settings)
    track = CloudTrack(settings, egress)
    with pytest.raises(TrackError) as caught:
        await track.open(plan(dialect="openai_chat"), CLOUD)
    await egress.close()
    assert track.breaker.up
    if caught.value.cause == "unsupported":
        assert says in caught.value.message
    else:  # litellm takes no address from this variable: it went to the provider's own
        assert "127.0.0.1:1" in caught.value.message


async def test_litellms_own_clients_reach_nothing(trap, upstream, plan, monkeypatch) -> None:
    elsewhere = f"http://127.0.0.1:{trap.getsockname()[1]}"
    settings = CloudSettings(base_url=f"{upstream.url}/v1", dialect="litellm", model="openai/gpt-5")
    egress = Egress(settings)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-x")
    await CloudTrack(settings, egress).open(plan(), CLOUD)
    litellm = sys.modules["litellm"]
    for model in ("cohere_chat/command", "openai/gpt-5", "groq/llama", "anthropic_text/claude-2"):
        with pytest.raises(Exception, match=r"."):
            await litellm.acompletion(
                model=model, messages=[{"role": "user", "content": "hi"}], api_base=elsewhere, api_key="k"
            )
    await egress.close()
