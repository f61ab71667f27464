"""The running endpoint: every collaborator made once and handed to whoever needs it.

This is the only place where the parts meet; importing it has no effects.
"""

import asyncio
import gc
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict
from functools import partial
from importlib.metadata import version
from typing import get_args

import sqlalchemy as sa
import structlog

from classifiers.features import Features
from policies.decision import State, TrackName
from policies.load import PolicyHolder
from policies.policy import Policy
from policies.privacy import Clearance, Exposure, clear
from policies.proof import CheckGate, Serving, options_of, state
from policies.registry import PolicyRegistry
from router.accounts.keys import Keyring, TrustedProxies
from router.accounts.rate_limit import RateLimiter
from router.app.admin import AdminOptions, build_admin
from router.app.api import ApiOptions, Json, build_api
from router.app.asgi import ROUTES, Endpoint
from router.app.body import Uploads
from router.app.dashboard.context import DashboardOptions
from router.app.dashboard.routes import build_dashboard
from router.app.metrics_auth import MetricsAuth
from router.app.model_catalog import Catalog, EmbeddingModel, LocalModel, tokens_of
from router.app.model_routes import build_models
from router.app.ollama_routes import build_ollama
from router.app.origin import OriginGuard
from router.app.refusals import ignore
from router.app.status import build_status
from router.billing.bill import BilledRequest
from router.billing.gpu_time import WorkTime
from router.billing.local_cost import LocalCost
from router.billing.prices import Prices
from router.engine.process import Engine, Health
from router.features.extractor import FeatureExtractor
from router.features.fingerprint import reading_digest
from router.ledger.store import LedgerStore
from router.privacy.memory import Memory
from router.privacy.scanner import Scanner
from router.routing.admission import Limits
from router.routing.classifier import load_classifier, make_ask_reader
from router.routing.embedding_planner import EmbeddingPlanner, embedding_model_for
from router.routing.move_price import MovePrices
from router.routing.pipeline import Pipeline
from router.routing.planner import CredentialState, Planner
from router.routing.sticky_sessions import StickySessions
from router.settings import Settings, parse_listen
from router.system.heap import keep_heap_small
from router.system.host_names import is_loopback
from router.system.time_slices import Pacing, pauses_for
from router.system.worker import Worker
from router.telemetry.announcements import Announcements, TrackReport
from router.telemetry.logs import make_line_writer
from router.telemetry.metrics import EndpointState, Metrics
from router.telemetry.observers import ObservedLedger, Observer
from router.telemetry.request_log import RequestLog
from router.telemetry.tracing import open_traces
from router.tracks.circuit_breaker import CircuitBreaker
from router.tracks.cloud import CloudTrack
from router.tracks.cloud_embeddings import CloudEmbeddings
from router.tracks.cloud_provider import to_dict as provider_to_dict
from router.tracks.credentials import has_own, remedy
from router.tracks.egress import Egress
from router.tracks.local import LocalTrack
from router.tracks.local_embeddings import LocalEmbeddings
from router.tracks.local_server import to_dict
from router.tracks.providers import address_problem, model_for, own_name, speaks_responses
from router.tracks.server_abilities import Ability
from router.types import Ledger, ModelRequest, PromptParts, Track

log = structlog.get_logger(__name__)

SWITCH_S = 0.0005
LOOK_S = 1.0
"""Seconds between looks at the policies, the budgets and the engine."""
SERVER_S = 30.0
"""Seconds between looks at the local server's model."""
SEARCH_AGAIN_S = 3.0
"""The same while it does not answer."""
PROVIDER_S = 300.0
"""Seconds between looks at the provider."""
PROVIDER_AGAIN_S = 10.0
"""The same while it cannot be reached."""
KEYS_S = 0.4
"""Seconds between looks at the keys: a revoked one is refused within a second."""


class Service:
    """The endpoint with all its parts; `app` is the ASGI application."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        classifier = load_classifier(settings)
        serving = Serving(classifier=classifier.name, reading=reading_digest())
        guard = CheckGate(serving, settings.classifier_file) if settings.require_check else None
        self._policies = PolicyHolder(settings.policy, guard=guard)
        self._serving = serving
        self._proof: tuple[Policy, str] | None = None
        _say_other_proof(settings, self._policies.policy, serving)
        self._registry = PolicyRegistry(self._policies, _say_bad_policy)
        self._extractor = FeatureExtractor(asks=make_ask_reader(settings))
        self._worker = Worker()
        self._pacing = Pacing(self._worker.call)
        self._engine = None if settings.local.url else Engine(settings.local)
        self._embedder = Engine(settings.local, embeddings=True) if settings.local.embedding_model else None
        self._egress = Egress(settings.cloud)
        self._local = LocalTrack(settings.local, self._engine, self._pacing)
        self._local_embeddings = LocalEmbeddings(
            settings.local, self._embedder, self._local.client, self._pacing
        )
        self._cloud_embeddings = CloudEmbeddings.of(settings.cloud, self._pacing)
        self._prices = prices = Prices(settings.prices)
        self._cloud = CloudTrack(settings.cloud, self._egress, prices, pacing=self._pacing)
        self._ledger = LedgerStore.of(settings)
        self._memory = Memory(self._ledger.protected.key())
        self._memory.load(self._ledger.protected.load())
        self._scanner = Scanner(memory=self._memory)
        self._metrics = Metrics()
        self._lines = RequestLog(make_line_writer(settings.log_format)) if _shows_requests(settings) else None
        self._ledger.on_billed = self._billed
        self._announcements = Announcements()
        self._traces = open_traces(settings.otlp_endpoint, settings.cloud.dialect)
        self._work = WorkTime()
        self._roster = self._ledger.accounts.load()
        self.keyring = _keyring(settings)
        self.keyring.load(self._roster.keys, self._roster.teams)
        self._registry.sync(self.keyring.policies)
        self._watch()
        rates = RateLimiter()
        limits = Limits(
            budgets=self._ledger.budgets,
            rates=rates,
            prices=prices,
            model_for=partial(model_for, settings.cloud),
        )
        planner = Planner(
            extractor=self._extractor,
            classifier=classifier,
            policies=self._policies,
            tracks=self,
            sessions=StickySessions(),
            limits=limits,
            own=self._registry.of,
            scanner=self._scanner,
            waits=self._local.wait_s,
            moves=MovePrices(
                prices=prices,
                model_for=partial(model_for, settings.cloud),
                usable=self._cloud.usable,
                local_cost=LocalCost.of(settings.local),
            ),
            without_credential=self._credential_state,
        )
        self._planner = planner
        observers: tuple[Observer | None, ...] = (
            self._metrics, self._announcements, self._lines, self._traces,
        )  # fmt: skip
        ledger = ObservedLedger(self._ledger, [observer for observer in observers if observer])
        pipeline = Pipeline(
            planner=planner,
            tracks={"local": self._local, "cloud": self._cloud},
            ledger=ledger,
            limits=limits,
            work=self._work,
            pacing=self._pacing,
        )
        admin = AdminOptions(
            accounts=self._ledger.accounts,
            budgets=self._ledger.budgets,
            policy_of=self._registry.of,
            keyring=self.keyring,
            apply_changes=self.refresh_keys,
        )
        dashboard = DashboardOptions(
            engine=self._ledger.engine,
            accounts=self._ledger.accounts,
            budgets=self._ledger.budgets,
            keyring=self.keyring,
            apply_changes=self.refresh_keys,
            registry=self._registry,
            serving=serving,
            health=self.health,
            state=self.state,
            ledger=ledger,
        )
        on_refusal = self._lines.refused if self._lines else ignore
        self.api = api = build_api(
            self,
            ApiOptions(
                keyring=self.keyring,
                paths=tuple(ROUTES),
                pacing=self._pacing,
                on_refusal=on_refusal,
                routers=(
                    build_models(self, self.keyring),
                    build_ollama(self, self.keyring),
                    build_status(self._ledger.engine, self.keyring),
                    build_admin(admin),
                    build_dashboard(dashboard),
                ),
                metrics=MetricsAuth(
                    token=settings.metrics_token.get_secret_value(),
                    loopback=is_loopback(parse_listen(settings.listen)[0]),
                ),
            ),
            self._running,
        )
        uploads = Uploads.of(settings)
        endpoint = Endpoint(
            pipeline=pipeline,
            embeddings=self._embedding_pipeline(planner, ledger, rates),
            keyring=self.keyring,
            limits=limits,
            settings=settings,
            uploads=uploads,
            pacing=self._pacing,
            api=api,
            on_refusal=on_refusal,
        )
        self.app = OriginGuard(endpoint, settings=settings, uploads=uploads, on_refusal=on_refusal)

    def _embedding_pipeline(self, planner: Planner, ledger: Ledger, rates: RateLimiter) -> Pipeline:
        """The path of embeddings: another planner and other tracks, with the same accounts and ledger."""
        local, cloud = self._local_embeddings, self._cloud_embeddings
        limits = Limits(
            budgets=self._ledger.budgets, rates=rates, prices=self._prices, model_for=embedding_model_for
        )
        tracks: dict[TrackName, Track] = {"local": local}
        if cloud:
            tracks["cloud"] = cloud
        return Pipeline(
            planner=EmbeddingPlanner(
                local=local,
                cloud=cloud.model if cloud else "",
                row=self._prices.row,
                chat_model=lambda: self._local.name,
                policy_of=planner.policy_of,
                scanner=self._scanner,
                limits=limits,
            ),
            tracks=tracks,
            ledger=ledger,
            limits=limits,
            work=self._work,
            pacing=self._pacing,
        )

    async def refresh_keys(self) -> None:
        """Take keys, teams and their policies as they are stored now."""
        roster = await asyncio.to_thread(self._ledger.accounts.load)
        if roster != self._roster:
            self._roster = roster
            self.keyring.load(roster.keys, roster.teams)
            if self._registry.sync(self.keyring.policies):
                self._watch()

    def _watch(self) -> None:
        self._scanner.watch(policy.never_cloud for policy in self._registry.all())

    @property
    def clearance(self) -> Clearance:
        """Whether the policy lets anything leave this machine, were nothing in it."""
        return clear(self._policies.policy, Exposure())

    def state(self, features: Features) -> State:
        """What both tracks are like now, for a prompt of this size."""
        abilities = self._local.abilities or ()
        return State(
            local_context=self._local.context,
            local_wait_s=self._local.wait_s(PromptParts(tokens=(features.context_tokens,))),
            local_model=self._local.name,
            local_up=self._local.up,
            local_vision="vision" in abilities,
            local_audio="audio" in abilities,
            cloud_up=self._cloud.breaker.up,
        )

    def _credential_state(self, request: ModelRequest) -> CredentialState:
        """Whether the cloud has a credential for `request`; who names a model of its own meant the cloud."""
        if self._cloud.usable(request):
            return CredentialState()
        cloud = self.settings.cloud
        stand_in = "refuse" if own_name(cloud, request.model) else cloud.without_credential
        return CredentialState(stand_in=stand_in, remedy=remedy(cloud))

    async def explain(self, request: ModelRequest) -> Json:
        """See `Planner.explaining`."""
        return await self._pacing.drive(self._planner.explaining(request, pauses_for(len(request.body))))

    def health(self) -> Json:
        """State of both tracks, the policy and the ledger."""
        warnings = list(self._policies.policy.warnings)
        provider = self._cloud.provider
        return {
            "status": "ok",
            "version": version("turnout"),
            "local": self._local_health(),
            "embeddings": self._embedding_health(),
            "cloud": {
                "url": self._cloud.url,
                "up": self._cloud.breaker.up,
                "circuit": asdict(self._cloud.breaker.circuit),
                "problem": (provider.problem if provider else "") or address_problem(self.settings.cloud),
                "provider": provider_to_dict(provider) if provider else None,
                "responses": speaks_responses(self.settings.cloud),
                **self._credential_health(),
            },
            "policy": {
                "name": self._policies.policy.name,
                "proof": self._proof_status(),
                "error": self._policies.error or "",
                **({"warnings": warnings} if warnings else {}),
            },
            "team_policies": {"loaded": len(self._registry.all()) - 1, "failed": len(self._registry.errors)},
            "ledger": {"lost": self._ledger.lost},
            "reading": self._extractor.stats(),
        }

    def _billed(self, bills: Sequence[BilledRequest]) -> None:
        """Take bills, on the ledger's thread."""
        self._metrics.billed(bills)
        if self._lines:
            self._lines.billed(bills)

    def _proof_status(self) -> str:
        """Whether the endpoint's policy is proven, in words; looked up once for each policy."""
        policy = self._policies.policy
        if self._proof is None or self._proof[0] is not policy:
            self._proof = (policy, state(self.settings.policy, policy, self._serving).why)
        return self._proof[1]

    def _credential_health(self) -> Json:
        cloud = self.settings.cloud
        if has_own(cloud):
            return {"credential": True}
        served = "is served by the local model" if cloud.without_credential == "local" else "is refused"
        return {
            "credential": False,
            "without_credential": cloud.without_credential,
            "remedy": f"{remedy(cloud)}; until then what belongs on the cloud {served}, unless the client "
            "sends its own key or the policy's `degrade` says otherwise",
        }

    def metrics(self, accept: str) -> tuple[bytes, str]:
        """See `router.telemetry.metrics.Metrics.render`; may take 50 ms the first time."""
        engine = self._engine.health if self._engine else Health()
        state = EndpointState(
            local_up=self._local.up,
            cloud_up=self._cloud.breaker.up,
            engine_running=engine.running,
            engine_queue=engine.queue,
            engine_wait_s=engine.wait_s,
            engine_prefill_tps=engine.prefill_tps,
            engine_decode_tps=engine.decode_tps,
            engine_restarts=engine.restarts,
            engine_busy_s=self._work.busy_s,
            ledger_lost=self._ledger.lost,
        )
        return self._metrics.render(state, accept)

    def _local_health(self) -> Json:
        if self._engine is None:
            server = self._local.server
            local = {
                "url": self._local.url,
                "up": self._local.up,
                "server": to_dict(server) if server else None,
            }
        else:
            local = asdict(self._engine.health)
        return local | {"circuit": asdict(self._local.breaker.circuit)}

    def _embedding_health(self) -> Json:
        """What embeds texts: the model on this machine and the provider's; None where there is none."""
        local = self._local_embeddings
        here: Json | None = {"model": local.name, "context": local.context} if local.offered else None
        if here and self._embedder:
            health = self._embedder.health
            here |= {"state": health.state, "queue": health.queue, "running": health.running}
            here |= {"restarts": health.restarts, "reason": health.reason}
        return {"local": here, "cloud": self.settings.cloud.embedding_model or None}

    def ready(self) -> bool:
        """True once a track can answer at once: not while the local model still loads."""
        if self._engine and self._engine.health.state == "starting":
            return False
        return self._local.up or (self._cloud.breaker.up and self._cloud.has_credential)

    def judge(self, request_id: str, verdict: str, *, team: str, user: str) -> bool:
        """Keep a verdict on a request; False where `team` made no such request."""
        return self._ledger.judge(request_id, verdict, team=team, user=user)

    async def catalog(self) -> Catalog:
        """What is known of the models that a client may ask for."""
        name, context = await self._local.describe()
        abilities = self._local.abilities or {"completion", "tools"}
        if self._engine and self._engine.health.fim:
            abilities |= {"insert"}
        can = tuple(word for word in get_args(Ability) if word in abilities)
        return Catalog(
            local=LocalModel(name=name, context=context, capabilities=can),
            cloud=self.settings.cloud.model,
            own_name=partial(own_name, self.settings.cloud),
            row=self._prices.row,
            embedders=self._embedders(),
        )

    def _embedders(self) -> tuple[EmbeddingModel, ...]:
        """The models that embed, as far as their names are known."""
        local, cloud = self._local_embeddings, self.settings.cloud.embedding_model
        here = EmbeddingModel(name=local.name, track="local", context=local.context)
        there = EmbeddingModel(
            name=cloud, track="cloud", context=tokens_of(self._prices.row(cloud).get("max_input_tokens"))
        )
        return tuple(model for model in (here, there) if model.name)

    @asynccontextmanager
    async def _running(self) -> AsyncIterator[None]:
        for engine in filter(None, (self._engine, self._embedder)):
            await engine.start()
        looking = asyncio.gather(
            self._look(), self._look_for_keys(), self._look_at_server(), self._look_at_provider()
        )
        keep_heap_small()
        # What is there by now stays: the collector need not walk it again while requests run.
        gc.collect()
        gc.freeze()
        # The loop lets go of the interpreter whenever it writes the journal; a thread that posts or
        # counts meanwhile would by default keep it for 5 ms, ten times what a request takes.
        sys.setswitchinterval(SWITCH_S)
        try:
            yield
        finally:
            looking.cancel()
            with suppress(asyncio.CancelledError):
                await looking
            await self._local.close()
            await self._local_embeddings.close()
            for engine in filter(None, (self._engine, self._embedder)):
                await engine.stop()
            await self._egress.close()
            if self._cloud_embeddings:
                await self._cloud_embeddings.close()
            self._worker.close()
            with suppress(sa.exc.SQLAlchemyError):
                await self._share_memory()
            await asyncio.to_thread(self._ledger.close)
            if self._lines:
                await asyncio.to_thread(self._lines.close)
            if self._traces:
                await asyncio.to_thread(self._traces.close)

    async def _look(self) -> None:
        await asyncio.to_thread(self._extractor.warm)
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                await self._look_once()
            except Exception:  # a database that is locked now must not end the looking for good
                log.exception("look failed")

    async def _look_at_server(self) -> None:
        """See what the model behind `local.url` can do, and whether it is another one by now."""
        while self.settings.local.url:
            answered = await self._local.look()
            if self._local.server:
                self._announcements.server(to_dict(self._local.server))
            await asyncio.sleep(SERVER_S if answered else SEARCH_AGAIN_S)

    async def _look_at_provider(self) -> None:
        """See whether the provider can be reached, and takes our key."""
        while True:
            provider = await self._cloud.look(self.clearance)
            if provider:
                self._announcements.provider(provider_to_dict(provider))
            await asyncio.sleep(PROVIDER_S if not provider or provider.reachable else PROVIDER_AGAIN_S)

    async def _look_for_keys(self) -> None:
        while True:
            await asyncio.sleep(KEYS_S)
            try:
                await self.refresh_keys()
            except Exception:  # as above; the keys stay as they were
                log.exception("look for keys failed")

    async def _look_once(self) -> None:
        await asyncio.to_thread(self._extractor.settle)
        for engine in filter(None, (self._engine, self._embedder)):
            await engine.refresh()
        reloaded = self._policies.refresh()
        if reloaded | self._registry.sync(self.keyring.policies):
            self._watch()
        self._announcements.policy(self._policies.policy.name, self._policies.error, reloaded=reloaded)
        reports = {"local": self._local_report(), "cloud": _report(self._cloud.breaker)}
        if self._embedder:
            reports["embeddings"] = _engine_report(self._embedder.health)
        self._announcements.tracks(**reports)
        await asyncio.to_thread(self._ledger.budgets.renew)
        await self._share_memory()

    def _local_report(self) -> TrackReport:
        if self._engine and not (report := _engine_report(self._engine.health)).up:
            return report
        server = self._local.server
        if server and not server.reachable:
            return TrackReport(up=False, why=server.problem)
        return _report(self._local.breaker)

    async def _share_memory(self) -> None:
        """Store what had to stay since the last look, and take what other processes stored."""
        rows = self._memory.take_unstored()
        try:
            if rows:
                await asyncio.to_thread(self._ledger.protected.keep, rows)
        except Exception:
            self._memory.put_back(rows)
            raise
        self._memory.load(await asyncio.to_thread(self._ledger.protected.load))


def _engine_report(health: Health) -> TrackReport:
    up = health.state != "failed"
    return TrackReport(up=up, why="" if up else health.reason.partition("\n")[0])


def _keyring(settings: Settings) -> Keyring:
    # Whoever revokes the last key of an endpoint that others can reach does not mean to open it.
    host, _ = parse_listen(settings.listen)
    proxy = settings.trusted_header
    trusted = TrustedProxies(user=proxy.user.lower(), team=proxy.team.lower(), networks=proxy.networks)
    return Keyring(required=not is_loopback(host), trusted=trusted if proxy.user else None)


def _say_other_proof(settings: Settings, policy: Policy, serving: Serving) -> None:
    """Say so where a policy was proven with another classifier or reading than serves."""
    proof = state(settings.policy, policy, serving).proof
    if not proof:
        return
    proven_with = Serving(classifier=proof.classifier, reading=proof.reading)
    if proven_with != serving and state(settings.policy, policy, proven_with).proven:
        other = "classifier" if proof.classifier != serving.classifier else "reading of requests"
        log.warning(
            "the policy was checked with another %s than serves: its thresholds may not fit",
            other,
            policy=policy.name,
            checked_with=f"{proof.classifier}, reading {proof.reading or 'unknown'}",
            serves=f"{serving.classifier}, reading {serving.reading}",
            remedy=f"turnout policy check {settings.policy} --publish"
            f"{options_of(serving.classifier, settings.classifier_file)}",
        )


def _shows_requests(settings: Settings) -> bool:
    return settings.log_level in {"debug", "info"}


def _report(breaker: CircuitBreaker) -> TrackReport:
    circuit = breaker.circuit
    return TrackReport(up=circuit.state == "closed", why=circuit.cause)


def _say_bad_policy(name: str, why: str) -> None:
    log.error("team_policy_failed", policy=name, why=why)
