"""The state of a conversation, added up message by message, so that a longer one only adds to it."""

import re
from collections.abc import Iterable, Iterator
from copy import copy
from string import ascii_letters
from typing import Self

from classifiers.ask_key import ask_key
from classifiers.features import Phase
from router.features import safety_checks
from router.features.message_facts import MessageFacts, Outcome, ToolCall
from router.features.open_calls import OpenCall, OpenCalls
from router.features.paths import FileAccess
from router.features.relation import goes_on, may_come_back, subject_of
from router.features.setbacks import Setbacks
from router.system.time_slices import Pauses, Turns, finish

_INHERITED = 3
"""Asks that go on, of which the text is kept beside that of the ask they go on from."""
_COMPACTED = "what the summary tells of"
"""Stands for the asks of a conversation that was compacted; their words are not known."""
_SUBJECTS = 6
"""Earlier asks to which a later one may come back."""
_SUBJECT_CHARS = 4_000
"""Of each of these, its beginning."""
_EARLIER = 6
"""Asks that are kept, whatever they ask, to read the newest with."""
_EARLIER_CHARS = 1_000
"""Of each of these, from both ends."""
_TOUCHES = 200
"""Taken between two pauses."""
MOST_FILES = 10_000
"""Files that a set tells apart; from there on all others count as one more."""
_DEEPEST = 20
"""Parts at a path's end by which a relative path is recognised as the same file."""
_DRIVE = re.compile(r"([A-Za-z]):(?=/)|/(?:mnt/|cygdrive/)?([A-Za-z])(?=/)")
"""A drive as Windows, WSL, Cygwin and Git Bash write it."""
_MOUNTED = tuple(f"/{place}/{letter}/" for place in ("mnt", "cygdrive") for letter in ascii_letters)
_MAC = ("/Users/", "/Volumes/")
"""Where a Mac's files are."""


_COPIED = (
    "written", "asks", "subjects", "earlier", "tools", "files", "edited", "named", "_digests", "_open",
    "setbacks",
)  # fmt: skip
"""What a copy has of its own: all that grows in place."""


class ConversationState:
    """What the messages so far add up to. Messages are added in order."""

    def __init__(self) -> None:
        self.written: set[str] = set()
        self.side = False
        """The newest message is a side request's."""
        self.summary = False
        """And asks for a summary of the conversation."""
        self.system_side = False
        self.system_summary = False
        self.system_key = b""
        """Of the first system message; empty where there is none."""
        self.system_guard = safety_checks.NOTHING
        self.guard = safety_checks.NOTHING
        """Of the newest user message that is no tool's answer."""
        self.subagent = False
        self._begin()

    def _begin(self) -> None:
        """Know of no work yet; also where all before was a client's worked example."""
        self.asks: list[str] = []
        """The newest ask that stands alone, and those since that go on from it."""
        self.subjects: list[str] = []
        """What was asked before that, oldest first."""
        self.earlier: list[str] = []
        """All that was asked before the newest ask, oldest first."""
        self.follow_up = False
        """The newest ask goes on from the one before."""
        self.compacted = False
        """What was asked first is only told of in a summary."""
        self.ask_images = 0
        """Images that came with the newest ask."""
        self.opening: str | bytes = b""
        """The first ask, or the first user message where none asks."""
        self.turns = 0
        self.turn_calls = 0
        self.tool_calls = 0
        self.tool_errors = 0
        self.repeats = 0
        self.repeat_streak = 0
        self.error_streak = 0
        self.setbacks = Setbacks()
        """What went wrong again in this turn."""
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
        """Calls written in text, which count once an observation follows."""
        self._open = OpenCalls()
        self._answers_began = False
        """A user message, or what a tool printed, came since the newest model call."""

    def copy(self) -> Self:
        """The same conversation, to be taken on apart."""
        same = copy(self)
        for name in _COPIED:
            setattr(same, name, getattr(self, name).copy())
        return same

    def add(self, message: MessageFacts) -> None:
        """Take the next message at once."""
        finish(self.adding([message]))

    def adding(self, messages: Iterable[MessageFacts], pauses: Pauses = ()) -> Turns[Self]:
        """Take the next messages, in turns: one may hold thousands of calls."""
        for message in messages:
            yield from self._add(message, pauses)
            yield from pauses
        return self

    def _add(self, facts: MessageFacts, pauses: Pauses) -> Turns[None]:
        if facts.reset:
            self._begin()
        self.images += facts.images
        self.server |= facts.server
        if facts.role == "system" and facts.observed:
            if self._waiting or self._open:
                yield from self._answered(facts, pauses)
        elif facts.role == "system":
            self.system_side |= facts.side
            self.system_summary |= facts.summary
            if not self.opening:
                self.system_key = self.system_key or facts.key
            self.system_guard |= facts.guard
            self.subagent |= facts.subagent
        elif facts.role == "assistant":
            goes_on_answering = facts.piece and self.turn_calls > 0 and not self._answers_began
            self.side = self.summary = False
            if self._answers_began:
                self._open.clear()
                self._answers_began = False
            if not goes_on_answering:
                self.turn_calls += 1
                self.setbacks.begin_step(edits_in_text=any(how == "edited" for _, how in facts.accesses))
            yield from self._count_calls(facts.calls, pauses)
            self._waiting = facts.text_calls
        else:
            self.side, self.summary = facts.side, facts.summary
            if facts.asks or facts.guard:
                self.guard = facts.guard
            yield from self._answered(facts, pauses)
        yield from self._touch(facts.accesses, pauses)

    def _answered(self, facts: MessageFacts, pauses: Pauses) -> Turns[None]:
        if facts.observed:
            yield from self._count_calls(self._waiting, pauses)
        self._answers_began = True
        tested: tuple[int, int] | None = None
        for answer in facts.answered:
            call = self._open.take(answer.id)
            failures = [item.marked if call.looks else item.failed for item in answer.outcomes]
            self._count_errors(answer.outcomes, failures)
            self.setbacks.take(call, answer.outcomes)
            if not all(failures):
                yield from self._touch(call.accesses, pauses)
            if not call.looks:
                tested = next((item.tested for item in reversed(answer.outcomes) if item.tested), tested)
        if tested:
            self.tests = tested
            self.failed_before |= tested[0] > 0
        if facts.asks:
            yield from self._close(pauses)
        else:
            self.setbacks.end_step()
        self._answer(facts)

    def _close(self, pauses: Pauses) -> Turns[None]:
        """Count what was left without an answer: the user goes on, so it was done."""
        for call in self._open:
            yield from self._touch(call.accesses, pauses)
        self._open.clear()

    def _count_errors(self, outcomes: tuple[Outcome, ...], failures: list[bool]) -> None:
        """Count failures; what the user declined is none, and ends no streak either."""
        for outcome, failed in zip(outcomes, failures, strict=True):
            if outcome.declined:
                continue
            self.tool_errors += failed
            self.error_streak = self.error_streak + 1 if failed else 0

    def _answer(self, facts: MessageFacts) -> None:
        """A user message: results, what a command printed, or an ask."""
        self._waiting = ()
        self.opening = self.opening or facts.key
        self.compacted |= facts.compacted
        if facts.asks:
            if not self.turns:
                self.opening = facts.ask or facts.key
            self.turns += 1
            self.turn_calls = 0
            self.repeat_streak = self.error_streak = 0
            self.setbacks = Setbacks()
            self.failed_before = False
            self.ask_images = facts.images
            self._take_ask(facts.ask)

    def _take_ask(self, ask: str) -> None:
        """An ask that goes on inherits the ones that it goes on from; any other stands alone.

        One that may go on from either of two subjects is read with both, and goes on from none.
        """
        if self.asks and self.asks[-1]:
            self.earlier = [*self.earlier[1 - _EARLIER :], _ends(self.asks[-1])]
        before = self.ask or (_COMPACTED if self.compacted else "")
        self.follow_up = bool(before) and goes_on(ask, before)
        if self.follow_up and self.subjects and len(self.asks) == 1 and may_come_back(ask, self.ask):
            self.asks, self.follow_up = [self.subjects[-1], *self.asks, ask], False
        elif self.follow_up and self.asks:
            self.asks = [self.asks[0], *self.asks[1:][-(_INHERITED - 1) :], ask]
        else:
            if self.asks:
                self.subjects = [*self.subjects[-(_SUBJECTS - 1) :], self.ask[:_SUBJECT_CHARS]]
            subject = subject_of(ask, self.subjects)
            self.asks = [subject, ask] if subject else [ask]

    @property
    def mid_step(self) -> bool:
        """Whether the model's newest step is not over: a call is open, or its answer is to be continued."""
        return not self._answers_began or self._open.pending

    @property
    def earlier_asks(self) -> tuple[str, ...]:
        """What was asked before the newest ask, oldest first; what it goes on from, however long ago."""
        first = _ends(self.asks[0]) if len(self.asks) > 1 else ""
        if not first or first in self.earlier:
            return tuple(self.earlier)
        return (first, *self.earlier[1 - _EARLIER :])

    @property
    def ask(self) -> str:
        """The newest ask, with what it goes on from before it."""
        return "\n\n".join(self.asks)

    @property
    def ask_key(self) -> str:
        """Equal for states whose newest ask is the same, images included; empty where nobody asked."""
        return ask_key(self.asks, self.ask_images)

    def _count_calls(self, calls: tuple[ToolCall, ...], pauses: Pauses) -> Turns[None]:
        acts: set[str] = set()
        for call in calls:
            self.tool_calls += 1
            self.tools.add(call.name)
            if call.digest in self._digests:
                self.repeats += 1
                self.repeat_streak += 1
            else:
                self.repeat_streak = 0
            self._digests.add(call.digest)
            acts |= call.acts
            self._open.add(call.id, _opened(call))
            self.written.update(path for path, _ in call.accesses)
            if not call.atomic:
                yield from self._touch(call.accesses, pauses)
        self.phase = _phase(acts, edited=bool(self.edited)) or self.phase

    def _touch(self, accesses: tuple[FileAccess, ...], pauses: Pauses) -> Turns[None]:
        for number, (path, how) in enumerate(accesses):
            if number % _TOUCHES == 0:
                yield from pauses
            self.written.add(path)
            if how == "named":
                self.named.add(path)
            elif how != "seen":
                index = self.files.add(path)
                if how == "edited":
                    self.edited.add(index)
                    self.phase = self.phase or "implement"

    def cost(self) -> int:
        """About how many bytes this takes in a cache."""
        return (
            2_000
            + 300 * len(self.written)
            + 80 * len(self._digests)
            + sum(map(len, (*self.asks, *self.subjects, *self.earlier)))
        )


def _ends(ask: str) -> str:
    if len(ask) <= 2 * _EARLIER_CHARS:
        return ask
    return f"{ask[:_EARLIER_CHARS]}\n{ask[-_EARLIER_CHARS:]}"


def _opened(call: ToolCall) -> OpenCall:
    """What is remembered of a call until it is answered."""
    return OpenCall(
        call.accesses if call.atomic else (), call.looks, call.same, call.edits, fails_whole=call.atomic
    )


def _phase(acts: set[str], *, edited: bool) -> Phase:
    """The phase that one step's acts stand for; running a script checks something once files were edited."""
    if "verify" in acts or ("run" in acts and edited):
        return "verify"
    if "implement" in acts:
        return "implement"
    return "explore" if acts else ""


class PathSet:
    """Distinct files among paths written in different ways, and how many directories hold them.

    A relative path is the same file as any path it is the tail of (`io/x.py`,
    `/testbed/astropy/io/x.py`); two absolute paths are the same only if equal. A look-up
    takes as long for the ten thousandth path as for the first.

    On a Windows drive case does not count, and `C:/x`, `/c/x`, `/mnt/c/x` are one file; by itself `/c/x` is
    a folder of that name. Once a path with `C:` was added, the case of relative ones does not count either.
    On a Mac, told by `/Users/ana/…`, it counts nowhere.
    """

    def __init__(self, *, counts_directories: bool = True) -> None:
        """Start empty; the directories are a set of the same kind."""
        self._longest: list[str] = []
        self._index: dict[str, int] = {}
        self._tails: dict[int, int] = {}
        """By hash: what ends the longest form of a file, and which file that is."""
        self._directories = PathSet(counts_directories=False) if counts_directories else None
        self._windows = self._drives = self._mac = False

    def __len__(self) -> int:
        return len(self._longest)

    def __iter__(self) -> Iterator[str]:
        """Each file in the longest form seen, in the order of its number."""
        return iter(self._longest)

    def copy(self) -> "PathSet":
        """The same files, to be added to apart."""
        same = PathSet(counts_directories=False)
        same._longest = self._longest.copy()
        same._index = self._index.copy()
        same._tails = self._tails.copy()
        same._directories = self._directories.copy() if self._directories else None
        same._windows, same._drives, same._mac = self._windows, self._drives, self._mac
        return same

    def add(self, path: str) -> int:
        """Take a normalised path; return which file it is, counted from 0."""
        path = self._comparable(path)
        index = self._index.get(path)
        if index is None:
            index = self._place(path)
            if len(self._index) < 2 * MOST_FILES:
                self._index[path] = index
        return index

    def _comparable(self, path: str) -> str:
        """The form in which paths are told apart: one spelling for a drive, no case where none counts."""
        drive = _DRIVE.match(path)
        windows = self._windows or bool(drive and drive[1])
        drives = self._drives or windows or path.startswith(_MOUNTED)
        mac = self._mac or path.startswith(_MAC)
        if (windows, drives, mac) != (self._windows, self._drives, self._mac):
            self._windows, self._drives, self._mac = windows, drives, mac
            self._fold()
        return self._folded(path)

    def _folded(self, path: str) -> str:
        drive = _DRIVE.match(path) if self._drives else None
        if drive:
            return f"/{drive[1] or drive[2]}{path[drive.end() :]}".casefold()
        if self._mac or path.startswith("//") or (self._windows and not path.startswith("/")):
            return path.casefold()
        return path

    def _fold(self) -> None:
        """Let the files that are there be found in the form that counts from now on."""
        for index, path in enumerate(self._longest):
            self._longest[index] = folded = self._folded(path)
            self._index.setdefault(folded, index)
            for tail in _tails(folded):
                self._tails.setdefault(hash(tail), index)

    def directories(self) -> int:
        """Distinct directories that hold these files."""
        return len(self._directories or ()) or min(len(self._longest), 1)

    def _place(self, path: str) -> int:
        """Which file a path is that was not written like this before."""
        if (index := self._tails.get(hash(path))) is not None:
            return index
        tails = _tails(path)
        for tail in tails:
            index = self._index.get(tail)
            if index is not None and self._longest[index] == tail:
                self._longest[index] = path
                break
        else:
            if len(self._longest) == MOST_FILES:
                return MOST_FILES - 1
            index = len(self._longest)
            self._longest.append(path)
        for tail in tails:
            self._tails.setdefault(hash(tail), index)
        folder = path.rpartition("/")[0]
        if folder and self._directories is not None:
            self._directories.add(folder)
        return index


def _tails(path: str) -> list[str]:
    """What a path ends with, in whole parts, without itself; shortest first."""
    parts = path.rsplit("/", _DEEPEST)[1:]
    tails: list[str] = []
    for part in reversed(parts):
        tails.append(f"{part}/{tails[-1]}" if tails else part)
    return tails
