"""The endpoint's surroundings: disk, address, ledger, and who may ask."""

import shutil
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import sqlalchemy as sa

from router.accounts.keys import Keyring, exposure_problem
from router.connect.endpoint import ask_health, own_url
from router.diagnosis.check import Check, found_or, green, red, yellow
from router.errors import Misconfigured, TurnoutError
from router.ledger.database import locate
from router.ledger.size import measure
from router.ledger.store import LedgerStore
from router.settings import Settings, data_dir, parse_listen
from router.system.listener import bind

LOW, SCARCE = 1e9, 1e8
"""Bytes free on the disk: yellow below the first, red below the other."""


def check_machine(settings: Settings) -> Iterator[Check]:
    """Look at the disk, the ledger and the address."""
    try:
        url = locate(settings.ledger)
    except Misconfigured as error:
        yield red("ledger", error.message)
        return
    file = url.database if url.get_backend_name() == "sqlite" else None
    yield _disk(Path(file).parent if file else data_dir())
    keyring = None
    try:
        store = LedgerStore.of(settings, write=False)
        try:
            rows = measure(store.engine)["requests"]
            roster = store.accounts.load()
            keyring = Keyring(roster.keys, roster.teams)
        finally:
            store.close()
        yield green("ledger", f"{file or url.render_as_string()}, {rows:,} requests, {len(keyring)} keys")
    except TurnoutError as error:
        yield red("ledger", error.message)
    except sa.exc.SQLAlchemyError as error:
        why = str(getattr(error, "orig", error)).splitlines()[0]
        yield red(
            "ledger",
            f"{file or url.render_as_string()} cannot be used ({why}): set `ledger` to another place",
        )
    yield _address(settings, keyring)


def _disk(folder: Path) -> Check:
    there = next(place for place in (folder, *folder.parents) if place.exists())
    free = shutil.disk_usage(there).free
    text = f"{free / 1e9:.1f} GB free at {there}"
    if free < SCARCE:
        return red(
            "disk", f"{text}: make room, or set `ledger` to another place; without it nothing is counted"
        )
    return yellow("disk", f"{text}: make room soon") if free < LOW else green("disk", text)


def _address(settings: Settings, keyring: Keyring | None) -> Check:
    try:
        host, port = parse_listen(settings.listen)
    except Misconfigured as error:
        return red("address", error.message)
    problem = "" if keyring is None else exposure_problem(host, keyring)
    if problem and not settings.trusted_header.user:
        return red("address", problem)
    if not port:
        return green("address", f"any free port of {host}")
    health, _ = ask_health(own_url(settings))
    if health is None:
        return _free(host, port)
    runs = f"Turnout {health['version']} runs at {own_url(settings)}"
    if health["version"] != version("turnout"):
        return yellow("address", f"{runs}, and {version('turnout')} is installed: start it again")
    return green("address", runs)


def _free(host: str, port: int) -> Check:
    problem = ""
    try:
        bind(host, port).close()
    except Misconfigured as error:
        problem = error.message
    return found_or(
        "address", problem, f"{host}:{port} is free; nothing runs there: `turnout serve` starts it"
    )
