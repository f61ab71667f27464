"""What a policy protects does not leave, however it is named; its harmless twin does."""

import random
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


def test_a_sample_of_all_kinds(fence):
    leaks, idle = report(judge(fence, sample(random.Random(11), 100), "s"))
    assert leaks == []
    assert len(idle) <= 1


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_all_kinds(fence):
    every = list(variants(random.Random(12)))
    assert len(every) >= 1500
    leaks, idle = report(judge(fence, every, "a"))
    assert leaks == []
    assert len(idle) <= len(every) / 200
