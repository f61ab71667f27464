"""What a policy protects does not leave, however it is named; its harmless twin does."""

import random
import re
from collections import Counter

import pytest
from judge import judge
from variants import sample, variants


def report(verdicts):
    """The leaks, and the twins that did not arrive, by kind."""
    leaks = [f"{v.variant.kind}: {v.variant.name}" for v in verdicts if v.leaked]
    idle = [
        f"{v.variant.kind}: {v.variant.name}: {v.twin_status} {v.twin_why}"
        for v in verdicts
        if v.held_without_need
    ]
    kinds = Counter(v.variant.kind for v in verdicts)
    leaked = Counter(v.variant.kind for v in verdicts if v.leaked)
    lines = [f"{kind}: {leaked[kind]} of {count} leaked" for kind, count in kinds.items()]
    print("\n".join([*lines, *leaks, *idle]))
    return leaks, idle


OPEN = re.compile(
    r"percent of full-width|full-width percent|inside a percent|JSON (twice|thrice)|[|:] inner slashes"
    r"|xargs -I.*Task|chat/completions.*, escaped(,|$)"
)
"""Not covered yet: several decodings at once, escapes within JSON within JSON (a chat call's arguments in a body
that escapes its strings, too), `//` at the root, a bare folder in a prompt for another agent."""


def closed(every):
    return [variant for variant in every if not OPEN.search(f"{variant.kind}: {variant.name}")]


def test_a_sample_of_all_kinds(fence):
    leaks, idle = report(judge(fence, closed(sample(random.Random(11), 150)), "s"))
    assert leaks == []
    assert len(idle) <= 1


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_all_kinds(fence):
    every = closed(variants(random.Random(12)))
    assert len(every) >= 1500
    leaks, idle = report(judge(fence, every, "a"))
    assert leaks == []
    assert len(idle) <= len(every) / 200


@pytest.mark.slow
@pytest.mark.xfail(strict=True, reason="see OPEN")
def test_kinds_that_are_open(fence):
    every = [
        item for item in variants(random.Random(12), rounds=4) if OPEN.search(f"{item.kind}: {item.name}")
    ]
    leaks, _ = report(judge(fence, every, "o"))
    assert leaks == []
