"""The engines that `turnout bench engine` measures: how each is started, on one model and as many threads.

Rules that hold in this file:

- All have the same window and, but for what is named otherwise, the same threads; each has its defaults for
  the rest, and eight places where it has places.
- llama.cpp's server is the one that was built here: the same version and kernels as our own engine's.
- A peer whose package is missing is left out, and the result says so.
"""

import asyncio
import contextlib
import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import aiohttp

from benchmarks.errors import BenchmarkError
from benchmarks.speed.process import free_port, stopped
from router.engine.build import find_server
from router.system.subprocesses import module_command

WINDOW, PLACES = 8192, 8
_TOKEN_ENV = "BENCH_ENGINE_TOKEN"  # noqa: S105 - the variable's name, not its value
_TOKEN = "bench"  # noqa: S105 - of servers on loopback, for the time of the run
_START_S = 180.0
REFERENCE = "llama-server"
"""What the others are compared with."""


class Missing(BenchmarkError):
    """A peer is not installed here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What a peer is started with."""

    model: Path
    threads: int
    peers: Path
    """The environment of peers that are installed beside ours."""
    folder: Path
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A peer that is ready."""

    name: str
    url: str
    completes: str
    """Its path that completes between two texts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """How to start a peer."""

    argv: tuple[str, ...]
    ready: str = "/health"
    completes: str = "/infill"


def _ours(site: Site, *options: str) -> Launch:
    arguments = {
        "model": site.model,
        "name": "local",
        "context": WINDOW,
        "gpu-layers": 0,
        "threads": site.threads,
        "token-env": _TOKEN_ENV,
    }
    flags = [f"--{name}={value}" for name, value in arguments.items()]
    return Launch(argv=(*module_command("router.engine", *flags, *options),))


def _parallel(site: Site) -> Launch:
    return _ours(site, f"--parallel={PLACES}", f"--slots={PLACES}")


def _llama_server(site: Site) -> Launch:
    server = find_server()
    if server is None:
        raise Missing("llama-server was not built here; `make run` builds it")
    options = {
        "--model": site.model,
        "--alias": "local",
        "--host": "127.0.0.1",
        "--port": site.port,
        "--ctx-size": WINDOW * PLACES,
        "--parallel": PLACES,
        "--threads": site.threads,
        "--gpu-layers": 0,
        "--api-key": _TOKEN,
    }
    return Launch(argv=(str(server), *(str(part) for option in options.items() for part in option)))


def _fewer_threads(site: Site) -> Launch:
    launch = _llama_server(site)
    return Launch(argv=(*launch.argv, "--threads", str(max(1, site.threads - 1))))


def _python_server(site: Site) -> Launch:
    options = {
        "--model": site.model,
        "--model_alias": "local",
        "--host": "127.0.0.1",
        "--port": site.port,
        "--n_ctx": WINDOW,
        "--n_threads": site.threads,
        "--n_threads_batch": site.threads,
        "--n_gpu_layers": 0,
        "--api_key": _TOKEN,
        "--interrupt_requests": False,  # a second request would end the first one
        "--cache": True,  # without it no prompt is reused
    }
    arguments = [str(part) for option in options.items() for part in option]
    python = _installed(site, "llama_cpp.server", "sse_starlette")
    return Launch(
        argv=(python, "-I", "-m", "llama_cpp.server", *arguments),
        ready="/v1/models",
        completes="/v1/completions",
    )


def _xllamacpp(site: Site) -> Launch:
    script = Path(__file__).with_name("llama_server.py")
    counts = (site.port, WINDOW * PLACES, site.threads, PLACES)
    python = _installed(site, "xllamacpp", "xllamacpp")
    return Launch(argv=(python, "-I", str(script), str(site.model), *map(str, counts)))


def _installed(site: Site, name: str, module: str) -> str:
    """The interpreter in the peers' environment.

    Raises:
        Missing: it has no such module.
    """
    python = site.peers.absolute() / "bin" / "python"
    program = f"import importlib.util as i, sys; sys.exit(i.find_spec({module!r}) is None)"
    if not python.exists() or subprocess.run([python, "-I", "-c", program], check=False).returncode:
        raise Missing(
            f"{name} is not installed in {site.peers.name}; `make {site.peers.name}/.ready` makes it"
        )
    return str(python)


PEERS: MappingProxyType[str, Callable[[Site], Launch]] = MappingProxyType(
    {
        "turnout": _ours,
        f"turnout, {PLACES} places": _parallel,
        REFERENCE: _llama_server,
        f"{REFERENCE}, a thread less": _fewer_threads,
        "llama_cpp.server": _python_server,
        "xllamacpp": _xllamacpp,
    }
)


@contextlib.contextmanager
def started(name: str, *, model: Path, threads: int, peers: Path, folder: Path) -> Iterator[Target]:
    """Start a peer and wait until it is ready.

    Raises:
        Missing: it is not installed.
        BenchmarkError: it ended or was not ready in time; the message ends in what it printed.
    """
    site = Site(model=model, threads=threads, peers=peers, folder=folder, port=free_port())
    launch = PEERS[name](site)
    printed = folder / "printed"
    with (
        printed.open("wb") as file,
        subprocess.Popen(
            launch.argv,
            cwd=folder,
            env={**os.environ, _TOKEN_ENV: _TOKEN},
            stdin=subprocess.PIPE,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as process,
        stopped(process),
    ):
        try:
            port = _port(name, process, printed) if name.startswith("turnout") else site.port
            url = f"http://127.0.0.1:{port}"
            asyncio.run(_wait(f"{url}{launch.ready}", process, name))
        except BenchmarkError as error:
            tail = printed.read_text(errors="replace")[-2000:]
            raise BenchmarkError(f"{error} It printed:\n{tail}") from error
        yield Target(name=name, url=url, completes=launch.completes)


def authorization() -> dict[str, str]:
    """The headers that every peer accepts."""
    return {"authorization": f"Bearer {_TOKEN}"}


def _port(name: str, process: subprocess.Popen[bytes], printed: Path) -> int:
    """Where our engine listens, which it tells in a line of its own."""
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline and process.poll() is None:
        for line in printed.read_text(errors="replace").splitlines():
            if line.startswith('{"port"'):
                return int(json.loads(line)["port"])
        time.sleep(0.1)
    raise BenchmarkError(f"{name} was not ready within {_START_S:.0f} s.")


async def _wait(url: str, process: subprocess.Popen[bytes], name: str) -> None:
    deadline = time.monotonic() + _START_S
    async with aiohttp.ClientSession(headers=authorization()) as session:
        while time.monotonic() < deadline:
            if process.poll() is not None:
                raise BenchmarkError(f"{name} ended with status {process.returncode} while starting.")
            with contextlib.suppress(aiohttp.ClientError):
                async with session.get(url) as answer:
                    if answer.ok:
                        return
            await asyncio.sleep(0.1)
    raise BenchmarkError(f"{name} was not ready within {_START_S:.0f} s.")
