"""Whole sessions of real assistants, read request by request, against a key made by hand.

Each runs in a project of thirty files against the endpoint, with the scripted upstream as both tracks.
The key (`sessions.csv`) has a row for each request: what kind it is, what was done so far, whose words the
ask is, and where `balanced` takes it. What order requests come in that an assistant sends at once, and how
often it warms up, is its own affair: rows are compared as a bag. So is how much of the conversation stands
in a title request that gptme sends beside it: files are not counted there.
"""

import asyncio
import csv
from collections import Counter
from pathlib import Path

import assistants
import orchard
import pytest
from assistants import Place
from recorder import Recorder, Sent, request_of
from servers import Upstream
from sessions import ERRAND, FIRST, SECOND, SESSIONS

from classifiers.features import Features
from router.features.extractor import FeatureExtractor

KEY = Path(__file__).with_name("sessions.csv")
DEADLINE_S = 180
AT_LEAST = 0.98
ASKS = {FIRST: "first", SECOND: "second", f"{FIRST}\n\n{SECOND}": "both", ERRAND: "errand"}
NOBODYS = ("housekeeping", "summary", "guard", "count")
"""Kinds of which the ask is the client's own."""

Row = tuple[str, ...]


def key() -> dict[str, Counter[Row]]:
    """The rows of each session."""
    rows: dict[str, Counter[Row]] = {}
    with KEY.open(encoding="utf-8", newline="") as lines:
        for session, times, *row in list(csv.reader(line for line in lines if not line.startswith("#")))[1:]:
            rows.setdefault(session, Counter())[tuple(row)] += int(times)
    return rows


def row(sent: Sent, features: Features) -> Row:
    ask = "own" if features.kind in NOBODYS else ASKS.get(features.ask, "other")
    counts = (str(features.files), str(features.files_edited))
    numbers = ("", "") if features.kind == "housekeeping" else counts
    return (features.client, features.kind, features.phase, *numbers, ask, sent.track)


async def run(name: str, *, upstream: Upstream, kept: Recorder, folder: Path) -> list[Row]:
    """The rows of one session as they are read."""
    session = SESSIONS[name]
    place = Place(home=folder / "home", workspace=folder / "orchard-shop")
    place.home.mkdir()
    orchard.plant(place.workspace)
    upstream.play(*session.steps(place.workspace))
    programs = session.programs(place, kept.url("run"))
    for program in programs:
        finished = await asyncio.to_thread(assistants.run, program, deadline_s=DEADLINE_S)
        assert finished.code == 0, finished
    reader = FeatureExtractor()
    return [row(sent, reader.read(request_of(sent))) for sent in kept.sent["run"]]


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", SESSIONS)
async def test_each_request_is_read_as_the_key_has_it(
    name: str, running_upstream: Upstream, kept: Recorder, tmp_path: Path
) -> None:
    assistants.need(SESSIONS[name].client)
    rows = await run(name, upstream=running_upstream, kept=kept, folder=tmp_path)
    expected, read = key()[name], Counter(rows)
    right = (expected & read).total()
    print(f"\n{name}: {right} of {expected.total()} requests read as the key has them")  # noqa: T201 - shown with -s
    assert right >= AT_LEAST * max(expected.total(), read.total()), (read - expected, expected - read)


def test_the_key_has_a_row_for_each_session():
    assert key().keys() == SESSIONS.keys()
