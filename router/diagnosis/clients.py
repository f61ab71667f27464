"""Each client that `turnout connect` has pointed somewhere."""

from collections.abc import Iterator

from router.connect.clients.catalog import CLIENTS
from router.connect.connection import DAMAGED, EDITED, connected_to
from router.connect.record import Records
from router.diagnosis.check import Check, green, yellow


def check_clients(url: str) -> Iterator[Check]:
    """Look whether each is pointed at the endpoint of these settings, at `url`, and is as it was left."""
    records = Records()
    for client in CLIENTS:
        where = connected_to(client, records)
        again = f"`turnout connect {client.name}`"
        if where == DAMAGED:
            yield yellow(client.name, f"{where}: {again} makes it anew")
        elif where.endswith(EDITED):
            yield yellow(
                client.name,
                f"connected to {where}: {again} if it no longer comes here",
            )
        elif where and where != url:
            yield yellow(
                client.name,
                f"connected to {where}, and the settings say {url}: {again}",
            )
        elif where:
            yield green(client.name, f"connected to {where}")
