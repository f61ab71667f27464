"""Decides which model embeds: the one that the client names, on this machine unless it is a provider's.

    Request ─ name ▶ local, a provider's, or refused ─ never_cloud, budget ▶ the same, or refused

No rule of a policy sends texts elsewhere: vectors of two models cannot be compared, so that nothing here
falls back, escalates or is held.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import structlog

from classifiers.features import Features
from classifiers.verdict import Verdict
from policies.decide import model_name, named_track, over_budget, untagged
from policies.decision import Decision
from policies.policy import Policy
from policies.privacy import Exposure, clear
from router.errors import BadRequest
from router.features.clients import Clients
from router.features.tokens import estimate
from router.privacy.scanner import Scanner
from router.routing.admission import Limits, without_substitute
from router.system.time_slices import Pauses, Turns
from router.tracks.providers import PROVIDERS, provider_of
from router.types import ModelRequest, Plan, Usage
from router.wire.embedding_request import EmbeddingRequest, read_request

log = structlog.get_logger(__name__)

_UNJUDGED = Verdict(p_local=0.0, kind="unknown", why="")
MODE = "embedding"
"""What the table of models calls those that embed."""


class LocalNames(Protocol):
    """What embeds on this machine; see `router.tracks.local_embeddings.LocalEmbeddings`."""

    @property
    def offered(self) -> bool:
        """Whether anything may."""
        ...

    @property
    def name(self) -> str:
        """The model's name; empty where there is none in particular."""
        ...

    @property
    def knows_names(self) -> bool:
        """Whether a model of another name may be there."""
        ...


class EmbeddingPlanner:
    """Decides on requests for embeddings; see `router.routing.pipeline.Planning`."""

    def __init__(
        self,
        *,
        local: LocalNames,
        cloud: str,
        row: Callable[[str], Mapping[str, Any]],
        chat_model: Callable[[], str],
        policy_of: Callable[[ModelRequest], Policy],
        scanner: Scanner,
        limits: Limits,
    ) -> None:
        """Take the collaborators.

        Args:
            local: What embeds on this machine.
            cloud: A provider's model with the provider before it, whose others may be named, too; empty
                where there is no such provider.
            row: What the table of models has on a name.
            chat_model: The name of the local model that writes.
            policy_of: The policy that a request is under.
            scanner: Finds what must not leave.
            limits: What is left of budgets.
        """
        self._local = local
        self._cloud = cloud
        self._row = row
        self._chat_model = chat_model
        self._policy_of = policy_of
        self._scanner = scanner
        self._limits = limits
        self._clients = Clients()

    def policy_of(self, request: ModelRequest) -> Policy:
        """See `Planning`."""
        return self._policy_of(request)

    def keep(self, plan: Plan, decision: Decision) -> None:
        """See `Planning`; nothing is held."""

    def learn(self, plan: Plan, served: str, usage: Usage) -> None:
        """See `Planning`; nothing is learned."""

    def planning(self, request: ModelRequest, pauses: Pauses) -> Turns[Plan]:
        """See `Planning`."""
        started = time.perf_counter()
        policy = self.policy_of(request)
        embedding = read_request(request.dialect, request.body)
        exposure = yield from self._scan(request, embedding, policy, pauses)
        clearance = clear(policy, exposure, request.account.team)
        client = self._clients.recognise("", dict(request.headers), b"")
        features = Features(
            client=client.name,
            context_tokens=sum(map(_tokens, embedding.prompts)),
            tokens_exact=False,
        )
        decision = self._by_name(embedding.model)
        if decision.track == "cloud" and not clearance.allowed:
            decision = without_substitute(Decision(track="local", rule="never_cloud", why=clearance.why))
        elif decision.track == "cloud":
            decision = self._within_budget(decision, request, policy)
        return Plan(
            request=request,
            features=features,
            verdict=_UNJUDGED,
            decision=decision,
            clearance=clearance,
            policy=policy.name,
            overhead_s=time.perf_counter() - started,
        )

    def _within_budget(self, decision: Decision, request: ModelRequest, policy: Policy) -> Decision:
        budget = self._limits.budget_status(request.account, policy)
        if budget is None or budget.left_usd > 0:
            return decision
        return without_substitute(over_budget(budget.why))

    def _scan(
        self, request: ModelRequest, embedding: EmbeddingRequest, policy: Policy, pauses: Pauses
    ) -> Turns[Exposure | None]:
        """What the texts would expose; None where that cannot be known: tokens show no text."""
        if embedding.has_tokens:
            return None
        try:
            return (
                yield from self._scanner.scanning(request, policy.never_cloud, pauses=pauses, learn=False)
            )
        except BadRequest:
            raise
        except Exception:  # whatever a client sent, it is answered; `clear` takes None for a no
            log.warning("unscanned", request=request.id, exc_info=True)
            return None

    def _by_name(self, requested: str) -> Decision:
        """Decide by the name alone; what embeds nothing is refused."""
        name, local = requested.strip(), self._local
        track = named_track(name, local.name)
        if track == "local" or (not track and not model_name(name)):
            return self._here(requested)
        provider = "" if track else self._provider_model(name)
        if provider and self._row(provider).get("mode", MODE) == MODE:
            why = "the client named a provider's embedding model"
            return Decision(track="cloud", model=provider, rule="asked", why=why)
        nearby = local.knows_names and provider_of(name) not in PROVIDERS and not self._is_chat(name)
        if nearby and not (track or provider):
            why = "the client named a model of the local server"
            return Decision(track="local", model=name, rule="asked", why=why)
        return _refused(requested, self._remedy())

    def _here(self, requested: str) -> Decision:
        """Decide for this machine, where no other name than ours was given, or that of its model."""
        if not self._local.name:
            return _refused(requested, self._remedy())
        why = "the client asked for local" if requested.strip() else "texts are embedded on this machine"
        return Decision(track="local", model=self._local.name, rule="asked", why=why)

    def _provider_model(self, name: str) -> str:
        """A name as the provider's with its provider before it; empty for any other name."""
        if not self._cloud:
            return ""
        provider, bare = provider_of(self._cloud), untagged(name)
        if bare in {self._cloud, self._cloud.partition("/")[2]}:
            return self._cloud
        if "/" in bare:
            return bare if bare.partition("/")[0] == provider else ""
        row = self._row(bare)
        return (
            f"{provider}/{bare}" if (row.get("mode"), row.get("litellm_provider")) == (MODE, provider) else ""
        )

    def _is_chat(self, name: str) -> bool:
        return bool(self._chat_model()) and named_track(name, self._chat_model()) == "local"

    def _remedy(self) -> str:
        """What to ask for, or to set."""
        ways = []
        if self._local.name:
            ways.append(f"ask for `{self._local.name}`, on this machine")
        elif self._local.offered:
            ways.append(_NAME_ONE)
        else:
            ways.append("set `local.embedding_model` to a GGUF file of an embedding model")
        if self._cloud:
            ways.append(f"name one of the provider's, such as `{self._example()}`")
        else:
            ways.append(
                "set `cloud.embedding_model`, such as openai/text-embedding-3-small, and ask for that"
            )
        return ", or ".join(ways)

    def _example(self) -> str:
        embeds = self._row(self._cloud).get("mode") == MODE
        provider = provider_of(self._cloud)
        return self._cloud if embeds else _EXAMPLES.get(provider, f"{provider}/NAME")


_EXAMPLES = {"openai": "openai/text-embedding-3-small", "gemini": "gemini/gemini-embedding-001"}
_NAME_ONE = (
    "name an embedding model that the server at `local.url` lists, or set `local.embedding_name` to it"
)


def embedding_model_for(requested: str, decision: Decision) -> str:
    """The provider's model that an account must be allowed to use; one that stays here needs no leave."""
    del requested
    return decision.model if decision.track == "cloud" else "an embedding model of this machine's"


def _refused(name: str, remedy: str) -> Decision:
    why = "the model that was asked for makes no embeddings"
    message = f"model: `{name or 'auto'}` makes no embeddings here; {remedy}"
    return Decision(track="local", rule="asked", why=why, refusal=message)


def _tokens(prompt: str | list[int]) -> int:
    return estimate(len(prompt.encode(errors="replace"))) if isinstance(prompt, str) else len(prompt)
