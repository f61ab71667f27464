"""Spans as a collector gets them: real requests, OTLP over HTTP, decoded by OpenTelemetry's own protocol."""

import asyncio
import gzip
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Self

import pytest
from aiohttp import web

from router.errors import Misconfigured
from router.telemetry.tracing import is_enabled, open_traces

pytest.importorskip("opentelemetry.proto.collector.trace.v1.trace_service_pb2", reason="needs turnout[otel]")

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
)

ROOT = Path(__file__).parents[3]
MINE = {"x-api-key": "sk-ant-mine", "anthropic-version": "2023-06-01"}
PARENT = {"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}
SMALL = "Complete this Python function. Answer with code only.\n\ndef add(a, b):\n"


class Collector:
    """Takes what is sent to `/v1/traces`, on a thread of its own."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.url = ""
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),))

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.bodies.append(gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body)
        return web.Response()

    async def _serve(self) -> None:
        app = web.Application()
        app.router.add_post("/v1/traces", self._take)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        self._ready.set()
        await self._stop.wait()
        await runner.cleanup()

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        self._loop.close()

    def spans(self):
        for body in self.bodies:
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                for scope in resource.scope_spans:
                    for span in scope.spans:
                        yield resource.resource, span


def values(attributes):
    """Attributes as a mapping of plain values."""
    return {
        attribute.key: getattr(attribute.value, attribute.value.WhichOneof("value"))
        for attribute in attributes
    }


@pytest.fixture(scope="module")
def exported(start_between, shared_upstream, shared_nearby, play):
    """What a collector has after three calls and a count, the rows of the calls, and the bytes."""
    with Collector() as collector:
        endpoint = start_between(OTLP_ENDPOINT=collector.url)
        play(shared_nearby, {"text": "SECRETANSWER one."}, {"fault": "status", "status": 500})
        play(shared_upstream, {"text": "SECRETANSWER two."}, {"text": "SECRETANSWER three."})
        rows = []
        for model, ask in (
            ("auto", SMALL),
            ("claude-opus-5-5", "Fix the login page of our shop. SECRETPROMPT"),
            ("auto", SMALL + "# SECRETPROMPT"),
        ):
            body = {"model": model, "max_tokens": 50, "messages": [{"role": "user", "content": ask}]}
            parent = PARENT if model == "claude-opus-5-5" else {}
            rows.append(endpoint.row(endpoint.post("/v1/messages", body, headers=MINE | parent)))
        endpoint.post("/v1/messages/count_tokens", {"model": "local", "messages": []}, headers=MINE)
        endpoint.stop()  # sends what is left
        spans = {
            values(span.attributes)["turnout.request.id"]: (resource, span)
            for resource, span in collector.spans()
        }
        yield rows, spans, b"".join(collector.bodies) + endpoint.log.read_bytes()


def test_a_span_for_each_model_call_and_none_for_a_count(exported):
    rows, spans, _ = exported
    assert {row["id"] for row in rows} == set(spans)


def test_what_a_span_says(exported):
    rows, spans, _ = exported
    row = rows[1]
    resource, span = spans[row["id"]]
    assert values(resource.attributes)["service.name"] == "turnout"
    assert span.name == "chat claude-opus-5-5"
    assert span.kind == span.SPAN_KIND_CLIENT
    attributes = values(span.attributes)
    expected = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "anthropic",
        "gen_ai.request.model": "claude-opus-5-5",
        "gen_ai.response.model": row["served_model"],
        "gen_ai.usage.input_tokens": row["input"] + row["cache_read"],
        "gen_ai.usage.output_tokens": row["output"],
        "http.response.status_code": 200,
        "turnout.team": "default",
        "turnout.track": "cloud",
        "turnout.rule": row["rule"],
        "turnout.why": row["why"],
        "turnout.policy": "balanced",
    }
    assert {name: attributes[name] for name in expected} == expected
    assert attributes["gen_ai.response.time_to_first_chunk"] == pytest.approx(row["first_byte_s"])
    took = (span.end_time_unix_nano - span.start_time_unix_nano) / 1e9
    assert took == pytest.approx(row["seconds"] + row["overhead_s"], abs=1e-3)


def test_the_conventions_names_are_the_installed_ones(exported):
    from opentelemetry.semconv._incubating.attributes import gen_ai_attributes

    _, spans, _ = exported
    names = {value for name, value in vars(gen_ai_attributes).items() if name.startswith("GEN_AI_")}
    used = {
        name for _, span in spans.values() for name in values(span.attributes) if name.startswith("gen_ai.")
    }
    assert used <= names
    assert len(used) >= 10


def test_the_clients_span_is_the_parent(exported):
    rows, spans, _ = exported
    _, child = spans[rows[1]["id"]]
    assert child.trace_id.hex() == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert child.parent_span_id.hex() == "00f067aa0ba902b7"
    _, root = spans[rows[0]["id"]]
    assert root.parent_span_id == b""


def test_a_failed_attempt_is_an_event(exported):
    rows, spans, _ = exported
    _, span = spans[rows[2]["id"]]
    (event,) = span.events
    assert event.name == "turnout.attempt_failed"
    assert values(event.attributes)["turnout.cause"] == "local_error"
    attributes = values(span.attributes)
    assert (attributes["turnout.decided"], attributes["turnout.track"]) == ("local", "cloud")


def test_no_prompt_answer_or_key_is_in_it(exported):
    _, spans, sent = exported
    assert len(spans) == 3
    assert b"claude-opus-5-5" in sent
    for secret in (b"SECRETPROMPT", b"SECRETANSWER", b"sk-ant-mine"):
        assert secret not in sent


@pytest.mark.parametrize(
    ("endpoint", "environment", "on"),
    [
        ("", {}, False),
        ("http://c:4318", {}, True),
        ("", {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, True),
        ("", {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c:4318/v1/traces"}, True),
        ("http://c:4318", {"OTEL_SDK_DISABLED": "TRUE"}, False),
    ],
)
def test_when_they_are_enabled(endpoint, environment, on):
    assert is_enabled(endpoint, environment) is on


def test_without_an_endpoint_there_are_none(monkeypatch):
    for name in [name for name in os.environ if name.startswith("OTEL_")]:
        monkeypatch.delenv(name)
    assert open_traces("", "anthropic") is None


def test_without_the_extra_it_says_what_to_install():
    """As where OpenTelemetry is not installed: importing it fails."""
    check = (
        "import sys; sys.modules['opentelemetry'] = None\n"
        "from router.telemetry.tracing import open_traces; from router.errors import Misconfigured\n"
        "try: open_traces('http://127.0.0.1:4318', 'anthropic')\n"
        "except Misconfigured as error: print(error.message)"
    )
    done = subprocess.run([sys.executable, "-c", check], cwd=ROOT, check=True, capture_output=True, text=True)
    assert "otlp_endpoint: traces need OpenTelemetry" in done.stdout
    assert "pip install 'turnout[otel]'" in done.stdout
    assert "uv pip install -e '.[otel]'" in done.stdout
    assert issubclass(Misconfigured, Exception)
