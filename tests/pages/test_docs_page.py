"""The page of the API in a real browser: each path is on it and can be tried, and no other host is asked."""

from urllib.parse import urlsplit

import pytest

pytestmark = pytest.mark.slow


@pytest.fixture
def docs(board):
    return board.url.removesuffix("/dashboard") + "/docs"


@pytest.fixture
def page(visit, docs):
    """The page, in a browser that reaches the endpoint alone; the hosts that it asks for are noted."""
    page = visit(logged_in=False)
    page.hosts, own = set(), urlsplit(docs).netloc

    def note(route):
        host = urlsplit(route.request.url).netloc
        page.hosts.add(host)
        if host == own:
            route.continue_()
        else:
            route.abort()

    page.route("**/*", note)
    page.goto(docs)
    page.locator(".opblock-tag-section").first.wait_for()
    return page


def try_out(page, operation, body=None):
    """Open an operation, execute it; returns the status that the page shows."""
    page.goto(f"{page.url.partition('#')[0]}#/{operation}")
    page.reload()
    block = page.locator(f"#operations-{operation.replace('/', '-')}")
    block.get_by_role("button", name="Try it out").click()
    if body is not None:
        block.locator("textarea.body-param__text").fill(body)
    block.get_by_role("button", name="Execute").click()
    status = block.locator(".live-responses-table .response .response-col_status")
    status.wait_for()
    return status.inner_text()


def test_it_asks_no_other_host_and_shows_every_path(page, docs):
    served = page.request.get(docs.replace("/docs", "/openapi.json")).json()
    page.wait_for_load_state("networkidle")
    assert page.locator(".opblock-tag-section").count() == len(served["tags"])
    assert page.hosts == {urlsplit(docs).netloc}


def test_paths_can_be_tried(page, docs):
    assert "200" in try_out(page, "State/get_health")
    status = try_out(page, "Decisions/post_v1_route", '{"messages": [{"role": "user", "content": "Hi."}]}')
    assert "401" in status  # the ledger has keys
    assert page.hosts == {urlsplit(docs).netloc}


def test_a_link_to_it_puts_no_other_description_there(page, docs):
    evil = "http://evil.test/openapi.json"
    page.goto(f"{docs}?url={evil}&configUrl={evil}&urls.primaryName={evil}")
    page.locator(".opblock-tag-section").first.wait_for()
    page.wait_for_load_state("networkidle")
    assert page.get_by_role("heading", name="Turnout").first.is_visible()
    assert page.hosts == {urlsplit(docs).netloc}
