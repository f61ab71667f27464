"""A second scripted upstream, as the local model: it is fast, and it tells what reached it."""

import httpx
import pytest

PLAIN = False
"""For httpx's `verify`: all is plain HTTP here, and to load certificates costs 30 ms a call."""


@pytest.fixture(scope="session")
def shared_nearby(start_scripted):
    return start_scripted()


@pytest.fixture
def nearby(shared_nearby):
    """The local model's stand-in, with nothing recorded and nothing scripted."""
    httpx.post(shared_nearby.url + "/_script", json=[], verify=PLAIN)
    httpx.delete(shared_nearby.url + "/_requests", verify=PLAIN)
    return shared_nearby


@pytest.fixture(scope="session")
def play():
    """Script what an upstream answers next."""

    def script(program, *steps):
        httpx.post(program.url + "/_script", json=steps, verify=PLAIN).raise_for_status()

    return script


@pytest.fixture(scope="module")
def start_between(start_endpoint, shared_upstream, shared_nearby):
    """Starts endpoints between the scripted cloud and the scripted local model."""

    def start(**settings: str):
        tracks = {"CLOUD__BASE_URL": shared_upstream.url, "LOCAL__URL": shared_nearby.url + "/v1"}
        tracks["LOCAL__NAME"] = "nearby"  # or the server would be asked for it
        return start_endpoint(**(tracks | settings))

    return start
