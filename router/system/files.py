"""Files and folders of ours: for their owner only, whatever the umask.

On Windows a profile's folders already belong to their user alone, and modes mean nothing: all of this
leaves modes as they are there.
"""

import os
import stat
import sys
from pathlib import Path

import structlog

from router.errors import Misconfigured

log = structlog.get_logger(__name__)

FILE, FOLDER = 0o600, 0o700
OTHERS = 0o077
"""The bits of a mode that let anybody else in."""

POSIX = sys.platform != "win32"
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)
_BINARY = getattr(os, "O_BINARY", 0)


def make_folder(folder: Path) -> None:
    """Make `folder` with mode 0700, and the folders above it that are missing; leave those that are there.

    Raises:
        OSError: it cannot be made.
    """
    missing = []
    while not folder.is_dir():
        missing.append(folder)
        if folder == folder.parent:
            break
        folder = folder.parent
    for new in reversed(missing):
        new.mkdir(mode=FOLDER, exist_ok=True)
        if POSIX:
            new.chmod(FOLDER)  # the umask may have taken more away


def open_private(path: Path, flags: int) -> int:
    """Open a file as `os.open` does; one that this makes has mode 0600. A link is not followed.

    Raises:
        OSError: it cannot be opened, or is a symbolic link.
    """
    try:
        descriptor = os.open(path, flags | os.O_CREAT | os.O_EXCL | _NO_FOLLOW | _BINARY, FILE)
    except FileExistsError:
        if flags & os.O_EXCL:
            raise
        return os.open(path, flags | os.O_CREAT | _NO_FOLLOW | _BINARY, FILE)
    if POSIX:
        os.fchmod(descriptor, FILE)  # as above
    return descriptor


def write_private(path: Path, content: bytes, *, mode: int | None = None) -> None:
    """Write a file as a whole or not at all: mode 0600, or the mode of the file whose place it takes.

    Args:
        path: A link stays one, and what it leads to is replaced.
        content: All of it.
        mode: The mode in the place of either.

    Raises:
        OSError: it cannot be written.
    """
    path = path.resolve()
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.unfinished")
    with os.fdopen(open_private(unfinished, os.O_WRONLY | os.O_EXCL), "wb") as file:
        try:
            file.write(content)
            file.close()
            if mode is None:
                mode = mode_of(path)
            if POSIX and mode is not None:
                unfinished.chmod(mode)
            unfinished.replace(path)
        except BaseException:
            unfinished.unlink(missing_ok=True)
            raise


def mode_of(path: Path) -> int | None:
    """Return a file's permissions; None where there is no file, and where modes mean nothing."""
    return stat.S_IMODE(path.stat().st_mode) if POSIX and path.is_file() else None


def restrict_to_owner(path: Path) -> None:
    """Take from everybody but its owner what they may do with `path`; warn where it is not ours to change."""
    if not POSIX:
        return
    try:
        status = path.lstat()
    except FileNotFoundError:
        return
    if stat.S_ISLNK(status.st_mode) or not status.st_mode & OTHERS:
        return
    mode = stat.S_IMODE(status.st_mode)
    if status.st_uid == os.geteuid():
        path.chmod(mode & ~OTHERS)
        log.warning("file_closed_to_others", path=str(path), was=f"{mode:04o}", now=f"{mode & ~OTHERS:04o}")
    else:
        log.warning(
            "file_open_to_others",
            path=str(path),
            mode=f"{mode:04o}",
            remedy=f"it belongs to another user, who can run: chmod go= {path}",
        )


def refuse_foreign_link(path: Path, setting: str) -> None:
    """Refuse a symbolic link that another user made: it would lead our data where they like.

    Raises:
        Misconfigured: `path` is one; names `setting`.
    """
    if not POSIX or not path.is_symlink():
        return
    owner = path.lstat().st_uid
    if owner not in {os.geteuid(), 0}:
        raise Misconfigured(
            f"{setting}: {path} is a link that another user (id {owner}) made; "
            "name the file that it leads to, or another place"
        )
