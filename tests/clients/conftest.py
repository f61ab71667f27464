"""What the client tests stand on: a scripted upstream, endpoints, and a place for each assistant."""

import os
from collections.abc import Iterator
from pathlib import Path

import assistants
import pytest
import servers
from assistants import Place
from servers import Endpoint, Upstream

SAYS = "The local model says that all is done."
FILE, TEXT = "made.txt", "proof"
"""What the scripted and the tiny model let an assistant's shell make in its workspace."""
COMMAND = f"echo {TEXT} > {FILE}"


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


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A home and a workspace for one run of an assistant."""
    if missing := assistants.missing():
        if os.environ.get("TURNOUT_REQUIRE_CLIENTS"):
            pytest.fail(missing)
        pytest.skip(missing)
    place = Place(home=tmp_path / "home", workspace=tmp_path / "workspace")
    place.home.mkdir()
    place.workspace.mkdir()
    return place
