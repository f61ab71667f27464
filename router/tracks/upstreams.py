"""A look at what answers on both sides, from a program that serves nothing: a banner, a diagnosis."""

import asyncio
from dataclasses import dataclass

from policies.privacy import Clearance
from router.settings import Settings
from router.tracks.cloud import CloudTrack
from router.tracks.cloud_provider import CloudProvider, find_provider
from router.tracks.egress import Egress
from router.tracks.local_client import LocalClient
from router.tracks.local_server import LocalServer, find_server


@dataclass(frozen=True, slots=True, kw_only=True)
class Upstreams:
    """What was found."""

    server: LocalServer | None
    """At `local.url`; None where none is set."""
    provider: CloudProvider | None
    """At `cloud.base_url`; None where it was not asked."""


def find_upstreams(settings: Settings, clearance: Clearance, *, without_key: bool = False) -> Upstreams:
    """Ask both at once; takes a few seconds at most.

    Args:
        settings: name them.
        clearance: leave to ask the provider.
        without_key: ask the provider also where there is no key of ours, whether it can be reached.
    """
    return asyncio.run(_find(settings, clearance, without_key=without_key))


async def _find(settings: Settings, clearance: Clearance, *, without_key: bool) -> Upstreams:
    client, egress = LocalClient(settings.local, None), Egress(settings.cloud)

    async def server() -> LocalServer | None:
        return await find_server(client, settings.local) if settings.local.url else None

    async def provider() -> CloudProvider | None:
        if without_key and clearance.allowed:
            return await find_provider(egress, settings.cloud, clearance)
        return await CloudTrack(settings.cloud, egress).look(clearance)

    try:
        results = await asyncio.gather(server(), provider())
    finally:
        await client.close()
        await egress.close()
    return Upstreams(server=results[0], provider=results[1])
