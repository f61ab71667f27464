"""A page is printed by a real browser; where there is none, the answer says what to install."""

import stat
import sys

import pytest

from router.errors import Misconfigured
from router.reports.pdf import find_browser, render_pdf

PAGE = "<!doctype html><html lang='en'><title>Routing report</title><p>Printed.</p></html>"


@pytest.fixture
def browser():
    try:
        return find_browser()
    except Misconfigured:
        pytest.skip("no Chromium, Chrome or Edge is installed")


@pytest.fixture
def named(tmp_path, monkeypatch):
    """A program in the browser's place."""

    def make(source):
        program = tmp_path / "browser"
        program.write_text(f"#!{sys.executable}\n{source}")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("CHROME_PATH", str(program))

    return make


@pytest.mark.usefixtures("browser")
def test_a_browser_prints():
    printed = render_pdf(PAGE)
    assert printed.startswith(b"%PDF-")
    assert printed.rstrip().endswith(b"%%EOF")
    assert b"/Lang (en)" in printed or b"Lang" in printed


def test_without_a_browser_it_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CHROME_PATH", raising=False)
    with pytest.raises(
        Misconfigured, match=r"needs Chromium, Chrome or Edge.*apt install chromium.*CHROME_PATH"
    ):
        render_pdf(PAGE)


def test_a_browser_that_does_not_print_is_told_with_its_last_words(named):
    named("import sys; sys.exit('no display')")
    with pytest.raises(Misconfigured, match=r"did not print \(exit 1\): no display"):
        render_pdf(PAGE)


def test_a_browser_that_is_not_there(monkeypatch):
    monkeypatch.setenv("CHROME_PATH", "/nowhere/chrome")
    with pytest.raises(Misconfigured, match="/nowhere/chrome cannot be started: No such file"):
        render_pdf(PAGE)
