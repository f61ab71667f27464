"""What is left when someone goes away: the client, the endpoint, the engine.

All are real processes, and `kill -9` is meant literally.
"""

import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import anthropic
import httpx
import openai
import pytest
import servers
import tinygguf
from assistants import ASK, KEY, Place, Program, claude, pi, started
from servers import Endpoint, Upstream, wait_for

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at processes in /proc")

SLOW = {"text": "one two three four five six seven eight nine ten " * 20, "chunk_delay_s": 0.1}
TICK_S = 1 / os.sysconf("SC_CLK_TCK")
SOON_S = 10
"""What takes a moment, with patience for a busy machine."""

Strike = Callable[[Callable[[], Any]], Any]
Start = Callable[[Place, str], Program]
ASSISTANTS: dict[str, Start] = {
    "Claude Code": lambda place, url: claude(place, ASK, url=url, model="local"),
    "pi, messages": lambda place, url: pi(
        place, ASK, url=url, wire="anthropic-messages", model="local", answer_tokens=30_000
    ),
    "pi, chat": lambda place, url: pi(
        place, ASK, url=url, wire="openai-completions", model="local", answer_tokens=30_000
    ),
}


@pytest.fixture(scope="module")
def endless(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that never ends its answer."""
    return tinygguf.write(tmp_path_factory.mktemp("endless") / "endless.gguf", says="on+and+", again=True)


@pytest.fixture(scope="module")
def endpoint(
    running_upstream: Upstream, endless: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Endpoint]:
    """Everything begins on the local track, and goes to the cloud where that fails."""
    folder = tmp_path_factory.mktemp("crashes")
    with servers.endpoint(
        folder, cloud=running_upstream.url, policy="local-first", local__model=str(endless)
    ) as endpoint:
        yield endpoint


@pytest.fixture
def chat(endpoint: Endpoint) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{endpoint.url}/v1", api_key=KEY, max_retries=0) as client:
        yield client


@pytest.fixture
def messages(endpoint: Endpoint) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=endpoint.url, api_key=KEY, max_retries=0) as client:
        yield client


@pytest.fixture
def plain(request: pytest.FixtureRequest) -> list[dict[str, str]]:
    """A conversation of this test's own, so that no other test's track is kept for it."""
    return [{"role": "user", "content": f"Go on and on, {request.node.name}."}]


def engine_of(endpoint: Endpoint, *, after: int = 0) -> int:
    """The engine's process, the endpoint's only child, once it is ready and another one than `after`."""
    pid = endpoint.process.pid
    children = Path(f"/proc/{pid}/task/{pid}/children")

    def ready() -> int:
        found = [int(child) for child in children.read_text().split()]
        up = len(found) == 1 and found[0] != after and endpoint.health()["local"]["state"] == "ready"
        return found[0] if up else 0

    return wait_for(ready, what="the engine to be ready")


def stat(pid: int) -> list[str]:
    """A process's fields from the third on, the state; see proc(5). Empty where there is none."""
    file = Path(f"/proc/{pid}/stat")
    return file.read_text().rpartition(")")[2].split() if file.exists() else []


def used_s(pid: int) -> float:
    """Processor time a process has used."""
    return sum(int(ticks) for ticks in stat(pid)[11:13]) * TICK_S


def busy(pid: int) -> bool:
    """Whether it computes: more than a tenth of the time of a short look."""
    before = used_s(pid)
    time.sleep(0.3)
    return used_s(pid) - before > 0.03


def read_past(url: str, body: dict[str, object], *, strike: Callable[[], None]) -> None:
    """Stream a Messages answer; strike after some events, then read to the end.

    Raises:
        httpx.RemoteProtocolError: the connection was dropped, and nothing that looks like an end came before.
    """
    asked = {"max_tokens": 30_000, "stream": True, **body}
    headers = {"x-api-key": KEY, "anthropic-version": "2023-06-01"}
    with httpx.stream("POST", f"{url}/v1/messages", json=asked, headers=headers, timeout=60) as answer:
        events = (line for line in answer.iter_lines() if line.startswith("event:"))
        assert "event: content_block_delta" in list(islice(events, 5))
        strike()
        for event in events:
            assert event == "event: content_block_delta"


def gone(pid: int) -> bool:
    return stat(pid)[:1] in ([], ["Z"])


def test_the_engines_load_is_known_while_it_works(
    endpoint: Endpoint, messages: anthropic.Anthropic, plain: list[dict[str, str]]
) -> None:
    with messages.messages.stream(model="local", messages=plain, max_tokens=60_000) as events:
        next(iter(events.text_stream))
        load = wait_for(lambda: (said := endpoint.health()["local"])["running"] and said)
    assert load["prefill_tps"] > 0
    assert load["decode_tps"] > 0
    wait_for(lambda: endpoint.health()["local"]["running"] == 0, what="the slot to be free")


@pytest.mark.parametrize("assistant", ASSISTANTS)
def test_a_cancelled_assistant_stops_the_engine(endpoint: Endpoint, place: Place, assistant: str) -> None:
    began, engine = time.time(), engine_of(endpoint)
    with started(ASSISTANTS[assistant](place, endpoint.url)) as process:
        wait_for(lambda: endpoint.begun(began), what="the request to begin")
        wait_for(lambda: busy(engine), what="the engine to compute")
        process.send_signal(signal.SIGINT)
        (row,) = endpoint.rows(1, since=began)
        wait_for(lambda: not busy(engine), deadline_s=SOON_S, what="the engine to rest")
    assert row["end"] == "client_left"
    assert row["served_track"] == "local"


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/chat/completions"])
@pytest.mark.parametrize("stream", [False, True])
def test_a_hang_up_stops_the_engine_while_it_reads(endpoint: Endpoint, path: str, stream: bool) -> None:
    began, engine = time.time(), engine_of(endpoint)
    long = [{"role": "user", "content": f"{path} {stream} " + "word " * 55_000}]
    asked = {"model": "local", "messages": long, "max_tokens": 9_000, "stream": stream}
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(f"{endpoint.url}{path}", json=asked, timeout=1)
    (row,) = endpoint.rows(1, since=began)
    assert row["end"] == "client_left"
    wait_for(lambda: not busy(engine), deadline_s=SOON_S, what="the engine to rest")


def test_a_hang_up_reaches_the_provider(
    endpoint: Endpoint, upstream: Upstream, messages: anthropic.Anthropic, plain: list[dict[str, str]]
) -> None:
    began = time.time()
    upstream.play(SLOW)
    with messages.messages.stream(model="cloud", messages=plain, max_tokens=500) as events:
        assert len(list(islice(events.text_stream, 3))) == 3
    wait_for(lambda: upstream.seen()[0].end == "hung_up", deadline_s=SOON_S)
    (row,) = endpoint.rows(1, since=began)
    assert (row["served_track"], row["end"], row["usage_estimated"]) == ("cloud", "client_left", 1)
    assert row["input"] > 0


def test_a_killed_endpoint_leaves_its_row_and_no_engine(
    upstream: Upstream, endless: Path, tmp_path: Path, plain: list[dict[str, str]]
) -> None:
    upstream.play(SLOW)
    with servers.endpoint(tmp_path, cloud=upstream.url, local__model=str(endless)) as endpoint:
        engine = engine_of(endpoint)
        with pytest.raises(httpx.RemoteProtocolError, match="peer closed connection"):
            read_past(endpoint.url, {"model": "cloud", "messages": plain}, strike=endpoint.process.kill)
        wait_for(lambda: gone(engine), deadline_s=SOON_S, what="the engine to end with its parent")
    wait_for(lambda: upstream.seen()[0].end == "hung_up", deadline_s=SOON_S)

    with servers.endpoint(tmp_path, cloud=upstream.url, local__model=str(endless)) as endpoint:
        (row,) = endpoint.begun()
    assert (row["track"], row["asked_model"], row["usage_estimated"]) == ("cloud", "cloud", 1)
    assert row["finished_at"] > row["begun_at"]  # what it was cut off from is charged at the next start


def test_a_killed_engine_drops_the_stream_and_comes_back(
    endpoint: Endpoint, upstream: Upstream, messages: anthropic.Anthropic, plain: list[dict[str, str]]
) -> None:
    began, engine = time.time(), engine_of(endpoint)
    with pytest.raises(httpx.RemoteProtocolError, match="peer closed connection"):
        read_past(
            endpoint.url,
            {"model": "auto", "messages": plain},
            strike=partial(os.kill, engine, signal.SIGKILL),
        )
    (row,) = endpoint.rows(1, since=began)
    assert (row["served_track"], row["usage_estimated"]) == ("local", 1)
    assert row["error"]
    assert upstream.seen() == []  # text that is out is never said again by another track

    engine_of(endpoint, after=engine)
    assert endpoint.health()["local"]["restarts"] > 0
    got = messages.messages.create(model="local", messages=plain, max_tokens=3)
    assert got.content[0].text == "on+and+" * 3


@pytest.fixture
def struck(endpoint: Endpoint) -> Iterator[Strike]:
    """Ask, and kill the engine before it says a word."""
    with ThreadPoolExecutor() as threads:

        def strike(ask: Callable[[], Any]) -> Any:
            began, engine = time.time(), engine_of(endpoint)
            os.kill(engine, signal.SIGSTOP)  # it still accepts the request, and does nothing
            asking = threads.submit(ask)
            wait_for(lambda: endpoint.begun(began), what="the request to begin")
            os.kill(engine, signal.SIGKILL)
            try:
                return asking.result(timeout=60)
            finally:
                engine_of(endpoint, after=engine)

        yield strike


def test_another_track_serves_when_the_engine_dies_before_its_first_word(
    upstream: Upstream, messages: anthropic.Anthropic, struck: Strike, plain: list[dict[str, str]]
) -> None:
    upstream.play({"text": "From the cloud."})
    ask = messages.messages.with_raw_response.create
    answer = struck(lambda: ask(model="auto", messages=plain, max_tokens=100))
    assert answer.parse().content[0].text == "From the cloud."
    assert answer.headers["x-turnout-track"] == "cloud"
    assert answer.headers["x-turnout-escalated"]
    assert len(upstream.seen()) == 1


def test_an_error_in_the_dialect_where_no_other_track_may_serve(
    upstream: Upstream,
    messages: anthropic.Anthropic,
    chat: openai.OpenAI,
    struck: Strike,
    plain: list[dict[str, str]],
) -> None:
    with pytest.raises(anthropic.InternalServerError) as caught:
        struck(lambda: messages.messages.create(model="local", messages=plain, max_tokens=100))
    assert caught.value.type == "api_error"
    assert "local model" in caught.value.message
    with pytest.raises(openai.InternalServerError, match="local model"):
        struck(lambda: chat.chat.completions.create(model="local", messages=plain, max_tokens=100))
    assert upstream.seen() == []
