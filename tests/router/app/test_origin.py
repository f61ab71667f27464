"""What a browser may send, and as whom: every path is held to it, and nothing reaches an upstream."""

import socket
from urllib.parse import urlsplit

import httpx
import pytest

MESSAGES, CHAT = "/v1/messages", "/v1/chat/completions"
ASK = b'{"model": "cloud", "max_tokens": 9, "messages": [{"role": "user", "content": "Say something."}]}'
JSON = {"content-type": "application/json"}
PATHS = (
    ("POST", MESSAGES), ("POST", CHAT), ("POST", "/v1/messages/count_tokens"), ("POST", "/v1/route"),
    ("POST", "/v1/feedback"), ("GET", "/health"), ("GET", "/ready"), ("GET", "/metrics"),
    ("POST", "/api/chat"), ("POST", "/api/generate"), ("POST", "/v1/completions"), ("POST", "/infill"),
    ("GET", "/api/tags"), ("POST", "/api/show"), ("DELETE", "/api/delete"), ("POST", "/v1/embeddings"),
    ("GET", "/v1/models"), ("GET", "/v1/models/auto"), ("GET", "/"), ("HEAD", "/"),
    ("GET", "/api/hello"), ("GET", "/openapi.json"), ("GET", "/docs"),
    ("GET", "/admin/teams"), ("POST", "/admin/keys"), ("GET", "/dashboard"), ("POST", "/dashboard/login"),
    ("GET", "/nowhere"), ("PUT", MESSAGES), ("OPTIONS", MESSAGES),
)  # fmt: skip
FOREIGN = [
    {"host": "evil.test"},
    {"host": "evil.test:4747"},
    {"host": "127.0.0.1.evil.test"},
    {"host": ""},
    {"host": "evil.test", "x-forwarded-host": "127.0.0.1"},
    {"origin": "https://evil.test"},
    {"origin": "http://localhost:3000"},
    {"origin": "null"},
    {"origin": ""},
    {"origin": "file://"},
    {"origin": "vscode-webview://abc"},
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},
    {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe"},
    {"sec-fetch-site": "unheard-of"},
]
OPEN = "tauri://localhost, https://*.chat.example, http://[::1]:*"


@pytest.fixture(scope="module")
def endpoint(start_between):
    return start_between(
        also={"ANTHROPIC_API_KEY": "sk-ant-own"},
        ALLOWED_ORIGINS=OPEN,
        ALLOWED_HOSTS="turnout.example, *.corp.example:4747",
    )


def send(endpoint, method, path, **headers):
    body = {} if method in {"GET", "HEAD", "OPTIONS"} else {"content": ASK}
    return httpx.request(
        method, endpoint.url + path, headers=JSON | headers, timeout=20, verify=False, **body
    )


def sent_on(upstream):
    return httpx.get(upstream.url + "/_requests", verify=False).json()


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
def test_no_path_takes_it(endpoint, upstream, headers):
    for method, path in PATHS:
        answer = send(endpoint, method, path, **headers)
        assert answer.status_code == 403, (method, path, answer.text)
        assert not [name for name in answer.headers if name.startswith("access-control")]
    assert sent_on(upstream) == []


def test_the_refusal_is_in_the_dialect_and_names_the_setting(endpoint):
    body = send(endpoint, "POST", MESSAGES, origin="https://evil.test").json()
    assert (body["type"], body["error"]["type"]) == ("error", "permission_error")
    assert "allowed_origins" in body["error"]["message"]
    body = send(endpoint, "POST", CHAT, host="evil.test").json()
    assert "allowed_hosts" in body["error"]["message"]
    assert "evil.test" in body["error"]["message"]


PROGRAMS = [
    {},
    {"sec-fetch-mode": "cors"},  # as node's fetch sends it
    {"host": "localhost"},
    {"host": "a.localhost:1"},
    {"host": "[::1]"},
    {"content-type": "application/x-www-form-urlencoded"},  # as curl -d sends it
    {"content-type": "text/plain"},
    {"x-forwarded-host": "evil.test"},
    {"sec-fetch-site": "none"},
    {"sec-fetch-site": "same-origin"},
    {
        "sec-fetch-site": "same-origin",
        "origin": "https://behind-a-proxy.test",
    },  # that sends a `Host` of its own
    {"referer": "https://evil.test/"},
]


@pytest.mark.parametrize("headers", PROGRAMS, ids=str)
def test_programs_and_our_own_pages_pass(endpoint, headers):
    assert send(endpoint, "POST", MESSAGES, **headers).status_code == 200
    assert send(endpoint, "GET", "/health", **headers).status_code == 200


KINDS = [
    "text/plain", "text/plain;charset=UTF-8", "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x", "application/json-evil", "text/json", "application/csp-report", "",
]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_a_browsers_body_is_json(endpoint, upstream, kind):
    for path in (MESSAGES, CHAT, "/v1/route", "/v1/feedback", "/admin/keys", "/nowhere"):
        for browser in ({"origin": endpoint.url}, {"sec-fetch-site": "same-origin"}):
            answer = send(endpoint, "POST", path, **browser, **{"content-type": kind})
            assert answer.status_code == 415, (path, answer.text)
    assert sent_on(upstream) == []
    own = {"origin": endpoint.url, "sec-fetch-site": "same-origin"}
    for kind_of_json in ("application/json", "Application/JSON; charset=utf-8"):
        assert send(endpoint, "POST", MESSAGES, **own, **{"content-type": kind_of_json}).status_code == 200


def test_a_link_may_open_a_page_and_fetch_nothing(endpoint):
    link = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    statuses = {
        path: send(endpoint, "GET", path, **link).status_code for method, path in PATHS if method == "GET"
    }
    assert {path for path, status in statuses.items() if status == 200} == {"/", "/dashboard", "/docs"}
    assert send(endpoint, "POST", MESSAGES, **link).status_code == 403
    assert send(endpoint, "POST", "/dashboard/login", **link).status_code == 403
    assert send(endpoint, "GET", "/dashboard", **link, origin="https://evil.test").status_code == 403


def exchange(endpoint, head):
    """Send bytes as they stand; returns the answer's first line."""
    url = urlsplit(endpoint.url)
    with socket.create_connection((url.hostname, url.port), timeout=10) as client:
        client.sendall(head.encode().replace(b"\n", b"\r\n"))
        return client.recv(65536).partition(b"\r\n")[0].decode()


RAW = [
    ("GET /health HTTP/1.1\n\n", 400),
    ("GET /health HTTP/1.0\n\n", 200),
    ("GET /health HTTP/1.1\nhost: 127.0.0.1\nhost: 127.0.0.1\n\n", 400),
    ("GET /health HTTP/1.1\nhost: evil.test\nhost: 127.0.0.1\n\n", 400),
    ("GET /health HTTP/1.1\nhost: 127.0.0.1\nHOST: evil.test\n\n", 403),
    ("GET http://evil.test/health HTTP/1.1\nhost: 127.0.0.1\n\n", 403),
    ("GET HTTP://evil.test:4747/health HTTP/1.1\nhost: 127.0.0.1\n\n", 403),
    ("GET http://127.0.0.1@evil.test/health HTTP/1.1\nhost: 127.0.0.1\n\n", 403),
    ("GET http://localhost:1/health HTTP/1.1\nhost: evil.test\n\n", 200),
    ("GET /health HTTP/1.1\nhost: 127.0.0.1\norigin: http://127.0.0.1\norigin: https://evil.test\n\n", 400),
    (
        "GET /health HTTP/1.1\nhost: 127.0.0.1\nconnection: upgrade\nupgrade: websocket\norigin: null\n\n",
        403,
    ),
    ("GET /health HTTP/1.1\nhost: evil.test\nconnection: upgrade\nupgrade: websocket\n\n", 403),
    ("GET /health HTTP/1.1\nhost: 127.0.0.1\nconnection: upgrade\nupgrade: h2c\n\n", 200),
    ("GET /health HTTP/1.1\nhost: 127.0.0.1\n" + "a: b\n" * 300 + "\n", 431),
]


@pytest.mark.parametrize(("head", "status"), RAW)
def test_a_head_as_it_stands(endpoint, head, status):
    assert int(exchange(endpoint, head).split()[1]) == status


@pytest.mark.parametrize("origin", ["tauri://localhost", "https://a.chat.example", "http://[::1]:3000"])
def test_an_allowed_page_uses_the_models_and_nothing_else(endpoint, origin):
    requested_headers = "content-type,x-api-key"
    asks = {
        "access-control-request-method": "POST",
        "access-control-request-headers": requested_headers,
    }
    page = {"origin": origin, "sec-fetch-site": "cross-site"}
    answer = send(endpoint, "OPTIONS", MESSAGES, **page, **asks)
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == origin
    assert answer.headers["access-control-allow-headers"] == requested_headers
    answer = send(endpoint, "POST", MESSAGES, **page)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == origin
    assert "x-turnout-track" in answer.headers["access-control-expose-headers"]
    assert "access-control-allow-credentials" not in answer.headers
    refused = send(endpoint, "POST", MESSAGES, **page, **{"content-type": "text/plain"})
    assert refused.status_code == 415
    for method, path in (("GET", "/admin/teams"), ("POST", "/admin/keys"), ("GET", "/dashboard")):
        assert send(endpoint, method, path, **page).status_code == 403
        assert send(endpoint, "OPTIONS", path, **page, **asks).status_code == 403
    assert send(endpoint, "OPTIONS", MESSAGES, origin="https://evil.test", **asks).status_code == 403


def test_allowed_names(endpoint):
    for host, status in (("turnout.example", 200), ("a.corp.example:4747", 200), ("a.corp.example", 403)):
        assert send(endpoint, "GET", "/health", host=host).status_code == status
    own = {"host": "turnout.example", "origin": "https://turnout.example"}
    assert send(endpoint, "POST", MESSAGES, **own).status_code == 200
