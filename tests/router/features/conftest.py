"""Requests as clients send them, and the recorded agent runs."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from router.accounts.teams import Account
from router.features.extractor import FeatureExtractor
from router.types import ModelRequest

BASH = {
    "type": "function",
    "function": {
        "name": "bash",
        "parameters": {"type": "object", "properties": {"command": {"type": "string"}}},
    },
}


def _request(
    body: Any,
    *,
    dialect: str = "anthropic_messages",
    headers: Any = (),
    team: str = "t",
    user: str = "u",
    **fields: Any,
) -> ModelRequest:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    defaults = {"id": "1", "operation": "generate", "client": "unknown", "model": "m", "stream": False}
    account = Account(team=team, user=user)
    return ModelRequest(
        **{**defaults, **fields}, account=account, dialect=dialect, body=raw, headers=tuple(headers)
    )


@pytest.fixture
def request_of() -> Callable[..., ModelRequest]:
    return _request


@pytest.fixture
def reader() -> FeatureExtractor:
    return FeatureExtractor()


@pytest.fixture
def prefixes() -> Callable[[dict[str, Any]], list[tuple[dict[str, Any], int]]]:
    """Of a run: the body of each request, and the prompt tokens its model reported (0 for none)."""

    def cut(run: dict[str, Any]) -> list[tuple[dict[str, Any], int]]:
        said = [{key: one for key, one in message.items() if key != "usage"} for message in run["messages"]]
        return [
            (
                {"model": "m", "messages": said[:at], "tools": [BASH]},
                message.get("usage", {}).get("prompt_tokens", 0),
            )
            for at, message in enumerate(run["messages"])
            if message["role"] == "assistant"
        ]

    return cut
