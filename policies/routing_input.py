"""What a decision is made of."""

from dataclasses import dataclass

from classifiers.features import Features
from classifiers.verdict import Verdict
from policies.decision import State
from policies.policy import Policy
from policies.privacy import Clearance


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingInput:
    """One request, as a policy decides it."""

    policy: Policy
    features: Features | None
    """None where reading failed."""
    verdict: Verdict | None
    """None where reading or classifying failed."""
    state: State
    """What the tracks, the budget and this conversation are like now."""
    requested_model: str
    """The model name the client sent: `local`, `cloud`, a Claude model, or anything."""
    clearance: Clearance
    """From `policies.privacy.clear`; refused means local."""
    team: str = ""
    """For conditions that name it; so is `user`."""
    user: str = ""
    provider_field: str = ""
    """What the provider alone can serve, such as `previous_response_id`; empty where there is nothing."""
