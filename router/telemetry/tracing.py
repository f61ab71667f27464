"""Traces: one span a model call, in OpenTelemetry's conventions for generative AI. Four rules hold here.

1. Off unless an endpoint is named, by `otlp_endpoint` or by OpenTelemetry's own variables.
2. No prompt, answer, path, user or key in a span: what was decided, what served, tokens, time.
   Model names that a client made up are cut short.
3. A span is made once its request has ended, from the times the ledger has, too; the SDK's
   own thread sends it. `traceparent` of the client, where it sent one, is its parent.
4. Only `turnout[otel]` brings what is needed; it is imported where traces are on.
"""

import os
import time
from collections.abc import Mapping
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from router.errors import Misconfigured
from router.types import NAME_LENGTH, Outcome, Plan

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

VARIABLES = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
DISABLED = "OTEL_SDK_DISABLED"
SCOPE = "turnout"
CONTEXT = {"traceparent", "tracestate"}
"""The client's fields that name the span it is in."""
SECOND = 1_000_000_000
"""In nanoseconds, which spans are timed in."""
PROVIDERS = {"local": "llama.cpp", "anthropic": "anthropic", "openai": "openai"}
"""Who answered, in the conventions' words; other providers are named by their model's prefix."""


def is_enabled(endpoint: str, environment: Mapping[str, str] = os.environ) -> bool:
    """Whether the setting, or OpenTelemetry's variables, name an endpoint for traces."""
    if environment.get(DISABLED, "").strip().lower() == "true":
        return False
    return bool(endpoint or any(environment.get(name) for name in VARIABLES))


class Traces:
    """Sends a span for each request; made by `open_traces`."""

    def __init__(self, provider: "TracerProvider", cloud: str) -> None:
        """Take the SDK's provider, and what the cloud speaks (`cloud.dialect`)."""
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        self._provider = provider
        self._tracer = provider.get_tracer(SCOPE, version("turnout"))
        self._parent = TraceContextTextMapPropagator()
        self._cloud = cloud

    def began(self, plan: Plan) -> None:
        """See `router.telemetry.observers.Observer`; nothing is known yet."""

    def finished(self, plan: Plan, outcome: Outcome) -> None:
        """See `router.telemetry.observers.Observer`."""
        if plan.request.operation == "count":
            return
        from opentelemetry.trace import SpanKind, Status, StatusCode

        ended = time.time_ns()
        began = ended - round((outcome.seconds + plan.overhead_s) * SECOND)
        context = {name: value for name, value in plan.request.headers if name in CONTEXT}
        span = self._tracer.start_span(
            f"{_operation(plan)} {plan.request.model[:NAME_LENGTH]}",
            context=self._parent.extract(context),
            kind=SpanKind.CLIENT,
            attributes=self._attributes(plan, outcome),
            start_time=began,
        )
        for attempt in outcome.attempts:
            if attempt.cause:
                span.add_event("turnout.attempt_failed", _attempt_attributes(attempt), timestamp=ended)
        if outcome.end != "complete":
            span.set_attribute("error.type", str(outcome.status))
            span.set_status(Status(StatusCode.ERROR))
        span.end(ended)

    def close(self) -> None:
        """Send what is left; may take as long as the exporter's time limit."""
        self._provider.shutdown()

    def _attributes(self, plan: Plan, outcome: Outcome) -> dict[str, Any]:
        request, usage, decision = plan.request, outcome.usage, plan.decision
        attributes: dict[str, Any] = {
            "gen_ai.operation.name": _operation(plan),
            "gen_ai.provider.name": self._provider_of(outcome),
            "gen_ai.request.model": request.model[:NAME_LENGTH],
            "gen_ai.request.stream": request.stream,
            "gen_ai.response.model": outcome.model[:NAME_LENGTH],
            "gen_ai.usage.input_tokens": usage.prompt,
            "gen_ai.usage.output_tokens": usage.output,
            "gen_ai.usage.cache_read.input_tokens": usage.cache_read,
            "gen_ai.usage.cache_creation.input_tokens": usage.cache_write_5m + usage.cache_write_1h,
            "http.response.status_code": outcome.status,
            "turnout.request.id": request.id,
            "turnout.team": request.account.team,
            "turnout.policy": plan.policy,
            "turnout.rule": decision.rule,
            "turnout.why": decision.why,
            "turnout.track": outcome.track,
            "turnout.decided": decision.track,
            "turnout.held": decision.held,
            "turnout.kind": plan.kind,
            "turnout.client": plan.features.client[:NAME_LENGTH],
            "turnout.overhead_s": plan.overhead_s,
            "turnout.usage_estimated": usage.estimated,
        }
        if plan.features.conversation:
            attributes["gen_ai.conversation.id"] = plan.features.conversation[:NAME_LENGTH]
        if decision.p_local is not None:
            attributes["turnout.p_local"] = decision.p_local
        if outcome.first_byte_s is not None:
            attributes["gen_ai.response.time_to_first_chunk"] = outcome.first_byte_s
        return attributes

    def _provider_of(self, outcome: Outcome) -> str:
        which = "local" if outcome.track == "local" else self._cloud
        return PROVIDERS.get(which) or outcome.model.partition("/")[0]


def _operation(plan: Plan) -> str:
    return "embeddings" if plan.request.operation == "embed" else "chat"


def _attempt_attributes(attempt: Any) -> dict[str, Any]:
    return {
        "turnout.track": attempt.track,
        "turnout.cause": attempt.cause,
        "http.response.status_code": attempt.status,
        "turnout.seconds": attempt.seconds,
    }


def open_traces(endpoint: str, cloud: str) -> Traces | None:
    """Begin to send traces; None where they are not enabled.

    Args:
        endpoint: `otlp_endpoint`: the base URL, without `/v1/traces`; empty for the variables'.
        cloud: What the cloud speaks.

    Raises:
        Misconfigured: they are enabled, and `turnout[otel]` is not installed.
    """
    if not is_enabled(endpoint):
        return None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as missing:
        named = "otlp_endpoint" if endpoint else next(name for name in VARIABLES if os.environ.get(name))
        raise Misconfigured(
            f"{named}: traces need OpenTelemetry, which is not installed ({missing.name}); "
            "install it with `pip install 'turnout[otel]'`, in a clone with `.venv/bin/uv pip install -e "
            f"'.[otel]'`; or leave {named} empty ({DISABLED}=true turns traces off)"
        ) from missing
    named_service = {} if "OTEL_SERVICE_NAME" in os.environ else {"service.name": "turnout"}
    resource = Resource.create({"service.version": version("turnout"), **named_service})
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    exporter = OTLPSpanExporter(endpoint=endpoint.rstrip("/") + "/v1/traces" if endpoint else None)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return Traces(provider, cloud)
