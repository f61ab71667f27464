"""Which track routers choose on the same tasks."""

import json
import sys
from dataclasses import asdict, replace
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks.errors import BenchmarkError
from benchmarks.installed import interpreter, version
from benchmarks.research.complexity import HEURISTIC, HEURISTIC_V2
from benchmarks.research.router_scores import best_mapping, map_tiers, score_router, stated_mapping
from benchmarks.research.routers import STRICT, TIER_ROUTERS, TierPeer, run
from benchmarks.research.routers_report import markdown, render
from benchmarks.research.tasks import ASKS, Task, spread_evenly, tasks
from benchmarks.research.tier_routers import TierScore, judge
from benchmarks.research.uncommon_route import UNCOMMON_ROUTE

BENCH = Path(__file__).parents[3] / ".venv-bench"


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """Without a folder of suites and without peers."""
    return run(peers=tmp_path_factory.mktemp("nothing"), every=8)


@pytest.fixture(scope="module")
def figures(alone):
    """The figures of that run: by router, and by suite and right track."""
    return {
        scores.router: {(share.suite, share.track): share.right / share.of for share in scores.shares}
        for scores in alone.standings
    }


def test_turnout_and_the_baselines_need_no_peers(alone, figures):
    assert alone.data is False
    assert [peer.version for peer in alone.peers] == [None, None, None]
    assert list(figures) == [
        "Turnout, rules, p_local >= 0.62",
        "Turnout, learned, p_local >= 0.62",
        f"Turnout, learned, p_local >= {STRICT:g}",
        "longer than 60k tokens",
        "a coin",
    ]
    sizes = {(share.suite, share.track): share.of for share in alone.standings[0].shares}
    assert sizes == {("HumanEval", "local"): 21, ("everyday", "local"): 20, ("everyday", "cloud"): 20}


def test_the_rows_are_what_their_routers_do(figures):
    rules, learned, strict, length, coin = figures.values()
    assert rules["HumanEval", "local"] == 1
    assert learned["everyday", "local"] > rules["everyday", "local"]
    assert strict["everyday", "local"] <= learned["everyday", "local"]
    assert strict["everyday", "cloud"] >= learned["everyday", "cloud"]
    assert strict != learned
    assert (length["everyday", "local"], length["everyday", "cloud"]) == (1, 0)
    assert all(0.2 < share < 0.8 for share in coin.values())


def test_costs_and_curves_stand_where_they_were_measured(alone):
    rules, learned, strict, length, coin = alone.standings
    assert 0 < rules.cpu_ms < learned.cpu_ms == strict.cpu_ms
    assert (length.cpu_ms, coin.cpu_ms) == (None, None)
    assert strict.curves == ()
    (curve,) = learned.curves
    assert (curve.question, curve.of) == ("everyday: self-contained or not", (20, 20))
    assert curve.auc > rules.curves[0].auc
    assert 0.25 < coin.curves[0].auc < 0.75


def test_the_mean_counts_each_column_once(alone):
    scores = alone.standings[0]
    assert scores.mean == pytest.approx(sum(share.right / share.of for share in scores.shares) / 3)
    assert {share.suite for share in scores.shares} < set(ASKS)


def test_the_page_says_what_was_left_out(alone):
    page = markdown(alone)
    assert "Only HumanEval and the everyday asks were compared" in page
    for router in TIER_ROUTERS:
        assert f"{router.name} is not installed" in page
    assert "RouteLLM: it needs PyTorch" in page
    assert "each 8th task only" in page
    assert str(Path.cwd()) not in page + json.dumps(asdict(alone))
    printed = StringIO()
    render(alone, Console(file=printed, width=200))
    assert "Only HumanEval" in printed.getvalue()
    whole = markdown(replace(alone, data=True))
    assert "Only HumanEval" not in whole
    assert "Of each run four requests" in whole
    assert "Asks alone were compared" in markdown(replace(alone, data=True, asks_only=True))


def test_the_page_says_what_ran_and_without_what(alone):
    partly = TierPeer(name="UncommonRoute", version="0.7.21", lacks="its embedding model")
    page = markdown(replace(alone, peers=(TierPeer(name="LiteLLM", version="1.2.3"), partly)))
    assert "LiteLLM 1.2.3 ran as it ships" in page
    assert "UncommonRoute 0.7.21 ran without its embedding model" in page
    assert "not installed" not in page


def _task(right, suite="everyday", content="hi"):
    return Task(suite=suite, right=right, messages=({"role": "user", "content": content},))


def _scores(*tiers):
    return [TierScore(tier=tier, score=0.0, cpu_ms=2.0) for tier in tiers]


def test_tiers_from_complex_are_the_clouds():
    assert stated_mapping(HEURISTIC.tiers) == {"SIMPLE", "MEDIUM"}
    assert stated_mapping(UNCOMMON_ROUTE.tiers) == {"SIMPLE", "MEDIUM"}
    choices = map_tiers(_scores(*HEURISTIC.tiers), stated_mapping(HEURISTIC.tiers))
    assert [choice.track for choice in choices] == ["local", "local", "cloud", "cloud"]


def test_the_best_mapping_is_found_whatever_the_order_of_its_tiers():
    sample = [_task("local"), _task("local"), _task("cloud"), _task("cloud")]
    scores = _scores("COMPLEX", "COMPLEX", "SIMPLE", "REASONING")
    assert best_mapping(HEURISTIC.tiers, sample, scores) == {"COMPLEX"}
    stated, best = (
        score_router("r", sample, map_tiers(scores, local)).mean
        for local in (stated_mapping(HEURISTIC.tiers), best_mapping(HEURISTIC.tiers, sample, scores))
    )
    assert (stated, best) == (0.25, 1.0)


def test_the_best_mapping_looks_at_the_asks_alone():
    sample = [_task("local"), _task("cloud"), *[_task("cloud", suite="agent requests")] * 9]
    scores = _scores("SIMPLE", "MEDIUM", *["SIMPLE"] * 9)
    assert best_mapping(HEURISTIC.tiers, sample, scores) == {"SIMPLE"}


def test_every_suite_has_its_tasks_and_a_right_track(recorded_data):
    small = recorded_data.name == "recorded"
    functions, issues, requests = (8, 18, 32) if small else (974, 500, 178)
    local, cloud = (8, 8) if small else (59, 37)
    counted: dict[tuple[str, str], int] = {}
    for task in tasks(recorded_data):
        counted[task.suite, task.right] = counted.get((task.suite, task.right), 0) + 1
    assert counted.pop(("agent requests", "cloud")) >= requests
    assert counted == {
        ("HumanEval", "local"): 164,
        ("everyday", "local"): 160,
        ("everyday", "cloud"): 160,
        ("validation asks", "local"): local,
        ("validation asks", "cloud"): cloud,
        ("MBPP", "local"): functions,
        ("SWE-bench Verified", "cloud"): issues,
        ("HumanEval, wrapped", "local"): 164,
        ("SWE-bench Verified, wrapped", "cloud"): issues,
    }


def test_a_wrapped_task_keeps_its_words_and_none_of_the_example(recorded_data):
    by_suite = {task.suite: task for task in tasks(recorded_data)}
    for suite in ("HumanEval", "SWE-bench Verified"):
        ask, wrapped = (
            by_suite[suite].messages[0]["content"],
            by_suite[f"{suite}, wrapped"].messages[-1]["content"],
        )
        assert (
            f"<pr_description>\nConsider the following PR description:\n{ask}\n</pr_description>" in wrapped
        )
        assert "RestructuredText" not in wrapped


def test_a_folder_without_the_suites_is_told(tmp_path):
    with pytest.raises(BenchmarkError, match="cannot be read"):
        list(tasks(tmp_path))


EASY = "Hi"
HARD = "First, step by step, reason about and prove the algorithm of this distributed database API."


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("router", TIER_ROUTERS, ids=lambda router: router.name)
def test_a_peer_judges_as_it_ships(router):
    python = interpreter(router.peer, BENCH)
    if not version(router.peer, python):
        pytest.skip("the peers are not installed; `make bench` does")
    judgement = judge(router, [_task("local", content=EASY), _task("cloud", content=HARD * 30)], python)
    easy, hard = judgement.scores
    assert easy.tier == "SIMPLE"
    assert hard.tier in router.tiers
    assert hard.score > easy.score
    assert min(easy.cpu_ms, hard.cpu_ms) > 0
    assert judgement.lacks in ({"", "its embedding model"} if router is UNCOMMON_ROUTE else {""})


PEER = """#!{python}
import json, sys
print("a line of its log")
print(json.dumps({{"lacks": json.loads(sys.argv[4]).get("classifier_type", "settings")}}))
for line in sys.stdin:
    request = json.loads(line)
    tier = "COMPLEX" if request["tools"] else "SIMPLE"
    print(json.dumps({{"tier": tier, "score": len(request["messages"]), "cpu_ms": 1.5}}))
"""


def _program(folder, text):
    program = folder / "python"
    program.write_text(text)
    program.chmod(0o755)
    return program


def test_a_peer_is_given_settings_messages_and_tools(tmp_path):
    python = _program(tmp_path, PEER.format(python=sys.executable))
    sample = [_task("local"), replace(_task("cloud"), tools=({"type": "function"},))]
    judgement = judge(HEURISTIC_V2, sample, python)
    assert judgement.lacks == "heuristic_v2"
    assert [(score.tier, score.score, score.cpu_ms) for score in judgement.scores] == [
        ("SIMPLE", 1, 1.5),
        ("COMPLEX", 1, 1.5),
    ]


@pytest.mark.parametrize(
    "text", ["#!/bin/sh\necho it is broken >&2\nexit 3\n", "#!/bin/sh\necho it is broken >&2\n"]
)
def test_a_peer_that_fails_is_told(tmp_path, text):
    broken = _program(tmp_path, text)
    with pytest.raises(BenchmarkError, match=r"UncommonRoute judged 0 of 1 tasks(.|\n)*it is broken"):
        judge(UNCOMMON_ROUTE, [_task("local")], broken)


def test_evenly_takes_both_ends():
    assert spread_evenly([1, 2, 3], 4) == [1, 2, 3]
    assert spread_evenly(list(range(10)), 4) == [0, 3, 6, 9]
