"""One completion at a time for whoever types: the next keystroke's request takes the place of the last one's.

Two requests for completions belong together where they come from the same key, address and program, and
their texts differ by what one types between two requests: one text before the cursor goes on where the
other ends (or ends where it was deleted to), by a few characters, and what stands behind the cursor is the
same but for brackets that the editor closed. No file name is needed, which most editors do not send. Equal
texts belong to nobody's typing: a program that asks for several samples gets them all.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import msgspec

from router.engine.fim import FAMILIES
from router.routing.attempts import SUPERSEDED
from router.types import ModelRequest
from router.wire.body import UNREADABLE

MOST_TYPED = 64
"""Characters between two requests of one who types: more is another place, or an editor's request ahead."""
TAIL = 200
"""Characters before the cursor that are compared, and behind it: editors cut off what is farther away."""
CLOSED = 8
"""Characters that an editor adds behind the cursor by itself: brackets and quotes."""


class _Body(msgspec.Struct):
    """The texts of a completion's request, in any dialect that has such."""

    prompt: str | list[str] = ""
    suffix: str | None = None
    input_prefix: str = ""
    input_suffix: str = ""


_BODY = msgspec.json.Decoder(_Body)


@dataclass(frozen=True, slots=True)
class Typed:
    """What stands before the cursor, and behind it."""

    before: str
    after: str

    def follows(self, earlier: "Typed") -> bool:
        """Whether this is what one typed next: a little more or less than `earlier`."""
        typed = _goes_on(earlier.before, self.before) or _goes_on(self.before, earlier.before)
        return typed and _alike(earlier.after[:TAIL], self.after[:TAIL])


def read_typed(body: bytes) -> Typed:
    """Read the texts around the cursor; of a prompt that holds a model's own tokens, those between them."""
    try:
        fields = _BODY.decode(body)
    except UNREADABLE:  # whoever reads all of it says what is wrong
        return Typed("", "")
    prompt = fields.prompt if isinstance(fields.prompt, str) else "".join(fields.prompt)
    before, after = fields.input_prefix + prompt, fields.suffix or fields.input_suffix
    return Typed(before, after) if after else _between(before)


def _between(prompt: str) -> Typed:
    for family in FAMILIES:
        prefix, suffix = prompt.rfind(family.prefix), prompt.rfind(family.suffix)
        if min(prefix, suffix) < 0:
            continue
        middle = prompt.rfind(family.middle) if family.middle else -1
        end = middle if middle > max(prefix, suffix) else len(prompt)
        return Typed(
            prompt[prefix + len(family.prefix) : suffix if suffix > prefix else end],
            prompt[suffix + len(family.suffix) : prefix if prefix > suffix else end],
        )
    return Typed(prompt, "")


def _goes_on(short: str, long: str) -> bool:
    """Whether `long` is `short` and a few characters more; both may be cut off in front."""
    tail = short[-TAIL:]
    if not tail:
        return False
    at = long.rfind(tail, max(0, len(long) - len(tail) - MOST_TYPED))
    if at < 0 or (len(tail) < TAIL and at > 0):
        return False
    return 0 < len(long) - at - len(tail) <= MOST_TYPED


def _alike(first: str, second: str) -> bool:
    short, long = sorted((first, second), key=len)
    head = short[: TAIL - CLOSED]
    return 0 <= long.find(head) <= CLOSED or 0 <= short.find(long[: TAIL - CLOSED]) <= CLOSED


@dataclass(slots=True, eq=False)
class Keystroke:
    """A completion under way."""

    typed: Typed
    task: "asyncio.Task[object]"
    arrived: float
    superseded: bool = field(default=False, init=False)
    """The next one's request has come: nobody waits for this answer any more."""

    def give_up(self) -> None:
        """End it in favour of the next one."""
        self.superseded = True
        self.task.cancel(SUPERSEDED)


class Keystrokes:
    """The completions under way, by who types."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, ...], list[Keystroke]] = {}

    @asynccontextmanager
    async def newest(self, request: ModelRequest, peer: str, arrived: float) -> AsyncIterator[Keystroke]:
        """Cancel those that `request` takes the place of; its own cancellation by the next is suppressed.

        Args:
            request: for a completion.
            peer: the client's address.
            arrived: when it came, on any clock: reading one request may take longer than the next one.
        """
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - for the type checker: a coroutine always runs in a task
        mine = Keystroke(read_typed(request.body), task, arrived)
        account = request.account
        key = (account.team, account.user, account.key_id, peer, request.client)
        under_way = self._open.setdefault(key, [])
        for other in under_way:
            if not other.superseded and mine.typed.follows(other.typed):
                min(other, mine, key=lambda keystroke: keystroke.arrived).give_up()
        under_way.append(mine)
        try:
            yield mine
            if mine.superseded:
                await asyncio.sleep(0)  # the cancellation is still to come
        except asyncio.CancelledError:
            if not mine.superseded or task.uncancel() > 0:
                raise
        finally:
            under_way.remove(mine)
            if not under_way:
                self._open.pop(key, None)
