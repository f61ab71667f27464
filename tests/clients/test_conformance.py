"""Each client does what it must through the endpoint, with a provider that has faults, too."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import assistants
import conformance
import conformance_page
import pytest
import servers
from conformance import Client, Scenario, World
from servers import Endpoint, Upstream

NEW = pytest.mark.xfail(reason="is in no results yet: conformance_page.py measures it", strict=False)


def cell(client: Client, scenario: Scenario) -> Any:
    late = client.starts_late and scenario.name != "edit"
    new = not conformance_page.is_measured(client, scenario.name)
    marks = [*([pytest.mark.long] if late else ()), *([NEW] if new else ())]
    return pytest.param(client, scenario, id=f"{client.name}-{scenario.name}", marks=marks)


CELLS = [cell(*one) for one in conformance.cells()]


@pytest.fixture(scope="session")
def openai_endpoint(
    running_upstream: Upstream, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Endpoint]:
    """The endpoint with an OpenAI-compatible provider as its cloud."""
    folder = tmp_path_factory.mktemp("openai")
    cloud = {"cloud__dialect": "openai", "local__url": f"{running_upstream.url}/v1"}
    with servers.endpoint(folder, cloud=f"{running_upstream.url}/v1", **cloud) as endpoint:
        yield endpoint


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.parametrize(("client", "scenario"), CELLS)
def test_a_client_does_as_is_known_of_it(
    client: Client,
    scenario: Scenario,
    upstream: Upstream,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    record_property: Callable[[str, object], None],
) -> None:
    assistants.need(*client.needs)
    endpoint = request.getfixturevalue(scenario.endpoint)
    if scenario.endpoint == "tiny_endpoint":
        endpoint = endpoint(client.shell)
    measured = scenario.measure(client, World(upstream=upstream, endpoint=endpoint, folder=tmp_path))
    record_property("words", measured.words)
    record_property("requests", measured.requests)
