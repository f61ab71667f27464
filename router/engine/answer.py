"""From tokens to an answer: text and tool calls, each passed on as soon as it is certain.

Bytes become characters, thinking is taken out, stop strings end the text, calls are
parsed and checked against their schemas. An invalid call is tried once more, *changed*:
from where it began, under a grammar that allows nothing but a valid call.
"""

import asyncio
import codecs
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Literal

from router.engine import schema
from router.engine.errors import BadToolCall, EngineFailed, QueueFull, Refused
from router.engine.grammar import UnsupportedSchema, call_grammar, json_grammar
from router.engine.jobs import Event, Finished, Job, Piece, Started
from router.engine.model import Model
from router.engine.parameters import ChatRequest
from router.engine.sampler import GrammarInvalid, Sampler
from router.engine.scheduler import Scheduler
from router.engine.template import Tool
from router.engine.text_filters import END_THINK, StopFilter, ThinkingFilter
from router.engine.toolcalls import Call, CallParser, Family, InvalidCall, Item, Text

Finish = Literal["stop", "length", "tool_calls"]
UNSUPPORTED = "unsupported_schema"
"""The code of a refusal for a schema that no grammar can express: another track may still serve it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """A rendered conversation."""

    tokens: list[int]
    thinking: bool
    """The template has already opened a thinking block."""
    plain: bool = False
    """What comes is text as it is, and never thinking."""
    ends: frozenset[int] = frozenset()
    """Tokens that end the answer, beside the model's own."""
    begun: str = ""
    """The answer's beginning, where the client wrote one: the prompt ends with it."""


class Answer:
    """Generates one answer. Iterate `items`; then `finish` and the counts are final.

    `cached` and `produced` count tokens: of the prompt that were not computed again, and of the answer.
    """

    def __init__(
        self,
        *,
        chat: ChatRequest,
        prompt: Prompt,
        model: Model,
        scheduler: Scheduler,
        family: Family,
        priority: int,
        name: str = "",
    ) -> None:
        """Nothing runs before `items` is iterated."""
        self.finish: Finish = "stop"
        self.stop = ""
        """The stop string that ended the text; empty where none did."""
        self.cached = 0
        self.produced = 0
        self._chat = chat
        self._prompt = prompt
        self._model = model
        self._scheduler = scheduler
        self._family = family
        self._priority = priority
        self._name = name
        self._text = ""
        self._calls = 0

    async def items(self) -> AsyncGenerator[Text | Call]:
        """Generate the answer. Closing the iterator frees the model.

        Raises:
            BadToolCall: the second call is invalid, too. Raised only before the first item.
            Refused: the schema has no grammar. Raised only before the first item.
            QueueFull: too many requests wait.
            EngineFailed: the engine broke off.
        """
        invalid: InvalidCall | None = None
        async with aclosing(self._first()) as items:
            async for item in items:
                if isinstance(item, InvalidCall):
                    invalid = item
                    break
                yield item
        # A client that already has a good call gets on with that one.
        if invalid and not self._calls and (call := await self._retried(invalid)):
            yield call
        if self._calls:
            self.finish = "tool_calls"

    async def _first(self) -> AsyncGenerator[Item]:
        """The first try: one forced call where the client demands one, else free text and calls."""
        if self._chat.required:
            if forced := await self._forced(self._chat.required, self._prompt.tokens):
                yield forced
            return
        reader = CallParser(self._family) if self._chat.tools else None
        grammar = await self._grammar()
        async with aclosing(self._run(self._prompt.tokens, grammar)) as run:
            async for text in run:
                for item in reader.feed(text) if reader else [Text(text=text)]:
                    yield self._checked(item)
                    if self._calls and not self._chat.parallel:
                        return
        for item in reader.close() if reader and not (reader.inside and self._cut) else []:
            yield self._checked(item)

    @property
    def _cut(self) -> bool:
        """Whether the client's own limit ended the text; then a call that it cut off is not an error."""
        return self.finish == "length" and self._chat.limit is not None

    def _checked(self, item: Item) -> Item:
        """Check a call against its schema; an item of another kind passes."""
        if isinstance(item, Text):
            self._text += item.text
        if not isinstance(item, Call):
            return item
        call = schema.coerce(item, self._chat.tools)
        problem = schema.problem(call, self._chat.tools)
        if problem:
            return InvalidCall(raw=call.name, why=problem)
        self._calls += 1
        return call

    async def _retried(self, first: InvalidCall) -> Call | None:
        """Try a call again from where it began, forced to be valid; None where the limit cut it off."""
        named = [tool for tool in self._chat.tools if tool["function"]["name"] == first.raw]
        written = self._model.tokenize(self._text, start=False)
        second = await self._forced(named or self._chat.tools, [*self._prompt.tokens, *written])
        if isinstance(second, InvalidCall):
            raise BadToolCall(
                f"the local model's tool call is not valid: {first.why}; nor was a second try: {second.why}"
            )
        return second

    async def _forced(self, tools: Sequence[Tool], tokens: list[int]) -> Call | InvalidCall | None:
        """Generate one call under a grammar; None where the limit cut it off."""
        lead = (f"\n{END_THINK}\n\n" if self._prompt.thinking else "") + self._family.force
        reader = CallParser(self._family)
        reader.feed(self._family.force)
        prompt = [*tokens, *self._model.tokenize(lead, start=False)] if lead else tokens
        if len(prompt) >= self._model.context:
            return InvalidCall(raw="", why="no room is left in the window")
        try:
            grammar = await asyncio.to_thread(call_grammar, tools, self._family)
            Sampler(self._model, self._chat.sampling, grammar).close()
        except GrammarInvalid:
            grammar = call_grammar(tools, self._family, loose=True)
        except UnsupportedSchema as error:
            raise Refused(str(error), code=UNSUPPORTED, param="tools") from error
        items: list[Item] = []
        async with aclosing(self._run(prompt, grammar, forced=True)) as run:
            async for text in run:
                items += reader.feed(text)
                if items:
                    break
        if not items and self._cut:
            return None
        items += reader.close()
        result = next((item for item in items if not isinstance(item, Text)), None)
        checked = self._checked(result or InvalidCall(raw="", why="the answer ended before the call"))
        return checked if isinstance(checked, Call | InvalidCall) else InvalidCall(raw="", why="no call came")

    async def _grammar(self) -> str:
        if not self._chat.json:
            return ""
        try:
            return await asyncio.to_thread(json_grammar, self._chat.schema)
        except UnsupportedSchema as error:
            raise Refused(str(error), code=UNSUPPORTED, param="response_format") from error

    async def _run(self, tokens: list[int], grammar: str, *, forced: bool = False) -> AsyncGenerator[str]:
        """Generate text from `tokens`, thinking and stop strings taken out."""
        room = self._model.context - len(tokens)
        limit = room if self._chat.limit is None else min(room, self._chat.limit)
        thoughts = ThinkingFilter(inside=self._prompt.thinking and not forced, off=self._prompt.plain)
        stops = StopFilter(() if forced else self._chat.stops)
        utf8 = codecs.getincrementaldecoder("utf-8")("replace")
        async with aclosing(self._pieces(tokens, limit, grammar)) as pieces:
            async for piece in pieces:
                text = stops.feed(thoughts.feed(utf8.decode(piece)))
                if text:
                    yield text
                if stops.match:
                    self.finish, self.stop = "stop", stops.match
                    return
        tail = thoughts.feed(utf8.decode(b"", final=True)) + thoughts.close()
        text = stops.feed(tail) + stops.close()
        if text:
            yield text

    async def _pieces(self, tokens: list[int], limit: int, grammar: str) -> AsyncGenerator[bytes]:
        """Queue a job and pass on its tokens' bytes; ends the job when closed."""
        loop = asyncio.get_running_loop()
        events: asyncio.Queue[Event] = asyncio.Queue()
        job = Job(
            tokens=list(tokens),
            limit=limit,
            sampler=self._sampler(grammar),
            emit=lambda event: _deliver(loop, events, event),
            priority=self._priority,
            prompt=self._name,
            ends=self._prompt.ends,
            special=bool(self._chat.tools),
        )
        try:
            self._scheduler.submit(job)
        except QueueFull:
            job.sampler.close()
            raise
        try:
            while True:
                match await events.get():
                    case Started(cached=cached):
                        self.cached = self.cached or cached
                    case Piece(data=data):
                        self.produced += 1
                        yield data
                    case Finished(finish=finish, error=reason):
                        if reason:
                            raise EngineFailed(f"the local model failed: {reason}")
                        self.finish = finish
                        return
        finally:
            self._scheduler.cancel(job)

    def _sampler(self, grammar: str) -> Sampler:
        begun = self._begun_json() if grammar and self._chat.json and not self._chat.required else []
        try:
            return Sampler(self._model, self._chat.sampling, grammar, begun=begun)
        except GrammarInvalid as error:
            param = "tools" if self._chat.required else "response_format"
            raise Refused(str(error), code=UNSUPPORTED, param=param) from error

    def _begun_json(self) -> list[int]:
        """The tokens of the JSON that the client has begun; what stands before it is no part of it."""
        at = self._prompt.begun.find("{")
        return [] if at < 0 else self._model.tokenize(self._prompt.begun[at:], start=False, special=False)


def _deliver(loop: asyncio.AbstractEventLoop, events: asyncio.Queue[Event], event: Event) -> None:
    loop.call_soon_threadsafe(events.put_nowait, event)
