"""The engine's HTTP for an embedding model: OpenAI's form, on loopback and behind a token."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from aiohttp import web

from router.engine.embedder import Embedder
from router.engine.errors import QueueFull, Refused
from router.engine.fields import Body, decode_body, read_bool
from router.engine.http_errors import guard

_LARGEST_BODY = 256 * 2**20
Tokens = list[int]


class EmbeddingServer:
    """Serves one embedding model: vectors and health."""

    def __init__(self, *, embedder: Embedder, name: str, token: str, queue_limit: int) -> None:
        self.context = embedder.context
        self._embedder = embedder
        self._name = name
        self._token = token
        self._queue_limit = queue_limit
        # One thread: llama.cpp's context takes one call at a time, also when a client left amid its own.
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="embedder")
        self._waiting = 0
        self._steps = 0

    def app(self) -> web.Application:
        """Return the aiohttp application with its routes."""
        guarded = guard(self._token, "send other texts")
        app = web.Application(middlewares=[guarded], client_max_size=_LARGEST_BODY)
        app.router.add_post("/v1/embeddings", self._embed)
        app.router.add_get("/health", self._health)
        return app

    async def _embed(self, request: web.Request) -> web.Response:
        body = decode_body(await request.read())
        prompts, cut = await asyncio.to_thread(self._prompts, body)
        if self._waiting >= self._queue_limit:
            raise QueueFull("too many requests wait for the embedding model; try again")
        self._waiting += 1
        try:
            vectors = await self._compute(prompts)
        finally:
            self._waiting -= 1
        tokens = sum(map(len, prompts))
        return web.json_response({
            "object": "list",
            "model": self._name,
            "data": [
                {"object": "embedding", "index": at, "embedding": vector} for at, vector in enumerate(vectors)
            ],
            "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
            "cut": cut,
        })  # fmt: skip

    async def _compute(self, prompts: list[Tokens]) -> list[list[float]]:
        """Compute batch by batch, so that a client that leaves frees the model after one."""
        vectors: list[list[float]] = []
        loop = asyncio.get_running_loop()
        for start, end in self._embedder.batches(prompts):
            vectors += await loop.run_in_executor(self._thread, self._embedder.embed, prompts[start:end])
            self._steps += 1
        return vectors

    def _prompts(self, body: Body) -> tuple[list[Tokens], int]:
        """Read `input` as tokens.

        Returns:
            The prompts, and how many of them were cut to the window, which `truncate` asks for.

        Raises:
            Refused: a text is empty or too long, or a number is no token of this model.
        """
        value, truncate = body.get("input"), read_bool(body, "truncate", default=False)
        texts = value if isinstance(value, list) else [value]
        prompts = [self._prompt(text, f"input[{at}]") for at, text in enumerate(texts)]
        most = self.context
        long = [at for at, tokens in enumerate(prompts) if len(tokens) > most]
        if long and not truncate:
            raise self._too_long(f"input[{long[0]}]", len(prompts[long[0]]))
        for at in long:
            prompts[at] = [*prompts[at][: most - 1], prompts[at][-1]]  # the last closes it in most models
        return prompts, len(long)

    def _prompt(self, text: Any, where: str) -> Tokens:
        if isinstance(text, str):
            tokens = self._embedder.tokenize(text)
        elif isinstance(text, list) and all(type(token) is int for token in text):
            tokens = text
            if not self._embedder.knows(tokens):
                raise Refused(
                    f"{where}: these are no tokens of {self._name}; send the text itself", param="input"
                )
        else:
            raise Refused(f"{where}: must be a text, or an array of tokens", param="input")
        if not tokens:
            raise Refused(f"{where}: is empty; leave it out", param="input")
        return tokens

    def _too_long(self, where: str, tokens: int) -> Refused:
        return Refused(
            f"{where}: This model's maximum context length is {self.context} tokens. However, this text has "
            f"{tokens} tokens. Please send it in shorter pieces.",
            code="context_length_exceeded",
            param="input",
            extra={"n_prompt_tokens": tokens, "n_ctx": self.context},
        )

    async def _health(self, _: web.Request) -> web.Response:
        running = min(self._waiting, 1)
        return web.json_response({
            "state": "ready",
            "model": self._name,
            "context": self.context,
            "queue": self._waiting - running,
            "running": running,
            "steps": self._steps,
        })  # fmt: skip
