import gzip
import json

import pytest
from typer.testing import CliRunner

from benchmarks.research.late import CUTS, Score, auc_of, held_out, interval, load, markdown
from router.cli.main import app
from router.errors import Misconfigured


@pytest.mark.parametrize(
    ("scores", "positive", "area"),
    [
        ([1, 2, 3, 4], [False, False, True, True], 1.0),
        ([4, 3, 2, 1], [False, False, True, True], 0.0),
        ([1, 1, 1, 1], [False, True, False, True], 0.5),
        ([1, 2, 2, 3], [False, True, False, True], 0.875),
        ([1, 2], [True, True], 0.5),
    ],
)
def test_auc(scores, positive, area):
    assert auc_of(scores, positive) == area


def test_the_interval_holds_the_estimate_and_narrows_with_more_runs():
    scores, positive = [float(at % 7) for at in range(40)], [at % 3 == 0 for at in range(40)]
    low, high = interval(scores, positive)
    assert low < auc_of(scores, positive) < high
    more_low, more_high = interval(scores * 6, positive * 6)
    assert more_high - more_low < high - low
    assert interval(scores, positive) == (low, high)


def test_held_out_scores_find_what_is_there_and_nothing_else():
    positive = [at % 2 == 0 for at in range(60)]
    groups = [f"g{at // 4}" for at in range(60)]
    telling = [[float(value), float(at % 5)] for at, value in enumerate(positive)]
    assert auc_of(held_out(telling, positive, groups), positive) == 1.0
    silent = [[float(at % 5), 1.0] for at in range(60)]
    assert 0.2 < auc_of(held_out(silent, positive, groups), positive) < 0.8


def run(calls: int) -> dict[str, object]:
    messages: list[dict[str, object]] = [{"role": "user", "content": "fix it"}]
    for at in range(calls):
        function = {"name": "bash", "arguments": json.dumps({"command": f"cat d/f{at}.py"})}
        messages += [
            {
                "role": "assistant",
                "content": "",
                "tool_calls": [{"id": f"c{at}", "type": "function", "function": function}],
                "usage": {"prompt_tokens": 1},
            },
            {"role": "tool", "tool_call_id": f"c{at}", "content": "x"},
        ]
    messages.append({"role": "exit", "content": "diff --git a/lib/io/x.py b/lib/io/x.py\n"})
    return {"instance_id": f"r{calls}", "resolved": 1, "messages": messages}


def test_runs_are_read_as_they_stood_at_each_cut(tmp_path):
    path = tmp_path / "runs.jsonl.gz"
    with gzip.open(path, "wt") as lines:
        lines.writelines(json.dumps(run(calls)) + "\n" for calls in (12, 45))
    short, long = load(path)
    assert (short.calls, short.group, short.resolved) == (12, "lib/io", True)
    assert {cut: features.files for cut, features in short.features.items()} == {10: 10}
    assert {cut: features.tool_calls for cut, features in long.features.items()} == dict(
        zip(CUTS, CUTS, strict=True)
    )


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (None, "cannot be read: No such file"),
        ("", "has no run"),
        ("not json\n", "cannot be read"),
        ('{"instance_id": "a", "resolved": true}\n', "row 1: has no messages"),
        ('{"instance_id": 1, "resolved": true, "messages": []}\n', "row 1: `instance_id` is no text"),
        (
            '{"instance_id": "a", "resolved": true, "messages": [3]}\n',
            "row 1: `messages` is no list of messages",
        ),
    ],
)
def test_a_wrong_file_is_refused_by_row(tmp_path, content, named):
    path = tmp_path / "runs.jsonl"
    if content is not None:
        path.write_text(content)
    ran = CliRunner().invoke(app, ["bench", "late", "--runs", str(path)])
    assert isinstance(ran.exception, Misconfigured)
    assert named in str(ran.exception)
    assert str(ran.exception).startswith("--runs: ")


def test_markdown_has_a_row_a_signal_and_a_column_a_cut():
    scores = [
        Score(name=name, cut=cut, runs=9, unresolved=3, auc=0.5, low=0.25, high=0.75)
        for name in ("a", "b")
        for cut in (10, 20)
    ]
    assert markdown(scores) == (
        "| signal | after 10 calls | after 20 calls |\n|---|---|---|\n"
        "| a | 0.50 (0.25-0.75) | 0.50 (0.25-0.75) |\n| b | 0.50 (0.25-0.75) | 0.50 (0.25-0.75) |\n"
    )
