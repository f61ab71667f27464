"""When an upstream counts as down, on a clock of the test's own."""

import pytest

from router.tracks.pulse import Pulse

FAR = 1000.0


@pytest.mark.parametrize(
    ("story", "up"),
    [
        ("", True),
        ("xx", True),
        ("xxx", False),
        ("xx.x", True),
        ("xxx.", True),
        ("xxx...xxx", False),
        ("x----x----x", True),
        ("xxx-", True),
        ("xxx-x", True),
        ("x x x", False),
    ],
)
def test_three_failures_in_a_row_and_for_a_while(story, up) -> None:
    """`x` is a failure, `.` an answer, a blank one second and `-` forty."""
    now = [FAR]
    pulse = Pulse(clock=lambda: now[0])
    for mark in story:
        now[0] += {" ": 1, "-": 40}.get(mark, 0)
        if mark == "x":
            pulse.miss()
        elif mark == ".":
            pulse.beat()
    assert pulse.up is up
