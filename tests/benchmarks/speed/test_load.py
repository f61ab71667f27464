import json
import shutil

import pytest

from benchmarks.speed.bodies import body
from benchmarks.speed.drip import WORD
from benchmarks.speed.load import load, request, stream

GENERATORS = [
    "own",
    pytest.param("wrk", marks=pytest.mark.skipif(not shutil.which("wrk"), reason="wrk is not installed")),
]
GROWING = body("small", "openai_chat", "growing")


@pytest.mark.parametrize("by", GENERATORS)
@pytest.mark.parametrize("connections", [1, 4])
def test_sends_whole_requests_that_never_come_twice(by, connections, serving):
    with serving() as server:
        sample = load(
            request(GROWING, server.port, "k"), server.port, by=by, connections=connections, seconds=0.2
        )
    assert sample.errors == 0
    assert sample.requests > 0
    assert sample.median_ms is not None
    assert {len(body_) for body_ in server.bodies} == {len(GROWING.template)}
    assert len(set(server.bodies)) == len(server.bodies)
    assert json.loads(server.bodies[-1])["model"] == "auto"


@pytest.mark.parametrize("by", GENERATORS)
def test_two_runs_share_no_request(by, serving):
    with serving() as server:
        raw = request(GROWING, server.port, "k")
        load(raw, server.port, by=by, connections=1, seconds=0.1)
        first = set(server.bodies)
        load(raw, server.port, by=by, connections=1, seconds=0.1)
    assert not first & set(server.bodies[len(first) :])


@pytest.mark.parametrize("by", GENERATORS)
@pytest.mark.parametrize("hang_up", [False, True])
def test_counts_answers_that_are_none(by, hang_up, serving):
    with serving(fail_after=3, hang_up=hang_up) as server:
        raw = request(GROWING, server.port, "k")
        sample = load(raw, server.port, by=by, connections=1, seconds=0.2)
    assert sample.errors > 0


def test_an_answer_without_the_word_is_an_error(serving):
    with serving() as server:
        raw = request(GROWING, server.port, "k")
        assert stream(raw, server.port, connections=1, each=2, until=b"no such word").errors == 2
        assert stream(raw, server.port, connections=1, each=2, until=WORD.encode()).errors == 0
