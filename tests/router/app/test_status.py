"""`GET /v1/status`: what a status line asks for."""

import httpx

from tests.conftest import PLAIN


def test_it_is_of_today_and_of_no_session_where_none_is_named(start_endpoint):
    endpoint = start_endpoint(LOCAL__URL="http://127.0.0.1:9/v1", CLOUD__BASE_URL="http://127.0.0.1:9")
    assert endpoint.get("/v1/status") == {
        "last": None,
        "today": {"requests": 0, "cost_usd": 0.0, "saved_usd": None},
    }
    assert endpoint.get("/v1/status?session=unknown")["last"] is None
    refused = httpx.get(f"{endpoint.url}/v1/status?session={'x' * 5000}", verify=PLAIN)
    assert refused.status_code == 400
    assert "session" in refused.text
