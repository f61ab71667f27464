"""Bodies that are known to have left once, where they are kept beside the repository."""

import json
from pathlib import Path

import httpx
import pytest
from bodies import CHAT, MESSAGES, Request

EXCLUDED = {
    "bash_cat_x": "a bare name that says nothing",
    "bash_git_diff": "neither the call nor its answer names a file",
    "header_value_is_forwarded_not_content_": "nothing in the body is protected",
    "session_step_2_after_compaction_same_session_id": "needs the step before it; scenarios have it",
}


CASES = Path(__file__).parents[3] / "shared" / "cases"
MARKS = (b"LEAKME", b"hunter2-live")


def bodies():
    """Yield a name and a request."""
    for file in sorted((CASES / "private").glob("*.json")):
        if file.stem not in EXCLUDED:
            body = file.read_bytes()
            chat = file.stem.startswith("chat_") or b'"tool_calls"' in body
            yield file.stem, Request(path=CHAT if chat else MESSAGES, body=body)
    for file in sorted(CASES.glob("*-never-cloud-*.json")):
        send = json.loads(file.read_text())["send"]
        yield file.stem, Request(path=send["path"], body=send["body"])


def test_none_of_them_leaves(fence):
    every = list(bodies())
    if not every:
        pytest.skip("reported bodies are not here (shared/cases beside the repository)")
    leaks = []
    with httpx.Client(timeout=60, verify=False) as client:
        for number, (name, item) in enumerate(every):
            fence.arrived()
            client.post(
                fence.url(item), content=item.content, headers=fence.headers(item, fence.keys[number])
            )
            arrived = fence.arrived()
            if any(mark in arrived for mark in MARKS):
                leaks.append(name)
    assert leaks == []
