"""Connecting a client and undoing it, worked out before anything is written."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from router.connect.change import Change, diff, plan, read_bytes
from router.connect.client import Client, SettingsFile, Target
from router.connect.formats.document import take_back
from router.connect.machine import Machine
from router.connect.record import Record, RecordedFile, Records, make_record
from router.errors import Misconfigured

SAVED = ".before-undo"
"""Ending of the copy of an edited file that undoing has to put back as a whole."""

EDITED, DAMAGED = ", edited since", "its record is damaged"
"""What is told of a connection that is not as it was made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """What would be written."""

    record: Record
    changes: tuple[Change, ...]

    @property
    def is_there(self) -> bool:
        """Whether nothing has to be written."""
        return all(change.is_empty for change in self.changes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Undoing:
    """What would be put back."""

    record: Record
    changes: tuple[Change, ...]
    edited: tuple[str, ...] = ()
    """What was changed since, as a diff for each such file."""
    saved: tuple[tuple[Path, bytes], ...] = ()
    """Copies to make of edited files out of which nothing can be taken back."""


def prepare(
    client: Client, machine: Machine, target: Target, records: Records, *, also: Sequence[SettingsFile] = ()
) -> Connection:
    """Work out what connects a client; an earlier connection's change is taken back first.

    Raises:
        Misconfigured: a file is broken, cannot be written, or was changed since beyond recognition.
    """
    earlier = records.load(client.name)
    files = (*(client.files(machine, target) if client.files else ()), *also)
    if earlier and {file.path for file in earlier.files} != {str(file.path) for file in files}:
        raise Misconfigured(
            f"{client.title} was connected by {', '.join(file.path for file in earlier.files)}, and has its "
            f"settings elsewhere now; first run `turnout connect {client.name} --undo`"
        )
    changes = []
    for file in files:
        before = read_bytes(file.path)
        changes.append(plan(file, before, _base(client, file, before, earlier, records)))
    record = make_record(
        client.name,
        target,
        [(change, file.form) for change, file in zip(changes, files, strict=True)],
        earlier,
    )
    return Connection(record=record, changes=tuple(changes))


def prepare_undo(record: Record, records: Records) -> Undoing:
    """Work out what undoes a connection. What others changed since is left where that is possible.

    Raises:
        Misconfigured: a copy is gone.
    """
    changes, edited, saved = [], [], []
    for file in record.files:
        path = Path(file.path)
        now, base, written = read_bytes(path), records.base(record, file), records.written(record, file)
        after = base
        if now not in {written, base}:
            edited.append(diff(path, written, now))
            taken = None if now is None else take_back(now, file.form, file.hunks)
            if taken is not None:
                after = taken if taken.strip() or base is not None else None
            elif now is not None:
                saved.append((path.with_name(path.name + SAVED), now))
        changes.append(Change(path=path, before=now, after=after))
    return Undoing(record=record, changes=tuple(changes), edited=tuple(edited), saved=tuple(saved))


def connected_to(client: Client, records: Records) -> str:
    """Return where a client was pointed, and whether its files were edited since; empty for nowhere."""
    try:
        record = records.load(client.name)
        if record is None:
            return ""
        return f"{record.url}{EDITED}" if prepare_undo(record, records).edited else record.url
    except Misconfigured:  # one client's lost copy hides no other client; --undo says what is the matter
        return DAMAGED


def _base(
    client: Client, file: SettingsFile, before: bytes | None, earlier: Record | None, records: Records
) -> bytes | None:
    """Return a file's content without what an earlier connection put in."""
    recorded = _recorded(file, earlier)
    if before is None or earlier is None or recorded is None:
        return before
    base = records.base(earlier, recorded)
    if before in {records.written(earlier, recorded), base}:
        return base
    taken = take_back(before, recorded.form, recorded.hunks)
    if taken is None:
        raise Misconfigured(
            f"{file.path}: was changed since it was connected, so that the earlier change cannot be told "
            f"from "
            f"yours; nothing was changed: first run `turnout connect {client.name} --undo`"
        )
    return taken if taken.strip() or base is not None else None


def _recorded(file: SettingsFile, record: Record | None) -> RecordedFile | None:
    files = record.files if record else ()
    return next((existing for existing in files if existing.path == str(file.path)), None)
