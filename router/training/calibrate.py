"""`turnout classifier train --from-ledger`: the shipped classifier, fitted to a team's own outcomes."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape

from classifiers.artefact import Artefact, ArtefactUnfit, digest, shipped
from classifiers.refit import AS_IT_IS, Gain, Outcome, Scale, compose, fit, gain, log_odds, probability
from classifiers.rules import NAME as RULES
from classifiers.sufficiency import NAME as SUFFICIENCY
from classifiers.sufficiency import SIDE_KINDS, weigh
from classifiers.verdict import Verdict
from policies.load import PolicyHolder
from router.errors import TurnoutError
from router.routing.classifier import read_numbers
from router.settings import Settings

if TYPE_CHECKING:
    from router.ledger.labels import Evidence, Opening

THRESHOLD = "min_p_local"
"""Of a policy's params: what `p_local` is compared with."""


class InsufficientEvidence(TurnoutError):
    """The evidence is not enough, or does not show what a fit would need; nothing was written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refit:
    """A fit that is better than what it started from."""

    artefact: Artefact
    summary: dict[str, Any]
    """The card, and `policy`: what the fit changes under it. See `print_summary`."""


class ScoreCalibrator:
    """Brings the scores of different classifiers to one scale: the shipped numbers' log-odds.

    Args:
        start: The shipped numbers.
        own: Those of `classifier_file`, if there are any.
    """

    def __init__(self, start: Artefact, own: Artefact | None = None) -> None:
        self.start = start
        self._scales = {f"{SUFFICIENCY}@{digest(start)}": AS_IT_IS}
        if own and own.card.get("start") == digest(start) and own.card["scale"]["slope"]:
            self._scales[f"{SUFFICIENCY}@{digest(own)}"] = Scale(**own.card["scale"])

    def odds(self, turn: "Evidence | Opening") -> float | None:
        """Return a recorded turn's log-odds by the shipped numbers; None where they cannot be derived."""
        if turn.features.kind in SIDE_KINDS or not 0 < turn.p_local < 1:
            return None
        if turn.classifier == RULES:
            judged = Verdict(p_local=turn.p_local, kind="", why="")
            return self.start.intercept + sum(weigh(self.start, turn.features, judged).values())
        scale = self._scales.get(turn.classifier)
        return scale.inverse(log_odds(turn.p_local)) if scale else None


def refit(settings: Settings, team: str | None, since: float | None) -> Refit:
    """Fit to what the ledger proves.

    Args:
        settings: Name the ledger, the policy and, where one is in use, the team's own numbers.
        team: Of one team; None for all.
        since: Only what began at or after this time, in seconds since the epoch.

    Raises:
        InsufficientEvidence: there is too little, or a fit is not better on held-out conversations.
        Misconfigured: the policy, or the file of the team's own numbers, cannot be read.
    """
    from router.ledger.labels import describe_shortage, labelled, openings
    from router.ledger.store import LedgerStore

    calibrator = ScoreCalibrator(shipped(), _team_numbers(settings))
    if calibrator.start.words:
        raise InsufficientEvidence(
            "the shipped numbers weigh words, and the ledger keeps none: they cannot be refitted"
        )
    policy = PolicyHolder(settings.policy).policy
    store = LedgerStore.of(settings, write=False)
    try:
        evidence = labelled(store, team, since)
        opening_turns = openings(store, team, since)
    finally:
        store.close()
    used = [(turn, odds) for turn in evidence if (odds := calibrator.odds(turn)) is not None]
    uncompared = Counter(
        turn.classifier or "not written down" for turn in evidence if calibrator.odds(turn) is None
    )
    if shortage := describe_shortage(turn for turn, _ in used):
        raise InsufficientEvidence(f"too little to learn from: {shortage}{_left_out(uncompared)}")
    outcomes = [_outcome(turn, odds) for turn, odds in used]
    scale, improvement = fit(outcomes), gain(outcomes)
    _check(scale, improvement, len(used))
    card = _card([turn for turn, _ in used], uncompared, calibrator.start, scale, improvement)
    return Refit(
        artefact=compose(calibrator.start, scale, card),
        summary={**card, "policy": _crossings(opening_turns, calibrator, scale, policy.name, policy.params)},
    )


def _team_numbers(settings: Settings) -> Artefact | None:
    try:
        return read_numbers(settings.classifier_file) if settings.classifier_file else None
    except ArtefactUnfit:  # the rules serve in its place, so no new row is of it
        return None


def _outcome(turn: "Evidence", odds: float) -> Outcome:
    return Outcome(odds=odds, label=turn.label, weight=turn.weight, group=f"{turn.team}\n{turn.conversation}")


def _check(scale: Scale, improvement: Gain, turns: int) -> None:
    if scale.slope <= 0:
        raise InsufficientEvidence(
            f"the {turns} labelled turns speak against the classifier's order (slope {scale.slope:.2f}): "
            "a scale cannot mend that; leave `classifier: rules`, and see `turnout classifier evidence`"
        )
    if not improvement.significant:
        raise InsufficientEvidence(
            f"fitted to {turns} labelled turns it is not shown to be better on conversations that it had not "
            f"seen: log-loss {improvement.after:.3f}, the shipped numbers {improvement.before:.3f} "
            f"(better by {improvement.better:.3f}, standard error {improvement.error:.3f}); keep those"
        )


def _left_out(uncompared: Mapping[str, int]) -> str:
    if not uncompared:
        return ""
    named = ", ".join(f"{count} by {name}" for name, count in sorted(uncompared.items()))
    return f" (labelled turns left out, as what was said of them cannot be compared: {named})"


def _card(
    used: "Sequence[Evidence]",
    uncompared: Mapping[str, int],
    start: Artefact,
    scale: Scale,
    improvement: Gain,
) -> dict[str, Any]:
    times = [turn.begun_at for turn in used]
    return {
        "start": digest(start),
        "scale": {"intercept": scale.intercept, "slope": scale.slope},
        "teams": dict(sorted(Counter(turn.team for turn in used).items())),
        "turns": len(used),
        "conversations": len({(turn.team, turn.conversation) for turn in used}),
        "weight": sum(turn.weight for turn in used),
        "sufficed": sum(turn.weight for turn in used if turn.label) / sum(turn.weight for turn in used),
        "left_out": dict(sorted(uncompared.items())),
        "first": _day(min(times)),
        "last": _day(max(times)),
        "log_loss": {
            "before": improvement.before,
            "after": improvement.after,
            "better_by_95": list(improvement.interval),
        },
    }


def _day(time: float) -> str:
    return datetime.fromtimestamp(time, UTC).date().isoformat()


def _crossings(
    opening_turns: "Iterable[Opening]",
    calibrator: ScoreCalibrator,
    scale: Scale,
    name: str,
    params: Mapping[str, float],
) -> dict[str, Any]:
    """How many recorded turns are on the other side of the policy's threshold afterwards."""
    threshold = params.get(THRESHOLD)
    summary: dict[str, Any] = {"name": name, THRESHOLD: threshold}
    if threshold is None:
        return summary
    sides = Counter(
        (turn.p_local >= threshold, probability(scale.odds(odds)) >= threshold)
        for turn in opening_turns
        if (odds := calibrator.odds(turn)) is not None
    )
    return summary | {
        "turns": sides.total(),
        "to_local": sides[False, True],
        "to_cloud": sides[True, False],
    }


def print_summary(card: Mapping[str, Any], console: Console) -> None:
    """Print what a fit is made from and what it reached."""
    teams = ", ".join(f"{team or '(no team)'} {turns}" for team, turns in card["teams"].items())
    console.print(
        escape(
            f"labelled turns: {card['turns']} of {card['conversations']} conversations, {card['first']} to "
            f"{card['last']}; by team: {teams}"
        )
    )
    console.print(
        f"worth {card['weight']:.1f} certain outcomes, in {card['sufficed']:.0%} of which local sufficed"
    )
    if card["left_out"]:
        console.print(escape(_left_out(card["left_out"]).strip()))
    loss, (low, high) = card["log_loss"], card["log_loss"]["better_by_95"]
    console.print(
        f"log-loss on held-out conversations: {loss['before']:.3f} as shipped, {loss['after']:.3f} fitted "
        f"(better by {loss['before'] - loss['after']:.3f}, 95%: {low:.3f} to {high:.3f})"
    )
    console.print(
        f"log-odds: {card['scale']['intercept']:+.2f} + {card['scale']['slope']:.2f} x as shipped",
        highlight=False,
    )
    if policy := card.get("policy"):
        console.print(escape(_describe_crossings(policy)))


def _describe_crossings(policy: Mapping[str, Any]) -> str:
    if policy[THRESHOLD] is None:
        return f"policy {policy['name']} has no {THRESHOLD}: nothing says which turns would change track"
    turns, moved = policy["turns"], policy["to_local"] + policy["to_cloud"]
    share = f"{moved / turns:.0%}" if turns else "none"
    return (
        f"policy {policy['name']}, {THRESHOLD} {policy[THRESHOLD]:g}: {share} of {turns} recorded turns "
        f"would change sides ({policy['to_local']} to local, {policy['to_cloud']} to the cloud); other "
        "rules of the policy may still decide them as before"
    )
