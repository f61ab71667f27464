"""What is found at `local.url`: real servers that answer as llama-server, Ollama and others do."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest
from aiohttp import web

from router.settings import LocalSettings
from router.tracks.local_client import LocalClient
from router.tracks.local_server import LocalServer, find_server

MODELS = {"object": "list", "data": [{"id": "qwen"}, {"id": "other"}]}
OLLAMA = {
    "GET /v1/models": MODELS,
    "GET /api/version": {"version": "0.14.0"},
    "POST /api/show": {"capabilities": ["completion", "tools"]},
    "GET /api/ps": {"models": [{"name": "qwen", "context_length": 16384}]},
}
CHATS_ONLY = {
    "GET /v1/models": {"data": [{"id": "qwen", "meta": {"n_ctx": 8192}}]},
    "POST /api/show": {"capabilities": ["completion"]},
}


async def look(answers: Mapping[str, Any], path: str = "", **settings: Any) -> LocalServer:
    """Serve `answers` by method and path, and look at it; a number is a status."""

    async def answer(request: web.Request) -> web.Response:
        found = answers.get(f"{request.method} {request.path}", 404)
        status = found if isinstance(found, int) else 200
        return web.Response(text=json.dumps(found), status=status, content_type="application/json")

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    local = LocalSettings(url=f"http://{host}:{port}{path}", **settings)
    client = LocalClient(local, None)
    try:
        return await find_server(client, local)
    finally:
        await client.close()
        await runner.cleanup()


def find(answers: Mapping[str, Any], path: str = "", **settings: Any) -> LocalServer:
    return asyncio.run(look(answers, path, **settings))


@pytest.mark.parametrize("path", ["", "/", "/v1", "/v1/"])
def test_with_and_without_v1(path):
    found = find(OLLAMA, path)
    assert found.url.endswith("/v1")
    assert (found.model, found.context, found.abilities, found.problem) == (
        "qwen",
        16384,
        {"completion", "tools"},
        "",
    )


def test_a_model_that_calls_no_tools():
    found = find(CHATS_ONLY, "/v1")
    assert (found.model, found.context, found.abilities) == ("qwen", 8192, {"completion"})
    assert "use a model that does" in found.problem


def test_what_is_not_told_is_unknown():
    found = find({"GET /v1/models": MODELS}, "/v1")
    assert (found.context, found.abilities, found.problem) == (0, None, "")


PROBLEMS = [
    ({"GET /v1/models": 401}, {}, "set local.api_key_env to the variable that has its key"),
    ({"GET /v1/models": 403}, {"api_key_env": "KEY"}, "check the key in KEY"),
    ({}, {}, "set local.url to its base URL, which mostly ends in /v1"),
    ({"GET /v1/models": {"data": []}}, {}, "the server has no model"),
    (
        {"GET /v1/models": MODELS},
        {"name": "gone"},
        "local.name: the server has no 'gone'; it has qwen, other",
    ),
    ({"GET /v1/models": "nonsense"}, {}, "no list of models there"),
]


@pytest.mark.parametrize(("answers", "settings", "problem"), PROBLEMS)
def test_what_is_wrong_names_the_remedy(answers, settings, problem):
    found = find(answers, **settings)
    assert problem in found.problem
    assert found.reachable


def test_nothing_there():
    async def ask() -> LocalServer:
        local = LocalSettings(url="http://127.0.0.1:9")
        client = LocalClient(local, None)
        try:
            return await find_server(client, local)
        finally:
            await client.close()

    found = asyncio.run(ask())
    assert not found.reachable
    assert found.problem.startswith("nothing answers at http://127.0.0.1:9 (no connection): start the server")
