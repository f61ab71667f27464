"""Which cached prefix a prompt continues: one rule, for the engine and for whoever predicts it."""

from collections.abc import Sequence
from dataclasses import dataclass

PROMPT_HEADER = "x-turnout-prompt"
"""A name for the prompt, by which `/health` says what each slot holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotState:
    """One prefix in the cache."""

    prompt: str
    """The name that the sender gave the prompt it is of; empty where it gave none."""
    tokens: int
    busy: bool
    last_used: int
    """Grows with each use."""


def choose_slot(fits: Sequence[int], slots: Sequence[SlotState]) -> int:
    """Choose where a prompt is read: the slot whose prefix fits best, else the one unused for longest.

    Args:
        fits: Tokens that each slot shares with the prompt.
        slots: Those that are free, at least one.

    Returns:
        Its index.
    """
    # A shared system prompt alone is no reason to overwrite a long conversation.
    worth = [fit * (2 * fit >= slot.tokens) for fit, slot in zip(fits, slots, strict=True)]
    return max(range(len(slots)), key=lambda at: (worth[at], -slots[at].last_used))


def common_prefix(first: Sequence[object], second: Sequence[object]) -> int:
    """Length of what two sequences begin with alike, by halving: slices compare in C."""
    low, high = 0, min(len(first), len(second))
    while low < high:
        middle = (low + high + 1) // 2
        if first[low:middle] == second[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
