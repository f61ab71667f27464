"""What `/metrics` tells, of real requests, and to whom."""

import json
import re
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from router.accounts.keys import Key, Keyring, digest, mint
from router.app.metrics_auth import MetricsAuth
from router.errors import BadKey
from router.telemetry.metrics import EndpointState, Histogram, Metrics

ROOT = Path(__file__).parents[3]
MINE = {"x-api-key": "sk-ant-mine", "anthropic-version": "2023-06-01"}
SMALL = "Complete this Python function. Answer with code only.\n\ndef add(a, b):\n"


def scrape(endpoint, **headers):
    answer = httpx.get(endpoint.url + "/metrics", headers=headers, timeout=60)
    assert answer.status_code == 200, answer.text
    return answer


def samples(text):
    """`name{labels}` to value, labels in alphabetic order."""
    rows = re.findall(r"^(\w+(?:\{.*\})?) (\S+)$", text, re.MULTILINE)
    return {name: float(value) for name, value in rows}


@pytest.fixture(scope="module")
def endpoint(start_between):
    return start_between()


@pytest.fixture(scope="module")
def scraped(endpoint, shared_upstream, shared_nearby, play):
    """The scrape after three requests: one local, one cloud, one that escalated; and their rows."""

    def ask(model, text):
        body = {"model": model, "max_tokens": 50, "messages": [{"role": "user", "content": text}]}
        return endpoint.row(endpoint.post("/v1/messages", body, headers=MINE))

    play(shared_nearby, {"text": "Said."}, {"fault": "status", "status": 500})
    play(shared_upstream, {"text": "One two three."}, {"text": "Again."})
    rows = [
        ask("auto", SMALL),
        ask("claude-opus-5-5", "Fix the failing tests of our repository: made-up-model-question"),
        ask("auto", SMALL),
    ]
    count = {"model": "a-model-somebody-made-up", "messages": [{"role": "user", "content": "hi"}]}
    endpoint.post("/v1/messages/count_tokens", count, headers=MINE)
    return rows, scrape(endpoint).text


def test_requests_are_counted_by_who_served_and_which_rule(scraped):
    rows, text = scraped
    values = samples(text)
    for row in rows:
        labels = f'rule="{row["rule"]}",status="200",team="default",track="{row["served_track"]}"'
        assert values[f'turnout_requests_total{{end="complete",operation="generate",{labels}}}'] >= 1
    generated = [
        value for name, value in values.items() if 'total{end="complete",operation="generate"' in name
    ]
    assert sum(generated) == 3
    assert values['turnout_escalations_total{cause="local_error"}'] == 1
    assert values['turnout_running{stream="false"}'] == 0
    assert values["turnout_overhead_seconds_count"] == 4
    assert values['turnout_request_seconds_count{track="cloud"}'] == 2
    assert values['turnout_first_token_seconds_bucket{le="+Inf",track="local"}'] == 1


def test_tokens_and_dollars_are_the_ledgers(scraped):
    rows, text = scraped
    values = samples(text)
    for track in ("local", "cloud"):
        mine = [row for row in rows if row["served_track"] == track]
        for kind in ("input", "output", "cache_read"):
            name = f'turnout_tokens_total{{kind="{kind}",team="default",track="{track}"}}'
            assert values[name] == sum(row[kind] for row in mine)
        for ours, theirs in (("cost_usd", "cost"), ("baseline_usd", "baseline"), ("wasted_usd", "wasted")):
            name = f'turnout_{theirs}_usd_total{{team="default",track="{track}"}}'
            assert values[name] == pytest.approx(sum(row[ours] for row in mine))
        saved = sum(row["baseline_usd"] - row["cost_usd"] for row in mine)
        assert values[f'turnout_saved_usd{{team="default",track="{track}"}}'] == pytest.approx(saved)


def test_nothing_that_a_client_made_up_is_a_label(scraped):
    _, text = scraped
    assert "made-up" not in text
    assert "opus" not in text


def test_both_formats_are_spoken(endpoint):
    plain = scrape(endpoint)
    assert plain.headers["content-type"].startswith("text/plain; version=")
    open_metrics = scrape(endpoint, accept="application/openmetrics-text; version=1.0.0")
    assert open_metrics.headers["content-type"].startswith("application/openmetrics-text")
    assert open_metrics.text.endswith("# EOF\n")


def test_the_dashboard_asks_only_for_what_there_is(scraped):
    _, text = scraped
    names = set(re.findall(r"^# TYPE (\w+)", text, re.MULTILINE))
    families = names | {f"{name}{part}" for name in names for part in ("_bucket", "_count", "_sum")}
    dashboard = json.loads((ROOT / "docs" / "grafana.json").read_text())
    expressions = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]
    expressions += [entry["definition"] for entry in dashboard["templating"]["list"] if "definition" in entry]
    assert len(expressions) > 15
    for expression in expressions:
        used = set(re.findall(r"\b(?:turnout|process)_\w+", expression))
        assert used, expression
        assert used <= families, used - families
    panels = [panel["id"] for panel in dashboard["panels"]]
    assert len(panels) == len(set(panels))
    plotted = {name for expression in expressions for name in re.findall(r"turnout_\w+", expression)}
    kinds = {re.sub(r"_(bucket|count|sum)$", "", name) for name in plotted}
    assert names - kinds <= {name for name in names if name.startswith(("process_", "python_"))} | QUIET


QUIET = {"turnout_engine_wait_seconds", "turnout_local_usd_total", "turnout_unpriced_requests_total"}
"""Told, and on no panel of their own."""


def test_every_metric_is_documented(scraped):
    _, text = scraped
    page = (ROOT / "docs" / "metrics.md").read_text()
    for name in re.findall(r"^# TYPE (turnout_\w+)", text, re.MULTILINE):
        assert f"`{name}`" in page, name


def test_who_has_a_token_may_read(start_between):
    guarded = start_between(METRICS_TOKEN="scrape-me-please")
    assert httpx.get(guarded.url + "/metrics").status_code == 401
    wrong = httpx.get(guarded.url + "/metrics", headers={"authorization": "Bearer scrape-me"})
    assert wrong.status_code == 401
    assert "metrics_token" in wrong.json()["error"]["message"]
    scrape(guarded, authorization="Bearer scrape-me-please")


SECRET, STORED = mint()
ADMIN, ADMIN_STORED = mint()
RING = Keyring({
    STORED: Key(team="core", user="ada", id="k1"),
    ADMIN_STORED: Key(team="", user="root", id="k2", admin=True),
})  # fmt: skip


@pytest.mark.parametrize(
    ("gate", "headers", "open_"),
    [
        (MetricsAuth(token="", loopback=True), (), True),
        (MetricsAuth(token="", loopback=True), (("x-forwarded-for", "10.0.0.9"),), False),
        (MetricsAuth(token="", loopback=False), (), False),
        (MetricsAuth(token="", loopback=False), (("authorization", "Bearer "),), False),
        (MetricsAuth(token="", loopback=False), (("authorization", f"Bearer {SECRET}"),), False),
        (MetricsAuth(token="", loopback=False), (("authorization", f"Bearer {ADMIN}"),), True),
        (MetricsAuth(token="t", loopback=False), (("authorization", "Bearer t"),), True),
        (MetricsAuth(token="t", loopback=True), (("authorization", "Bearer tt"),), False),
        (MetricsAuth(token="t", loopback=True), (("x-turnout-key", ADMIN),), True),
    ],
)
def test_who_may_read(gate, headers, open_):
    assert digest(ADMIN) == ADMIN_STORED
    if open_:
        gate.check(headers, RING)
    else:
        with pytest.raises(BadKey):
            gate.check(headers, RING)


def test_a_histogram_counts_what_is_at_or_below_each_bound():
    histogram = Histogram((1, 2))
    for value in (0.5, 1, 1.5, 3):
        histogram.observe(value)
    assert histogram.cumulative() == [("1.0", 2.0), ("2.0", 3.0), ("+Inf", 4.0)]
    assert histogram.total == 6


def test_the_client_library_is_loaded_by_the_first_scrape_and_no_sooner():
    check = (
        "import sys; import router.service; from router.telemetry.metrics import EndpointState, Metrics;"
        "loaded = {'prometheus_client', 'opentelemetry.sdk', 'opentelemetry.exporter'} & set(sys.modules);"
        "Metrics().render(EndpointState(local_up=True, cloud_up=True));"
        "sys.exit(bool(loaded) or 'prometheus_client' not in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", check], cwd=ROOT, check=False).returncode == 0


def test_two_endpoints_in_one_process_share_nothing():
    first, other = Metrics(), Metrics()
    now = EndpointState(local_up=True, cloud_up=False, engine_queue=3)
    assert first.render(now)[0].count(b"turnout_engine_queue 3.0") == 1
    assert (
        other.render(EndpointState(local_up=False, cloud_up=False))[0].count(b"turnout_engine_queue 0.0") == 1
    )
