"""The socket that clients connect to."""

import errno
import os
import socket

from router.errors import Misconfigured


def bind(host: str, port: int) -> socket.socket:
    """Take an address to listen on.

    Raises:
        Misconfigured: it cannot be had; says why.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    if os.name != "nt":  # on Windows this option would let two programs share the port
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise Misconfigured(
            f"listen: cannot use {host}:{port} ({error.strerror}); {_remedy(error)}"
        ) from error
    return listener


def _remedy(error: OSError) -> str:
    if isinstance(error, PermissionError):
        return "ports below 1024 are the system's: pass --listen with a higher one"
    if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
        return "give an address of this machine, such as 127.0.0.1:4747"
    return "stop the other program or pass --listen"
