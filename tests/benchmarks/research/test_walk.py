"""The walk of a request, recorded in the real endpoint."""

from pathlib import Path

from benchmarks.research.walk import KINDS, measure, summarize

ROOT = Path(__file__).parents[3]


def test_a_return_is_a_move_to_a_file_entered_before():
    walk = summarize("any", [["a", "b", "a", "c", "b", "a"], ["a", "b", "a", "c"], ["a", "b", "a", "c", "b"]])
    assert (walk.files, walk.moves, walk.returns) == (3, 4, 1)
    assert walk.path == ("a", "b", "c")


def test_walks_of_the_endpoint():
    walks = measure(ROOT, runs=1)
    assert [walk.request for walk in walks] == [kind.name for kind in KINDS]
    for walk in walks:
        assert walk.path[0].startswith("router/app/")
        assert all((ROOT / file).is_file() for file in walk.path)
        assert walk.returns == walk.moves - walk.files > 0
