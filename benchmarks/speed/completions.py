"""First token of a completion, through the endpoint and from llama.cpp's own server, in one run.

One and the same model file, the same threads and window, one after the other on the same machine: alone,
beside a chat that writes, and beside a chat whose long prompt is being read. The model is the demo model with
three of its tokens named as those around a gap: what it writes is nonsense, and takes as long as sense.
"""

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import aiohttp
import gguf

from benchmarks.errors import BenchmarkError
from benchmarks.machine import Machine, machine
from benchmarks.render import Sheet, table, where
from benchmarks.speed.process import free_port, stopped
from router.engine import catalog
from router.system.subprocesses import module_command

CONTEXT, THREADS = 8192, 2
KEYSTROKES = 8
_START_S = 180.0
_GAP = {"pre": "<jupyter_start>", "suf": "<jupyter_text>", "mid": "<jupyter_code>"}
_LINE = "    total = total + values[{}] * weights[{}]  # the weighted sum so far\n"
_BEFORE = "def mean(values, weights):\n" + "".join(_LINE.format(at, at) for at in range(40)) + "    return "
_AFTER = "\n\n\nprint(mean([1, 2], [3, 4]))\n"
_TYPED = "total / sum(weights)"
_SHARED = "one two three four five six seven eight nine ten "
CASES = ("alone", "beside a chat that writes", "beside a chat whose prompt is read")


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """First tokens of completions in one case, in milliseconds, one for each keystroke."""

    case: str
    turnout_ms: tuple[float, ...]
    llama_ms: tuple[float, ...]

    @property
    def ratio(self) -> float:
        """Ours over theirs, of the medians."""
        return median(self.turnout_ms) / median(self.llama_ms)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a run measured."""

    measured: str
    machine: Machine
    peer: str
    model: str
    keystrokes: int
    timings: tuple[Timing, ...]


def run(llama: Path, progress: Callable[[str], None] = lambda _: None) -> Result:
    """Measure; `llama` is the interpreter of an environment with the package `xllamacpp`.

    Raises:
        BenchmarkError: it has none, or a server did not start.
    """
    query = [str(llama), "-c", "import importlib.metadata as m; print(m.version('xllamacpp'))"]
    version = subprocess.run(query, capture_output=True, text=True, check=False)
    if version.returncode:
        raise BenchmarkError(
            f"{llama} has no package xllamacpp: install it there, with `pip install xllamacpp`"
        )
    with tempfile.TemporaryDirectory(prefix="turnout-bench-") as folder:
        model = write_model(Path(folder) / "completions.gguf")
        ours: dict[str, list[float]] = {case: [] for case in CASES}
        theirs: dict[str, list[float]] = {case: [] for case in CASES}
        for seconds, name, start in ((ours, "turnout", _turnout), (theirs, "llama.cpp's server", _llama)):
            progress(f"starting {name}")
            with start(model, Path(folder), llama) as url:
                asyncio.run(_measure(url, seconds, partial(_tell, progress, name)))
    return Result(
        measured=datetime.now(UTC).date().isoformat(),
        machine=machine(),
        peer=f"llama.cpp's server of xllamacpp {version.stdout.strip()}",
        model=catalog.resolve("").name,
        keystrokes=KEYSTROKES,
        timings=tuple(
            Timing(case=case, turnout_ms=_milliseconds(ours[case]), llama_ms=_milliseconds(theirs[case]))
            for case in CASES
        ),
    )


def _tell(progress: Callable[[str], None], name: str, what: str) -> None:
    progress(f"{name}, {what}")


def _milliseconds(seconds: list[float]) -> tuple[float, ...]:
    return tuple(each * 1000 for each in seconds)


def write_model(path: Path) -> Path:
    """Copy the demo model with the names of the tokens around a gap."""
    demo = gguf.GGUFReader(catalog.resolve("").path)
    writer = gguf.GGUFWriter(path, demo.fields["general.architecture"].contents())
    vocabulary: list[str] = demo.fields["tokenizer.ggml.tokens"].contents()
    for name, field in demo.fields.items():
        if not name.startswith("GGUF.") and name != "general.architecture":
            element = field.types[1] if len(field.types) > 1 else None
            writer.add_key_value(name, field.contents(), field.types[0], sub_type=element)
    for part, text in _GAP.items():
        writer.add_uint32(f"tokenizer.ggml.fim_{part}_token_id", vocabulary.index(text))
    for tensor in demo.tensors:
        writer.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@contextmanager
def _turnout(model: Path, folder: Path, _: Path) -> Iterator[str]:
    port = free_port()
    settings = {
        "listen": f"127.0.0.1:{port}",
        "policy": "private",
        "ledger": str(folder / "ledger.db"),
        "local": {"model": str(model), "context": CONTEXT, "threads": THREADS, "gpu_layers": 0},
    }
    file = folder / "turnout.yaml"
    file.write_text(json.dumps(settings))
    with _process([*module_command("router.cli.main"), "serve", "--config", str(file)], folder):
        url = f"http://127.0.0.1:{port}"
        asyncio.run(_wait(f"{url}/ready"))
        yield url


@contextmanager
def _llama(model: Path, folder: Path, python: Path) -> Iterator[str]:
    port = free_port()
    script = Path(__file__).with_name("llama_server.py")
    # A chat and a completion at once, as our engine does by default.
    counts = (port, CONTEXT, THREADS, 2)
    with _process([str(python), "-I", str(script), str(model), *map(str, counts)], folder):
        url = f"http://127.0.0.1:{port}"
        asyncio.run(_wait(f"{url}/health"))
        yield url


@contextmanager
def _process(command: list[str], folder: Path) -> Iterator[None]:
    with (
        (folder / "printed").open("wb") as printed,
        subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=printed,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as process,
        stopped(process),
    ):
        yield


async def _wait(url: str) -> None:
    deadline = time.monotonic() + _START_S
    async with aiohttp.ClientSession() as session:
        while time.monotonic() < deadline:
            try:
                async with session.get(url) as answer:
                    if answer.ok:
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.1)
    raise BenchmarkError(f"{url} was not ready within {_START_S:.0f} s")


async def _measure(url: str, seconds: Mapping[str, list[float]], progress: Callable[[str], None]) -> None:
    # A connection each, on both sides: llama.cpp's server closes one after a stream.
    connector = aiohttp.TCPConnector(force_close=True)
    timeout = aiohttp.ClientTimeout(total=600)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        await _complete(session, url, _BEFORE)  # what an editor asked for before, in the same file
        for number, (case, times) in enumerate(seconds.items()):
            progress(case)
            async with _chat(session, url, number):
                for at in range(KEYSTROKES):
                    times.append(await _complete(session, url, f"{_BEFORE}{_TYPED[: at + 1]}"))
                    progress(f"{case}: {times[-1] * 1000:.0f} ms")


async def _complete(session: aiohttp.ClientSession, url: str, before: str) -> float:
    """Ask for a completion; seconds until its first token."""
    body = {"input_prefix": before, "input_suffix": _AFTER, "n_predict": 8, "stream": True, "temperature": 0}
    began = time.perf_counter()
    first = 0.0
    async with session.post(f"{url}/infill", json=body) as answer:
        answer.raise_for_status()
        async for line in answer.content:
            if not first and line.startswith(b"data: "):
                first = time.perf_counter() - began
    return first


@asynccontextmanager
async def _chat(session: aiohttp.ClientSession, url: str, case: int) -> AsyncIterator[None]:
    """A chat under way for as long as the block lasts: none, one that writes, or one that is being read."""
    if not case:
        yield
        return
    reading = case == CASES.index("beside a chat whose prompt is read")
    task = asyncio.ensure_future(_talk(session, url, reading=reading, begun=(begun := asyncio.Event())))
    # One that fails never begins.
    started = asyncio.ensure_future(asyncio.sleep(1) if reading else begun.wait())
    await asyncio.wait({task, started}, return_when=asyncio.FIRST_COMPLETED)
    started.cancel()
    try:
        yield
        if task.done():
            raise BenchmarkError(f"the chat ended: {task.exception()}")
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _talk(session: aiohttp.ClientSession, url: str, *, reading: bool, begun: asyncio.Event) -> None:
    """Chat again and again: with long answers, or with long prompts that have nothing in common."""
    for number in range(1_000):
        text = f"{number} " + _SHARED * (300 if reading else 1)
        body: dict[str, Any] = {
            "model": "local",
            "messages": [{"role": "user", "content": f"{text} Count from 1 to 1000, each on a line."}],
            "max_tokens": 1 if reading else 800,
            "stream": True,
        }
        async with session.post(f"{url}/v1/chat/completions", json=body) as answer:
            answer.raise_for_status()
            async for line in answer.content:
                if line.startswith(b"data: "):
                    begun.set()


def markdown(result: Result) -> str:
    """Return the table as a page."""
    sheet = Sheet(
        title="Milliseconds until the first token of a completion",
        columns=("a completion", "Turnout", "llama.cpp's server", "ratio"),
        rows=tuple(
            (each.case, _spread(each.turnout_ms), _spread(each.llama_ms), f"{each.ratio:.2f}")
            for each in result.timings
        ),
    )
    note = (
        f"Measured {result.measured} on {where(result.machine)}: {result.peer} with two slots, against the "
        f"endpoint with its engine, one after the other in one run. Both have {result.model} on {THREADS} "
        f"threads and a window of {CONTEXT} tokens. `/infill`, streamed, {result.keystrokes} keystrokes in a "
        "file of 40 lines whose earlier text is cached; each waits for the last one's answer. Medians, and "
        "in brackets the least and the most."
    )
    return "\n\n".join(("# Completions: first token", note, table(sheet))) + "\n"


def _spread(times: tuple[float, ...]) -> str:
    return f"{median(times):.0f} ({min(times):.0f} to {max(times):.0f})"


def main() -> None:
    """Measure with the interpreter named on the command line, and print the page."""
    sys.stdout.write(markdown(run(Path(sys.argv[1]), lambda what: print(what, file=sys.stderr))))


if __name__ == "__main__":
    main()
