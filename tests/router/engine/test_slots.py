"""The slot that a prompt continues, as the scheduler and the local track choose it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.engine.slots import SlotState, choose_slot, common_prefix


def slot(tokens: int, last_used: int) -> SlotState:
    return SlotState(prompt="", tokens=tokens, busy=False, last_used=last_used)


@pytest.mark.parametrize(
    ("fits", "slots", "chosen"),
    [
        ([50, 90], [slot(50, 2), slot(100, 1)], 1),
        ([0, 0], [slot(50, 2), slot(100, 1)], 1),
        ([40, 0], [slot(100, 2), slot(0, 0)], 1),
        ([60, 0], [slot(100, 2), slot(0, 0)], 0),
    ],
    ids=["fits best", "unused for longest", "only the system prompt is shared", "most of it is shared"],
)
def test_the_chosen_slot(fits, slots, chosen):
    assert choose_slot(fits, slots) == chosen


@given(st.lists(st.integers(0, 2)), st.lists(st.integers(0, 2)))
def test_the_common_prefix(first, second):
    length = common_prefix(first, second)
    assert first[:length] == second[:length]
    assert first[length : length + 1] != second[length : length + 1] or length == min(len(first), len(second))
