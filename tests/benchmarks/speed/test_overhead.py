import json
from dataclasses import asdict, replace
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks.installed import interpreter, version
from benchmarks.speed.measure import Figure, Row, StreamCost
from benchmarks.speed.overhead import Options, run
from benchmarks.speed.overhead_report import markdown, missed, render


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    """A quick run with Turnout itself, and with peers that are not installed."""
    steps: list[str] = []
    options = Options(
        dialects=("anthropic_messages",),
        bodies=("small",),
        connections=(1,),
        rounds=1,
        seconds=0.3,
        crowd=4,
        events=10,
        by="own",
        environment=tmp_path_factory.mktemp("nothing"),
    )
    measured = run(options, steps.append)
    assert any("switchyard is not installed" in line for line in steps)
    return measured


def test_measures_turnout_beside_the_direct_call(result):
    assert [row.measure for row in result.rows] == ["answer", "first token"]
    for row in result.rows:
        assert [figure.target for figure in row.figures] == ["direct", "turnout"]
        assert all(figure.median_ms > 0 and figure.requests > 0 for figure in row.figures)
    assert result.machine.cores > 0


def test_tells_what_turnout_costs_apart_from_latency(result):
    turnout, switchyard, litellm = result.peers
    assert turnout.version is not None
    assert turnout.startup_s > 0
    assert turnout.start_mb > 10
    assert turnout.loaded_mb > 10
    assert (switchyard.version, switchyard.startup_s, litellm.start_mb) == (None, None, None)


def test_all_streams_at_once_arrive_complete(result):
    assert [(cost.target, cost.crowd_complete) for cost in result.streams] == [("direct", 4), ("turnout", 4)]


def test_is_plain_json_and_a_page_without_paths_or_host(result):
    page = markdown(result) + json.dumps(asdict(result))
    assert "Switchyard is not installed" in page
    assert str(Path.cwd()) not in page
    assert "/tmp" not in page


def test_prints_each_peer(result):
    printed = StringIO()
    render(result, Console(file=printed, width=200))
    assert all(name in printed.getvalue() for name in ("Turnout", "NeMo Switchyard", "Whole answers"))


def figure(target, *, added, ratio=None):
    extremes = {"added_low_ms": added, "added_high_ms": added, "ratio_low": ratio, "ratio_high": ratio}
    return Figure(target=target, median_ms=1, added_ms=added, ratio=ratio, requests=9, **extremes)


def row(**changed):
    values = {
        "measure": "answer",
        "dialect": "openai_chat",
        "body": "agent",
        "bytes": 240_000,
        "mode": "growing",
    }
    return Row(**values | {"connections": 1, "figures": ()} | changed)


def cost(**changed):
    values = {"target": "turnout", "dialect": "openai_chat", "cpu_us_per_event": 20, "crowd": 200}
    return StreamCost(**values | {"crowd_complete": 200, "crowd_first_ms": 9} | changed)


FALLS = [
    ([row(figures=(figure("switchyard", added=4, ratio=0.24),))], [], 0),
    ([row(figures=(figure("switchyard", added=4, ratio=0.26),))], [], 1),
    ([row(figures=(figure("litellm", added=4, ratio=0.9),))], [], 0),
    ([row(figures=(figure("switchyard", added=4, ratio=0.9),), mode="cold")], [], 0),
    ([row(measure="first token", body="small", figures=(figure("turnout", added=1.1),))], [], 1),
    ([row(measure="first token", body="small", figures=(figure("turnout", added=0.9),))], [], 0),
    ([], [cost()], 0),
    ([], [cost(crowd_complete=199)], 1),
    ([], [cost(cpu_us_per_event=51)], 1),
    ([], [cost(cpu_us_per_event=None)], 0),
    ([], [cost(target="litellm", crowd_complete=3)], 0),
]


@pytest.mark.parametrize(("rows", "streams", "fallen"), FALLS)
def test_says_which_bars_fell(result, rows, streams, fallen):
    assert len(missed(replace(result, rows=tuple(rows), streams=tuple(streams), peers=()))) == fallen


def test_a_peer_that_is_not_there_has_no_version(tmp_path):
    assert version("litellm", interpreter("litellm", tmp_path)) is None
