"""Prints a page as PDF with an installed browser, headless.

The page loads nothing and runs no script. The browser gets a temporary profile.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from router.errors import Misconfigured
from router.system.subprocesses import find_program

PATH_VARIABLE = "CHROME_PATH"
"""Environment variable with the path of the browser; other tools read it too."""
PROGRAM_NAMES = (
    "chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "microsoft-edge",
    "microsoft-edge-stable", "msedge",
)  # fmt: skip
INSTALL_PATHS = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe",
)
TIMEOUT_S = 120


def render_pdf(page: str) -> bytes:
    """Print an HTML page.

    Raises:
        Misconfigured: no browser is installed, or it failed.
    """
    browser = find_browser()
    with TemporaryDirectory(prefix="turnout-report-", ignore_cleanup_errors=True) as folder:
        source, target = Path(folder, "report.html"), Path(folder, "report.pdf")
        source.write_text(page, encoding="utf-8")
        command = [browser, *_options(folder), f"--print-to-pdf={target}", source.as_uri()]
        try:
            process = subprocess.run(
                command,
                cwd=folder,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=TIMEOUT_S,
                check=False,
            )
        except OSError as error:
            raise Misconfigured(f"--format pdf: {browser} cannot be started: {error.strerror}") from error
        except subprocess.TimeoutExpired as error:
            raise Misconfigured(
                f"--format pdf: {browser} did not print within {TIMEOUT_S} seconds"
            ) from error
        if not target.is_file():
            last = (process.stderr.strip().splitlines() or ["no message"])[-1]
            raise Misconfigured(f"--format pdf: {browser} did not print (exit {process.returncode}): {last}")
        return target.read_bytes()


def find_browser() -> str:
    """Return the path of the browser.

    Raises:
        Misconfigured: none is installed; names what to install.
    """
    browser = next(_browser_candidates(), None)
    if browser is None:
        raise Misconfigured(
            "--format pdf: needs Chromium, Chrome or Edge, and none is installed: install one "
            f"(Debian: apt install chromium), or set {PATH_VARIABLE} to its program; or print --format html "
            "yourself"
        )
    return browser


def _browser_candidates() -> Iterator[str]:
    if configured := os.environ.get(PATH_VARIABLE):
        yield configured
    for name in PROGRAM_NAMES:
        if path := find_program(name):
            yield path
    yield from (path for path in INSTALL_PATHS if Path(path).is_file())


def _options(folder: str) -> Iterator[str]:
    yield from ("--headless", "--disable-gpu", "--disable-extensions", "--disable-background-networking")
    yield from ("--no-first-run", "--no-pdf-header-footer", f"--user-data-dir={Path(folder, 'profile')}")
    if sys.platform == "linux" and os.geteuid() == 0:
        yield "--no-sandbox"  # Chromium refuses to start as root with it
