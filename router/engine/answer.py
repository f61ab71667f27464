"""From tokens to an answer: text and tool calls, each given out as soon as it is sure.

Bytes become characters, thinking is taken out, stop strings end the text, calls are
read and held against their schemas. A call that does not hold is tried once more,
*changed*: from where it began, under a grammar that admits nothing but a valid call.
"""

import asyncio
import codecs
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Literal

from router.engine import schema
from router.engine.model import Model
from router.engine.parameters import Ask, Refused
from router.engine.sampler import GrammarInvalid, Sampler
from router.engine.scheduler import Begun, Ended, Event, Job, Piece, QueueFull, Scheduler
from router.engine.template import Tool
from router.engine.toolcalls import Broken, Call, CallReader, Family, Item, Text

Finish = Literal["stop", "length", "tool_calls"]
UNSUPPORTED = "unsupported_schema"
"""The code of a refusal for a schema that no grammar can express: another track may still serve it."""
_THINK, _THOUGHT = "<think>", "</think>"


class Failed(Exception):
    """The engine broke off; nothing the client can change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """A rendered conversation."""

    tokens: list[int]
    thinking: bool
    """The template has already opened a thinking block."""


class Answer:
    """One answer. Iterate `items`; then `finish` and the counts are final."""

    def __init__(
        self, *, ask: Ask, prompt: Prompt, model: Model, scheduler: Scheduler, family: Family, priority: int
    ) -> None:
        """Keep what is needed; nothing runs before `items` is iterated."""
        self.finish: Finish = "stop"
        self.stop = ""
        """The stop string that ended the text; empty where none did."""
        self.cached = 0
        self.produced = 0
        self._ask = ask
        self._prompt = prompt
        self._model = model
        self._scheduler = scheduler
        self._family = family
        self._priority = priority
        self._text = ""
        self._calls = 0

    async def items(self) -> AsyncGenerator[Text | Call]:
        """Generate. Closing the iterator frees the model.

        Raises:
            Refused: no valid call came of it, or the schema has no grammar; only before the first item.
            Failed: the engine broke off.
        """
        failed: Broken | None = None
        async with aclosing(self._first()) as first:
            async for item in first:
                if isinstance(item, Broken):
                    failed = item
                    break
                yield item
        # A client that already has a good call gets on with that one.
        if failed and not self._calls and (call := await self._retried(failed)):
            yield call
        if self._calls:
            self.finish = "tool_calls"

    async def _first(self) -> AsyncGenerator[Item]:
        """Generate as asked."""
        if self._ask.required:
            if forced := await self._forced(self._ask.required, self._prompt.tokens):
                yield forced
            return
        reader = CallReader(self._family) if self._ask.tools else None
        grammar = await self._grammar()
        async with aclosing(self._run(self._prompt.tokens, grammar)) as run:
            async for text in run:
                for item in reader.feed(text) if reader else [Text(text=text)]:
                    yield self._checked(item)
                    if self._calls and not self._ask.parallel:
                        return
        for item in reader.close() if reader and not (reader.inside and self._cut) else []:
            yield self._checked(item)

    @property
    def _cut(self) -> bool:
        """The client's own limit ended the text; a call that it cut off is no fault of the model's."""
        return self.finish == "length" and self._ask.limit is not None

    def _checked(self, item: Item) -> Item:
        """Hold a call against its schema."""
        if isinstance(item, Text):
            self._text += item.text
        if not isinstance(item, Call):
            return item
        call = schema.coerce(item, self._ask.tools)
        wrong = schema.problem(call, self._ask.tools)
        if wrong:
            return Broken(raw=call.name, why=wrong)
        self._calls += 1
        return call

    async def _retried(self, failed: Broken) -> Call | None:
        """Try a call again from where it began, forced to be valid; None where the limit cut it off."""
        named = [tool for tool in self._ask.tools if tool["function"]["name"] == failed.raw]
        said = self._model.tokenize(self._text, start=False)
        item = await self._forced(named or self._ask.tools, [*self._prompt.tokens, *said])
        if isinstance(item, Broken):
            raise Refused(
                f"the local model's tool call is not valid: {failed.why}; nor was a second try: {item.why}",
                code="bad_tool_call",
                status=422,
            )
        return item

    async def _forced(self, tools: Sequence[Tool], tokens: list[int]) -> Call | Broken | None:
        """Generate one call under a grammar; None where the limit cut it off."""
        lead = (f"\n{_THOUGHT}\n\n" if self._prompt.thinking else "") + self._family.force
        reader = CallReader(self._family)
        reader.feed(self._family.force)
        prompt = [*tokens, *self._model.tokenize(lead, start=False)] if lead else tokens
        if len(prompt) >= self._model.context:
            return Broken(raw="", why="no room is left in the window")
        try:
            grammar = await asyncio.to_thread(schema.call_grammar, tools, self._family)
            Sampler(self._model, self._ask.sampling, grammar).close()
        except GrammarInvalid:
            grammar = schema.call_grammar(tools, self._family, loose=True)
        except schema.SchemaUnusable as error:
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
        found = next((item for item in items if not isinstance(item, Text)), None)
        checked = self._checked(found or Broken(raw="", why="the answer ended before the call"))
        return checked if isinstance(checked, Call | Broken) else Broken(raw="", why="no call came")

    async def _grammar(self) -> str:
        if not self._ask.json:
            return ""
        try:
            return await asyncio.to_thread(schema.grammar, self._ask.schema)
        except schema.SchemaUnusable as error:
            raise Refused(str(error), code=UNSUPPORTED, param="response_format") from error

    async def _run(self, tokens: list[int], grammar: str, *, forced: bool = False) -> AsyncGenerator[str]:
        """Generate text from `tokens`, thinking and stop strings taken out."""
        room = self._model.context - len(tokens)
        limit = min(room, self._ask.limit or room)
        thoughts = Thoughts(inside=self._prompt.thinking and not forced)
        stops = Stops(() if forced else self._ask.stops)
        utf8 = codecs.getincrementaldecoder("utf-8")("replace")
        async with aclosing(self._pieces(tokens, limit, grammar)) as pieces:
            async for piece in pieces:
                text = stops.feed(thoughts.feed(utf8.decode(piece)))
                if text:
                    yield text
                if stops.found:
                    self.finish, self.stop = "stop", stops.found
                    return
        rest = thoughts.feed(utf8.decode(b"", final=True)) + thoughts.close()
        text = stops.feed(rest) + stops.close()
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
            special=bool(self._ask.tools),
        )
        try:
            self._scheduler.submit(job)
        except QueueFull as error:
            job.sampler.close()
            raise Refused(
                "too many requests wait for the local model; try again later", code="queue_full", status=503
            ) from error
        try:
            while True:
                match await events.get():
                    case Begun(cached=cached):
                        self.cached = self.cached or cached
                    case Piece(data=data):
                        self.produced += 1
                        yield data
                    case Ended(finish=finish, error=reason):
                        if reason:
                            raise Failed(reason)
                        self.finish = finish
                        return
        finally:
            self._scheduler.cancel(job)

    def _sampler(self, grammar: str) -> Sampler:
        try:
            return Sampler(self._model, self._ask.sampling, grammar)
        except GrammarInvalid as error:
            param = "tools" if self._ask.required else "response_format"
            raise Refused(str(error), code=UNSUPPORTED, param=param) from error


def _deliver(loop: asyncio.AbstractEventLoop, events: asyncio.Queue[Event], event: Event) -> None:
    loop.call_soon_threadsafe(events.put_nowait, event)


class Thoughts:
    """Takes a leading `<think>` block out: it is not for clients, and a later Claude turn rejects it."""

    def __init__(self, *, inside: bool) -> None:
        """Begin an answer."""
        self._state: Literal["start", "inside", "after", "passing"] = "inside" if inside else "start"
        self._held = ""

    def feed(self, text: str) -> str:
        """Return what is not thinking."""
        if self._state == "passing":
            return text
        self._held += text
        if self._state == "start":
            lead = self._held.lstrip()
            if lead.startswith(_THINK):
                self._state, self._held = "inside", lead[len(_THINK) :]
            elif lead and not _THINK.startswith(lead):
                self._state = "passing"
                return self._held
        if self._state == "inside" and _THOUGHT in self._held:
            self._state, self._held = "after", self._held.partition(_THOUGHT)[2]
        if self._state == "after" and self._held.strip():
            self._state = "passing"
            return self._held.lstrip()
        return ""

    def close(self) -> str:
        """Return what was held back, the text having ended."""
        return self._held if self._state == "start" else ""


class Stops:
    """Ends text before the first stop string; holds back what may be the start of one."""

    def __init__(self, stops: tuple[str, ...]) -> None:
        """Begin an answer."""
        self.found = ""
        """The stop string that ended the text."""
        self._stops = stops
        self._held = ""

    def feed(self, text: str) -> str:
        """Return the text that is surely before a stop string."""
        if not self._stops:
            return text
        self._held += text
        first = min(((at, stop) for stop in self._stops if (at := self._held.find(stop)) >= 0), default=None)
        if first is not None:
            at, self.found = first
            return self._held[:at]
        longest = min(max(map(len, self._stops)) - 1, len(self._held))
        ends = (
            n for n in range(longest, 0, -1) if any(stop.startswith(self._held[-n:]) for stop in self._stops)
        )
        size = len(self._held) - next(ends, 0)
        text, self._held = self._held[:size], self._held[size:]
        return text

    def close(self) -> str:
        """Return what was held back, the text having ended."""
        held, self._held = self._held, ""
        return "" if self.found else held
