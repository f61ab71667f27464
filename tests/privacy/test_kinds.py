"""Other patterns, sizes at the edges, other paths of the endpoint, and policies of their own for teams."""

import random

import httpx
import pytest
from bodies import CHAT, MESSAGES, Request, request, user
from extremes import extremes, size
from judge import judge
from patterns import POLICY, patterned
from test_leaks import report
from variants import opening


def test_sizes_at_the_edges(fence):
    small = [item for item in extremes() if size(item) < 100_000]
    leaks, idle = report(judge(fence, random.Random(4).sample(small, 12), "x"))
    assert leaks == []
    assert idle == []


@pytest.mark.slow
def test_all_sizes_at_the_edges(fence):
    leaks, idle = report(judge(fence, extremes(), "y"))
    assert leaks == []
    assert idle == []


@pytest.mark.slow
def test_other_patterns(start_fence):
    leaks, idle = report(judge(start_fence(POLICY), list(patterned()), "p"))
    assert leaks == []
    assert idle == []


@pytest.mark.slow
def test_a_pattern_of_all_files_in_one_folder_holds_for_no_other(start_fence):
    policy = POLICY.replace("  match:", "    - '/etc/ssl/private/*'\n  match:")
    _, idle = report(judge(start_fence(policy), list(patterned())[:40], "r"))
    assert idle == []


OTHER_PATHS = (
    "/v1/messages/",
    "//v1/messages",
    "/v1//messages",
    "/v1/messages?beta=true",
    "/V1/MESSAGES",
    "/v1/messages%3Fx",
    "/v1/messages/batches",
    "/v1/messages/count_tokens?beta=true",
    "/v1/complete",
    "/v1/completions",
    "/v1/responses",
    "/v1/embeddings",
    "/v1/moderations",
    "/v1/files",
    "/v1/batches",
    "/v1/route",
    "/api/chat",
    "/",
)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_no_other_path_lets_it_out(fence, method):
    body = request(MESSAGES, [user(opening("otherpath")), user("This is INTERNAL only.")])
    fence.arrived()
    with httpx.Client(timeout=60, verify=False) as client:
        for path in OTHER_PATHS:
            url = fence.endpoints["messages"].url + path
            client.request(method, url, content=body.content, headers=fence.headers(body, fence.keys[0]))
    assert b"otherpath" not in fence.arrived()


@pytest.mark.parametrize(
    "headers",
    [
        {"content-type": "text/plain"},
        {"content-type": "application/json; charset=utf-16"},
        {"content-type": ""},
        {"content-type": "application/x-www-form-urlencoded"},
        {"anthropic-beta": "files-api-2025-04-14,token-counting-2024-11-01"},
        {"x-turnout-track": "cloud", "x-turnout-rule": "otherwise"},
        {"x-http-method-override": "GET"},
    ],
    ids=str,
)
@pytest.mark.parametrize("path", [MESSAGES, CHAT])
def test_no_header_lets_it_out(fence, headers, path):
    plain = request(path, [user(opening("someheader")), user("This is INTERNAL only.")])
    body = Request(path=path, body=plain.body, headers=headers)
    fence.arrived()
    with httpx.Client(timeout=60, verify=False) as client:
        client.post(fence.url(body), content=body.content, headers=fence.headers(body, fence.keys[0]))
        chunks = iter([body.content[:30], body.content[30:]])
        client.post(fence.url(body), content=chunks, headers=fence.headers(body, fence.keys[0]))
    assert b"someheader" not in fence.arrived()
