"""A page as PDF, printed by a browser that is installed here, without a window and without a network.

The browser gets a file of ours that loads nothing and runs no script, and a profile of its own
that is gone afterwards.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from router.errors import Misconfigured
from router.system.subprocesses import find_program

VARIABLE = "CHROME_PATH"
"""Environment variable that names the browser's program; other tools read it, too."""
NAMES = (
    "chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "microsoft-edge",
    "microsoft-edge-stable", "msedge",
)  # fmt: skip
PLACES = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe",
)
MOST_S = 120


def pdf(page: str) -> bytes:
    """Print a page.

    Raises:
        Misconfigured: no browser is installed, or it could not print.
    """
    browser = find_browser()
    with TemporaryDirectory(prefix="turnout-report-", ignore_cleanup_errors=True) as folder:
        source, printed = Path(folder, "report.html"), Path(folder, "report.pdf")
        source.write_text(page, encoding="utf-8")
        command = [browser, *_options(folder), f"--print-to-pdf={printed}", source.as_uri()]
        try:
            ended = subprocess.run(
                command,
                cwd=folder,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=MOST_S,
                check=False,
            )
        except OSError as error:
            raise Misconfigured(f"--format pdf: {browser} cannot be started: {error.strerror}") from error
        except subprocess.TimeoutExpired as error:
            raise Misconfigured(f"--format pdf: {browser} did not print within {MOST_S} seconds") from error
        if not printed.is_file():
            last = (ended.stderr.strip().splitlines() or ["it said nothing"])[-1]
            raise Misconfigured(f"--format pdf: {browser} did not print (exit {ended.returncode}): {last}")
        return printed.read_bytes()


def find_browser() -> str:
    """Find the program.

    Raises:
        Misconfigured: there is none; says what to install.
    """
    found = next(_browsers(), None)
    if found is None:
        raise Misconfigured(
            "--format pdf: needs Chromium, Chrome or Edge to print with, and none is installed: install one "
            f"(Debian: apt install chromium), or set {VARIABLE} to its program; or print --format html "
            "yourself"
        )
    return found


def _browsers() -> Iterator[str]:
    if named := os.environ.get(VARIABLE):
        yield named
    for name in NAMES:
        if there := find_program(name):
            yield there
    yield from (place for place in PLACES if Path(place).is_file())


def _options(folder: str) -> Iterator[str]:
    yield from ("--headless", "--disable-gpu", "--disable-extensions", "--disable-background-networking")
    yield from ("--no-first-run", "--no-pdf-header-footer", f"--user-data-dir={Path(folder, 'profile')}")
    if sys.platform == "linux" and os.geteuid() == 0:
        yield "--no-sandbox"  # Chromium refuses to start as root with it
