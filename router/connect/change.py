"""What connecting changes: each file before and after, shown as a unified diff."""

import difflib
import stat
from dataclasses import dataclass
from pathlib import Path

from router.connect.client import SettingsFile
from router.connect.formats.document import Hunk, apply, read
from router.connect.formats.edits import Unreadable
from router.errors import Misconfigured
from router.system.files import POSIX


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One file's change; `before` is None where there is no file yet, `after` where it is to go."""

    path: Path
    before: bytes | None
    after: bytes | None
    base: bytes | None = None
    """What undoing goes back to: `before`, without what was put in when it was connected earlier."""
    hunks: tuple[Hunk, ...] = ()
    """What `after` has in the place of what `base` had."""

    @property
    def is_empty(self) -> bool:
        """Whether the file is already as it should be."""
        return self.before == self.after


def plan(file: SettingsFile, before: bytes | None, base: bytes | None) -> Change:
    """Work out what has to change in a file; nothing is written.

    Args:
        file: What it should say.
        before: Its content now; None where there is none.
        base: The same without an earlier connection.

    Raises:
        Misconfigured: it is broken, cannot be written, or must not be written; names it and the remedy.
    """
    if file.obstacle:
        raise Misconfigured(f"{file.obstacle}; nothing was changed")
    try:
        data = read(base or b"", file.form)
        after, hunks = apply(base or b"", file.form, file.edits(data))
    except Unreadable as error:
        raise Misconfigured(f"{file.path}: {error}; nothing was changed: mend the file first") from error
    change = Change(path=file.path, before=before, after=after, base=base, hunks=hunks)
    if not change.is_empty:
        _refuse_read_only(file.path)
    return change


def read_bytes(path: Path) -> bytes | None:
    """Return a file's content; None where there is none.

    Raises:
        Misconfigured: it cannot be read.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Misconfigured(f"{path}: cannot be read: {error.strerror}; nothing was changed") from error


def diff(path: Path, before: bytes | None, after: bytes | None) -> str:
    """Return a unified diff; empty without a change. Line ends and byte-order marks are not shown."""
    lines = difflib.unified_diff(
        _lines(before),
        _lines(after),
        fromfile=str(path) if before is not None else "/dev/null",
        tofile=str(path) if after is not None else "/dev/null",
    )
    return "".join(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines
    )


def _refuse_read_only(path: Path) -> None:
    if POSIX and path.exists() and not path.stat().st_mode & stat.S_IWUSR:
        raise Misconfigured(
            f"{path}: {path.resolve()} is read-only, as files are that another program manages; nothing was "
            "changed: make the change that --print shows where that program has the file from"
        )


def _lines(content: bytes | None) -> list[str]:
    text = (content or b"").decode(errors="replace").removeprefix("\ufeff")
    return text.replace("\r\n", "\n").splitlines(keepends=True)
