"""The clients and what each must do through the endpoint: the rows and the columns of the page on clients.

A scenario runs a client in the orchard against the scripted upstream, which has a fault or none, and looks
at three things: what the client did, what the upstream got, and how many requests that took. A reaction to a
fault is the client's own affair; that it is the one known, and that its requests stay few, is not.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import assistants
import orchard
import servers
import tinygguf
from assistants import COMMAND, Finished, Name, Place, Program
from servers import Endpoint, Seen, Upstream
from sessions import NEW, OLD, TEST, Step, call, calls, says

ASK = "Apples must not carry the surcharge of 1 any more. Change it in orchard/apples.py."
AGAIN = "Is the surcharge gone?"
DONE, YES = "All done.", "It is gone."
FILE = "orchard/apples.py"
SED = f"sed -i 's/ \\* PRICE + 1/ * PRICE/' {FILE}"
SLOW = {
    "text": "one two three four five six seven eight nine ten " * 20,
    "chunk_delay_s": 0.1,
}
SOON_S = 20
"""What takes a moment, with patience for a busy machine."""
STAYS_S = 6
"""How long a client that gets nothing but broken streams is watched."""
MODEL_PATHS = ("/v1/messages", "/v1/chat/completions")
GEMINI = "/v1beta/models/{model}:streamGenerateContent"
NO_STREAM = "asks for whole answers"

Track = Literal["cloud", "local"]
Start = Callable[..., Program]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reaction:
    """What a client does about one fault, where the next answer is whole."""

    goes_on: bool
    """It asks again and ends well; else it stops, and says why."""
    at_most: int = 2
    """Requests that the turn takes."""
    says: str = ""
    """Stands in what it prints where it stops and does not say why; what the provider said unless given."""


GOES_ON = Reaction(goes_on=True)
STOPS = Reaction(goes_on=False, at_most=1)
RAISES = Reaction(goes_on=False, at_most=1, says="Error")


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A row."""

    name: str
    title: str
    package: str
    """`npm:NAME` or `pypi:NAME`."""
    needs: tuple[Name, ...]
    speaks: str
    """The path of its requests."""
    start: Start
    """Takes a place and an ask; `url`, `model`, and `goes_on` where it resumes."""
    run: str
    """How it is run without a person beside it, in words."""
    edits: Callable[[Path], list[Step]]
    """What the model answers so that it reads, edits and runs a command, given the project."""
    shell: str = ""
    """Its shell, where the tiny model can call it."""
    main: str = ""
    """Stands in the bodies of its main loop's requests alone."""
    ends: Callable[[str], Step] = says
    """The model's answer that ends a turn with a text."""
    whole: bool = False
    """It asks for whole answers, not for streams."""
    starts_late: bool = False
    """It takes seconds of a processor to start: CI sees it edit, `make conformance` does the rest."""
    spare: int = 0
    """Requests for itself (titles, topics, warm-ups) that an ask may take beside its main loop's."""
    reactions: Mapping[str, Reaction] = field(default_factory=dict)
    """By fault; `GOES_ON` unless given."""
    at_most: int = 8
    """Requests within `STAYS_S` where every stream breaks off."""
    absent: Mapping[str, str] = field(default_factory=dict)
    """Scenarios that do not apply, and why."""

    def version(self) -> str:
        return assistants.version_of(self.package)

    def final(self, text: str = DONE) -> Step:
        return {**self.ends(text), "when": self.main}


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What a scenario runs in."""

    upstream: Upstream
    endpoint: Endpoint
    folder: Path

    def place(self) -> Place:
        place = Place(home=self.folder / "home", workspace=self.folder / "orchard-shop")
        if not place.home.exists():
            place.home.mkdir(parents=True)
            orchard.plant(place.workspace)
        return place

    def run(self, client: Client, ask: str = ASK, *, model: Track = "cloud", **more: Any) -> Finished:
        program = client.start(self.place(), ask, url=self.endpoint.url, model=model, **more)
        return assistants.run(program, deadline_s=100)

    def asked(self) -> list[Seen]:
        """The model calls that the upstream got."""
        return [seen for seen in self.upstream.seen() if seen.method == "POST" and seen.path in MODEL_PATHS]

    def own(self, client: Client) -> list[Seen]:
        """Those of the client's main loop."""
        return [seen for seen in self.asked() if client.main in json.dumps(seen.body)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A cell."""

    words: str
    requests: int


def ended_well(finished: Finished, text: str = DONE) -> None:
    assert finished.code == 0, finished
    assert text in finished.out, finished


def few(client: Client, world: World, *, at_most: int) -> list[Seen]:
    """What its main loop asked: not more than this, and little beside it."""
    own = world.own(client)
    assert len(own) <= at_most, len(own)
    assert len(world.asked()) - len(own) <= client.spare, len(world.asked())
    return own


def edits(client: Client, world: World, *, track: Track, path: str) -> Measured:
    """It reads a file, edits it and runs a command, each by its own tools, and ends."""
    place = world.place()
    steps = client.edits(place.workspace)
    world.upstream.play(*({**step, "when": client.main} for step in steps), client.final())
    ended_well(world.run(client, model=track))
    source = (place.workspace / FILE).read_text()
    assert NEW in source, source
    assert OLD not in source, source
    own = few(client, world, at_most=len(steps) + 1)
    assert len(own) == len(steps) + 1, len(own)
    assert (paths := {seen.path for seen in own}) == {path}, paths
    assert (ends := {seen.end for seen in world.asked()}) == {"sent"}, ends
    assert place.made == "proof", place.made
    return Measured(words="reads, edits, runs", requests=len(own))


def tiny(client: Client, world: World) -> Measured:
    """The same with a model file of the engine's: one call of its shell, then words."""
    began = time.time()
    finished = world.run(client, model="local")
    ended_well(finished, tinygguf.SAYS)
    assert world.place().made == "proof"
    assert world.upstream.seen() == []
    rows = world.endpoint.rows(2, since=began)
    assert {(row["served_track"], row["status"]) for row in rows} == {("local", 200)}
    assert len(rows) <= 2 + client.spare, rows
    return Measured(words="runs", requests=len(rows))


def resumes(client: Client, world: World) -> Measured:
    """Its second ask goes on from the first, which the model gets to see."""
    world.upstream.play(client.final())
    ended_well(world.run(client))
    (_,) = few(client, world, at_most=1)
    world.upstream.play(client.final(YES))
    ended_well(world.run(client, AGAIN, goes_on=True), YES)
    (second,) = few(client, world, at_most=1)
    body = json.dumps(second.body)
    assert ASK in body, body
    assert AGAIN in body, body
    return Measured(words="goes on", requests=2)


def interrupted(client: Client, world: World) -> Measured:
    """Ctrl-C in the middle of an answer ends the client, the upstream's answer, and the row."""
    began = time.time()
    slow = {**SLOW, "delay_s": SOON_S} if client.whole else SLOW
    world.upstream.play({**slow, "when": client.main, "times": 2})
    program = client.start(world.place(), ASK, url=world.endpoint.url, model="cloud")
    with assistants.started(program) as process:
        servers.wait_for(lambda: open_ones(world), what="the main request")
        time.sleep(0.5)
        os.killpg(process.pid, signal.SIGINT)
        process.communicate(timeout=SOON_S)
        servers.wait_for(lambda: not open_ones(world), deadline_s=SOON_S, what="the upstream to be left")
    (own,) = few(client, world, at_most=1)
    assert own.end == "hung_up", own.end
    rows = world.endpoint.rows(len(world.asked()), since=began)
    assert "client_left" in (ends := {row["end"] for row in rows}), ends
    return Measured(words="stops", requests=1)


def open_ones(world: World) -> list[Seen]:
    return [seen for seen in world.asked() if seen.end == "open"]


FAULTY = {"text": "one two three four five six seven eight nine ten", "after_events": 8}
WHY = "the orchard is closed"
FAULTS: dict[str, Step] = {
    "cut": {**FAULTY, "fault": "cut"},
    "error event": {**FAULTY, "fault": "error_event", "message": WHY},
    "429": {"fault": "status", "status": 429, "retry_after": 1, "message": WHY},
    "529": {"fault": "status", "status": 529, "retry_after": 1, "message": WHY},
}


def fault(client: Client, world: World, *, name: str) -> Measured:
    """One answer has a fault, and the next ones are whole."""
    reaction = client.reactions.get(name, GOES_ON)
    world.upstream.play({**FAULTS[name], "when": client.main}, {**client.final(), "times": 9})
    finished = world.run(client)
    own = few(client, world, at_most=reaction.at_most)
    if reaction.goes_on:
        ended_well(finished)
        assert len(own) >= 2, len(own)
        return Measured(words="goes on", requests=len(own))
    assert DONE not in finished.out, finished
    assert (reaction.says or WHY) in finished.out + finished.err, finished
    return Measured(words="stops with an error" if reaction.says else "stops and says why", requests=len(own))


def stays(client: Client, world: World) -> Measured:
    """Every stream breaks off: the client gives up, or asks again at its leisure."""
    world.upstream.play({**FAULTS["cut"], "times": 999})
    program = client.start(world.place(), ASK, url=world.endpoint.url, model="cloud")
    with assistants.started(program) as process:
        servers.wait_for(lambda: world.own(client), what="the first request")
        try:
            process.communicate(timeout=STAYS_S)
            words = "gives up"
        except subprocess.TimeoutExpired:
            words = f"asks again, within {STAYS_S} s"
    own = world.own(client)
    assert 1 <= len(own) <= client.at_most, len(own)
    return Measured(words=words, requests=len(own))


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A column."""

    name: str
    title: str
    measure: Callable[[Client, World], Measured]
    endpoint: str = "fast_endpoint"
    """The fixture: `fast_endpoint`, `openai_endpoint`, or `tiny_endpoint`, which wants the shell's name."""


SCENARIOS = (
    Scenario(
        name="edit",
        title="edits by its tools: Claude's format",
        measure=partial(edits, track="cloud", path="/v1/messages"),
    ),
    Scenario(
        name="edit-openai",
        title="the same: an OpenAI-compatible provider",
        measure=partial(edits, track="cloud", path="/v1/chat/completions"),
        endpoint="openai_endpoint",
    ),
    Scenario(
        name="edit-local",
        title="the same: a chat-only local server",
        measure=partial(edits, track="local", path="/v1/chat/completions"),
    ),
    Scenario(name="gguf", title="a GGUF in the engine", measure=tiny, endpoint="tiny_endpoint"),
    Scenario(name="resume", title="resumes a session", measure=resumes),
    Scenario(name="interrupt", title="Ctrl-C", measure=interrupted),
    *(
        Scenario(name=name.replace(" ", "-"), title=title, measure=partial(fault, name=name))
        for name, title in {
            "cut": "a stream is cut",
            "error event": "an error in the stream",
            "429": "429, retry-after 1",
            "529": "529, retry-after 1",
        }.items()
    ),
    Scenario(name="stays", title="every stream is cut", measure=stays),
)


def _claude_edits(at: Path) -> list[Step]:
    path = str(at / FILE)
    return [
        calls(call("Read", file_path=path)),
        calls(call("Edit", file_path=path, old_string=OLD, new_string=NEW)),
        calls(call("Bash", command=COMMAND, description="Prove it")),
    ]


def _continue_edits(at: Path) -> list[Step]:
    return [
        calls(call("Read", filepath=str(at / FILE))),
        calls(call("Edit", file_path=str(at / FILE), old_string=OLD, new_string=NEW)),
        calls(call("Bash", command=COMMAND)),
    ]


def _opencode_edits(at: Path) -> list[Step]:
    path = str(at / FILE)
    return [
        calls(call("read", filePath=path)),
        calls(call("edit", filePath=path, oldString=OLD, newString=NEW)),
        calls(call("bash", command=COMMAND, description="Prove it")),
    ]


def _gemini_edits(at: Path) -> list[Step]:
    path = str(at / FILE)
    change = {"instruction": "Drop the surcharge.", "old_string": OLD, "new_string": NEW}
    return [
        calls(call("read_file", file_path=path)),
        calls(call("replace", file_path=path, **change)),
        calls(call("run_shell_command", command=COMMAND)),
    ]


def _pi_edits(at: Path) -> list[Step]:
    return [
        calls(call("read", path=str(at / FILE))),
        calls(call("edit", path=str(at / FILE), edits=[{"oldText": OLD, "newText": NEW}])),
        calls(call("bash", command=COMMAND)),
    ]


def _grok_edits(at: Path) -> list[Step]:
    del at
    return [
        calls(call("view_file", path=FILE)),
        calls(call("str_replace_editor", path=FILE, old_str=OLD, new_str=NEW)),
        calls(call("bash", command=COMMAND)),
    ]


def _shell_edits(name: str, argument: str = "command") -> Callable[[Path], list[Step]]:
    """Of a client that edits by its shell alone."""

    def steps(at: Path) -> list[Step]:
        del at
        return [calls(call(name, **{argument: line})) for line in (f"cat {FILE}", SED, COMMAND)]

    return steps


def _aider_edits(at: Path) -> list[Step]:
    """It adds the file that the ask names by itself; another one, a whole file, and a test that fails."""
    source = (at / FILE).read_text().replace(OLD, NEW)
    return [
        says("Please add orchard/pears.py to the chat."),
        says(f"It goes.\n\n{FILE}\n```python\n{source}```\n"),
    ]


def _claude(start: Start, place: Place, ask: str, *, goes_on: bool = False, **more: Any) -> Program:
    flags = ("--continue",) if goes_on else ()
    return start(place, ask, tools="Bash,Read,Write,Edit", flags=flags, **more)


def _submits(text: str) -> Step:
    """How mini-swe-agent's model ends a turn."""
    return calls(call("bash", command=f"echo COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT; echo {text}"))


def _sdk(package: str, place: Place, ask: str, *, url: str, model: str) -> Program:
    script = str(Path(__file__).with_name("sdk_agent.py"))
    return Program(
        argv=(sys.executable, script, package, url, model, ask),
        env=assistants.bare_env(place),
        cwd=place.workspace,
    )


def _js_sdk(package: str, place: Place, ask: str, *, url: str, model: str) -> Program:
    script = str(Path(__file__).with_name("sdk_agent.mjs"))
    return Program(
        argv=("node", script, package, url, model, ask), env=assistants.bare_env(place), cwd=place.workspace
    )


NO_SESSION = {"resume": "keeps no session"}


def _packages() -> Iterator[Client]:
    for package, title, source, speaks in (
        ("openai", "openai, Python", "pypi:openai", "/v1/chat/completions"),
        ("openai-responses", "openai, Python: Responses", "pypi:openai", "/v1/responses"),
        ("anthropic", "anthropic, Python", "pypi:anthropic", "/v1/messages"),
        ("ollama", "ollama, Python", "pypi:ollama", "/api/chat"),
        ("google-genai", "google-genai, Python", "pypi:google-genai", GEMINI),
    ):
        yield _package(f"{package}-py", title, source, speaks, partial(_sdk, package), needs=())
    for package, title, source, speaks in (
        ("openai", "openai, JavaScript", "npm:openai", "/v1/chat/completions"),
        ("anthropic", "@anthropic-ai/sdk", "npm:@anthropic-ai/sdk", "/v1/messages"),
        ("ollama", "ollama, JavaScript", "npm:ollama", "/api/chat"),
        ("google-genai", "@google/genai", "npm:@google/genai", GEMINI),
    ):
        needs: tuple[Name, ...] = ("pi", "ollama", "google-genai")
        yield _package(f"{package}-js", title, source, speaks, partial(_js_sdk, package), needs=needs)


def _package(
    name: str, title: str, source: str, speaks: str, start: Start, *, needs: tuple[Name, ...]
) -> Client:
    tries = STOPS if name.startswith(("ollama", "google-genai")) else GOES_ON
    return Client(
        name=name,
        title=title,
        package=source,
        needs=needs,
        speaks=speaks,
        start=start,
        run="an agent of sixty lines with a shell, on the package",
        edits=_shell_edits("bash"),
        shell="bash",
        reactions={"cut": RAISES, "error event": STOPS, "429": tries, "529": tries},
        at_most=1,
        absent=NO_SESSION,
    )


CLIENTS = (
    Client(
        name="claude-code",
        title="Claude Code",
        package="npm:@anthropic-ai/claude-code",
        needs=("claude-code",),
        speaks="/v1/messages",
        start=partial(_claude, assistants.claude),
        run="`claude -p`",
        edits=_claude_edits,
        shell="Bash",
        main='"ScheduleWakeup"',
    ),
    Client(
        name="claude-code-2.0",
        title="Claude Code, a year old",
        package="npm:claude-code-2.0",
        needs=("claude-code-2.0",),
        speaks="/v1/messages",
        start=partial(_claude, assistants.claude_2_0),
        run="`claude -p`",
        edits=_claude_edits,
        shell="Bash",
        main='"EnterPlanMode"',
        spare=8,
        reactions={"error event": Reaction(goes_on=False, at_most=1, says="error_during_execution")},
    ),
    Client(
        name="codex",
        title="Codex",
        package="npm:@openai/codex",
        needs=("codex",),
        speaks="/v1/responses",
        start=partial(assistants.codex, retries=3),
        run="`codex exec`",
        edits=_shell_edits("exec_command", "cmd"),
        shell="exec_command",
    ),
    Client(
        name="opencode",
        title="opencode",
        package="npm:opencode-ai",
        needs=("opencode",),
        speaks="/v1/chat/completions",
        start=partial(assistants.opencode, attached=""),
        run="`opencode run`",
        edits=_opencode_edits,
        shell="bash",
        main='"todowrite"',
        spare=1,
        starts_late=True,
    ),
    Client(
        name="gemini",
        title="Gemini CLI",
        package="npm:@google/gemini-cli",
        needs=("gemini",),
        speaks=GEMINI,
        start=assistants.gemini,
        run="`gemini -p`",
        edits=_gemini_edits,
        shell="run_shell_command",
        main='"enter_plan_mode"',
        reactions={"cut": replace(STOPS, says="terminated")},
    ),
    Client(
        name="continue",
        title="Continue's `cn`",
        package="npm:@continuedev/cli",
        needs=("continue",),
        speaks="/v1/chat/completions",
        start=assistants.cn,
        run="`cn -p`",
        edits=_continue_edits,
        shell="Bash",
    ),
    Client(
        name="pi",
        title="pi",
        package="npm:@mariozechner/pi-coding-agent",
        needs=("pi",),
        speaks="/v1/chat/completions",
        start=partial(assistants.pi, wire="openai-completions"),
        run="`pi -p`",
        edits=_pi_edits,
        shell="bash",
        reactions={"error event": STOPS},
    ),
    Client(
        name="aider",
        title="aider",
        package="pypi:aider-chat",
        needs=("aider",),
        speaks="/v1/chat/completions",
        start=partial(assistants.aider, tests=f"{COMMAND}; {TEST}"),
        run="`aider --message`",
        edits=_aider_edits,
        starts_late=True,
        absent={**NO_SESSION, "gguf": "has no tools"},
    ),
    Client(
        name="mini-swe-agent",
        title="mini-swe-agent",
        package="pypi:mini-swe-agent",
        needs=("mini-swe-agent",),
        speaks="/v1/chat/completions",
        start=assistants.mini,
        run="`mini -t`",
        edits=_shell_edits("bash"),
        ends=_submits,
        whole=True,
        starts_late=True,
        absent={
            **NO_SESSION,
            "gguf": "ends by a command alone, which the tests' model does not know",
            "error-event": NO_STREAM,
        },
    ),
    Client(
        name="grok-cli",
        title="grok-cli",
        package="npm:@vibe-kit/grok-cli",
        needs=("grok-cli",),
        speaks="/v1/chat/completions",
        start=assistants.grok,
        run="`grok -p`",
        edits=_grok_edits,
        shell="bash",
        whole=True,
        absent={**NO_SESSION, "error-event": NO_STREAM},
    ),
    *_packages(),
)

PROVEN: Mapping[tuple[str, str], str] = {
    ("claude-code", "gguf"): "test_claude_code.py::test_completes_a_tool_loop_on_the_local_track",
    ("claude-code", "429"): "test_claude_code.py::test_waits_as_the_provider_asks",
    ("codex", "gguf"): "test_codex.py::test_completes_a_tool_loop_on_the_local_track",
    ("codex", "resume"): "test_codex.py::test_goes_on_in_a_second_turn",
    ("codex", "cut"): "test_codex.py::test_recovers_from_a_fault_of_the_provider[a cut stream]",
    ("codex", "error-event"): "test_codex.py::test_recovers_from_a_fault_of_the_provider[an error event]",
    ("codex", "429"): "test_codex.py::test_recovers_from_a_fault_of_the_provider[429]",
    ("codex", "529"): "test_codex.py::test_recovers_from_a_fault_of_the_provider[529]",
    ("pi", "gguf"): "test_pi.py::test_completes_a_tool_loop_on_the_local_track[openai-completions]",
}
"""Cells that other tests prove, by the test."""


def cells() -> Iterator[tuple[Client, Scenario]]:
    """The cells that are measured here."""
    for client in CLIENTS:
        for scenario in SCENARIOS:
            if scenario.name not in client.absent and (client.name, scenario.name) not in PROVEN:
                yield client, scenario
