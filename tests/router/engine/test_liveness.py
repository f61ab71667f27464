"""Health checks of an engine, one every `pause` seconds, and whether they mean that it hangs."""

import pytest

from router.engine.liveness import Liveness


def hangs(checks, pause=1.0):
    liveness = Liveness()
    for number, (steps, busy) in enumerate(checks):
        if reason := liveness.observe(steps, busy=busy, now=number * pause):
            return number, reason
    return None


WORKS = {
    "idle for ever": [(7, False)] * 500,
    "a long prompt, a batch now and then": [(n // 50, True) for n in range(2000)],
    "busy and slow, then idle": [(1, True)] * 100 + [(1, False)] + [(1, True)] * 100,
    "a few checks unanswered": ([(None, True)] * 9 + [(3, False)]) * 20,
}


@pytest.mark.parametrize("checks", WORKS.values(), ids=WORKS)
def test_what_works(checks):
    assert hangs(checks) is None


HANGS = {
    "silent with an answer due": ([(1, True), *[(None, True)] * 30], 1.0, (11, "health check for 10 s")),
    "silent while idle": ([(1, False), *[(None, False)] * 30], 1.0, (11, "health check for 10 s")),
    "silent, each check takes long": ([(None, False)] * 30, 4.0, (4, "health check for 16 s")),
    "stuck with work to do": ([(5, True)] * 300, 1.0, (121, "computed nothing for 120 s")),
}  # fmt: skip


@pytest.mark.parametrize(("checks", "pause", "expected"), HANGS.values(), ids=HANGS)
def test_what_hangs(checks, pause, expected):
    number, reason = hangs(checks, pause)
    assert (number, expected[1] in reason) == (expected[0], True), reason


def test_after_a_pause_of_our_own_one_failed_check_is_not_a_hang():
    liveness = Liveness()
    liveness.observe(1, busy=True, now=0)
    assert not liveness.observe(None, busy=True, now=1)
    assert not liveness.observe(None, busy=True, now=10_000)
    assert not liveness.observe(2, busy=True, now=10_001)
