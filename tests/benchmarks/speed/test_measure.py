import pytest

from benchmarks.errors import BenchmarkError
from benchmarks.speed import upstream
from benchmarks.speed.bodies import body
from benchmarks.speed.measure import DIRECT, Case, measure, stream_cost
from benchmarks.speed.peers import Target
from benchmarks.speed.process import cpu_s, resident_mb


def case(**changed):
    settings = {
        "measure": "answer",
        "body": body("small", "openai_chat", "growing"),
        "connections": 1,
        "rounds": 2,
        "seconds": 0.1,
        "by": "own",
    }
    return Case(**settings | changed)


def test_figures_of_two_targets(serving):
    with serving() as direct, serving() as turnout, serving() as peer:
        row = measure(
            case(),
            [
                Target(name=DIRECT, port=direct.port),
                Target(name="switchyard", port=peer.port),
            ],
        )
        assert [figure.ratio for figure in row.figures] == [None, None]
        assert turnout.bodies == []
    straight, through = row.figures
    assert (straight.target, through.target) == (DIRECT, "switchyard")
    assert straight.added_ms == straight.added_low_ms == straight.added_high_ms == 0
    assert through.added_low_ms <= through.added_ms <= through.added_high_ms
    assert (row.body, row.bytes, row.connections) == ("small", len(case().body.template), 1)


def test_every_target_gets_the_same_work(serving):
    with serving() as direct, serving() as peer:
        measure(case(), [Target(name=DIRECT, port=direct.port), Target(name="litellm", port=peer.port)])
    assert {len(sent) for sent in direct.bodies} == {len(sent) for sent in peer.bodies}


@pytest.mark.parametrize("hang_up", [False, True])
def test_a_peer_that_begins_to_fail_ends_the_run(hang_up, serving):
    with serving() as direct, serving(fail_after=5, hang_up=hang_up) as peer:
        targets = [Target(name=DIRECT, port=direct.port), Target(name="litellm", port=peer.port)]
        with pytest.raises(BenchmarkError, match=r"litellm: \d+ of \d+ answers were not the upstream's"):
            measure(case(), targets)


def test_first_token_and_crowd_of_the_upstream_itself():
    streamed = body("small", "anthropic_messages", "growing", stream=True, max_tokens=1)
    with upstream.dripping() as port:
        direct = Target(name=DIRECT, port=port)
        row = measure(case(measure="first token", body=streamed), [direct])
        cost = stream_cost(direct, "anthropic_messages", crowd=3, events=10)
    assert row.figures[0].median_ms > 0
    assert (cost.crowd, cost.crowd_complete, cost.cpu_us_per_event) == (3, 3, None)


def test_no_session_has_no_memory_and_no_time():
    assert resident_mb(0) is None
    assert cpu_s(0) is None
