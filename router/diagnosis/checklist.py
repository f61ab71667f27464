"""The whole list, in the order in which things are needed."""

import platform
import sys
from collections.abc import Iterator
from importlib.metadata import version

from policies.load import PolicyError, load
from policies.policy import Policy
from policies.privacy import Clearance, Exposure, clear
from router.connect.endpoint import own_url
from router.diagnosis.check import Check, green, red
from router.diagnosis.clients import check_clients
from router.diagnosis.local import check_local
from router.diagnosis.machine import check_machine
from router.diagnosis.routing import check_cloud, check_policy
from router.errors import Misconfigured
from router.settings import Settings
from router.tracks.upstreams import find_upstreams


def diagnose(settings: Settings) -> Iterator[Check]:
    """Look at everything; takes a few seconds, and costs nothing."""
    python = ".".join(map(str, sys.version_info[:3]))
    yield green("turnout", f"{version('turnout')}, Python {python}, {platform.platform(terse=True)}")
    policy: Policy | None = None
    try:
        policy = load(settings.policy)
    except PolicyError as error:
        yield red("policy", str(error))
    leave = clear(policy, Exposure()) if policy else Clearance(allowed=False, why="no policy was read")
    upstreams = find_upstreams(settings, leave, without_key=True)
    yield from check_local(settings, upstreams.server)
    if policy:
        try:
            yield from check_policy(settings, policy)
        except Misconfigured as error:
            yield red("classifier", error.message)
        yield from check_cloud(settings, upstreams.provider)
    yield from check_machine(settings)
    try:
        yield from check_clients(own_url(settings))
    except Misconfigured:
        return  # its port is another one each time; no client can be connected
