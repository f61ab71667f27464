"""What was connected, and what undoes it: a copy of every file as it was, in our data folder.

A record is written before the files are, and says what they were and became. So a crash between two
files leaves what undoes the first, and undoing knows a file that somebody changed since.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from router.connect.change import Change, read_bytes
from router.connect.client import Target
from router.connect.formats.document import FORMATS, Format, Hunk
from router.errors import Misconfigured
from router.ledger.locks import open_file, try_lock
from router.settings import data_dir
from router.system.files import OTHERS, make_folder, mode_of, write_private

RECORD = "record.json"


class RecordedFile(msgspec.Struct, frozen=True, kw_only=True):
    """One file that was written."""

    path: str
    """As the client names it; perhaps a link."""
    target: str
    """Where the content lies: what the link leads to."""
    format: str
    """A name in `FORMATS`."""
    backup: str = ""
    """Name of the copy of what it was, beside the record; empty where there was no file."""
    written: str
    """Name of the copy of what it became."""
    hunks: tuple[Hunk, ...] = ()
    """What was put in, and what stood there before; in the order of the edits."""
    folders: tuple[str, ...] = ()
    """Folders that were made for it, the outermost first."""
    mode: int | None = None
    """Its permissions before it was closed to others for the key in it; None where it was not."""

    @property
    def form(self) -> Format:
        """How its text is read."""
        return FORMATS[self.format]

    @property
    def closed(self) -> int | None:
        """Its permissions with the key in it; None where they are left as they are."""
        return None if self.mode is None else self.mode & ~OTHERS

    @property
    def opened(self) -> int | None:
        """Its permissions once the key is out again; None where somebody has set others since."""
        return self.mode if mode_of(Path(self.target)) in {None, self.closed} else None


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """One client that was connected."""

    client: str
    url: str
    files: tuple[RecordedFile, ...]


class Records:
    """The records of all clients, one folder each."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder or data_dir() / "connect"

    def folder(self, client: str) -> Path:
        """Return where a client's record and copies are."""
        return self._folder / client

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep a second `turnout connect` out until this one is done.

        Raises:
            Misconfigured: another one is running, or the folder cannot be made.
        """
        try:
            make_folder(self._folder)
            descriptor = open_file(self._folder / ".lock")
        except OSError as error:
            raise _unwritable(self._folder, error) from error
        try:
            if not try_lock(descriptor):
                raise Misconfigured("another `turnout connect` is at work; try again once it is done")
            yield
        finally:
            os.close(descriptor)

    def load(self, client: str) -> Record | None:
        """Return a client's record; None where it is not connected.

        Raises:
            Misconfigured: it cannot be read.
        """
        path = self.folder(client) / RECORD
        content = read_bytes(path)
        if content is None:
            return None
        try:
            return msgspec.json.decode(content, type=Record)
        except msgspec.MsgspecError as error:
            raise Misconfigured(
                f"{path}: is not what `turnout connect` writes ({error}); copies of your files are beside "
                f"it: put "
                "them back by hand, and delete that folder"
            ) from error

    def base(self, record: Record, file: RecordedFile) -> bytes | None:
        """Return what a file was; None where there was none.

        Raises:
            Misconfigured: the copy is gone.
        """
        return self._copy(record, file, file.backup) if file.backup else None

    def written(self, record: Record, file: RecordedFile) -> bytes:
        """Return what a file became.

        Raises:
            Misconfigured: the copy is gone.
        """
        return self._copy(record, file, file.written)

    def _copy(self, record: Record, file: RecordedFile, name: str) -> bytes:
        path = self.folder(record.client) / name
        content = read_bytes(path)
        if content is None:
            raise Misconfigured(f"{path}: this copy of {file.path} is gone, so the change cannot be undone")
        return content

    def connect(self, record: Record, changes: Sequence[Change]) -> None:
        """Write files, keeping what they were; either all of them are written or none.

        Args:
            record: What `make_record` made of the changes.
            changes: In the order of the record's files.

        Raises:
            Misconfigured: a file has changed meanwhile, or cannot be written.
        """
        _refuse_if_changed(changes)
        folder = self.folder(record.client)
        try:
            make_folder(folder)
            for file, change in zip(record.files, changes, strict=True):
                if change.base is not None:
                    write_private(folder / file.backup, change.base)
                write_private(folder / file.written, change.after or b"")
            write_private(folder / RECORD, msgspec.json.format(msgspec.json.encode(record)) + b"\n")
        except OSError as error:
            raise _unwritable(folder, error) from error
        modes = [mode_of(Path(file.target)) for file in record.files]
        for number, (file, change) in enumerate(zip(record.files, changes, strict=True)):
            try:
                _write(Path(file.target), change.after, file.closed)
            except OSError as error:
                for done, undone, mode in list(zip(record.files, changes, modes, strict=True))[: number + 1]:
                    with suppress(OSError):
                        _restore(done, undone.before, mode)
                raise _unwritable(change.path, error) from error

    def undo(self, record: Record, changes: Sequence[Change]) -> None:
        """Put files back and forget the client; `changes` are in the order of the record's files.

        Raises:
            Misconfigured: a file has changed meanwhile, or cannot be written.
        """
        _refuse_if_changed(changes)
        for file, change in zip(record.files, changes, strict=True):
            try:
                _restore(file, change.after, file.opened)
            except OSError as error:
                raise Misconfigured(
                    f"{change.path}: cannot be put back: {error.strerror}; its copy is in "
                    f"{self.folder(record.client)}"
                ) from error
        folder = self.folder(record.client)
        for path in sorted(folder.glob("*")):
            path.unlink()
        folder.rmdir()


def make_record(
    client: str, target: Target, changes: Sequence[tuple[Change, Format]], earlier: Record | None
) -> Record:
    """Return what is written down of a client's changes; `earlier` is its record until now."""
    existing = {file.path: file for file in earlier.files} if earlier else {}
    names = {form: name for name, form in FORMATS.items()}
    return Record(
        client=client,
        url=target.url,
        files=tuple(
            RecordedFile(
                path=str(change.path),
                target=str(change.path.resolve()),
                format=names[form],
                backup="" if change.base is None else f"{number}-{change.path.name}.before",
                written=f"{number}-{change.path.name}.after",
                hunks=change.hunks,
                folders=(before.folders if before else ()) or _missing(change.path.resolve().parent),
                mode=_mode(change, before, target),
            )
            for number, (change, form) in enumerate(changes)
            for before in (existing.get(str(change.path)),)
        ),
    )


def _mode(change: Change, earlier: RecordedFile | None, target: Target) -> int | None:
    now = mode_of(change.path)
    has_key = target.key and target.key.encode() in (change.after or b"")
    if has_key and now is not None and now & OTHERS:
        return now
    return earlier.mode if earlier else None


def _missing(folder: Path) -> tuple[str, ...]:
    missing: list[str] = []
    while not folder.exists() and folder != folder.parent:
        missing.insert(0, str(folder))
        folder = folder.parent
    return tuple(missing)


def _refuse_if_changed(changes: Sequence[Change]) -> None:
    for change in changes:
        if read_bytes(change.path) != change.before:
            raise Misconfigured(
                f"{change.path}: was changed meanwhile; nothing was changed here: run the command again"
            )


def _write(target: Path, content: bytes | None, mode: int | None) -> None:
    make_folder(target.parent)
    write_private(target, content or b"", mode=mode)


def _restore(file: RecordedFile, content: bytes | None, mode: int | None) -> None:
    target = Path(file.target)
    if content is not None:
        _write(target, content, mode)
        return
    target.unlink(missing_ok=True)
    for folder in reversed(file.folders):
        try:
            Path(folder).rmdir()
        except OSError:  # somebody else's files are in it by now
            return


def _unwritable(path: Path, error: OSError) -> Misconfigured:
    return Misconfigured(f"{path}: cannot be written: {error.strerror or error}; nothing was changed")
