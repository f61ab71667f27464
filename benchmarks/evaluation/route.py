"""Where a policy sends the cases of a suite, each as the first request of its turn.

The decision is made by the same `decide` that serves, and nothing else. What a case cannot
know is taken at its mildest: both tracks are up and idle, the budget is untouched, the
conversation has no decision behind it, the client named no track, and no team is known.
Conditions on the state beyond that are not tested here, and neither is a `never_cloud` that
watches paths or text: a case holds none.
"""

import numpy as np
from numpy.typing import NDArray

from benchmarks.evaluation.cases import LOCAL_CONTEXT, Case, Suite
from policies.decide import decide
from policies.decision import Decision, State
from policies.policy import Policy
from policies.privacy import Exposure, clear
from policies.routing_input import RoutingInput

LIMIT = "max_turn_calls"
"""The number of a policy that ends a local turn, where `escalate` names `turn_too_long`."""


def route(policy: Policy, case: Case, *, local_context: int = LOCAL_CONTEXT) -> Decision:
    """Decide one case.

    Args:
        policy: What decides.
        case: As it was read and judged.
        local_context: The local window in tokens; 0 for unknown.
    """
    return decide(
        RoutingInput(
            policy=policy,
            features=case.features,
            verdict=case.judged,
            state=State(local_context=local_context),
            requested_model="auto",
            clearance=clear(policy, Exposure()),
        )
    )


def starts_local(policy: Policy, suite: Suite, *, local_context: int = LOCAL_CONTEXT) -> NDArray[np.bool_]:
    """Tell for each case of a suite, in its order, whether the policy starts it on the local track."""
    routed = (route(policy, case, local_context=local_context) for case in suite.cases)
    return np.array([decision.track == "local" for decision in routed], dtype=np.bool_)


def handover_limit(policy: Policy) -> float | None:
    """Calls after which a turn that was held local goes on in the cloud; None where it never does."""
    causes = policy.escalate.causes if policy.escalate else frozenset()
    if policy.observe or policy.hold == "none" or "turn_too_long" not in causes:
        return None
    return policy.params.get(LIMIT)
