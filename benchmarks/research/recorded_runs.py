"""The rows of a file of recorded runs: what was asked and answered, and whether it was resolved."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.errors import BenchmarkError
from benchmarks.evaluation.suites.rows import rows

FIELDS = ("instance_id", "resolved", "messages")


def recorded_runs(path: Path) -> Iterator[Mapping[str, Any]]:
    """Read recorded runs: lines of `{"instance_id", "resolved", "messages"}`, gzipped or not.

    Raises:
        BenchmarkError: it cannot be read, has no row, or a row is no run; with file and row.
    """
    number = 0
    for number, row in enumerate(rows(path, FIELDS), start=1):
        if wrong := _wrong(row):
            raise BenchmarkError(f"{path}, row {number}: {wrong}")
        yield row
    if not number:
        raise BenchmarkError(f"{path} has no run")


def _wrong(record: Mapping[str, Any]) -> str:
    """Why a row is no run; empty where it is one."""
    messages = record["messages"]
    if not isinstance(record["instance_id"], str):
        return "`instance_id` is no text"
    if not isinstance(messages, list) or not all(
        isinstance(message, dict) and isinstance(message.get("role"), str) for message in messages
    ):
        return "`messages` is no list of messages with a `role`"
    calls = [message for message in messages if message["role"] == "assistant"]
    if not all(isinstance(call.get("usage") or {}, dict) for call in calls):
        return "a message's `usage` is no object"
    return "" if calls else "`messages` has none of the assistant, so there is no call to read"
