"""A conversation so far, folded message by message, so that a longer one only adds to it."""

import re
from collections import deque
from copy import copy

from classifiers.features import Phase
from router.features import safety_checks
from router.features.message_facts import MessageFacts, ToolCall
from router.features.paths import FileAccess, PathSet
from router.system.time_slices import Pace, Turns, finish

_ASKS = 3
_TOUCHES = 200
"""Taken between two looks at the clock."""


class ConversationState:
    """What the messages so far add up to. `add` is called once per message, in order."""

    def __init__(self) -> None:
        """No message yet."""
        self.written: set[str] = set()
        self.side = False
        """The newest message is a side request's."""
        self.system_side = False
        self.system_guard = safety_checks.NOTHING
        self.guard = safety_checks.NOTHING
        """Of the newest user message that is no tool's answer."""
        self.subagent = False
        self._begin()

    def _begin(self) -> None:
        """Know of no work yet; also where all before was a client's worked example."""
        self.asks: deque[str] = deque(maxlen=_ASKS)
        self.opening: str | bytes = b""
        """The first ask, or the first user message where none asks."""
        self.turns = 0
        self.turn_calls = 0
        self.tool_calls = 0
        self.tool_errors = 0
        self.repeats = 0
        self.repeat_streak = 0
        self.error_streak = 0
        self.tests = (0, 0)
        """Failed and passed, in the newest test summary."""
        self.failed_before = False
        """A test summary of this turn had failures."""
        self.images = 0
        self.server = False
        self.phase: Phase = ""
        self.tools: set[str] = set()
        self.files = PathSet()
        self.edited: set[int] = set()
        self.named = PathSet()
        self._digests: set[bytes] = set()
        self._waiting: tuple[ToolCall, ...] = ()

    def copy(self) -> "ConversationState":
        """The same conversation, to be taken on apart."""
        same = copy(self)
        for name in ("written", "asks", "tools", "files", "edited", "named", "_digests"):
            setattr(same, name, getattr(self, name).copy())
        return same

    def add(self, facts: MessageFacts) -> None:
        """Take the next message at once."""
        finish(self.adding(facts, Pace()))

    def adding(self, facts: MessageFacts, pace: Pace) -> Turns[None]:
        """Take the next message, in turns: one may hold thousands of calls."""
        if facts.reset:
            self._begin()
        self.images += facts.images
        self.server |= facts.server
        if facts.role == "system":
            self.system_side |= facts.side
            self.system_guard |= facts.guard
            self.subagent |= facts.subagent
        elif facts.role == "assistant":
            self.side = False
            self.turn_calls += 1
            yield from self._use(facts.uses, pace)
            self._waiting = facts.text_uses
        else:
            self.side = facts.side
            if facts.asks or facts.guard:
                self.guard = facts.guard
            if facts.observed:
                yield from self._use(self._waiting, pace)
            self._answer(facts)
        yield from self._touch(facts.touches, pace)

    def _answer(self, facts: MessageFacts) -> None:
        """A user message: results, what a command printed, or an ask."""
        self._waiting = ()
        self.tool_errors += facts.errors
        if facts.last_errors < facts.answers:
            self.error_streak = 0
        self.error_streak += facts.last_errors
        if facts.tested:
            self.tests = facts.tested
            self.failed_before |= self.tests[0] > 0
        self.opening = self.opening or facts.key
        if facts.asks:
            if not self.turns:
                self.opening = facts.ask or facts.key
            self.turns += 1
            self.turn_calls = 0
            self.repeat_streak = self.error_streak = 0
            self.failed_before = False
            self.asks.append(facts.ask)

    def _use(self, uses: tuple[ToolCall, ...], pace: Pace) -> Turns[None]:
        acts: set[str] = set()
        for use in uses:
            self.tool_calls += 1
            self.tools.add(use.name)
            if use.digest in self._digests:
                self.repeats += 1
                self.repeat_streak += 1
            else:
                self.repeat_streak = 0
            self._digests.add(use.digest)
            acts |= use.acts
            yield from self._touch(use.touches, pace)
        self.phase = _phase(acts, edited=bool(self.edited)) or self.phase

    def _touch(self, touches: tuple[FileAccess, ...], pace: Pace) -> Turns[None]:
        for number, (path, how) in enumerate(touches):
            if number % _TOUCHES == 0:
                yield from pace.pause()
            self.written.add(path)
            if how == "named":
                self.named.add(path)
            elif how != "seen":
                index = self.files.add(path)
                if how == "edited":
                    self.edited.add(index)
                    self.phase = self.phase or "implement"

    def cost(self) -> int:
        """Approximate bytes this holds."""
        return 2_000 + 300 * len(self.written) + 80 * len(self._digests) + sum(map(len, self.asks))


def _phase(acts: set[str], *, edited: bool) -> Phase:
    """The phase that one step's acts stand for; running a script checks something once files were edited."""
    if "verify" in acts or ("run" in acts and edited):
        return "verify"
    if "implement" in acts:
        return "implement"
    return "explore" if acts else ""


_PHRASES = (
    r"and|so|then|now|well|please|just|pls|thanks|thank you|thx|cool|great|perfect|nice|awesome|excellent",
    r"yes|yep|yeah|yup|y|ja|oui|si|ok|okay|k|sure|right|correct|exactly|agreed|fine|good|no|nope",
    r"sounds good|looks good|lgtm|that works|works for me|of course|absolutely|definitely",
    r"go|go ahead|go on|go for it|continue|proceed|carry on|keep going|keep at it|resume|weiter|mach weiter",
    r"next|next step|do|do them|ship it|make it so|finish|commit it",
    r"do the next (?:one|option|step)|do the (?:first|second|third) step|try|retry|again|once more",
    r"run (?:it|that|them)|apply (?:it|that)|implement (?:it|that)|fix|fix them",
    r"both|all|all of (?:them|it)|the (?:first|second|third|last|former|latter)(?: one| option)?",
    r"option [a-d1-9]|[1-9]|with it|with that|it|that|this|as (?:you )?suggested|as planned",
)
"""None is two others in a row: then there is one way only to read a text, and a search stays linear."""
_GOES_ON = re.compile(rf"(?:(?:{'|'.join(_PHRASES)})(?:[\s,.!;:…]+|$))+", re.IGNORECASE)
_SHORT = 80


def goes_on(ask: str) -> bool:
    """Whether an ask only goes on from the one before: short, and nothing but such phrases."""
    return len(ask) <= _SHORT and bool(_GOES_ON.fullmatch(ask.strip()))
