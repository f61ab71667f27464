"""The engine's HTTP, OpenAI's Chat Completions, on loopback and behind a token.

aiohttp serves because it cancels a handler the moment its client hangs up, also while
the prompt is still being read and nothing has been written. Headers of a stream go out
with its first piece, so whatever fails before that is a plain HTTP error.
"""

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import asdict
from functools import partial
from typing import Any

from aiohttp import web

from router.engine import chunks
from router.engine.answer import Answer, Prompt
from router.engine.completion import CompletionRequest, Writer, prompt_of, read_completion, read_infill
from router.engine.errors import Refused
from router.engine.fields import Body, decode_body
from router.engine.http_errors import guard
from router.engine.jobs import PRIORITIES, Priority
from router.engine.messages import read_messages, read_tools
from router.engine.model import Model
from router.engine.parameters import ChatRequest, read_request
from router.engine.scheduler import Scheduler
from router.engine.slots import PROMPT_HEADER
from router.engine.template import Message, Template, Tool, split_prefill
from router.engine.toolcalls import Call, Text, detect

_EVENTS = {"content-type": "text/event-stream", "cache-control": "no-cache"}
PRIORITY_HEADER = "x-turnout-priority"
_NAME_LENGTH = 64
_LARGEST_BODY = 256 * 2**20
# Marks a place inside a control token's text that came from a message. It is a noncharacter,
# so no message needs it.
_SPLIT = "\ufdd0"


class Server:
    """Serves one model: chat completions, token counts and health."""

    def __init__(self, *, model: Model, scheduler: Scheduler, name: str, token: str) -> None:
        """Compile the model's template.

        Raises:
            TemplateRefused: the template is broken.
        """
        self.context = model.context
        self._model = model
        self._scheduler = scheduler
        self._name = name
        self._token = token
        self._template = Template(model.template, bos=model.bos, eos=model.eos)
        self._family = detect(model.template)
        self._controls = model.control_texts()

    def app(self) -> web.Application:
        """Return the aiohttp application with its routes."""
        remedy = "if it has tools or a response_format, simplify their schemas"
        guarded = guard(self._token, remedy)
        app = web.Application(middlewares=[guarded], client_max_size=_LARGEST_BODY)
        app.router.add_post("/v1/chat/completions", self._chat)
        app.router.add_post("/v1/completions", partial(self._complete, read_completion))
        app.router.add_post("/infill", partial(self._complete, read_infill))
        app.router.add_post("/v1/count", self._count)
        app.router.add_get("/health", self._health)
        return app

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        chat = read_request(decode_body(await request.read()))
        prompt = await asyncio.to_thread(self._prompt, chat.messages, chat.tools)
        size = len(prompt.tokens)
        if size >= self._model.context:
            raise _overflow(size, self._model.context)
        answer = self._answer(request, chat, prompt)
        if chat.stream:
            return await self._stream(request, chat, answer, size)
        async with aclosing(answer.items()) as generated:
            items = [item async for item in generated]
        counts = chunks.usage(prompt=size, cached=answer.cached, produced=answer.produced)
        return web.json_response(
            chunks.completion(self._name, items, finish=answer.finish, counts=counts, stop=answer.stop)
        )

    def _answer(
        self, request: web.Request, chat: ChatRequest, prompt: Prompt, usual: Priority = "chat"
    ) -> Answer:
        return Answer(
            chat=chat,
            prompt=prompt,
            model=self._model,
            scheduler=self._scheduler,
            family=self._family,
            priority=_priority(request, usual),
            name=request.headers.get(PROMPT_HEADER, "")[:_NAME_LENGTH],
        )

    async def _stream(
        self, request: web.Request, chat: ChatRequest, answer: Answer, size: int
    ) -> web.StreamResponse:
        """Send the answer as server-sent events; the response begins with the first item."""
        response = web.StreamResponse(headers=_EVENTS)
        writer = chunks.Chunks(self._name, include_usage=chat.include_usage)

        async def begin(first: Text | Call | None) -> None:
            await response.prepare(request)
            await response.write(chunks.event(writer.open(first)))

        try:
            async with aclosing(answer.items()) as items:
                async for item in items:
                    if not response.prepared:
                        await begin(item)
                    for chunk in writer.item(item):
                        await response.write(chunks.event(chunk))
        except Exception:
            if not response.prepared:
                raise
            # Part of the answer is out: an end without `[DONE]` says that it broke off.
            if request.transport:
                request.transport.abort()
            return response
        if not response.prepared:
            await begin(None)
        tail = chunks.event(writer.finish(answer.finish, answer.stop))
        if chat.include_usage:
            counts = chunks.usage(prompt=size, cached=answer.cached, produced=answer.produced)
            tail += chunks.event(writer.usage(counts))
        await response.write(tail + chunks.DONE)
        await response.write_eof()
        return response

    async def _complete(
        self, read: Callable[[Body], CompletionRequest], request: web.Request
    ) -> web.StreamResponse:
        """Complete a prompt as it is."""
        request_body = read(decode_body(await request.read()))
        prompt = await asyncio.to_thread(prompt_of, request_body, self._model)
        size = len(prompt.tokens)
        if size >= self._model.context:
            raise _overflow(size, self._model.context, "prompt")
        answer = self._answer(request, request_body.chat, prompt, "autocomplete")
        writer, echoed = (
            Writer(request_body, self._name, size),
            request_body.before if request_body.echo else "",
        )
        if not request_body.chat.stream:
            async with aclosing(answer.items()) as items:
                text = "".join([item.text async for item in items if isinstance(item, Text)])
            return web.json_response(writer.whole(echoed + text, answer))
        response = web.StreamResponse(headers=_EVENTS)

        async def write(data: bytes) -> None:
            if not response.prepared:
                await response.prepare(request)
            await response.write(data)

        try:
            async with aclosing(answer.items()) as items:
                async for item in items:
                    if isinstance(item, Text):
                        await write(writer.piece(echoed + item.text))
                        echoed = ""
        except Exception:
            if not response.prepared:
                raise
            if request.transport:
                request.transport.abort()  # as `_stream` does
            return response
        await write((writer.piece(echoed) if echoed else b"") + writer.end(answer))
        await response.write_eof()
        return response

    async def _count(self, request: web.Request) -> web.Response:
        """Count a prompt's tokens; predict how many are cached and when its first token would come."""
        body = decode_body(await request.read())
        messages, tools = read_messages(body), read_tools(body)
        prompt = await asyncio.to_thread(self._prompt, messages, tools)
        cached, wait_s = self._scheduler.predict(prompt.tokens)
        return web.json_response({"tokens": len(prompt.tokens), "cached": cached, "wait_s": round(wait_s, 3)})

    async def _health(self, _: web.Request) -> web.Response:
        load = self._scheduler.load()
        return web.json_response(
            {
                "state": "ready",
                "model": self._name,
                "context": self._model.context,
                "queue": load.queue,
                "running": load.running,
                "steps": load.steps,
                "wait_s": round(load.wait_s, 3),
                "prefill_tps": round(load.prefill_tps, 1),
                "decode_tps": round(load.decode_tps, 1),
                "prefix": [slot.tokens for slot in load.slots],
                "answer_s": round(load.answer_s, 3),
                "parallel": load.parallel,
                "fim": self._model.fim is not None,
                "slots": [asdict(slot) for slot in load.slots],
                "completions": [asdict(slot) for slot in load.completions],
                "completions_queued": load.completions_queued,
            }
        )

    def _prompt(self, messages: list[Message], tools: list[Tool]) -> Prompt:
        """Render and tokenise; runs beside the event loop.

        A message may contain the text of a control token (a file about chat templates
        does). Split inside it, it is tokenised as the plain text it is.
        """
        text = self._template.render([self._defused(message) for message in messages], tools)
        parts = text.split(_SPLIT)
        tokens = self._model.tokenize(parts[0], start=True)
        for part in parts[1:]:
            tokens += self._model.tokenize(part, start=False)
        begun = split_prefill(messages)[1]
        return Prompt(tokens=tokens, thinking=text.rstrip().endswith("<think>"), begun=begun)

    def _defused(self, message: Message) -> Message:
        content = message["content"].replace(_SPLIT, "")
        for control in self._controls:
            if control in content:
                content = content.replace(control, control[0] + _SPLIT + control[1:])
        return {**message, "content": content}


def _priority(request: web.Request, usual: Priority) -> int:
    name: Any = request.headers.get(PRIORITY_HEADER)
    return PRIORITIES.get(name, PRIORITIES[usual])


def _overflow(size: int, context: int, param: str = "messages") -> Refused:
    return Refused(
        f"This model's maximum context length is {context} tokens. However, your messages resulted in "
        f"{size} tokens. Please reduce the length of the messages.",
        code="context_length_exceeded",
        param=param,
        extra={"n_prompt_tokens": size, "n_ctx": context},
    )
