"""What `never_cloud`'s scan costs on a long conversation, by itself.

- CPU of the one thread that decides, beside reading: both use one outline of the body, which is read first,
  so what is new is cut and decoded by then. Nothing watched: no key stands twice.
- Clean: a policy watches, and nothing of the conversation must stay. Tainted: besides, the team has
  protected lines, which are looked for in all that is new.
"""

import statistics
import time
from collections.abc import Iterable
from itertools import islice

from benchmarks.speed.bodies import Dialect
from benchmarks.speed.conversations import Cost, requests_of
from policies.load import parse
from policies.policy import PrivacyRules
from router.accounts.teams import NOBODY
from router.features.extractor import FeatureExtractor
from router.privacy import quotes
from router.privacy.memory import Memory
from router.privacy.scanner import Scanner
from router.system.time_slices import finish
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
        yield _cost(f"{what}, warm", dialect, rules, warm, tainted=tainted, cold=False)
        yield _cost(f"{what}, cold", dialect, rules, cold, tainted=tainted, cold=True)


def _cost(what: str, dialect: Dialect, rules: PrivacyRules, scans: int, *, tainted: bool, cold: bool) -> Cost:
    requests = requests_of(dialect, cold=cold)
    scanner, reader = _scanner(rules, tainted=tainted), FeatureExtractor()
    for item in islice(requests, 3):
        reader.read(item)
        scanner.scan(item, rules)
    spent: list[float] = []
    for item in islice(requests, scans):
        if cold:
            scanner, reader = _scanner(rules, tainted=tainted), FeatureExtractor()
        outline = scanner.outline(item)
        finish(reader.reading(item, outline))
        began = time.thread_time()
        finish(scanner.scanning(item, rules, outline=outline))
        spent.append((time.thread_time() - began) * 1000)
    return Cost(
        what=what,
        dialect=dialect,
        bytes=len(item.body),
        tokens=0,
        decisions=scans,
        median_ms=statistics.median(spent),
        p95_ms=statistics.quantiles(spent, n=20)[-1],
        bar_ms=None,
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
