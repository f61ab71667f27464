"""The first half of the path: from a request's bytes to the decision. Nothing is sent.

    Request ─ read ▶ Features ─ classify ▶ Verdict ─ decide ▶ Decision

Routing never fails a request: where reading or classifying raises, the policy's
`otherwise` decides and the plan says so.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal, NamedTuple, Protocol

import structlog

from classifiers.features import Features
from classifiers.verdict import Classifier, Verdict
from policies.decide import decide
from policies.decision import Decision, StandIn, State
from policies.explain import explain, to_dict
from policies.load import PolicyHolder
from policies.policy import Policy
from policies.privacy import Exposure, clear
from policies.routing_input import RoutingInput
from router.errors import BadRequest
from router.features.extractor import FeatureExtractor
from router.features.outline import Outline
from router.privacy.scanner import Scanner, list_sightings
from router.routing.admission import Limits
from router.routing.move_price import MovePrices
from router.routing.sticky_sessions import StickySessions
from router.system.time_slices import Pauses, Turns, apart_if_large, finish
from router.types import ModelRequest, Plan, PromptParts, Usage

log = structlog.get_logger(__name__)

UNREAD = Verdict(p_local=0.0, kind="unknown", why="the request could not be read")


class CredentialState(NamedTuple):
    """Whether the cloud has a credential for a request."""

    stand_in: StandIn | Literal[""] = ""
    """As `State.without_credential`."""
    remedy: str = ""


class TrackStatus(Protocol):
    """What the tracks are like right now."""

    def state(self, features: Features) -> State:
        """What a policy may know, for a prompt of this size."""
        ...


class Planner:
    """Reads, classifies and decides."""

    def __init__(
        self,
        *,
        extractor: FeatureExtractor,
        classifier: Classifier,
        policies: PolicyHolder,
        tracks: TrackStatus,
        sessions: StickySessions,
        limits: Limits | None = None,
        own: Callable[[str], Policy] | None = None,
        scanner: Scanner | None = None,
        waits: Callable[[PromptParts], float] | None = None,
        moves: MovePrices | None = None,
        without_credential: Callable[[ModelRequest], CredentialState] | None = None,
    ) -> None:
        """Take the collaborators.

        Args:
            extractor: Reads requests.
            classifier: Judges them.
            policies: The endpoint's own.
            tracks: What they are like.
            sessions: The last decisions.
            limits: What is left of budgets.
            own: Finds the policy that an account names.
            scanner: Finds what must not leave.
            waits: Seconds until a prompt of these parts would get its first token here.
            moves: Prices a held turn's move to the cloud; without it none is made for a setback.
            without_credential: Tells whether the cloud lacks a credential for a request; without it, never.
        """
        self._without_credential = without_credential
        self._waits = waits
        self._moves = moves
        self._scanner = scanner or Scanner()
        self._extractor = extractor
        self._classifier = classifier
        self._policies = policies
        self._tracks = tracks
        self._sessions = sessions
        self._limits = limits
        self._own = own

    def policy_of(self, request: ModelRequest) -> Policy:
        """The policy that decides on this request: its key's, its team's, or the endpoint's."""
        name = request.account.policy
        return self._own(name) if name and self._own else self._policies.policy

    def plan(self, request: ModelRequest) -> Plan:
        """Decide at once; see `planning`."""
        return finish(self.planning(request, ()))

    def planning(self, request: ModelRequest, pauses: Pauses) -> Turns[Plan]:
        """Decide, in turns.

        Raises:
            BadRequest: the body gives a key twice; nothing else that a client sends raises here.
        """
        started = time.perf_counter()
        policy = self.policy_of(request)
        outline = self._scanner.outline(request)
        features, verdict, prompt, notes = yield from self._understand(request, outline, pauses)
        exposure = yield from self._scan(request, policy, features, outline, pauses)
        routing = self._routing_input(request, policy, (features, verdict, prompt), exposure)
        decision = decide(routing)
        return Plan(
            request=request,
            features=features or Features(),
            verdict=verdict or UNREAD,
            decision=decision,
            clearance=routing.clearance,
            policy=policy.name,
            classifier=verdict.by if verdict else "",
            overhead_s=time.perf_counter() - started,
            notes=notes,
            prompt=prompt,
        )

    def _scan(
        self,
        request: ModelRequest,
        policy: Policy,
        features: Features | None,
        outline: Outline,
        pauses: Pauses,
        *,
        learn: bool = True,
    ) -> Turns[Exposure | None]:
        """What the request would expose; None where that cannot be known."""
        try:
            conversation = features.conversation if features and features.kind != "ask" else ""
            return (
                yield from self._scanner.scanning(
                    request,
                    policy.never_cloud,
                    outline=outline,
                    pauses=pauses,
                    conversation=conversation,
                    learn=learn,
                )
            )
        except BadRequest:
            raise
        except Exception:  # whatever a client sent, it is answered; `clear` takes None for a no
            log.warning("unscanned", request=request.id, exc_info=True)
            return None

    def _understand(
        self, request: ModelRequest, outline: Outline, pauses: Pauses
    ) -> Turns[tuple[Features | None, Verdict | None, PromptParts, tuple[str, ...]]]:
        try:
            features, prompt = yield from self._extractor.reading(request, outline, pauses)
            return features, self._classifier.classify(features), prompt, ()
        except Exception as failure:  # whatever a client sent, it is served
            log.warning("unreadable", request=request.id, exc_info=True)
            return None, None, PromptParts(), (f"reading failed: {type(failure).__name__}",)

    def explain(self, request: ModelRequest) -> dict[str, Any]:
        """Explain at once; see `explaining`."""
        return finish(self.explaining(request, ()))

    def explaining(self, request: ModelRequest, pauses: Pauses) -> Turns[dict[str, Any]]:
        """Tell each rule's result, the decision and what would have changed it, as JSON values.

        Raises:
            BadRequest: it cannot be read; `plan` would let the policy's `otherwise` decide.
                Or its body gives a key twice.
        """
        policy = self.policy_of(request)
        outline = self._scanner.outline(request)
        features, verdict, prompt, notes = yield from self._understand(request, outline, pauses)
        exposure = yield from self._scan(request, policy, features, outline, pauses, learn=False)
        if features is None or verdict is None:
            raise BadRequest(f"{notes[0]}; when sent, the policy's `otherwise` would decide")
        routing = self._routing_input(request, policy, (features, verdict, prompt), exposure)
        explanation = explain(routing, self._classifier)
        sightings = yield from apart_if_large(len(request.body), list_sightings, request, policy.never_cloud)
        return to_dict(explanation) | {"privacy": sightings}

    def keep(self, plan: Plan, decision: Decision) -> None:
        """Remember what served, for the rest of this user turn.

        Where the cloud failed and the local model stood in, the turn still belongs to the cloud.
        """
        lasting = plan.decision if decision.rule == "degrade" else decision
        self._sessions.keep(plan.request.account.team, plan.features, plan.verdict, lasting)

    def learn(self, plan: Plan, served: str, usage: Usage) -> None:
        """Correct the token count of the model that was asked for by what it reported itself."""
        request, features = plan.request, plan.features
        counted = features.tokens_exact and not features.images
        if counted and served == request.model and not usage.estimated and usage.prompt:
            self._extractor.correct(request.account.team, served, features.context_tokens, usage.prompt)

    def _routing_input(
        self,
        request: ModelRequest,
        policy: Policy,
        read: tuple[Features | None, Verdict | None, PromptParts],
        exposure: Exposure | None,
    ) -> RoutingInput:
        features, verdict, prompt = read
        account = request.account
        return RoutingInput(
            policy=policy,
            features=features,
            verdict=verdict,
            state=self._state(request, features or Features(), prompt, policy),
            requested_model=request.model,
            clearance=clear(policy, exposure, account.team),
            team=account.team,
            user=account.user,
            provider_field=request.provider_field,
        )

    def _state(self, request: ModelRequest, features: Features, prompt: PromptParts, policy: Policy) -> State:
        last = self._sessions.last(request.account.team, features)
        state = self._tracks.state(features)
        unread_s = state.local_wait_s
        if self._without_credential:
            lacking = self._without_credential(request)
            if lacking.stand_in:
                state = replace(state, without_credential=lacking.stand_in, credential_remedy=lacking.remedy)
        if self._waits and prompt.keys:
            state = replace(state, local_wait_s=self._waits(prompt))
        if self._limits and (budget := self._limits.budget_status(request.account, policy)):
            state = replace(state, budget_left_usd=budget.left_usd, budget_why=budget.why)
        if not last:
            return state
        move = None
        if self._moves and last.track == "local" and policy.escalate and policy.escalate.setbacks:
            move = self._moves.price(
                request,
                features,
                last,
                left_usd=state.budget_left_usd,
                lost_s=max(unread_s - state.local_wait_s, 0.0),
            )
        return replace(state, last=last, move=move)
