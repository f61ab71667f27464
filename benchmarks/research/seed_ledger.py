"""A large ledger, made: to measure reports and dashboards on, never to conclude anything from.

    python -m benchmarks.research.seed_ledger --rows 5000000 --to seeded.db

A month of twelve teams' work: conversations of several turns, turns of several calls, working days
and nights, side requests, escalations, failures, requests cut off. The mix is a guess at what teams
do. Rows are loaded in bulk, and the roll-ups filled from them at the end, as for an older ledger.
"""

# ruff: noqa: PLR2004 - the shares of a made-up mix

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from router.billing.prices import Prices
from router.ledger.database import connect, locate
from router.ledger.rollups import add_all
from router.ledger.tables import requests

MONTH = 1_793_491_200
"""November 2026, UTC, and how long it is."""
SECONDS = 30 * 86_400
CHUNK = 50_000
CLOUD = "claude-sonnet-5-5"
TURNS = 8
"""Of each conversation."""
LOCAL = "qwen2.5-coder-14b-instruct-q4_k_m"

TEAMS = (
    "web",
    "core",
    "data",
    "infra",
    "mobile",
    "payments",
    "search",
    "docs",
    "ml",
    "qa",
    "security",
    "ops",
)
CLIENTS = ("claude-code", "codex", "aider", "continue", "pi")
KINDS = (
    # share of turns, rule, why, work, p_local, track, calls a turn, kind
    (0.22, "side-request", "small side request", "side-request", 0.95, "local", 1.0, "housekeeping"),
    (0.38, "self-contained", "self-contained", "self-contained", 0.80, "local", 4.0, "agent"),
    (0.18, "crosses-files", "the answer crosses files", "crosses-files", 0.25, "cloud", 14.0, "agent"),
    (0.16, "otherwise", "not known to be self-contained", "issue-report", 0.40, "cloud", 11.0, "agent"),
    (0.04, "too-large", "does not fit the local window", "long-run", 0.30, "cloud", 9.0, "agent"),
    (0.02, "never_cloud", "never_cloud: the team may not", "self-contained", 0.70, "local", 5.0, "agent"),
)
Columns = dict[str, Any]


def seed(
    engine: sa.Engine, rows: int, *, number: int = 0, progress: Callable[[int], None] = lambda _: None
) -> None:
    """Load `rows` made-up requests into an empty ledger, then its roll-ups."""
    names = [column.name for column in requests.c]
    marks = ", ".join("?" if engine.dialect.name == "sqlite" else "%s" for _ in names)
    quoted = ", ".join(engine.dialect.identifier_preparer.quote(name) for name in names)
    insert = f"INSERT INTO requests ({quoted}) VALUES ({marks})"  # noqa: S608 - names of our own columns
    rng = np.random.default_rng(number)
    done = 0
    while done < rows:
        size = min(CHUNK, rows - done)
        columns = make_rows(rng, size, first=done, total=rows)
        with engine.begin() as connection:
            connection.exec_driver_sql(insert, list(zip(*(columns[name] for name in names), strict=True)))
        done += size
        progress(done)
    with engine.begin() as connection:
        add_all(connection)
        connection.exec_driver_sql("ANALYZE")


def make_rows(rng: np.random.Generator, size: int, *, first: int, total: int) -> dict[str, list[Any]]:
    """Make `size` rows of a ledger of `total`, whose time follows from where they stand in it."""
    turn, call = _turns(rng, size)
    kind = rng.choice(len(KINDS), turn[-1] + 1, p=[share for share, *_ in KINDS])[turn]
    talk = turn // TURNS
    team = rng.choice(len(TEAMS), talk[-1] + 1, p=_falling(len(TEAMS)))[talk]
    user = (rng.random(talk[-1] + 1) ** 2 * 10).astype(int)[talk]
    client = rng.choice(len(CLIENTS), talk[-1] + 1, p=_falling(len(CLIENTS)))[talk]
    decided_local = np.array([row[5] == "local" for row in KINDS])[kind]
    private = kind == len(KINDS) - 1
    escalated = decided_local & ~private & (rng.random(size) < 0.02)
    local = decided_local & ~escalated
    unfinished = rng.random(size) < 0.002
    status = np.where(
        rng.random(size) < 0.012, np.where(local, 503, 529), np.where(rng.random(size) < 0.01, 499, 200)
    )
    served = (status == 200) & ~unfinished
    prompt = (
        (rng.lognormal(8.2, 0.6, size) + call * rng.lognormal(7.0, 0.5, size)).astype(int).clip(50, 180_000)
    )
    output = rng.lognormal(5.2, 0.9, size).astype(int).clip(1, 8000) * served
    warm = np.where(call > 0, (prompt * rng.uniform(0.8, 0.98, size)).astype(int), 0)
    fresh = np.where(served, prompt - warm, 0)
    read, written = np.where(served & ~local, warm, 0), np.where(served & ~local, fresh // 2, 0)
    plain = np.where(local, prompt * served, fresh - written)
    price = Prices().price(CLOUD)
    if price is None:
        raise SystemExit(f"no price is known for {CLOUD}")
    rates = [
        float(getattr(price, name) or 0) / 1e6 for name in ("input", "output", "cache_read", "cache_write_5m")
    ]
    cloud_usd = plain * rates[0] + output * rates[1] + read * rates[2] + written * rates[3]
    baseline = np.where(
        local, fresh * rates[0] + output * rates[1] + np.where(served, warm, 0) * rates[2], cloud_usd
    )
    begun = _times(rng, size, first, total)
    took = np.where(local, rng.lognormal(1.6, 0.8, size), rng.lognormal(2.1, 0.7, size)).clip(0.05, 900)
    names = np.array([row[1] for row in KINDS], dtype=object)[kind]
    numbers = range(first, first + size)
    columns: Columns = {
        "id": [f"seed-{at:08}" for at in numbers],
        "begun_at": begun,
        "finished_at": begun + took,
        "team": np.array(TEAMS, dtype=object)[team],
        "user": [f"{TEAMS[t]}-{u}" for t, u in zip(team, user, strict=True)],
        "key_id": "",
        "client": np.array(CLIENTS, dtype=object)[client],
        "conversation": [f"c{first // CHUNK}-{number}" for number in talk],
        "dialect": "anthropic_messages",
        "operation": "generate",
        "kind": np.array([row[7] for row in KINDS], dtype=object)[kind],
        "asked_model": "auto",
        "stream": True,
        "policy": "balanced",
        "rule": names,
        "why": np.array([row[2] for row in KINDS], dtype=object)[kind],
        "held": call > 0,
        "would": "",
        "classifier": "rules",
        "p_local": np.array([row[4] for row in KINDS])[kind].round(2),
        "work": np.array([row[3] for row in KINDS], dtype=object)[kind],
        "track": np.where(decided_local, "local", "cloud"),
        "cleared": ~private,
        "private_why": np.where(private, "never_cloud: the team may not", ""),
        "notes": "",
        "context_tokens": prompt,
        "tokens_exact": True,
        "output_limit": 32_000,
        "files": (np.where(kind == 2, 4, 0) + call // 3).clip(0, 40),
        "files_edited": call // 6,
        "directories": call // 8,
        "files_named": 0,
        "tools_offered": 20,
        "tools_used": np.minimum(call, 6),
        "tool_calls": call,
        "tool_errors": call // 10,
        "repeats": np.where(rng.random(size) < 0.01, 3, 0),
        "repeat_streak": np.where(rng.random(size) < 0.003, 3, 0),
        "error_streak": 0,
        "same_call_failed": 0,
        "same_test_failed": 0,
        "edits_rejected": 0,
        "turn_edits": call // 6,
        "mid_step": False,
        "tests_failed": 0,
        "tests_passed": 0,
        "tests_fixed": False,
        "turns": 1 + turn % TURNS,
        "turn_calls": call,
        "self_contained": np.round(rng.random(size), 3),
        "follow_up": rng.random(size) < 0.05,
        "ask_digest": [f"{digest:016x}" for digest in rng.integers(0, 2**60, size)],
        "phase": np.where(call > 0, "implement", ""),
        "images": 0,
        "thinking": ~local,
        "server_tools": False,
        "json_schema": False,
        "body_bytes": prompt * 4,
        "served_track": np.where(local, "local", "cloud"),
        "served_model": np.where(local, LOCAL, CLOUD),
        "status": status,
        "end": np.where(status == 200, "complete", np.where(status == 499, "client_left", "failed")),
        "error": np.where(status == 200, "", np.where(status == 499, "the client hung up", "overloaded")),
        "escalated": np.where(escalated, "bad_tool_call", ""),
        "degraded": "",
        "attempts": np.where(
            local,
            f'[{{"track":"local","model":"{LOCAL}","cause":"","status":200,"seconds":1.0}}]',
            f'[{{"track":"cloud","model":"{CLOUD}","cause":"","status":200,"seconds":1.0}}]',
        ),
        "overhead_s": rng.lognormal(-7.2, 0.4, size),
        "first_byte_s": took * rng.uniform(0.05, 0.4, size),
        "seconds": took,
        "engine_s": np.where(local, took, np.nan),
        "input": plain,
        "output": output,
        "cache_read": read,
        "cache_write_5m": written,
        "cache_write_1h": 0,
        "usage_estimated": served & (rng.random(size) < 0.004),
        "terms": "",
        "cost_usd": np.where(local, 0.0, cloud_usd),
        "local_usd": np.nan,
        "wasted_usd": 0.0,
        "baseline_model": CLOUD,
        "baseline_usd": baseline,
        "baseline_cold_usd": np.where(local, plain * rates[0] + output * rates[1], cloud_usd),
        "baseline_how": np.where(local, "same tokens, warm cache", "same tokens, as the cloud cached them"),
    }
    ended = [*(name for name in columns if name in _ENDED)]
    table = {column.name: _listed(columns.get(column.name), size) for column in requests.c}
    for name in ended:
        table[name] = [None if cut else value for cut, value in zip(unfinished, table[name], strict=True)]
    return table


_ENDED = (
    "finished_at", "served_track", "served_model", "status", "error", "escalated", "degraded", "attempts",
    "first_byte_s", "seconds", "engine_s", "input", "output", "cache_read", "cache_write_5m",
    "cache_write_1h", "usage_estimated", "terms", "cost_usd", "local_usd", "wasted_usd", "baseline_model",
    "baseline_usd", "baseline_cold_usd", "baseline_how",
)  # fmt: skip


def _turns(rng: np.random.Generator, size: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For each row: which turn it is of, and which call of that turn."""
    calls = rng.geometric(0.14, size).clip(1, 60)
    calls = calls[: int(np.searchsorted(np.cumsum(calls), size)) + 1]
    turn = np.repeat(np.arange(len(calls)), calls)[:size]
    starts = np.concatenate([[0], np.cumsum(calls)[:-1]])
    return turn, np.arange(size) - starts[turn]


def _times(rng: np.random.Generator, size: int, first: int, total: int) -> NDArray[np.float64]:
    """When rows begin: working hours see ten times what nights and weekends do."""
    hours = np.arange(SECONDS // 3600)
    busy = np.where((hours % 24 >= 7) & (hours % 24 < 18) & ((hours // 24) % 7 < 5), 10.0, 1.0)
    upto = np.concatenate([[0.0], np.cumsum(busy) / busy.sum()])
    place = (first + np.arange(size) + rng.random(size)) / total
    times: NDArray[np.float64] = MONTH + np.interp(place, upto, np.arange(len(upto)) * 3600.0)
    return times


def _falling(count: int) -> NDArray[np.float64]:
    weights = 1 / np.arange(1, count + 1)
    shares: NDArray[np.float64] = weights / weights.sum()
    return shares


def _listed(values: Any, size: int) -> list[Any]:
    """Plain Python values; what is no number is null."""
    if isinstance(values, list):
        return values
    if isinstance(values, np.ndarray):
        listed = values.tolist()
        return [None if value != value else value for value in listed] if values.dtype.kind == "f" else listed  # noqa: PLR0124 - nan
    if isinstance(values, float) and np.isnan(values):
        values = None
    return [values] * size


def main(arguments: Iterator[str] | list[str]) -> None:
    """Make one, and say how long it took."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--to", required=True, help="a new file, or the URL of an empty database")
    args = parser.parse_args(list(arguments))
    url = locate(args.to)
    if url.get_backend_name() == "sqlite":
        if Path(str(url.database)).exists():
            parser.error(f"--to: {args.to} is there already")
        Path(str(url.database)).parent.mkdir(parents=True, exist_ok=True)
    engine = connect(url)
    started = time.perf_counter()
    seed(engine, args.rows, progress=lambda done: print(f"\r{done:,} rows", end="", file=sys.stderr))
    engine.dispose()
    print(f"\r{args.rows:,} rows in {time.perf_counter() - started:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main(sys.argv[1:])
