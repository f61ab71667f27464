"""When a track counts as down, on a clock of the test's own."""

import asyncio

import pytest

from router.tracks.circuit_breaker import CircuitBreaker, CircuitOpen

FAR = 1000.0
FAULTS = {"c": "connection", "u": "unavailable", "s": "server_error", "d": "dropped", "t": "timeout"}


class Story:
    """Plays marks such as `s1A`: fault, body, client; `z1A` a stalled stream.

    `.` a first unit, `,` a stream's end, `-` forty seconds, `_` one.
    """

    def __init__(self) -> None:
        self.now = FAR
        self.breaker = CircuitBreaker(clock=lambda: self.now, wall=lambda: self.now)

    def play(self, story: str) -> "Story":
        for mark in story.split():
            if mark in {"-", "_"}:
                self.now += {"-": 40, "_": 1}[mark]
            elif mark == ".":
                self.breaker.succeeded()
            elif mark == ",":
                self.breaker.completed()
            elif mark[0] == "z":
                self.breaker.stalled(body=mark[1].encode(), client=mark[2])
            else:
                self.breaker.failed(FAULTS[mark[0]], body=mark[1].encode(), client=mark[2])
        return self


@pytest.mark.parametrize(
    ("story", "up"),
    [
        ("", True),
        # nothing was read: no body is at fault
        ("c1A c1A", True),
        ("c1A c1A c1A", False),
        ("c1A c1A . c1A", True),
        ("c1A - c1A - c1A", True),
        ("c1A _ c1A _ c1A", False),
        ("c1A c1A c1A -", True),  # the next one is the probe
        # a server that speaks of itself: a repeated body counts once
        ("u1A u1A u1A u1A", True),
        ("u1A u2A u3A", False),
        ("u1A u2A . u3A", True),
        # what a body may cause: bodies and clients must differ
        ("s1A s1A s1A s1A", True),
        ("s1A s2A s3A s4A s5A s6A", True),
        ("s1A s2B", True),
        ("s1A s1B s1C", True),
        ("s1A s2A s3B", False),
        ("d1A d2B d3C", False),
        ("t1A d2A s3B", False),
        ("s1A s2A . s3B", True),
        ("s1A s2A - s3B", True),
        ("c1A u2A c3A", False),
        # a stream that stalls is a timeout; a first unit is no proof against it, a stream's end is
        ("z1A z2A z3B", False),
        (". z1A . z2A . z3B", False),
        ("z1A z2A , z3B", True),
        ("z1A z2A z3A z4A", True),
        ("z1A z2A - z3B", True),
        ("t1A z2A s3B", False),
        ("t1A , z2A s3B", False),
        ("t1A . z2A s3B", True),
    ],
)
def test_evidence(story, up):
    assert Story().play(story).breaker.up is up


def test_what_health_shows():
    story = Story()
    assert story.breaker.circuit.state == "closed"
    circuit = story.play("c1A c1A c1A").breaker.circuit
    assert (circuit.state, circuit.cause) == ("open", "connection")
    assert (circuit.since, circuit.next_probe) == ("1970-01-01T00:16:40+00:00", "1970-01-01T00:16:50+00:00")
    assert story.play("-").breaker.circuit.state == "half-open"
    assert story.play(".").breaker.circuit.state == "closed"


async def test_one_probe_at_a_time_and_others_wait_or_go_elsewhere():
    story = Story().play("c1A c1A c1A")
    breaker = story.breaker
    with pytest.raises(CircuitOpen) as refused:
        await breaker.enter(optional=True)
    assert refused.value.retry_after == 10
    assert not await breaker.enter(optional=False)  # has nothing else to go to
    breaker.release(probe=False)
    story.play("-")
    assert await breaker.enter(optional=True)
    assert not breaker.up
    with pytest.raises(CircuitOpen):
        await breaker.enter(optional=True)
    waiting = asyncio.create_task(breaker.enter(optional=False))
    await asyncio.sleep(0)
    assert not waiting.done()
    breaker.succeeded()
    breaker.release(probe=True)
    assert not await waiting
    assert breaker.up


async def probed(story: Story, mark: str) -> None:
    probe = await story.breaker.enter(optional=True)
    story.breaker.failed(FAULTS[mark[0]], body=mark[1].encode(), client=mark[2], probe=probe)
    story.breaker.release(probe=probe)


async def test_failed_probes_back_off():
    story = Story().play("u1A u2A u3A")
    for pause in (10, 20, 40, 80, 120, 120):
        story.now += pause - 1
        assert not story.breaker.up
        story.now += 1
        assert story.breaker.up
        await probed(story, "u1A")
    story.play(".")
    assert story.breaker.up


async def test_a_probe_that_its_own_body_may_have_failed_backs_off_no_further():
    story = Story().play("u1A u2A u3A")
    for _ in range(3):
        story.now += 10
        await probed(story, "s9A")


async def test_a_server_that_answers_a_probe_at_all_can_be_reached_again():
    story = Story().play("c1A c1A c1A")
    story.now += 10
    await probed(story, "s9A")
    assert story.breaker.circuit.state == "closed"


async def test_a_probe_that_is_given_up_makes_room_for_the_next():
    story = Story().play("c1A c1A c1A -")
    for _ in range(2):
        assert await story.breaker.enter(optional=True)
        story.breaker.release(probe=True)
        assert story.breaker.up
