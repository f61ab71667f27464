"""`--suite FILE`: tasks and outcomes of one's own in `check`, `tune`, `cascade` and `diff`."""

import json

import pytest
from typer.testing import CliRunner

from router.cli.main import app
from router.errors import Misconfigured


@pytest.fixture
def options(tmp_path):
    asks, rows = [], ["task,system,passed,calls,prompt,output,usd"]
    for at in range(20):
        agent = at % 2
        ask = (
            "Fix the bug in the billing module of our repository." if agent else "Write a function that adds."
        )
        asks.append({"id": f"t/{at}", "ask": ask, **({"tools": ["bash"]} if agent else {})})
        rows.append(f"t/{at},mine,{int(at % 4 != 1)},{90 if agent else 1},{900_000 if agent else 300},900,")
        rows.append(
            f"t/{at},theirs,1,{30 if agent else 1},{500_000 if agent else 300},900,{0.4 if agent else 0.01}"
        )
    suite, outcomes = tmp_path / "ours.jsonl", tmp_path / "m.csv"
    suite.write_text("\n".join(map(json.dumps, asks)))
    outcomes.write_text("\n".join(rows))
    return ("--suite", suite, "--outcomes", outcomes, "--local", "mine", "--cloud", "theirs")


def turnout(*words):
    return CliRunner().invoke(app, ["policy", *map(str, words)])


def test_all_four_commands_tell_one_story_of_it(options):
    checked = json.loads(turnout("check", "local-first", *options, "--json").stdout)
    assert checked["mix"] == {"ours": 1.0}
    pool = next(part for part in checked["parts"] if part["name"] == "pool")["standings"][0]
    assert pool["local_share"]["point"] == 1
    # Half are agents' of 90 calls, which are handed over after 80: their failures are the cloud's to mend.
    assert pool["quality"]["point"] == 1
    assert pool["saving"]["point"] < 0
    tuned = json.loads(turnout("tune", "local-first", *options, "--local-share", "0.4", "--json").stdout)
    assert tuned["own"]["kept"] == pytest.approx(pool["quality_kept"])
    assert tuned["own"]["usd"] == pytest.approx(pool["usd_per_task"]["point"])
    result = json.loads(turnout("cascade", "local-first", *options, "--json").stdout)
    row = next(row for row in result["rows"] if row["limit"] == 80)
    assert (row["usd"], row["kept"]) == (
        pytest.approx(pool["usd_per_task"]),
        pytest.approx(pool["quality_kept"]),
    )
    assert result["modelled"] == 0
    difference = json.loads(turnout("diff", "observe", "local-first", *options, "--json").stdout)
    assert difference["usd_after"] == pytest.approx(20 * pool["usd_per_task"]["point"])
    assert difference["usd_before"] == pytest.approx(10 * 0.41)


def test_a_name_that_is_no_suite_and_no_file_is_refused():
    ran = turnout("diff", "balanced", "local-first", "--suite", "humanevl")
    assert isinstance(ran.exception, Misconfigured)
    assert "there is no suite or file 'humanevl'; did you mean 'humaneval'?" in str(ran.exception)


def test_a_mix_may_name_it(options):
    checked = json.loads(
        turnout("check", "balanced", *options, "--mix", "ours=1,swebench=3", "--json").stdout
    )
    assert checked["mix"] == {"ours": 0.25, "swebench": 0.75}


def test_the_verdict_has_the_quality_of_labelled_tasks(options):
    suite = options[1]
    tasks = [json.loads(line) for line in suite.read_text().splitlines()]
    labelled = [task | {"label": "repository" if "tools" in task else "self-contained"} for task in tasks]
    suite.write_text("\n".join(map(json.dumps, labelled)))
    *_, each = turnout("check", "local-first", *options).stdout.splitlines()[:3]
    ours = next(part for part in each.split("; ") if part.startswith("ours: "))
    share, quality, labels = ours.removeprefix("ours: ").split(", ")
    assert share == "100% start local"
    assert quality.startswith("quality kept 100% (")
    assert labels.startswith("50% (")
    assert "quality kept" not in next(part for part in each.split("; ") if part.startswith("Everyday"))


def test_without_a_share_in_the_mix_it_is_shown_with_weight_0_and_a_note(options):
    shown = turnout("check", "balanced", *options, "--mix", "humaneval=1").stdout
    *_, each = shown.splitlines()[:3]
    assert each.endswith(", weight 0 in the mix.")
    assert "ours has a weight of 0 in the mixed traffic" in " ".join(shown.split())
    assert "weight 0 in the mix" not in turnout("check", "balanced", *options).stdout


@pytest.mark.parametrize(
    ("mix", "remedy"),
    [
        ("humaneval=1", "--mix humaneval=1,ours=1"),
        ("humaneval=1,ours=0", "a share above 0, such as --mix ours=1"),
        ("ledger", "--mix humaneval=1,ours=1"),
    ],
)
def test_the_tuner_refuses_a_suite_that_it_would_not_use(options, mix, remedy):
    ran = turnout("tune", "balanced", *options, "--mix", mix)
    assert isinstance(ran.exception, Misconfigured)
    assert str(ran.exception) == (
        f"--suite: ours has no share in --mix {mix}, so none of its tasks would count; give it one, e.g. "
        f"{remedy}, or leave --suite out"
    )


@pytest.fixture
def barred(tmp_path):
    """A policy with a bar on the suite `ours`."""

    def write(bar):
        file = tmp_path / "mine.yaml"
        file.write_text(f"name: mine\notherwise: {{to: local, why: all}}\ncheck: {{{bar}}}\n")
        return file

    return write


def test_bars_may_be_of_it(options, barred):
    bars = {
        "ours_local_share": (">= 0.9", True, "ours_local_share is 1, the bar is >= 0.9"),
        "ours_quality": (">= 0.9", False, "ours_quality is 0.75, the bar is >= 0.9"),
        "ours_quality_low": (">= 0.3", True, ", the bar is >= 0.3"),
        "ours_right": (">= 0.1", False, "ours_right cannot be judged: no task of ours has a label"),
    }
    policy = barred(", ".join(f"{metric}: '{bar}'" for metric, (bar, _, _) in bars.items()))
    ran = turnout("check", policy, *options, "--json")
    assert ran.exit_code == 1, ran.output
    judged = {bar["metric"]: bar for bar in json.loads(ran.stdout)["bars"]}
    for metric, (_, held, words) in bars.items():
        assert (judged[metric]["held"], words in judged[metric]["words"]) == (held, True), judged[metric]


def test_a_bar_of_it_falls_without_it_and_names_the_command(barred, tmp_path):
    policy, report = barred("ours_local_share: '>= 0.9'"), tmp_path / "check.xml"
    ran = turnout("check", policy, "--junit", report)
    assert ran.exit_code == 1
    command = f"`turnout policy check {policy} --suite ours.jsonl`"
    assert f"cannot be judged: no suite ours was given; give its tasks with {command}" in ran.stdout
    assert "cannot be judged" in report.read_text()
