"""What each statement of a tuning may cost of the allowed error, so that all of them hold together.

A tuning states up to three things with one confidence: which settings the test certifies, what a setting is
certified for that was picked by other means, and what the policy's own numbers are. Each is wrong with
the probability that it is given, so they get equal parts of what is allowed (Bonferroni). A setting that
outcomes picked shares its part with all that they could have picked.
"""

from dataclasses import dataclass

from benchmarks.evaluation.tune.result import Goal


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorShares:
    """Parts of the allowed error; they add up to 1."""

    tested: float
    """For all settings that the test certifies, together; 0 where none is asked for."""
    picked: float
    """For the setting that is picked otherwise, and all that might have been; 0 where none is."""
    own: float
    """For the policy's own numbers."""


def error_shares(goal: Goal) -> ErrorShares:
    """Divide the error among the statements that a goal can lead to, in equal parts."""
    tested = goal.by_loss and goal.by != "measured"
    picked = not goal.by_loss or goal.by != "certified"
    part = 1 / (tested + picked + 1)
    return ErrorShares(tested=tested * part, picked=picked * part, own=part)
