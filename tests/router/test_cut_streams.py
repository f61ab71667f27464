"""What a reply cost that never told it: measured where it was cut, and marked as an estimate."""

import json

import httpx
import pytest

MINE = {"x-api-key": "sk-ant-mine", "anthropic-version": "2023-06-01"}
WORDS = " ".join(f"word{n}" for n in range(2000))
PATHS = ["/v1/messages", "/v1/chat/completions"]


@pytest.fixture(scope="module")
def endpoint(start_between):
    return start_between(LOCAL__WATTS="360", LOCAL__USD_PER_KWH="0.25", LOCAL__CARD_USD="1000")


LONG = "Say it. " * 200
SMALL = "Complete this Python function. Answer with code only.\n\ndef add(a, b):\n"
"""Goes to the local model by itself."""


def request_body(model, ask=LONG, *, stream=True):
    messages = [{"role": "user", "content": ask}]
    return {"model": model, "max_tokens": 9000, "stream": stream, "messages": messages}


def price(row) -> float:
    """What the provider bills for a row, in dollars; a chat client's prompt was marked for its cache."""
    written = row["cache_write_5m"] * 2.5
    return (row["input"] * 2 + written + row["cache_read"] * 0.1 + row["output"] * 10) / 1e6


def take(endpoint, path, body):
    """All that comes, up to where it breaks off."""
    with httpx.stream("POST", endpoint.url + path, json=body, headers=MINE, timeout=30) as answer:
        try:
            text = "".join(answer.iter_text())
        except httpx.HTTPError:
            text = ""
    return answer, text


@pytest.mark.parametrize("model", ["cloud", "local"])
@pytest.mark.parametrize("path", PATHS)
def test_a_stream_cut_off_by_the_upstream(endpoint, upstream, nearby, play, path, model):
    # Half of 2,000 words' pieces, or more: what came before the cut is billed.
    step = {"text": WORDS, "fault": "cut", "after_events": 400}
    play(nearby if model == "local" else upstream, step)
    answer, _ = take(endpoint, path, request_body(model))
    row = endpoint.row(answer)
    assert row["usage_estimated"] == 1
    assert row["error"]
    assert row["input"] + row["cache_read"] + row["cache_write_5m"] + row["cache_write_1h"] > 200
    passed = len(WORDS) / 4
    assert 100 < row["output"] < passed
    cloud = 0 if model == "local" else price(row)
    assert row["cost_usd"] == pytest.approx(cloud + row["local_usd"])
    assert (row["baseline_usd"] > 0) == (model == "cloud")


@pytest.mark.parametrize("path", PATHS)
def test_a_stream_that_the_client_leaves(endpoint, upstream, play, path):
    play(upstream, {"text": WORDS, "chunk_delay_s": 0.005})
    with httpx.stream(
        "POST", endpoint.url + path, json=request_body("cloud"), headers=MINE, timeout=30
    ) as answer:
        came = 0
        for chunk in answer.iter_bytes():
            came += len(chunk)
            if came > 20_000:
                break
    row = endpoint.row(answer)
    assert (row["usage_estimated"], row["end"]) == (1, "client_left")
    assert row["output"] > 10
    assert row["cost_usd"] >= row["output"] * 10 / 1e6


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("stream", [True, False])
def test_a_whole_reply_is_billed_to_the_token(endpoint, upstream, play, path, stream):
    httpx.delete(upstream.url + "/_requests")
    play(upstream, {"text": WORDS})
    answer, _ = take(endpoint, path, request_body("cloud", stream=stream))
    row = endpoint.row(answer)
    assert row["usage_estimated"] == 0
    totals = json.loads(httpx.get(upstream.url + "/_requests").text)
    assert len(totals) == 1
    assert row["output"] == len(WORDS) // 4
    assert row["cost_usd"] == pytest.approx(price(row))


def test_the_own_machines_work_is_measured(endpoint, nearby, play):
    play(nearby, {"text": "Said.", "delay_s": 0.2})
    answer, _ = take(endpoint, PATHS[0], request_body("auto", SMALL))
    row = endpoint.row(answer)
    assert 0.2 <= row["engine_s"] <= row["seconds"]
    # 360 W at $0.25 per kWh, and $1000 over a tenth of four years
    per_second = 360 * 0.25 / 3.6e6 + 1000 / (0.1 * 4 * 365.25 * 86_400)
    assert row["local_usd"] == pytest.approx(row["engine_s"] * per_second)
    assert row["cost_usd"] == row["local_usd"]
    assert row["baseline_how"] == "same tokens, warm cache, usual model"
    assert row["baseline_cold_usd"] >= row["baseline_usd"] > 0


def test_a_failed_local_attempt_is_wasted_work(endpoint, nearby, play):
    play(nearby, {"fault": "status", "status": 500, "delay_s": 0.2})
    answer, _ = take(endpoint, PATHS[0], request_body("auto", SMALL))
    row = endpoint.row(answer)
    assert (row["escalated"], row["served_track"]) == ("local_error", "cloud")
    assert row["engine_s"] >= 0.2
    assert row["local_usd"] == row["wasted_usd"] > 0
    assert row["cost_usd"] == pytest.approx((row["input"] * 2 + row["output"] * 10) / 1e6 + row["local_usd"])
    assert row["cost_usd"] > row["baseline_usd"]
