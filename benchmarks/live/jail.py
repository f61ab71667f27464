"""A room of its own for one command: no network, no files but a few read-only, no other processes.

It is what bubblewrap does, as far as a sandbox needs it, for machines that have none. It stands alone,
with nothing but the standard library, because its text is handed to `python -I -c`. Linux 5.12 or newer.

- New user, mount, process, network and IPC namespaces; what was mounted before is out of reach.
- The command is user 65534 and has no capability: they end where it is started.
- All processes end with the first, and the first ends with its parent.
"""

import ctypes
import os
import signal
import sys
from pathlib import Path

NOBODY = 65534
ROOMS = 0x10000000 | 0x00020000 | 0x20000000 | 0x40000000 | 0x08000000  # user, mount, pid, net, ipc
MS_BIND, MS_REC, MS_PRIVATE, MS_NOSUID, MS_NODEV = 0x1000, 0x4000, 0x40000, 2, 4
READ_ONLY, NO_SUID = 1, 2  # MOUNT_ATTR_RDONLY, MOUNT_ATTR_NOSUID
MOUNT_SETATTR, AT_FDCWD, AT_RECURSIVE = 442, -100, 0x8000
PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS = 1, 38
DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom")
USAGE = 3


def enter(folders: list[str], megabytes: int) -> None:
    """Leave this machine for a root that holds `folders`, read-only, and an empty `/tmp`.

    Args:
        folders: absolute paths; those that are not there are left out.
        megabytes: how much fits into `/tmp`, which is in memory.

    Raises:
        OSError: the kernel does not allow one of the steps.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    user, group = os.geteuid(), os.getegid()
    _done(libc.unshare(ROOMS), "unshare")
    Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
    Path("/proc/self/uid_map").write_text(f"{NOBODY} {user} 1", encoding="ascii")
    Path("/proc/self/gid_map").write_text(f"{NOBODY} {group} 1", encoding="ascii")
    _done(libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None), "mount private")
    # Opened before anything is mounted over them.
    handles = {path: os.open(path, os.O_PATH) for path in (*folders, *DEVICES) if Path(path).exists()}
    root = Path("/tmp")  # noqa: S108 - only a place to mount on, in a mount namespace of our own
    _done(
        libc.mount(b"tmpfs", bytes(root), b"tmpfs", MS_NOSUID | MS_NODEV, b"size=1m,mode=755"), "mount root"
    )
    for path, opened in handles.items():
        target = root / path.lstrip("/")
        if Path(path).is_dir():
            target.mkdir(parents=True, exist_ok=True)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.touch()
        source = f"/proc/self/fd/{opened}".encode()
        _done(libc.mount(source, bytes(target), None, MS_BIND | MS_REC, None), f"bind {path}")
        os.close(opened)
    room = root / "tmp"
    room.mkdir(exist_ok=True)
    attributes = (ctypes.c_uint64 * 4)(READ_ONLY | NO_SUID, 0, 0, 0)
    size = ctypes.sizeof(attributes)
    changed = libc.syscall(MOUNT_SETATTR, AT_FDCWD, bytes(root), AT_RECURSIVE, attributes, size)
    _done(changed, "mount read-only")
    options = f"size={megabytes}m,mode=1777".encode()
    _done(libc.mount(b"tmpfs", bytes(room), b"tmpfs", MS_NOSUID | MS_NODEV, options), "mount /tmp")
    os.chroot(root)
    os.chdir("/tmp")  # noqa: S108 - the empty one
    _done(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no new privileges")


def start(command: list[str]) -> int:
    """Run `command` as the first process of the new process namespace, and return its exit status."""
    child = os.fork()
    if child == 0:
        libc = ctypes.CDLL(None, use_errno=True)
        _done(libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0), "die with parent")
        os.execv(command[0], command)  # noqa: S606 - there is no shell in here
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def _done(result: int, step: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{step}: {os.strerror(number)}")


def main(arguments: list[str]) -> int:
    """Run a command behind `enter`; takes `MEGABYTES FOLDER... -- COMMAND...`."""
    at = arguments.index("--")
    try:
        enter(arguments[1:at], int(arguments[0]))
    except OSError as error:
        print(error, file=sys.stderr)
        return USAGE
    return start(arguments[at + 1 :])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
