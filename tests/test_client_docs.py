"""Each client has a page, and each message that the docs explain is one that is printed."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from router.connect.client import Client
from router.connect.clients.catalog import CLIENTS

ROOT = Path(__file__).parents[1]
PAGES = ROOT / "docs/clients"
SHORTEST, LONGEST = 20, 45
"""Lines of a client's page."""
DIFFERS = "…"
SHORTEST_PART = 6
"""Characters of a part of a message that is looked for."""


def page_of(client: Client) -> Path | None:
    files = (PAGES / f"{name}.md" for name in (client.name, *client.aliases))
    return next((file for file in files if file.exists()), None)


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
def test_each_client_has_a_page_that_says_how_to_connect_it(client: Client):
    page = page_of(client)
    assert page is not None
    text = page.read_text()
    assert SHORTEST <= len(text.splitlines()) <= LONGEST
    assert f"turnout connect {client.name}" in text or f"turnout code {client.name}" in text
    if client.launch:
        assert any(f"turnout code {name}" in text for name in (client.name, *client.programs))
    assert f"clients/{page.name}" in (ROOT / "docs/clients.md").read_text()


def test_each_page_is_a_clients():
    assert {*PAGES.glob("*.md")} == {page_of(client) for client in CLIENTS}


def pages() -> Iterator[Path]:
    yield from sorted((ROOT / "docs").rglob("*.md"))


@pytest.mark.parametrize("page", list(pages()), ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path):
    for target in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", page.read_text()):
        assert (page.parent / target).exists(), target


def texts() -> Iterator[str]:
    """Every text in the source; what is put into it is `DIFFERS`."""
    yield (ROOT / "Makefile").read_text()
    for file in (file for room in ("router", "policies") for file in (ROOT / room).rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.JoinedStr):
                values = node.values
                yield "".join(str(v.value) if isinstance(v, ast.Constant) else DIFFERS for v in values)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


def messages() -> Iterator[str]:
    """The first cells of the tables that are messages."""
    for line in (ROOT / "docs/troubleshooting.md").read_text().splitlines():
        if match := re.match(r"\| (?:`` ?(?P<long>.+?) ?``|`(?P<short>[^`]+)`)(?: \([a-z ]+\))? \|", line):
            yield match["long"] or match["short"]


@pytest.fixture(scope="module")
def source() -> str:
    return "\n".join(texts())


def parts(message: str) -> list[str]:
    """What stands in a message word for word: its place, its values and its remedy may be put together."""
    return [part for part in re.split(rf"{DIFFERS}|[:;] |['`]", message) if len(part) >= SHORTEST_PART]


@pytest.mark.parametrize("message", list(messages()))
def test_a_message_that_is_explained_is_printed(message: str, source: str):
    assert parts(message)
    assert [part for part in parts(message) if part.strip() not in source] == []


def test_messages_are_explained():
    assert len(list(messages())) > 25
