"""`python typed.py PROGRAM WAIT LINE … WAIT`: a program in a terminal, with a person who types.

Each LINE is typed once the WAIT before it was printed; the program ends after the last WAIT. Blanks and
colours do not count, since a terminal's programs paint where they like.
"""

import os
import pty
import re
import select
import signal
import sys
import time

DEADLINE_S = 60
PAINT = re.compile(rb"\x1b\][^\x07]*\x07|\x1b\[[0-9;?<>=]*[a-zA-Z]|\s")


class Terminal:
    """What was printed so far."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.printed = b""

    def wait(self, text: str) -> None:
        """Read on until `text` was printed, and forget what came before.

        Raises:
            TimeoutError: it never was.
        """
        wanted, end = re.sub(r"\s", "", text).encode(), time.monotonic() + DEADLINE_S
        while wanted not in (plain := PAINT.sub(b"", self.printed)):
            if time.monotonic() > end:
                raise TimeoutError(f"not printed: {text!r}; last: {plain[-400:]!r}")
            if select.select([self.descriptor], [], [], 0.2)[0]:
                self.printed += os.read(self.descriptor, 65_536)
        self.printed = b""

    def type(self, line: str) -> None:
        """Type a line, and Enter once it is seen: at once it would pass for a paste."""
        os.write(self.descriptor, line.encode())
        self.wait(line.rsplit(maxsplit=1)[-1])
        time.sleep(0.5)
        os.write(self.descriptor, b"\r")


def main() -> None:
    program, *script = sys.argv[1:]
    process, descriptor = pty.fork()
    if not process:
        os.execv(program, [program])
    terminal = Terminal(descriptor)
    try:
        for at, text in enumerate(script):
            terminal.type(text) if at % 2 else terminal.wait(text)
    finally:
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)


if __name__ == "__main__":
    main()
