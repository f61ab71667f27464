"""The proof of a policy: what the last `turnout policy check --publish` measured of exactly this policy.

It lies beside the policy file, as `NAME.check.json`, and is bound to what the policy means:
another number, rule or bar needs another check; comments, layout and words for people do not. It is
bound, too, to how requests were read, and to the classifier that judged them.
A proof guards against forgetting, not against forging: whoever may write the policy may
write its proof.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, ValidationError

from classifiers.choose import DEFAULT
from policies.bars import own_suites
from policies.causes import Setback
from policies.conditions import canonical
from policies.document import PolicyError
from policies.load import find, proof_beside
from policies.policy import Policy
from policies.schema import PolicySpec

__all__ = [
    "CheckGate",
    "Proof",
    "ProofStatus",
    "Serving",
    "digest",
    "options_of",
    "proof_beside",
    "read",
    "state",
]

_SHOWN = 12
"""Characters of a digest that are shown."""


class Figure(BaseModel):
    """What was measured, and its interval; None where a figure has no meaning."""

    model_config = ConfigDict(frozen=True)

    point: float | None
    low: float | None
    high: float | None


class Proof(BaseModel):
    """A proof as it is kept; further keys are for people."""

    model_config = ConfigDict(frozen=True)

    format: Literal[1] = 1
    policy: str
    """The policy's name."""
    digest: str
    """Of the policy, by `digest`."""
    passed: bool
    bars: dict[str, str]
    figures: dict[str, Figure]
    """By metric."""
    data: str
    """Digest of the cases it was measured on."""
    classifier: str
    """Whose verdict the policy saw, with the digest of a trained one's numbers."""
    reading: str = ""
    """Digest of how requests were read; empty where it was not written down."""
    options: dict[str, str]
    checked: str
    """The day, as YYYY-MM-DD."""
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """What serves with a policy; a proof made with another is none."""

    classifier: str
    """As verdicts name it, with the digest of a trained one's numbers: `sufficiency@a11575b4`."""
    reading: str
    """Digest of how requests are read: `router.features.fingerprint`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofStatus:
    """How a policy stands with its proof."""

    proven: bool
    why: str
    """One clause for a person."""
    proof: Proof | None = None


class CheckGate:
    """Lets a policy pass only with its proof.

    Args:
        serving: The classifier and the reading that serve.
        file: The classifier's numbers, where they are a team's own.
    """

    def __init__(self, serving: Serving, file: str = "") -> None:
        self._serving = serving
        self._options = options_of(serving.classifier, file)

    def __call__(self, name_or_path: str | Path, policy: Policy) -> None:
        """Let it pass.

        Raises:
            PolicyError: it has no passing proof for exactly this content; says how to get one.
        """
        status = state(name_or_path, policy, self._serving)
        if not status.proven:
            suites = "".join(f" --suite {suite}.jsonl" for suite in own_suites(policy.check.bars))
            command = f"run `turnout policy check {name_or_path} --publish{self._options}{suites}`"
            remedy = command if policy.check.bars else f"add bars under `check:`, then {command}"
            raise PolicyError((f"{policy.source}: require_check: {status.why}; {remedy}",))


def options_of(classifier: str, file: str = "") -> str:
    """The options with which `turnout policy check` sees this classifier's verdicts, each after a space."""
    name = classifier.partition("@")[0]
    named = "" if name == DEFAULT else f" --classifier {name}"
    return f"{named} --classifier-file {file}" if file else named


def digest(policy: Policy) -> str:
    """Return a digest of everything that decides, the bars included; as hexadecimal digits."""
    parts = (policy.escalate, policy.degrade, policy.budget)
    meaning: dict[str, Any] = {
        "name": policy.name,
        "params": dict(policy.params),
        "rules": [[rule.name, canonical(rule.when.source), rule.to] for rule in policy.rules],
        "otherwise": policy.otherwise.to,
        "hold": policy.hold,
        **({"hold_s": policy.hold_s} if policy.hold_s != PolicySpec.model_fields["hold_s"].default else {}),
        "parts": [_without_unset(part.model_dump(mode="json")) if part else None for part in parts],
        "never_cloud": [
            [glob.source for glob in policy.never_cloud.paths],
            list(policy.never_cloud.patterns),
            list(policy.never_cloud.teams),
            *([policy.never_cloud.opaque] if policy.never_cloud.opaque != "local" else []),
        ],
        "check": [policy.check.ci, sorted([bar.metric, bar.text] for bar in policy.check.bars)],
        "observe": policy.observe,
    }
    return hashlib.sha256(json.dumps(meaning, sort_keys=True).encode()).hexdigest()


def _without_unset(part: dict[str, Any]) -> dict[str, Any]:
    """Leave out what is newer than many a proof and not set here, so that these still hold."""
    return {name: value for name, value in part.items() if value is not None or name not in _NEWER}


_NEWER = frozenset({*get_args(Setback), "max_usd"})


def read(name_or_path: str | Path) -> Proof | None:
    """Read the proof beside a policy; None if there is none.

    Raises:
        PolicyError: the policy does not exist, or the file is not a proof.
    """
    path = proof_beside(find(name_or_path)[0])
    try:
        return Proof.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        raise PolicyError((f"{path.name}: is no proof of a check; check the policy again",)) from error


def state(name_or_path: str | Path, policy: Policy, serving: Serving) -> ProofStatus:
    """Whether a policy is proven: checked and passed, with this content, classifier and reading."""
    if not policy.check.bars:
        return ProofStatus(proven=False, why="it has no bars, so nothing of it can be proven")
    try:
        proof = read(name_or_path)
    except PolicyError as error:
        return ProofStatus(proven=False, why=str(error))
    if proof is None:
        return ProofStatus(proven=False, why="it has not been checked")
    why = _fault(proof, policy, serving)
    return ProofStatus(proven=not why, why=why or f"passed its check on {proof.checked}", proof=proof)


def _fault(proof: Proof, policy: Policy, serving: Serving) -> str:
    now = digest(policy)
    if proof.digest != now:
        return (
            f"it changed since it was checked on {proof.checked} "
            f"({proof.digest[:_SHOWN]} then, {now[:_SHOWN]} now)"
        )
    if not proof.passed:
        return f"it fell in its check on {proof.checked}"
    if proof.classifier != serving.classifier:
        return f"it was checked with the classifier {proof.classifier}, and {serving.classifier} serves"
    if proof.reading != serving.reading:
        return (
            f"requests are read otherwise than when it was checked on {proof.checked} "
            f"(reading {proof.reading or 'unknown'} then, {serving.reading} now)"
        )
    return ""
