"""A job for the model: a prompt to continue, and the events that it emits."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from router.engine.sampler import Sampler

Priority = Literal["autocomplete", "chat"]
PRIORITIES: dict[Priority, int] = {"autocomplete": 0, "chat": 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """The first token is about to come; `cached` prompt tokens were not computed again."""

    cached: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One more token, as bytes that may end inside a UTF-8 character."""

    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """Nothing more comes. `error` says why where the engine failed; else it is empty."""

    finish: Literal["stop", "length"] = "stop"
    error: str = ""


Event = Started | Piece | Finished


@dataclass(slots=True, kw_only=True, eq=False)
class Job:
    """A prompt to continue. `emit` is called from the scheduler's thread and must not block."""

    tokens: list[int]
    """The prompt, and then what was generated: reading and writing are the same step."""
    limit: int
    """Tokens to generate at most; prompt and limit together fit the window. 0: only read the prompt."""
    sampler: Sampler
    emit: Callable[[Event], None]
    priority: int = PRIORITIES["chat"]
    prompt: str = ""
    """What the sender calls this prompt."""
    ends: frozenset[int] = frozenset()
    """Tokens that end this answer, beside the model's own."""
    special: bool = False
    """Whether control tokens show in the text (they mark tool calls)."""
    cancelled: bool = False
    produced: int = 0
    started: bool = False
    cached: int = 0
    number: int = 0

    @property
    def completes(self) -> bool:
        """Whether it is what an editor asks for while one types."""
        return self.priority == PRIORITIES["autocomplete"]
