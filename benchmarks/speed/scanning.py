"""What `never_cloud`'s scan costs on a long conversation, by itself.

- CPU of the one thread that decides, beside reading: both use one outline of the body, which is read first,
  so what is new is cut and decoded by then. Nothing watched: no key stands twice. Of a long body's new pieces
  RE2 looks at the bytes in a thread beside it, which keeps nobody waiting: a row of its own counts that, too.
- Clean: a policy watches, and nothing of the conversation must stay. Tainted: besides, the team has
  protected lines, which are looked for in all that is new.
"""

import statistics
import time
from collections.abc import Iterable
from contextlib import suppress
from itertools import islice
from typing import Any

from benchmarks.speed.bodies import Dialect
from benchmarks.speed.conversations import Cost, requests_of
from policies.load import parse
from policies.policy import PrivacyRules
from router.accounts.teams import NOBODY
from router.features.extractor import FeatureExtractor
from router.privacy import quotes
from router.privacy.memory import Memory
from router.privacy.scanner import Scanner
from router.system.time_slices import Aside, Turns, finish
from router.training.envelopes import model_request
from router.types import ModelRequest

_HEAD = "name: bench\notherwise: {to: cloud, why: the bench}\n"
_WATCHED = (
    'never_cloud: {paths: ["secrets/**", "/srv/vault/**", "*.pem", ".env"], match: ["(?i)internal only"]}\n'
)
_LINES = 1_000


def scan_costs(dialect: Dialect, *, warm: int, cold: int) -> Iterable[Cost]:
    """Measure nothing watched, clean and tainted; each warm and cold."""
    nothing, watched = (parse(text, source="bench.yaml").never_cloud for text in (_HEAD, _HEAD + _WATCHED))
    for what, rules, tainted in (
        ("scan, nothing watched", nothing, False),
        ("scan, clean", watched, False),
        ("scan, tainted", watched, True),
    ):
        yield from _costs(f"{what}, warm", dialect, rules, warm, tainted=tainted, cold=False)
        yield from _costs(f"{what}, cold", dialect, rules, cold, tainted=tainted, cold=True)


def _costs(
    what: str, dialect: Dialect, rules: PrivacyRules, scans: int, *, tainted: bool, cold: bool
) -> Iterable[Cost]:
    requests = requests_of(dialect, cold=cold)
    scanner, reader = _scanner(rules, tainted=tainted), FeatureExtractor()
    for item in islice(requests, 3):
        reader.read(item)
        scanner.scan(item, rules)
    here: list[float] = []
    beside: list[float] = []
    for item in islice(requests, scans):
        if cold:
            scanner, reader = _scanner(rules, tainted=tainted), FeatureExtractor()
        outline = scanner.outline(item)
        finish(reader.reading(item, outline))
        mine, threads = _spent(scanner.scanning(item, rules, outline=outline))
        here.append(mine)
        beside.append(mine + threads)
    yield _cost(what, dialect, len(item.body), here)
    if beside != here:
        yield _cost(f"{what}, with the thread beside", dialect, len(item.body), beside)


def _spent(turns: Turns[Any]) -> tuple[float, float]:
    """Milliseconds of CPU that work takes in the thread that decides, and in threads beside it."""
    beside, result = 0.0, None
    began = time.thread_time()
    with suppress(StopIteration):
        while True:
            step = turns.send(result)
            at = time.thread_time()
            result = step.function(*step.arguments) if step else None
            beside += time.thread_time() - at if isinstance(step, Aside) else 0.0
    return (time.thread_time() - began - beside) * 1000, beside * 1000


def _cost(what: str, dialect: Dialect, size: int, spent: list[float]) -> Cost:
    return Cost(
        what=what,
        dialect=dialect,
        bytes=size,
        tokens=0,
        decisions=len(spent),
        median_ms=statistics.median(spent),
        p95_ms=statistics.quantiles(spent, n=20)[-1],
        bar_ms=2.0 if what == "scan, clean, cold" else None,
    )


def _scanner(rules: PrivacyRules, *, tainted: bool) -> Scanner:
    """One that has compiled what it watches for."""
    memory = Memory()
    scanner = Scanner(memory=memory)
    scanner.scan(_small("bench"), rules)
    if tainted:
        key = memory.key_of(NOBODY.team)
        names = [
            quotes.digest(key, "line", f"a line of a protected file, number {at}") for at in range(_LINES)
        ]
        memory.add_lines(NOBODY.team, "secrets/**", names)
    return scanner


def _small(text: str) -> ModelRequest:
    return model_request(
        b'{"model": "auto", "messages": [{"role": "user", "content": "%s"}]}' % text.encode()
    )
