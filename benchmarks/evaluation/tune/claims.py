"""What is certified of the chosen setting and, beside it, of the policy's own numbers."""

from dataclasses import dataclass

from benchmarks.evaluation.tune.certificate import Certificate
from benchmarks.evaluation.tune.result import Basis, Goal


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """Losses that are certified together; None where no loss below all of the cloud's quality is."""

    chosen: float | None
    among: int
    """Settings among which outcomes picked the chosen one; 1 where they had no part in that."""
    own: float | None


def claims(certificate: Certificate, goal: Goal, at: int | None, basis: Basis) -> Claims:
    """State what is certified, each statement with its own part of the allowed error.

    Args:
        certificate: The test of all settings.
        goal: What was asked for.
        at: The chosen setting, if any.
        basis: What it was chosen by.
    """
    own, shares = certificate.grid.own, certificate.error_shares
    if goal.by_share and at in {None, own}:
        # No outcome had a part in whether another is chosen: this is the only statement.
        alone = certificate.loss_within(own)
        return Claims(chosen=None if at is None else alone, among=1, own=alone)
    stated = certificate.loss_within(own, shares.own)
    if at is None or at == own:
        chosen = None if at is None else certificate.bound.max_loss if basis == "certified" else stated
        return Claims(chosen=chosen, among=1, own=stated)
    if basis == "certified":
        return Claims(chosen=certificate.bound.max_loss, among=1, own=stated)
    # The policy's own numbers have a part of their own, so they are not among those picked from.
    among = 1 if goal.by_share else len(certificate.grid.settings) - 1
    return Claims(chosen=certificate.loss_within(at, shares.picked / among), among=among, own=stated)
