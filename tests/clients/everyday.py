"""Twenty everyday asks through real assistants in the orchard, and where each request went.

Each ask is given to each assistant, one at a time. The endpoint has its default settings, and the scripted
upstream is both tracks: it answers an ask that needs nothing but the message at once, and for one that needs
the project it looks into a file first, by the assistant's own tool. The key, `everyday.csv`, was made by hand
before any run. Nothing of an answer counts, only the track.
"""

import csv
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import assistants
import orchard
from assistants import Name, Place, Program
from servers import Endpoint, Upstream, loopback
from sessions import Step, call, calls, says

KEY = Path(__file__).with_name("everyday.csv")
DEADLINE_S = 180
WINDOW = "262144"
"""Of the local track, in tokens: so large that it does not decide."""
MANY = 8
"""More answers than an ask takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A row of the key."""

    name: str
    language: str
    needs: str
    """`message` or `project`."""
    track: str
    """`local`, `cloud` or `either`."""
    ask: str
    reason: str

    def allows(self, track: str) -> bool:
        return self.track in {track, "either"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """An assistant, and how it is made to look into a file."""

    name: Name
    start: Callable[..., Program]
    looks: Callable[[Path], Step]
    """The model's answer that makes it do so, given the project."""
    main: str = ""
    """Stands in the body of its main loop's requests alone."""
    package: str
    """`npm:NAME` or `pypi:NAME`."""

    def version(self) -> str:
        return assistants.version_of(self.package)


PEARS = "orchard/pears.py"
CLIENTS = (
    Client(
        name="claude-code",
        start=assistants.claude,
        looks=lambda at: calls(call("Read", file_path=str(at / PEARS))),
        main='"ScheduleWakeup"',
        package="npm:@anthropic-ai/claude-code",
    ),
    Client(
        name="codex",
        start=assistants.codex,
        looks=lambda _: calls(call("exec_command", cmd=f"cat {PEARS}")),
        package="npm:@openai/codex",
    ),
    Client(
        name="continue",
        start=assistants.cn,
        looks=lambda at: calls(call("Read", filepath=str(at / PEARS))),
        main='"Read"',
        package="npm:@continuedev/cli",
    ),
    # It has no tools: it adds a file that an answer names, and asks again.
    Client(
        name="aider",
        start=assistants.aider,
        looks=lambda _: says(f"Please add {PEARS} to the chat."),
        package="pypi:aider-chat",
    ),
    Client(
        name="opencode",
        start=partial(assistants.opencode, attached=""),
        looks=lambda at: calls(call("read", filePath=str(at / PEARS))),
        main='"todowrite"',
        package="npm:opencode-ai",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """An ask given to an assistant."""

    ask: Ask
    client: str
    rows: tuple[dict[str, Any], ...]
    """Of the ledger, in the order in which they began."""

    @property
    def work(self) -> tuple[dict[str, Any], ...]:
        """The requests of the ask, without those that the assistant makes for itself."""
        return tuple(row for row in self.rows if row["kind"] != "housekeeping")

    @property
    def tracks(self) -> tuple[str, ...]:
        """Each once, in turn."""
        return tuple(dict.fromkeys(row["served_track"] for row in self.work))

    @property
    def agrees(self) -> bool:
        """Would a person have sent all of it there?"""
        return bool(self.work) and all(map(self.ask.allows, self.tracks))


def key() -> list[Ask]:
    with KEY.open(encoding="utf-8", newline="") as lines:
        return [Ask(**row) for row in csv.DictReader(line for line in lines if not line.startswith("#"))]


def give(ask: Ask, client: Client, *, endpoint: Endpoint, upstream: Upstream, folder: Path) -> Run:
    """Run the assistant to its end, in a project of its own.

    Raises:
        subprocess.TimeoutExpired: it did not end.
        AssertionError: it failed.
    """
    place = Place(home=folder / "home", workspace=folder / "orchard-shop")
    place.home.mkdir(parents=True)
    orchard.plant(place.workspace)
    first = [{**client.looks(place.workspace), "when": client.main}] if ask.needs == "project" else []
    upstream.play(*first, says("All done.", when=client.main, times=MANY))
    began = time.time()
    program = client.start(place, ask.ask, url=endpoint.url)
    finished = assistants.run(program, deadline_s=DEADLINE_S)
    assert finished.code == 0, finished
    asked = sum(seen.method == "POST" for seen in upstream.seen())
    assert asked, finished
    rows = endpoint.rows(asked, since=began)
    return Run(ask=ask, client=client.name, rows=tuple(rows))


def give_all(client: Client, *, endpoint: Endpoint, upstream: Upstream, folder: Path) -> Iterator[Run]:
    for ask in key():
        yield give(ask, client, endpoint=endpoint, upstream=upstream, folder=folder / client.name / ask.name)


def bare(ask: Ask, endpoint: Endpoint) -> dict[str, Any]:
    """What the endpoint would do with the ask alone."""
    body = {"model": "auto", "messages": [{"role": "user", "content": ask.ask}]}
    headers = {"x-api-key": "sk-ant-bare"}  # or the local model would stand in for the cloud
    answer = loopback().post(f"{endpoint.url}/v1/route", json=body, headers=headers, timeout=DEADLINE_S)
    answer.raise_for_status()
    told: dict[str, Any] = answer.json()
    return told
