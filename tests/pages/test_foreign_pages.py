"""Pages of other sites in a real browser: nothing they send reaches a provider, nothing is read."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

pytestmark = pytest.mark.slow

ATTACK = (Path(__file__).parent / "attack.js").read_text()
EMPTY = "<!doctype html><title>a page</title><body>"
REFUSED = {403, 415}


def attack_on(target):
    """For a frame, which tells its parent what it could read."""
    return f"({ATTACK})({json.dumps(target)}).then(read => parent.postMessage(read, '*'))"


class Site(BaseHTTPRequestHandler):
    """Another site: one page for every path, under every name."""

    def do_GET(self):
        target = self.path.partition("?")[2]
        page = EMPTY
        if target:  # attacks from where a frame without an origin runs it
            page += f"<script>{attack_on(target)}</script>"
        self.send_response(200)
        self.send_header("content-type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(page.encode())

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def site():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="module")
def endpoint(start_endpoint, shared_upstream):
    """One as a fresh machine has it: no key, and a credential of its owner's."""
    local = f"{shared_upstream.url}/v1"
    owner = {"ANTHROPIC_API_KEY": "sk-ant-owner"}
    return start_endpoint(owner, CLOUD__BASE_URL=shared_upstream.url, LOCAL__URL=local, LOCAL__NAME="nearby")


@pytest.fixture
def page(browser):
    context = browser.new_context()
    context.set_default_timeout(30_000)
    yield context.new_page()
    context.close()


def port(program):
    return int(program.url.rpartition(":")[2])


def sent_on(upstream):
    return httpx.get(upstream.url + "/_requests", verify=False).json()


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "evil.test"])
@pytest.mark.parametrize("query", ["127.0.0.1", "localhost", "evil.test"])
def test_a_page_of_another_site(page, site, endpoint, upstream, name, query):
    page.goto(f"http://{name}:{site}/")
    assert page.evaluate(ATTACK, f"http://{query}:{port(endpoint)}") == []
    assert sent_on(upstream) == []


def test_a_name_that_was_made_to_point_here(page, endpoint, upstream):
    """The page came from elsewhere; to the browser it and the endpoint are one site."""
    target = f"http://evil.test:{port(endpoint)}"
    page.route(f"{target}/page", lambda route: route.fulfill(content_type="text/html", body=EMPTY))
    page.goto(f"{target}/page")
    read = page.evaluate(ATTACK, target)
    assert read
    assert {answer["status"] for answer in read} <= REFUSED | {0}
    assert [answer for answer in read if "allowed_hosts" not in answer["text"]] == []
    assert sent_on(upstream) == []


@pytest.mark.parametrize("form", ["sandbox", "data"])
def test_a_frame_without_an_origin(page, site, endpoint, upstream, form):
    page.goto(f"http://evil.test:{site}/")
    source = f"http://evil.test:{site}/?{endpoint.url}"
    if form == "data":
        source = "data:text/html," + quote(f"{EMPTY}<script>{attack_on(endpoint.url)}</script>")
    read = page.evaluate(
        """([source, sandbox]) => new Promise((done) => {
            addEventListener("message", (event) => done(event.data));
            const frame = document.createElement("iframe");
            if (sandbox) frame.sandbox = "allow-scripts allow-forms";
            frame.src = source;
            document.body.append(frame);
        })""",
        [source, form == "sandbox"],
    )
    assert read == []
    assert sent_on(upstream) == []


def test_a_form_that_leads_away_and_a_link(page, site, endpoint, upstream):
    page.goto(f"http://evil.test:{site}/")
    for enctype in ("text/plain", "multipart/form-data", "application/x-www-form-urlencoded"):
        with page.expect_navigation():
            page.evaluate(
                """([target, enctype]) => {
                    const form = document.createElement("form");
                    Object.assign(form, { action: target + "/v1/messages", method: "POST", enctype });
                    document.body.append(form);
                    form.submit();
                }""",
                [endpoint.url, enctype],
            )
        assert "allowed_origins" in page.content()
        page.goto(f"http://evil.test:{site}/")
    page.evaluate("target => { location = target }", endpoint.url + "/dashboard")
    page.wait_for_url("**/dashboard")
    assert page.get_by_role("link", name="Requests", exact=True).is_visible()
    assert sent_on(upstream) == []


def test_our_own_page_and_an_allowed_one_get_through(page, site, start_endpoint, endpoint, upstream):
    """And so the attacks above are real ones: they fail for the rules' sake."""
    page.goto(f"{endpoint.url}/dashboard")
    own = {answer["name"] for answer in page.evaluate(ATTACK, endpoint.url) if answer["status"] == 200}
    assert {"fetch /v1/messages application/json", "XHR /v1/messages application/json"} <= own
    assert sent_on(upstream)
    allowed = start_endpoint(
        {"ANTHROPIC_API_KEY": "sk-ant-owner"},
        CLOUD__BASE_URL=upstream.url,
        LOCAL__URL=f"{upstream.url}/v1",
        ALLOWED_ORIGINS=f"http://localhost:{site}",
    )
    page.goto(f"http://localhost:{site}/")
    read = {answer["name"] for answer in page.evaluate(ATTACK, allowed.url) if answer["status"] == 200}
    assert "fetch /v1/messages application/json" in read
    assert "fetch /v1/models" in read
    assert not [name for name in read if "/admin" in name or "/dashboard" in name or "text/plain" in name]


def test_an_unguarded_server_is_open_to_them(page, site, upstream):
    page.goto(f"http://evil.test:{site}/")
    page.evaluate(ATTACK, upstream.url)
    assert sent_on(upstream)
