"""The dashboard in a real browser: login, filter, drill-down, export; without a script, by keyboard."""

import csv

import pytest

pytestmark = pytest.mark.slow

PAGES = ("", "/requests?span=month", "/policy", "/teams", "/nowhere")
WIDTHS = {"desktop": 1280, "phone": 390}


def test_a_wrong_key_a_teams_key_the_right_key(visit, board):
    page = visit(logged_in=False)
    page.goto(f"{board.url}/requests?team=web")
    for wrong, message in (("tn-wrong", "unknown"), (board.team_key, "team's key")):
        page.get_by_label("Admin key").fill(wrong)
        page.get_by_role("button", name="Log in").click()
        assert message in page.get_by_role("alert").inner_text()
    page.get_by_label("Admin key").fill(board.key)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url("**/requests?team=web")
    assert page.get_by_role("heading", name="Requests", exact=True).is_visible()
    assert page.evaluate("document.cookie").find("turnout-session") == -1


def test_filter_and_drill_down(visit):
    page = visit()
    page.get_by_role("link", name="Requests", exact=True).click()
    page.get_by_label("Team", exact=True).select_option("web")
    page.get_by_label("Only").select_option("escalated")
    page.get_by_label("Time").select_option("month")
    page.get_by_role("button", name="Show").click()
    rows = page.locator("tbody tr")
    assert rows.count() > 0
    assert all("web" in text and "escalated" in text for text in rows.all_inner_texts())
    rows.first.get_by_role("link").click()
    for step in ("What was read", "What was judged", "Rules of balanced", "Decision", "Attempts", "Bill"):
        assert page.get_by_role("heading", name=step).is_visible(), step
    assert page.locator("tr.decided").count() == 1
    page.get_by_role("link", name="its other requests").click()
    assert "Of one conversation only" in page.locator("main").inner_text()


def test_the_export_holds_what_is_filtered(visit, board):
    page = visit()
    page.goto(f"{board.url}/requests?team=data&span=month")
    with page.expect_download() as waited:
        page.get_by_role("link", name="Export as CSV").click()
    with waited.value.path().open(newline="") as file:
        rows = list(csv.DictReader(file))
    count = page.locator(".card .figure").first.inner_text()
    assert len(rows) == int(count.replace(",", "")) > 50
    assert {row["team"] for row in rows} == {"data"}


def test_pages_of_the_list(visit, board):
    page = visit()
    page.goto(f"{board.url}/requests?span=month")
    first = page.locator("tbody th a").last.get_attribute("href")
    page.get_by_role("link", name="Older").click()
    assert page.locator("tbody th a").first.get_attribute("href") != first
    page.get_by_role("link", name="Newest").click()
    assert page.locator("main table").last.locator("tbody th a").last.get_attribute("href") == first


def test_logged_out_is_out_and_back_shows_nothing(visit, board):
    page = visit()
    page.get_by_role("button", name="Log out").click()
    page.wait_for_url("**/login")
    page.goto(board.url)
    page.wait_for_url("**/login")
    page.go_back()
    assert page.get_by_label("Admin key").is_visible()


def test_all_of_it_without_a_script(visit, board):
    page = visit(java_script_enabled=False)
    assert page.get_by_role("link", name="Refresh").is_visible()
    assert page.locator("#pause").is_hidden()
    page.goto(f"{board.url}/requests?span=month")
    page.get_by_label("Track", exact=True).select_option("local")
    page.get_by_role("button", name="Show").click()
    assert set(page.locator("main table").last.locator(".track").all_inner_texts()) == {"local"}
    page.locator("main table").last.get_by_role("link").first.click()
    assert page.get_by_role("heading", name="Bill").is_visible()
    page.get_by_role("button", name="Log out").click()
    page.wait_for_url("**/login")


def test_all_of_it_by_keyboard(visit, board):
    page = visit(logged_in=False)
    page.goto(f"{board.url}/login")
    page.keyboard.type(board.key)  # the field has the focus
    page.keyboard.press("Enter")
    page.wait_for_url(board.url)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    assert page.evaluate("document.activeElement.getBoundingClientRect().left") >= 0
    reach(page, "Requests")
    page.keyboard.press("Enter")
    page.wait_for_url("**/requests")
    reach(page, "Team", by="labels")
    page.keyboard.type("web")
    reach(page, "Show")
    page.keyboard.press("Enter")
    page.wait_for_url("**team=web**")
    reach(page, "Log out")
    page.keyboard.press("Enter")
    page.wait_for_url("**/login")


def reach(page, name, by="text"):
    """Tab to what is called `name`; each stop on the way shows where the focus is."""
    called = {
        "text": "document.activeElement.textContent.trim()",
        "labels": "(document.activeElement.labels?.[0]?.firstChild?.textContent || '').trim()",
    }[by]
    for _ in range(60):
        page.keyboard.press("Tab")
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline != "none", page.evaluate("document.activeElement.outerHTML")
        if page.evaluate(called) == name:
            return
    pytest.fail(f"the keyboard does not reach {name!r}")


def test_the_live_part_comes_anew_and_can_be_paused(visit):
    page = visit()
    page.evaluate("document.getElementById('live').dataset.mark = '1'")
    before = page.locator("#live").inner_text()
    page.wait_for_function("before => document.getElementById('live').innerText !== before", arg=before)
    assert page.locator("#live").get_attribute("data-mark") == "1"  # the part, not the page
    pause = page.get_by_role("button", name="Pause")
    pause.click()
    assert page.get_by_role("button", name="Resume").get_attribute("aria-pressed") == "true"


def test_times_are_in_the_browsers_zone(visit):
    page = visit(timezone_id="Asia/Tokyo")
    page.wait_for_function("document.querySelector('footer').innerText.includes('Asia/Tokyo')")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", list(WIDTHS))
def test_nothing_serious_is_found_and_nothing_hangs_over(visit, board, axe, scheme, width):
    size = {"width": WIDTHS[width], "height": 800}
    page = visit(logged_in=False, color_scheme=scheme, viewport=size)
    page.goto(f"{board.url}/login")
    assert axe(page) == []
    page.get_by_label("Admin key").fill(board.key)
    page.keyboard.press("Enter")
    page.wait_for_url(board.url)
    page.goto(f"{board.url}/requests?only=escalated&span=month")
    request_path = page.locator("tbody th a").first.get_attribute("href").removeprefix("/dashboard")
    for path in (*PAGES, request_path):
        page.goto(board.url + path)
        page.evaluate("document.querySelectorAll('details').forEach(details => { details.open = true })")
        assert axe(page) == [], path
        assert page.evaluate("document.documentElement.scrollWidth") <= WIDTHS[width], path


def test_a_cut_connection_leaves_the_page_as_it_was(visit, board):
    page = visit()
    page.route(board.url, lambda route: route.abort())
    before = page.locator("#live").inner_text()
    page.wait_for_timeout(3500)
    assert page.locator("#live").inner_text() == before
