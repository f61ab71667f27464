"""A conversation in the form that strict chat templates require, without losing anything that was said.

The order of the rules that hold here: lose nothing the user or a tool said, then keep the prompt's
prefix the same from turn to turn, so that the engine need not read it again.

- Turns alternate, and each one's text is one string. Results of tools come before the user's words.
- A system message may stand in front alone. A later one becomes user text where it stands: moved to
  the front it would change the prefix each time one is added.
- Results are text; their images and files follow in the next user turn.
- Blocks of a last turn that is the assistant's are one text: the answer goes on from it as it stands.
- Reasoning stays where it was thought. Claude Code's billing line is left out: its suffix changes,
  and with it the whole prefix.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from router.wire.conversation import (
    CacheMark,
    Conversation,
    Document,
    Image,
    Opaque,
    Part,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
    Turn,
    as_reminder,
)

_BILLING = "x-anthropic-billing-header:"
_GAP = "\n\n"
_FILE_LATER = "(The {} follows in the next message.)"


def alternate(conversation: Conversation) -> Conversation:
    """Rewrite the turns; everything else stays."""
    system = _GAP.join(filter(None, (_without_billing(part.text) for part in conversation.system)))
    turns = _Turns()
    for turn in conversation.turns[:-1]:
        turns.add(turn)
    for turn in conversation.turns[-1:]:
        turns.add(turn, gap="" if turn.role == "assistant" else _GAP)
    mark = _mark(conversation.system)
    leading = (Text(text=system, cache=mark),) if system else ()
    return replace(conversation, system=leading, turns=tuple(turns.finish()))


class _Turns:
    """The turns as they grow; user text waits until it is known that no more joins it."""

    def __init__(self) -> None:
        self._turns: list[Turn] = []
        self._waiting: list[Part] = []
        self._reminders: list[Part] = []
        """System messages, put before the next user text: none may stand between a call and its result."""

    def add(self, turn: Turn, *, gap: str = _GAP) -> None:
        """Add a turn; `gap` stands between texts of the assistant's."""
        if turn.role == "system":
            if text := _join(turn.parts):
                self._reminders.append(Text(text=as_reminder(text)))
        elif turn.role == "assistant":
            self._add_assistant(turn.parts, gap)
        else:
            self._add_user(turn.parts)

    def finish(self) -> list[Turn]:
        self._take_reminders()
        self._flush()
        return self._turns

    def _add_user(self, parts: Iterable[Part]) -> None:
        texts: list[Part] = []
        for part in parts:
            if isinstance(part, ToolResult):
                self._flush()
                self._turns.append(Turn(role="user", parts=(_text_alone(part),)))
                texts += [inner for inner in part.parts if _is_file(inner)]
            else:
                texts += _as_user_part(part)
        self._take_reminders()
        self._waiting += texts

    def _add_assistant(self, parts: Sequence[Part], gap: str) -> None:
        text = _join(parts, gap)
        calls = tuple(part for part in parts if isinstance(part, ToolCall))
        if not text and not calls:
            return
        self._take_reminders()
        self._flush()
        texts = (Text(text=text, cache=_mark(parts)),) if text else ()
        self._turns.append(Turn(role="assistant", parts=(*texts, *calls)))

    def _take_reminders(self) -> None:
        self._waiting += self._reminders
        self._reminders = []

    def _flush(self) -> None:
        if not self._waiting:
            return
        parts, self._waiting = self._waiting, []
        if all(isinstance(part, Text) for part in parts):
            parts = [Text(text=_join(parts), cache=_mark(parts))]
        self._turns.append(Turn(role="user", parts=tuple(parts)))


def _as_user_part(part: Part) -> Iterator[Part]:
    if _is_file(part):
        yield part
    elif text := _text_of(part):
        yield Text(text=text, cache=_mark((part,)))


def _is_file(part: Part) -> bool:
    """Whether a part is no text: an image, a file, or audio in the words of the receiving side."""
    if isinstance(part, Document):
        return part.text is None
    return isinstance(part, Image) or (isinstance(part, Opaque) and not part.text)


def _text_of(part: Part) -> str:
    if isinstance(part, Text | Refusal | Opaque):
        return part.text
    return (part.text or "") if isinstance(part, Document) else ""


def _mark(parts: Sequence[Part]) -> CacheMark | None:
    """Whether the provider's cache is to reach up to the end of these parts."""
    last = parts[-1] if parts else None
    return last.cache if isinstance(last, Text | Document) else None


def _join(parts: Iterable[Part], gap: str = _GAP) -> str:
    return gap.join(filter(None, map(_text_of, parts)))


def _text_alone(result: ToolResult) -> ToolResult:
    text = _join(result.parts)
    files = ["image" if isinstance(part, Image) else "file" for part in result.parts if _is_file(part)]
    if files:
        text = _GAP.join(filter(None, (text, _FILE_LATER.format(files[0]))))
    return replace(result, parts=(Text(text=text),) if text else ())


def _without_billing(text: str) -> str:
    return text.partition("\n")[2].lstrip() if text.startswith(_BILLING) else text
