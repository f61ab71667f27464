import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.billing.gpu_time import WorkTime


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_who_works_alone_has_all_of_the_time():
    clock = Clock()
    work = WorkTime(clock)
    clock.now += 5
    mark = work.begin()
    clock.now += 2
    assert work.end(mark) == 2
    clock.now += 5
    assert work.busy_s == 2


def test_two_side_by_side_share_the_time_they_are_both_there():
    clock = Clock()
    work = WorkTime(clock)
    first = work.begin()
    clock.now += 2
    second = work.begin()
    clock.now += 4
    assert work.end(first) == 2 + 4 / 2
    clock.now += 1
    assert work.end(second) == 4 / 2 + 1
    assert work.busy_s == 7


@given(
    st.lists(
        st.tuples(st.sampled_from("be"), st.floats(min_value=0, max_value=100), st.integers(0, 99)),
        max_size=60,
    )
)
def test_the_shares_add_up_to_the_time_it_was_busy(steps):
    clock = Clock()
    work = WorkTime(clock)
    there: list[float] = []
    shares = busy = 0.0
    for what, passed, which in steps:
        busy += passed if there else 0
        clock.now += passed
        if what == "b":
            there.append(work.begin())
        elif there:
            shares += work.end(there.pop(which % len(there)))
    while there:
        shares += work.end(there.pop())
    assert shares == pytest.approx(busy, abs=1e-6)
    assert work.busy_s == pytest.approx(busy, abs=1e-6)
