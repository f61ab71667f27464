"""Twenty everyday asks through real assistants go where the key has them."""

from collections import Counter
from pathlib import Path

import assistants
import everyday
import pytest
from everyday import CLIENTS, Client
from servers import Endpoint, Upstream

MOST_WRONG = 3
"""Of twenty. The classifier's card has one in seven of those that need nothing go to the cloud."""


@pytest.mark.slow
@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
def test_asks_go_where_a_person_would_send_them(
    client: Client, fast_endpoint: Endpoint, running_upstream: Upstream, tmp_path: Path
) -> None:
    assistants.need(client.name)
    runs = list(everyday.give_all(client, endpoint=fast_endpoint, upstream=running_upstream, folder=tmp_path))
    rows = [row for run in runs for row in run.rows]
    assert {row["status"] for row in rows} == {200}
    assert {row["client"] for row in rows} == {client.name}
    for run in runs:
        assert len(run.work) >= (2 if run.ask.needs == "project" else 1), run
        assert len(run.tracks) == 1, run  # what follows an ask stays on its track
    alone = {run.ask.name: everyday.bare(run.ask, fast_endpoint)["decision"]["track"] for run in runs}
    differently = [run.ask.name for run in runs if run.tracks != (alone[run.ask.name],)]
    assert len(differently) <= 1, differently
    wrong = [(run.ask.name, run.ask.track, run.tracks, run.work[0]["why"]) for run in runs if not run.agrees]
    assert len(wrong) <= MOST_WRONG, wrong


def test_the_key_is_half_of_each_kind_and_a_fifth_of_each_language():
    key = everyday.key()
    assert Counter(ask.needs for ask in key) == {"message": 10, "project": 10}
    assert set(Counter(ask.language for ask in key).values()) == {4}
    assert Counter((ask.language, ask.needs) for ask in key).total() == len({ask.name for ask in key}) == 20
    assert {ask.track for ask in key if ask.needs == "message"} == {"local", "either"}
    assert {ask.track for ask in key if ask.needs == "project"} == {"cloud", "either"}
