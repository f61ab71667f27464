"""A session of ten turns with Claude Code: what Anthropic gets is what Claude Code sent, byte by byte."""

import asyncio
from base64 import b64decode
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import assistants
import orchard
import pytest
import recorder
import servers
from assistants import Name, Place, Program
from recorder import HOP, Sent
from servers import Endpoint, Upstream
from sessions import Step, call, calls, says

TURNS = 10
CLIENTS: dict[Name, tuple[Callable[..., Program], str, set[str]]] = {
    "claude-code": (
        assistants.claude,
        '"ScheduleWakeup"',
        {"anthropic-beta", "x-claude-code-session-id"},
    ),
    "claude-code-2.0": (assistants.claude_2_0, '"EnterPlanMode"', {"anthropic-beta"}),
}
"""How each version is started, what stands in the bodies of its main loop alone, and fields that it sends."""
OURS = HOP | {"accept-encoding"}
"""Of each connection's own; the answer is read on the way, so it is asked for as it is."""


@pytest.fixture
def plain_endpoint(running_upstream: Upstream, tmp_path: Path) -> Iterator[Endpoint]:
    """Everything goes where the client asks: to Claude, by the name that the client gives."""
    with servers.endpoint(tmp_path, cloud=running_upstream.url, policy="observe") as endpoint:
        yield endpoint


def as_sent(requests: Iterable[Sent]) -> Counter[tuple[object, ...]]:
    return Counter(
        (one.path, one.body, tuple(sorted(field for field in one.headers if field[0] not in OURS)))
        for one in requests
    )


def as_got(upstream: Upstream) -> list[Sent]:
    """The requests with a body, as the upstream got them."""
    return [
        Sent(
            path=row["path"],
            headers=tuple((name.lower(), value) for name, value in row["headers"]),
            body=b64decode(row["body"]),
            track="",
        )
        for row in servers.loopback().get(f"{upstream.url}/_requests").json()
        if row["body"]
    ]


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("client", CLIENTS)
async def test_anthropic_gets_what_claude_code_sent(
    client: Name, plain_endpoint: Endpoint, upstream: Upstream, tmp_path: Path
) -> None:
    assistants.need(client)
    start, main, fields = CLIENTS[client]
    place = Place(home=tmp_path / "home", workspace=tmp_path / "orchard-shop")
    place.home.mkdir()
    orchard.plant(place.workspace)
    upstream.play(*({**step, "when": main} for step in steps(place.workspace)))
    async with recorder.recorder(plain_endpoint.url) as kept:
        for turn in range(TURNS):
            flags = ("--continue",) if turn else ()
            program = start(place, f"Ask {turn}.", url=kept.url("run"), tools="Bash,Read", flags=flags)
            finished = await asyncio.to_thread(assistants.run, program, deadline_s=100)
            assert finished.code == 0, finished
            assert finished.result["result"] == f"Answer {turn}.", finished
    sent, got = kept.sent["run"], as_got(upstream)
    assert as_sent(got) == as_sent(sent)

    loop = [one for one in got if main.encode() in one.body]
    assert len(loop) == 2 * TURNS
    assert all(f"Answer {turn}.".encode() in loop[-1].body for turn in range(TURNS - 1))
    assert all(fields <= dict(one.headers).keys() for one in loop)


def steps(at: Path) -> Iterator[Step]:
    """A tool and an answer in each turn."""
    for turn in range(TURNS):
        fruit = orchard.FRUITS[turn]
        if turn % 2:
            yield calls(call("Bash", command=f"wc -l orchard/{fruit}.py", description="Count"))
        else:
            yield calls(call("Read", file_path=str(at / f"orchard/{fruit}.py")))
        yield says(f"Answer {turn}.")
