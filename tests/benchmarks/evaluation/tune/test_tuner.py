"""The tuner, on suites whose truth is known and on the recorded ones."""

import contextlib
import hashlib
import json
import sqlite3
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from benchmarks.errors import BenchmarkError
from benchmarks.evaluation.cases import Case, Effort, Suite, System
from benchmarks.evaluation.route import route
from benchmarks.evaluation.tune.candidates import numbers
from benchmarks.evaluation.tune.error_shares import error_shares
from benchmarks.evaluation.tune.picture import draw
from benchmarks.evaluation.tune.report import changes, markdown, paragraphs, sheets, verdict
from benchmarks.evaluation.tune.result import Goal, TuneOptions
from benchmarks.evaluation.tune.sweep import sweep
from benchmarks.evaluation.tune.tuner import tune
from benchmarks.evaluation.wording import percent
from classifiers.features import Features
from classifiers.verdict import Verdict
from policies.load import load, parse
from router.billing.prices import Prices
from router.cli.main import app
from router.errors import Misconfigured
from router.ledger.store import LedgerStore

POLICY = """\
name: mine
params: {min_p: 0.9, most: 3}
rules:
  - {when: "files >= params.most", to: cloud, why: many files}
  - {when: "p_local >= params.min_p", to: local, why: sure}
otherwise: {to: cloud, why: rest}
"""
CALL = Effort(calls=1, prompt=1000, last_prompt=1000, output=500, measured=True)


def suite(tasks, passes, *, name="humaneval", files=lambda at: at % 4):
    """Tasks that the local model is the likelier to do, the surer the classifier is."""
    cases = tuple(
        Case(
            id=f"{name}/{at}",
            suite=name,
            group=f"{name}-{at % 7}",
            features=Features(files=files(at)),
            judged=Verdict(p_local=round(at / tasks, 3), kind="unknown", why=""),
            local=passes(at / tasks),
            cloud=1.0,
            local_effort=CALL,
            cloud_effort=CALL,
        )
        for at in range(tasks)
    )
    local_system = System(name="l", model="l", runs="local")
    cloud_system = System(name="c", model="c", runs="cloud")
    return Suite(
        name=name,
        title=name,
        client="bare",
        local=local_system,
        cloud=cloud_system,
        cases=cases,
        notes=("made up",),
        sources={},
    )


def tune_options(max_loss=None, *, local_share=None, budget_usd=None, by="certified", **options):
    goal = Goal(max_loss=max_loss, local_share=local_share, budget_usd=budget_usd, by=by)
    return TuneOptions(goal=goal, mix={"humaneval": 1.0}, resamples=200, **options)


EASY_HALF = suite(300, lambda sure: float(sure >= 0.5))
POLICY_OF = parse(POLICY, source="mine.yaml")


def test_it_finds_where_the_local_model_stops_to_suffice():
    result = tune(POLICY_OF, [EASY_HALF], tune_options(0.03, only=("min_p",)))
    assert result.chosen is not None
    # Half of the tasks with fewer than three files can be local for nothing.
    assert result.chosen.params["min_p"] == pytest.approx(0.5, abs=0.04)
    assert result.chosen.local_share == pytest.approx(0.375, abs=0.03)
    assert result.chosen.kept.point >= 0.97
    assert result.chosen.saving == pytest.approx(result.chosen.local_share)
    assert result.held_out.loss.point <= 0.03
    (change,) = changes(result)
    assert (change.name, change.old) == ("min_p", 0.9)
    assert "quality kept" in change.why


def test_more_numbers_find_more():
    single = tune(POLICY_OF, [EASY_HALF], tune_options(0.05, only=("min_p",)))
    both = tune(POLICY_OF, [EASY_HALF], tune_options(0.05))
    assert both.chosen.params["most"] == 4
    assert both.chosen.saving > single.chosen.saving


@pytest.mark.parametrize("tasks", [20, 30])
def test_too_few_tasks_certify_nothing_and_it_says_how_many_would_do(tasks):
    result = tune(
        POLICY_OF, [suite(tasks, lambda sure: float(sure >= 0.5))], tune_options(0.01, only=("min_p",))
    )
    assert result.chosen is None
    assert changes(result) == ()
    needed = max(requirement.outcomes["humaneval"] for requirement in result.needed)
    again = suite(needed, lambda sure: float(sure >= 0.5))
    assert tune(POLICY_OF, [again], tune_options(0.01, only=("min_p",))).chosen is not None
    assert "stay as they are" in verdict(result)[0]
    assert f"{needed} humaneval tasks" in " ".join(paragraphs(result))


def test_a_local_model_that_always_fails_is_never_chosen():
    result = tune(POLICY_OF, [suite(300, lambda _: 0.0)], tune_options(0.05))
    share = result.chosen.local_share if result.chosen else 0
    assert share <= 0.05
    hopeless = tune(POLICY_OF, [suite(300, lambda _: 0.0)], tune_options(0.0))
    assert hopeless.chosen is None
    assert all(requirement.outcomes is None for requirement in hopeless.needed)


def test_settings_that_decide_the_same_are_one_and_the_nearest_stands_for_them():
    cases = EASY_HALF.cases[:40]
    weights = np.full(40, 1 / 40)
    swept, left = numbers(POLICY_OF, cases, weights, (), local_context=0)
    assert [param.name for param in swept] == ["min_p", "most"]
    assert left == {}
    grid = sweep(POLICY_OF, cases, swept, weights, lambda p, c: route(p, c).track == "local", local_context=0)
    rows = {setting.local.tobytes() for setting in grid.settings}
    assert len(rows) == len(grid.settings)
    assert dict(grid.settings[grid.own].params) == {"min_p": 0.9, "most": 3}
    for setting in grid.settings:
        candidate = replace(POLICY_OF, params=dict(POLICY_OF.params) | dict(setting.params))
        assert [route(candidate, case).track == "local" for case in cases] == setting.local.tolist()
    for chain in grid.chains:
        shares = [weights @ grid.settings[at].local for at in chain]
        assert shares == sorted(shares)


def test_numbers_that_no_case_speaks_of_are_left_and_it_says_why():
    weights = np.full(len(EASY_HALF.cases), 1 / len(EASY_HALF.cases))
    swept, left = numbers(load("balanced"), EASY_HALF.cases, weights, (50,), local_context=32_768)
    assert {param.name for param in swept} == {"max_files", "min_p_local", "max_turn_calls"}
    assert "no case shows" in left["max_wait_s"]
    assert "--only window" in left["window"]


def test_the_picture_says_it_and_is_the_same_every_time(tmp_path):
    result = tune(POLICY_OF, [EASY_HALF], tune_options(0.03, only=("min_p",)))
    digests = set()
    for name in ("one.svg", "two.svg"):
        draw(result, tmp_path / name)
        digests.add(hashlib.sha256((tmp_path / name).read_bytes()).hexdigest())
    assert len(digests) == 1
    svg = (tmp_path / "one.svg").read_text()
    for text in (
        "of the cloud's quality, for",
        "certified: loses at most",
        "mine as it is",
        "everything local",
        "everything to the cloud",
        "Cost of a task",
        "300 of 300",
    ):
        assert text in svg, text
    draw(result, tmp_path / "one.png")
    with Image.open(tmp_path / "one.png") as picture:
        assert picture.size[0] >= 1000


def test_words_and_tables_agree():
    result = tune(POLICY_OF, [EASY_HALF], tune_options(0.03, only=("min_p",)))
    (sheet,) = sheets(result)
    assert [row[0] for row in sheet.rows if row[0].startswith("chosen")]
    assert all(len(row) == len(sheet.columns) for row in sheet.rows)
    assert all(sentence in markdown(result) for sentence in verdict(result))
    assert "made up" in markdown(result)


def test_what_nothing_certifies_is_chosen_as_measured_and_said_so():
    few = suite(30, lambda sure: float(sure >= 0.5))
    result = tune(POLICY_OF, [few], tune_options(0.03, by="any", only=("min_p",)))
    assert result.basis == "measured"
    assert result.chosen.kept.point >= 0.97
    assert not result.chosen.certified
    chosen, measured, certified = verdict(result)
    assert "as measured and not as certified" in chosen
    assert "Chosen anew without each of 5 folds" in measured
    assert "picked as it was among" in certified
    assert result.picked_loss > result.chosen.certified_loss > 0.03
    (change,) = changes(result)
    assert "as measured and not as certified" in change.why
    assert f"loses at most {100 * result.picked_loss:.1f}%".replace(".0%", "%") in change.why


def test_what_is_certified_goes_first_unless_it_is_to_be_measured():
    certified, measured = (
        tune(POLICY_OF, [EASY_HALF], tune_options(0.05, by=by)) for by in ("any", "measured")
    )
    assert (certified.basis, measured.basis) == ("certified", "measured")
    assert measured.chosen.saving >= certified.chosen.saving


@pytest.mark.parametrize("share", [0.1, 0.25, 0.4])
def test_a_local_share_is_reached_and_little_more(share):
    result = tune(POLICY_OF, [EASY_HALF], tune_options(local_share=share, by="any"))
    assert share <= result.chosen.local_share <= share + 0.06
    assert result.basis == "share"
    assert result.picked_among == 1
    assert "picked as it was" not in verdict(result)[2]


@pytest.mark.parametrize("by", ["any", "certified", "measured"])
@pytest.mark.parametrize("max_loss", [None, 0.05])
@pytest.mark.parametrize("local_share", [None, 0.2])
@pytest.mark.parametrize("budget_usd", [None, 0.1])
def test_what_a_goal_may_state_shares_the_allowed_error(max_loss, local_share, budget_usd, by):
    goal = Goal(max_loss=max_loss, local_share=local_share, budget_usd=budget_usd, by=by)
    shares = error_shares(goal)
    assert shares.tested + shares.picked + shares.own == pytest.approx(1)
    assert shares.own > 0
    assert (shares.tested > 0) == (goal.by_loss and by != "measured")
    assert (shares.picked > 0) == (by != "certified" or not goal.by_loss)


def test_a_share_beside_a_budget_pays_for_the_picking_by_costs():
    """What a task costs, outcomes say, too: it is not the share alone that decides."""
    both = tune(POLICY_OF, [EASY_HALF], tune_options(local_share=0.25, budget_usd=1.0, by="any"))
    alone = tune(POLICY_OF, [EASY_HALF], tune_options(local_share=0.25, by="any"))
    assert both.chosen.params == alone.chosen.params
    assert (both.basis, both.picked_among, alone.picked_among) == ("share", both.settings - 1, 1)
    assert both.picked_loss > alone.picked_loss > alone.chosen.certified_loss
    assert f"picked as it was among {both.picked_among} settings" in verdict(both)[2]


def test_the_policys_own_numbers_share_the_error_with_the_chosen_ones():
    policy = parse(POLICY.replace("min_p: 0.9", "min_p: 0.5"), source="mine.yaml")
    beside = tune(policy, [EASY_HALF], tune_options(local_share=0.1, by="any"))
    assert beside.chosen != beside.own
    assert beside.own_loss > beside.own.certified_loss
    assert f"{percent(beside.own_loss)} of the cloud's quality" in next(iter(paragraphs(beside)))
    alone = tune(policy, [EASY_HALF], tune_options(local_share=beside.own.local_share, by="any"))
    assert alone.chosen == alone.own
    assert alone.picked_loss == alone.own_loss == alone.own.certified_loss
    # Chosen by outcomes, they might not have been.
    picked = tune(policy, [EASY_HALF], tune_options(0.03, by="measured", only=("most",)))
    assert picked.own_loss > picked.own.certified_loss


def test_a_budget_is_kept_with_the_least_loss():
    every = tune(POLICY_OF, [EASY_HALF], tune_options(local_share=0.0, by="any"))
    cloud = next(point for point in every.baselines if point.name == "always-cloud").usd
    for budget in (0.7 * cloud, 0.5 * cloud):
        result = tune(POLICY_OF, [EASY_HALF], tune_options(budget_usd=budget, by="any"))
        assert result.chosen.usd <= budget + 1e-9
        for _share, kept, saving in result.others:
            assert (1 - saving) * cloud > budget or kept <= max(result.chosen.kept.point, 1) + 1e-3
    loose = tune(POLICY_OF, [EASY_HALF], tune_options(budget_usd=2 * cloud, by="any"))
    assert loose.chosen.kept.point == pytest.approx(1, abs=1e-3)
    assert loose.chosen.saving > 0.3


@pytest.mark.parametrize(
    ("goal", "remedy"),
    [
        ({"local_share": 0.99}, "--local-share "),
        ({"budget_usd": 0.0001}, "--budget-usd "),
        ({"max_loss": 0.0, "by": "measured"}, "--max-quality-loss "),
    ],
)
def test_what_no_setting_does_is_said_with_what_the_nearest_does(goal, remedy):
    world = suite(100, lambda sure: 0.9 * float(sure >= 0.5))
    result = tune(POLICY_OF, [world], tune_options(only=("min_p",), **{"by": "any", **goal}))
    assert result.chosen is None
    said = verdict(result)[0]
    assert remedy in said
    value = float(said.partition(remedy)[2].split()[0])
    name = {"--local-share ": "local_share", "--budget-usd ": "budget_usd"}.get(remedy, "max_loss")
    again = tune(POLICY_OF, [world], tune_options(only=("min_p",), **{"by": "any", **goal, name: value}))
    assert again.chosen is not None


def test_a_certified_loss_covers_the_truth():
    """Worlds whose truth is known: the stated bound of one setting is broken in few of them."""
    dice, broken = np.random.default_rng(1), 0
    policy = parse(POLICY.replace("min_p: 0.9", "min_p: 0.5").replace("most: 3", "most: 9"), source="m.yaml")
    for _ in range(60):
        passes = dice.random(120) < 0.8
        world = suite(120, lambda sure, passes=passes: float(passes[round(sure * 120)]))
        own = tune(policy, [world], tune_options(0.2, only=("most",))).own
        # In truth the local half loses a fifth.
        broken += own.certified_loss is not None and own.certified_loss < 0.2 * own.local_share
    assert broken <= 0.05 * 60 + 3


def turnout(*words):
    return CliRunner().invoke(app, ["policy", "tune", *map(str, words)])


def test_the_command_says_plainly_that_nothing_is_certified(tmp_path):
    out = tmp_path / "tuned.yaml"
    ran = turnout("balanced", "--only", "min_p_local", "--by", "certified", "--json", "--out", out)
    assert ran.exit_code == 1, ran.output
    payload = json.loads(ran.stdout)
    assert payload["chosen"] is None
    assert payload["changes"] == []
    assert [sample["outcomes"] for sample in payload["samples"]] == [29, 500]
    assert not out.exists()


def test_the_command_writes_a_policy_that_loads(tmp_path):
    words = ("--max-quality-loss", "0.1", "--mix", "humaneval=1,mbpp=3,swebench=4", "--only", "min_p_local")
    ran = turnout("balanced", *words, "--out", tmp_path / "tuned.yaml", "--picture", tmp_path / "curve.svg")
    assert ran.exit_code == 0, ran.output
    tuned, own = load(tmp_path / "tuned.yaml"), load("balanced")
    changed = {name for name, value in tuned.params.items() if value != own.params[name]}
    assert changed <= {"min_p_local"}
    assert "everything to the cloud" in (tmp_path / "curve.svg").read_text()


@pytest.mark.parametrize(
    ("name", "goal"),
    [
        ("balanced", ("--max-quality-loss", 0.05)),
        ("balanced", ("--budget-usd", 0.2)),
        ("local-first", ("--max-quality-loss", 0.05)),
        ("quality-first", ("--local-share", 0.4)),
    ],
)
def test_every_goal_gives_a_policy_that_loads_and_the_verdict_first(name, goal, tmp_path):
    ran = turnout(name, *goal, "--out", tmp_path / "tuned.yaml")
    assert ran.exit_code == 0, ran.output
    chosen, measured, certified, *_ = ran.stdout.splitlines()
    assert chosen.startswith("Chosen: ")
    assert measured.startswith("Measured: ")
    assert certified.startswith("Certified with 95% confidence: loses at most ")
    assert load(tmp_path / "tuned.yaml").params.keys() == load(name).params.keys()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--only", "nope"), "has no params.nope"),
        (("--picture", "x.gif"), "must end in .svg or .png"),
        (("--picture", "no/x.svg"), "there is no folder no"),
        (("--markdown", "no/x.md"), "there is no folder no"),
        (("--mix", "other=1"), "is no suite with its share"),
        (("--price-model", "nobody-knows"), "no price is known"),
    ],
)
def test_what_it_is_told_wrong_it_says_with_the_remedy(words, message):
    ran = turnout("balanced", *words)
    assert isinstance(ran.exception, Misconfigured)
    assert message in str(ran.exception)


def test_the_mix_can_come_from_a_ledger(tmp_path):
    ledger = tmp_path / "ledger.db"
    words = ("balanced", "--mix", "ledger", "--ledger", ledger, "--only", "min_p_local", "--json")
    assert "holds 0 user turns" in str(turnout(*words).exception)
    LedgerStore.open(ledger, prices=Prices(), write=False).close()
    columns = "id, begun_at, team, operation, kind, conversation, turns, work"
    insert = f"insert into requests ({columns}) values (?, ?, ?, ?, ?, ?, ?, ?)"
    with contextlib.closing(sqlite3.connect(ledger)) as database, database:
        for turn in range(40):
            work = "crosses-files" if turn % 4 == 0 else "self-contained"
            row = (f"r{turn}", float(turn), "web", "generate", "agent", f"c{turn // 4}", turn % 4, work)
            database.execute(insert, row)
    payload = json.loads(turnout(*words).stdout)
    assert payload["mix"] == {"humaneval": 0.75, "swebench": 0.25}
    assert "40 user turns of the ledger" in payload["mix_words"]
    assert "holds 0 user turns" in str(turnout(*words, "--team", "other").exception)


def test_a_file_that_is_there_is_not_overwritten(tmp_path):
    mine = tmp_path / "mine.yaml"
    mine.write_text(POLICY)
    assert "is there already" in str(turnout(mine, "--out", mine).exception)
    assert mine.read_text() == POLICY


def without_outcomes(made):
    """The same tasks, of which nobody knows how they come out."""
    return replace(made, cases=tuple(replace(case, local=None, cloud=None) for case in made.cases))


def of_a_cloud_that_fails(made):
    """The same tasks, none of which the cloud passes."""
    return replace(made, cases=tuple(replace(case, cloud=0.0) for case in made.cases))


def test_of_tasks_that_start_local_with_unknown_outcomes_nothing_is_certified(tmp_path):
    result = tune(POLICY_OF, [without_outcomes(suite(40, float))], tune_options(local_share=0.1))
    assert result.own.local_share > 0
    assert (result.chosen, result.own_loss, result.own.certified) == (None, None, False)
    first, _, certified = verdict(result)
    assert first.startswith("No task of humaneval has outcomes of both systems")
    assert certified == "Certified with 95% confidence: nothing."
    assert "nan" not in markdown(result)
    draw(result, tmp_path / "p.svg")
    assert "nan%" not in (tmp_path / "p.svg").read_text()


def test_a_bound_of_0_is_no_word_on_where_tasks_start():
    result = tune(parse(POLICY, source="mine.yaml"), [EASY_HALF], tune_options(local_share=0.1))
    exact = replace(result, picked_loss=0.0)
    assert exact.chosen.local_share > 0
    assert verdict(exact)[2] == "Certified with 95% confidence: loses at most 0% of the cloud's quality."
    assert all("nothing starts local" not in change.why for change in changes(exact))
    never = parse(POLICY.replace("to: local", "to: cloud"), source="mine.yaml")
    still = tune(never, [EASY_HALF], tune_options(local_share=0.1))
    assert verdict(still)[2].endswith("loses nothing, for nothing starts local.")


@pytest.mark.parametrize("goal", [{"max_loss": 0.05}, {"budget_usd": 0.2}])
def test_a_suite_without_outcomes_is_refused_where_they_choose(goal):
    unknown = without_outcomes(suite(40, float, name="mbpp"))
    with pytest.raises(BenchmarkError, match=r"^mbpp has no task with outcomes of both systems.*--outcomes"):
        tune(POLICY_OF, [unknown], replace(tune_options(**goal), mix={"mbpp": 1.0}))
    mixed = replace(tune_options(**goal), mix={"humaneval": 1.0, "mbpp": 1.0})
    with pytest.raises(BenchmarkError, match=r"^mbpp has no task"):
        tune(POLICY_OF, [EASY_HALF, unknown], mixed)


def test_a_share_of_a_mix_with_unknown_outcomes_is_not_chosen():
    unknown = without_outcomes(suite(40, float, name="mbpp"))
    mixed = replace(tune_options(local_share=0.1), mix={"humaneval": 1.0, "mbpp": 1.0})
    result = tune(POLICY_OF, [EASY_HALF, unknown], mixed)
    assert (result.chosen, result.own_loss) == (None, None)
    assert verdict(result)[0].startswith("No task of mbpp has outcomes")


@pytest.mark.parametrize("goal", [{"max_loss": 0.05, "by": "any"}, {"budget_usd": 0.2}, {"local_share": 0.1}])
def test_nothing_is_chosen_where_the_cloud_passes_no_task(goal):
    result = tune(POLICY_OF, [of_a_cloud_that_fails(suite(40, float))], tune_options(**goal))
    assert (result.chosen, result.own_loss, result.needed) == (None, None, ())
    assert verdict(result)[0].startswith("The cloud passes none of the tasks, so no loss is defined")
    assert "nan" not in markdown(result)
    assert "inf" not in markdown(result)


def test_numbers_that_change_nothing_here_are_not_said_to_be_missing():
    same = suite(40, lambda _: 1.0, files=lambda _: 0)
    alike = replace(same, cases=tuple(replace(case, judged=same.cases[-1].judged) for case in same.cases))
    result = tune(POLICY_OF, [alike], tune_options(local_share=0.1))
    assert result.own.params == {}
    assert "none of its numbers that could be tried changes anything here" in verdict(result)[0]
    plain = parse("name: plain\notherwise: {to: local, why: all}\n", source="plain.yaml")
    assert "has no numbers" in verdict(tune(plain, [alike], tune_options(local_share=0.1)))[0]
