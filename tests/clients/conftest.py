"""What the client tests stand on: a scripted upstream, endpoints, and a place for each assistant."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path

import assistants
import pytest
import recorder
import servers
import tinygguf
from assistants import COMMAND, Place
from recorder import Recorder
from servers import Endpoint, Upstream


@pytest.fixture(scope="session")
def running_upstream() -> Iterator[Upstream]:
    with servers.upstream() as upstream:
        yield upstream


@pytest.fixture
def upstream(running_upstream: Upstream) -> Upstream:
    """The upstream with nothing seen and its default script."""
    running_upstream.play()
    return running_upstream


@pytest.fixture(scope="session")
def endpoint(running_upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    """The endpoint as it comes: the demo model is the local track."""
    folder = tmp_path_factory.mktemp("endpoint")
    with servers.endpoint(folder, cloud=running_upstream.url) as endpoint:
        yield endpoint


@pytest.fixture(scope="session")
def fast_endpoint(running_upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    """The endpoint with the scripted upstream as both tracks, and a window that does not decide."""
    folder = tmp_path_factory.mktemp("fast")
    local = {"local__url": f"{running_upstream.url}/v1", "local__context": "262144"}
    with servers.endpoint(folder, cloud=running_upstream.url, **local) as endpoint:
        yield endpoint


@pytest.fixture
async def kept(fast_endpoint: Endpoint) -> AsyncIterator[Recorder]:
    async with recorder.recorder(fast_endpoint.url) as kept:
        yield kept


@pytest.fixture(scope="session")
def tiny_endpoint(
    running_upstream: Upstream, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Endpoint]]:
    """Make an endpoint whose local model calls the shell by the name given, and then answers.

    The command is its argument `command`, of Codex' shell `cmd`.
    """
    with ExitStack() as stack:

        @cache
        def make(shell: str) -> Endpoint:
            folder = tmp_path_factory.mktemp("tiny")
            argument = "cmd" if shell == "exec_command" else "command"
            calls = tinygguf.tool_call(shell, **{argument: COMMAND})
            model = tinygguf.write(folder / "tiny.gguf", calls=calls)
            started = servers.endpoint(folder, cloud=running_upstream.url, local__model=str(model))
            return stack.enter_context(started)

        yield make


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A home and a workspace for one run of an assistant."""
    assistants.need("claude-code", "pi")
    place = Place(home=tmp_path / "home", workspace=tmp_path / "workspace")
    place.home.mkdir()
    place.workspace.mkdir()
    return place
