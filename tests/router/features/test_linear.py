"""What a client sends can be long, never slow: CPU of reading stays in proportion to the bytes.

Bounds are on CPU of this thread, a hundred times what the work takes where it is in proportion, so that a
busy machine fails none and a search that is not linear fails all.
"""

import json
import time

import pytest
from long_bodies import CONVERSATIONS

from benchmarks.planner import make_planner
from classifiers.ask_text import condense, signs
from classifiers.unigram import Unigram
from router.features.conversation import MOST_FILES, PathSet
from router.features.extractor import FeatureExtractor
from router.features.relation import goes_on
from router.training.envelopes import model_request

BOUND_S = 3.0
"""The slowest takes 0.3 s; each took from 4 s to minutes where it was not in proportion."""


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_reading_is_linear(name):
    body = json.dumps({"model": "auto", "max_tokens": 9, "messages": CONVERSATIONS[name]}).encode()
    path, query = make_planner(FeatureExtractor()), model_request(body, "anthropic_messages")
    began = time.thread_time()
    plan = path.plan(query)
    assert time.thread_time() - began < BOUND_S
    assert plan.notes == ()


@pytest.mark.parametrize(
    "ask",
    [
        pytest.param("fix" + "\n" * 8_000 + "this?", id="blank lines"),
        pytest.param(" \n" * 4_000, id="blank lines with a space"),
        pytest.param("}\n\n\n" * 2_000, id="braces"),
        pytest.param("a" + "\u0323\u0301" * 4_000, id="accents"),
        pytest.param("a-" * 4_000, id="dashes"),
    ],
)
def test_an_ask_is_put_in_short_in_one_pass(ask):
    tokenizer = Unigram({"a": (1, -1.0)}, unknown=0)
    began = time.thread_time()
    signs(ask)
    tokenizer.encode_ends(condense(ask), 70, 20)
    assert time.thread_time() - began < 0.5


@pytest.mark.parametrize("phrase", ["do it ", "try again ", "fix that ", "go on ", "y,"])
def test_phrases_are_read_in_one_way(phrase):
    began = time.thread_time()
    assert not goes_on((phrase * 40)[:79] + "x", "before")
    assert time.thread_time() - began < 0.05


def test_more_files_than_are_told_apart_count_as_one_more():
    files = PathSet()
    for n in range(MOST_FILES + 500):
        files.add(f"d{n}/a.py")
    assert len(files) == MOST_FILES
    assert files.add("d3/a.py") == 3
    assert files.add("/w/d3/a.py") == 3
    assert files.directories() == MOST_FILES


def test_directories_are_counted_as_the_paths_come():
    files = PathSet()
    for path in ("a.py", "io/b.py", "/w/lib/io/b.py", "/w/lib/c.py", "lib/d.py"):
        files.add(path)
    assert (len(files), files.directories()) == (4, 2)
