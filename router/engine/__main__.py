"""`python -m router.engine`: load a model, serve it on loopback, die with the parent.

One JSON line on stdout says where (`{"port", "model", "context"}`), once requests can
be served; empty lines before it say that the process lives. Standard input is held open
by the parent; its end is the parent's end.
"""

import argparse
import asyncio
import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import web

from router.engine.installed import load_library
from router.engine.template import TemplateRefused
from router.errors import Misconfigured
from router.telemetry.exceptions import hide_messages

if TYPE_CHECKING:
    from router.engine.embedding_server import EmbeddingServer
    from router.engine.server import Server

REFUSED = 3
"""Exit status where the model or a setting is at fault; trying again will not help."""
_SIGN_S = 2.0
"""Seconds between signs of life while the model loads."""


def main() -> None:
    """Run until the parent ends."""
    options = _options()
    threading.Thread(target=_die_with_parent, name="parent", daemon=True).start()
    # Ctrl-C in a terminal reaches both processes; the parent decides when this one ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    loaded = threading.Event()
    signs = threading.Thread(target=_show_life, args=(loaded,), name="life", daemon=True)
    signs.start()
    try:
        load_library()
        server = _embedding_server(options) if options.embeddings else _server(options)
    except (Misconfigured, TemplateRefused) as error:
        sys.stderr.write(f"{error}\n")
        sys.stderr.flush()
        os._exit(REFUSED)
    loaded.set()
    signs.join()
    hide_messages()  # from here on there are prompts
    asyncio.run(_serve(server, options))


def _show_life(loaded: threading.Event) -> None:
    while not loaded.wait(_SIGN_S):
        sys.stdout.write("\n")
        sys.stdout.flush()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m router.engine", description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="path of a GGUF file")
    parser.add_argument("--name", required=True, help="model name in answers")
    parser.add_argument("--context", type=int, default=0, help="window in tokens; 0 for the model's own")
    parser.add_argument("--gpu-layers", type=int, default=-1, help="-1 for all")
    parser.add_argument("--threads", type=int, default=0, help="0 for one per core")
    parser.add_argument("--batch", type=int, default=256, help="prompt tokens computed in one step")
    parser.add_argument("--slots", type=int, default=4, help="prompt prefixes kept")
    parser.add_argument("--parallel", type=int, default=1, help="answers generated at once")
    parser.add_argument("--completions", type=int, default=2, help="completions at once, beside the answers")
    parser.add_argument("--spare", type=int, default=4096, help="cells beyond the window, for completions")
    parser.add_argument("--queue", type=int, default=64, help="requests that may wait")
    parser.add_argument("--embeddings", action="store_true", help="the model embeds, and writes nothing")
    parser.add_argument("--token-env", required=True, help="environment variable with the bearer token")
    return parser.parse_args()


def _token(options: argparse.Namespace) -> str:
    token = os.environ.pop(options.token_env, "")
    if not token:
        raise Misconfigured(f"--token-env: {options.token_env} is not set")
    return token


def _embedding_server(options: argparse.Namespace) -> "EmbeddingServer":
    from router.engine.embedder import Embedder
    from router.engine.embedding_server import EmbeddingServer

    embedder = Embedder(
        options.model,
        context=options.context,
        gpu_layers=options.gpu_layers,
        threads=options.threads or os.cpu_count() or 1,
    )
    return EmbeddingServer(
        embedder=embedder, name=options.name, token=_token(options), queue_limit=options.queue
    )


def _server(options: argparse.Namespace) -> "Server":
    from router.engine.model import Model
    from router.engine.scheduler import Scheduler
    from router.engine.server import Server

    model = Model(
        options.model,
        context=options.context,
        gpu_layers=options.gpu_layers,
        threads=options.threads or os.cpu_count() or 1,
        batch=options.batch,
        sequences=options.slots + options.completions,
        spare=options.spare if options.completions else 0,
    )
    scheduler = Scheduler(
        model,
        slots=options.slots,
        parallel=options.parallel,
        queue_limit=options.queue,
        completions=options.completions,
    )
    server = Server(model=model, scheduler=scheduler, name=options.name, token=_token(options))
    scheduler.warm()
    scheduler.start()
    return server


async def _serve(server: "Server | EmbeddingServer", options: argparse.Namespace) -> None:
    runner = web.AppRunner(server.app(), handler_cancellation=True, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    handshake = {"port": port, "model": options.name, "context": server.context}
    sys.stdout.write(json.dumps(handshake) + "\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


def _die_with_parent() -> None:
    sys.stdin.buffer.read()
    # Not `sys.exit`: a thread inside llama.cpp would be waited for.
    os._exit(0)


if __name__ == "__main__":
    main()
