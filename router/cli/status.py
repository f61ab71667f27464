"""`turnout status`: what runs: address, version, policy and its proof, tracks, counts of today, budgets."""

import json
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from router.cli.ledger import AsJson, Ledger
from router.cli.ledger_file import open_ledger
from router.cli.render import escape_controls
from router.connect.endpoint import ask_health, check_url, own_url
from router.errors import TurnoutError
from router.settings import Settings, load_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

Json = dict[str, Any]


def status(
    *,
    url: Annotated[str | None, typer.Option(help="The endpoint; default: the one in the settings.")] = None,
    as_json: AsJson = False,
    ledger: Ledger = None,
) -> None:
    """Show what runs: address, version, policy and its proof, tracks, slots, today's counts, budgets.

    Exits with 1 where nothing answers.

    Example: [bold]turnout status[/bold]
    """
    settings = load_settings(ledger=ledger)
    address = check_url(url) if url else own_url(settings)
    health, why = ask_health(address)
    status = {"url": address, "running": health is not None, "health": health, **_of_ledger(ledger, settings)}
    if as_json:
        typer.echo(json.dumps(status | ({"why": why} if why else {})))
    else:
        _show(status, why)
    if health is None:
        raise typer.Exit(1)


def _of_ledger(ledger: str | None, settings: Settings) -> Json:
    """Today's totals and how the budgets stand; empty where this machine has no ledger to read."""
    from policies.load import PolicyError, load
    from router.accounts.periods import span
    from router.accounts.teams import DEFAULT_TEAM, Team
    from router.ledger import queries
    from router.ledger.budget_status import read_budget_status
    from router.reports import totals

    try:
        with open_ledger(ledger) as store:
            since, until = span("day", Team(name=DEFAULT_TEAM).zone, time.time())
            with store.engine.connect() as connection:
                (day,) = queries.totals(connection, since, until)
                tracks = queries.totals(connection, since, until, by=("track",))
            standing = read_budget_status(
                store.accounts, store.budgets, lambda name: load(name or settings.policy)
            )
    except (TurnoutError, PolicyError) as error:
        return {"today": None, "budgets": [], "ledger": str(error)}
    return {
        "today": {
            "requests": int(day["requests"]),
            "failed": int(day["failed"]),
            "by_track": {group.key[0] or "none": int(group["requests"]) for group in tracks},
            "cost_usd": totals.known_cost_usd(day),
            "saved_usd": totals.saved_usd(day),
        },
        "budgets": [
            {
                "team": one.team,
                "key": one.key_name,
                "policy": one.policy,
                "per": one.budget.per,
                "usd": one.budget.usd,
                "spent_usd": one.balance.spent_usd,
            }
            for one in standing
        ],
    }


def _show(status: Json, why: str) -> None:
    for name, text in _lines(status, why):
        typer.echo(f"{name:<10}{escape_controls(text)}")


def _lines(status: Json, why: str) -> "Iterator[tuple[str, str]]":
    health = status["health"]
    if health is None:
        yield "endpoint", why
    else:
        yield "endpoint", f"{status['url']}   version {health['version']}"
        policy = health["policy"]
        yield "policy", "   ".join(filter(None, (policy["name"], policy.get("proof", ""), policy["error"])))
        yield "local", _local(health["local"])
        if embeddings := _embeddings(health["embeddings"]):
            yield "embeddings", embeddings
        yield "cloud", _cloud(health["cloud"])
    today = status["today"]
    if today is None:
        yield "today", status["ledger"]
        return
    tracks = ", ".join(f"{count} {track}" for track, count in today["by_track"].items())
    yield (
        "today",
        "   ".join(
            filter(
                None,
                (
                    f"{today['requests']} requests" + (f" ({tracks})" if tracks else ""),
                    f"{today['failed']} failed" if today["failed"] else "",
                    _usd("cost", today["cost_usd"]),
                    _usd("saved", today["saved_usd"]),
                ),
            )
        ),
    )
    for budget in status["budgets"]:
        whose = " ".join(filter(None, (budget["team"], budget["key"], budget["policy"])))
        yield "budget", f"{whose}: ${budget['spent_usd']:.2f} of ${budget['usd']:.2f} this {budget['per']}"


def _local(local: Json) -> str:
    if "state" in local:  # our own engine
        busy = sum(slot["busy"] for slot in local["slots"])
        slots = f"{busy} of {len(local['slots'])} slots busy, {local['queue']} waiting"
        facts = (local["model"], local["state"], f"{local['context']} tokens", slots, local["reason"])
    else:
        server = local.get("server") or {}
        window = f"{server['context']} tokens" if server.get("context") else ""
        up = "up" if local["up"] else "down"
        facts = (server.get("model", ""), up, window, f"at {local['url']}", server.get("problem", ""))
    return "   ".join(str(fact) for fact in facts if fact)


def _embeddings(embeddings: Json) -> str:
    local = embeddings["local"] or {}
    window = f"{local['context']} tokens" if local.get("context") else ""
    here = (local.get("model"), local.get("state"), window, local.get("reason")) if local.get("model") else ()
    return "   ".join(str(fact) for fact in (*here, embeddings["cloud"]) if fact)


def _cloud(cloud: Json) -> str:
    provider = cloud["provider"] or {}
    key = f"no key: {cloud.get('remedy', '')}"
    if cloud["credential"]:
        tried = provider.get("credential")
        key = f"with a key that is {tried}" if tried in {"accepted", "refused"} else "with a key"
    up = "up" if cloud["up"] else f"down ({cloud['circuit']['cause']})"
    proxy = f"through the proxy {provider['proxy']}" if provider.get("proxy") else ""
    return "   ".join(filter(None, (cloud["url"], up, key, proxy, cloud["problem"])))


def _usd(name: str, usd: float | None) -> str:
    return "" if usd is None else f"{name} ${usd:.2f}"
