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


class TooLittle(TurnoutError):
    """The evidence is not enough, or does not show what a fit would need; nothing was written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refit:
    """A fit that is better than what it started from."""

    artefact: Artefact
    told: dict[str, Any]
    """What is printed, and, but for the policy's part, the card."""


class Yardstick:
    """Brings what different classifiers said to one scale: the shipped numbers' log-odds.

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
        """What the shipped numbers say of a recorded turn; None where that cannot be told."""
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
        TooLittle: there is too little evidence, or a fit to it is not better on what it had not seen.
        Misconfigured: the policy, or the file of the team's own numbers, cannot be read.
    """
    from router.ledger.labels import enough, labelled, openings
    from router.ledger.store import LedgerStore

    yardstick = Yardstick(shipped(), _own(settings))
    if yardstick.start.words:
        raise TooLittle("the shipped numbers weigh words, and the ledger keeps none: they cannot be refitted")
    policy = PolicyHolder(settings.policy).policy
    store = LedgerStore.of(settings, write=False)
    try:
        found = labelled(store, team, since)
        opened = openings(store, team, since)
    finally:
        store.close()
    used = [(one, odds) for one in found if (odds := yardstick.odds(one)) is not None]
    foreign = Counter(one.classifier or "not written down" for one in found if yardstick.odds(one) is None)
    if lacking := enough(one for one, _ in used):
        raise TooLittle(f"too little to learn from: {lacking}{_left_out(foreign)}")
    outcomes = [_outcome(one, odds) for one, odds in used]
    scale, better = fit(outcomes), gain(outcomes)
    _check(scale, better, len(used))
    card = _card([one for one, _ in used], foreign, yardstick.start, scale, better)
    return Refit(
        artefact=compose(yardstick.start, scale, card),
        told={**card, "policy": _crossing(opened, yardstick, scale, policy.name, policy.params)},
    )


def _own(settings: Settings) -> Artefact | None:
    try:
        return read_numbers(settings.classifier_file) if settings.classifier_file else None
    except ArtefactUnfit:  # the rules serve in its place, so no new row is of it
        return None


def _outcome(one: "Evidence", odds: float) -> Outcome:
    return Outcome(odds=odds, label=one.label, weight=one.weight, group=f"{one.team}\n{one.conversation}")


def _check(scale: Scale, better: Gain, turns: int) -> None:
    if scale.slope <= 0:
        raise TooLittle(
            f"the {turns} labelled turns speak against the classifier's order (slope {scale.slope:.2f}): "
            "a scale cannot mend that; leave `classifier: rules`, and see `turnout classifier evidence`"
        )
    if not better.significant:
        raise TooLittle(
            f"fitted to {turns} labelled turns it is not shown to be better on conversations that it had not "
            f"seen: log-loss {better.after:.3f}, the shipped numbers {better.before:.3f} (better by "
            f"{better.better:.3f}, standard error {better.error:.3f}); keep those"
        )


def _left_out(foreign: Mapping[str, int]) -> str:
    if not foreign:
        return ""
    named = ", ".join(f"{count} by {name}" for name, count in sorted(foreign.items()))
    return f" (labelled turns left out, as what was said of them cannot be compared: {named})"


def _card(
    used: "Sequence[Evidence]", foreign: Mapping[str, int], start: Artefact, scale: Scale, better: Gain
) -> dict[str, Any]:
    times = [one.begun_at for one in used]
    return {
        "start": digest(start),
        "scale": {"intercept": scale.intercept, "slope": scale.slope},
        "teams": dict(sorted(Counter(one.team for one in used).items())),
        "turns": len(used),
        "conversations": len({(one.team, one.conversation) for one in used}),
        "weight": sum(one.weight for one in used),
        "sufficed": sum(one.weight for one in used if one.label) / sum(one.weight for one in used),
        "left_out": dict(sorted(foreign.items())),
        "first": _day(min(times)),
        "last": _day(max(times)),
        "log_loss": {"before": better.before, "after": better.after, "better_by_95": list(better.interval)},
    }


def _day(time: float) -> str:
    return datetime.fromtimestamp(time, UTC).date().isoformat()


def _crossing(
    opened: "Iterable[Opening]", yardstick: Yardstick, scale: Scale, name: str, params: Mapping[str, float]
) -> dict[str, Any]:
    """How many recorded turns are on the other side of the policy's threshold afterwards."""
    bar = params.get(THRESHOLD)
    told: dict[str, Any] = {"name": name, THRESHOLD: bar}
    if bar is None:
        return told
    sides = Counter(
        (turn.p_local >= bar, probability(scale.odds(odds)) >= bar)
        for turn in opened
        if (odds := yardstick.odds(turn)) is not None
    )
    return told | {
        "turns": sides.total(),
        "to_local": sides[False, True],
        "to_cloud": sides[True, False],
    }


def show(told: Mapping[str, Any], console: Console) -> None:
    """Print what a fit is made from and what it reached."""
    teams = ", ".join(f"{team or '(no team)'} {turns}" for team, turns in told["teams"].items())
    console.print(
        escape(
            f"labelled turns: {told['turns']} of {told['conversations']} conversations, {told['first']} to "
            f"{told['last']}; by team: {teams}"
        )
    )
    console.print(
        f"worth {told['weight']:.1f} certain outcomes, in {told['sufficed']:.0%} of which local sufficed"
    )
    if told["left_out"]:
        console.print(escape(_left_out(told["left_out"]).strip()))
    loss, (low, high) = told["log_loss"], told["log_loss"]["better_by_95"]
    console.print(
        f"log-loss on held-out conversations: {loss['before']:.3f} as shipped, {loss['after']:.3f} fitted "
        f"(better by {loss['before'] - loss['after']:.3f}, 95%: {low:.3f} to {high:.3f})"
    )
    console.print(
        f"log-odds: {told['scale']['intercept']:+.2f} + {told['scale']['slope']:.2f} x as shipped",
        highlight=False,
    )
    if policy := told.get("policy"):
        console.print(escape(_crossed(policy)))


def _crossed(policy: Mapping[str, Any]) -> str:
    if policy[THRESHOLD] is None:
        return f"policy {policy['name']} has no {THRESHOLD}: nothing says which turns would change track"
    turns, moved = policy["turns"], policy["to_local"] + policy["to_cloud"]
    share = f"{moved / turns:.0%}" if turns else "none"
    return (
        f"policy {policy['name']}, {THRESHOLD} {policy[THRESHOLD]:g}: {share} of {turns} recorded turns "
        f"would change sides ({policy['to_local']} to local, {policy['to_cloud']} to the cloud); other "
        "rules of the policy may still decide them as before"
    )
