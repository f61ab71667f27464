"""The sessions of `library_runs.yaml`, as values."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

SOURCE: dict[str, Any] = yaml.safe_load(
    Path(__file__).with_name("library_runs.yaml").read_text(encoding="utf-8")
)


@dataclass(frozen=True, kw_only=True)
class Session:
    name: str
    issue: str
    steps: tuple[tuple[str, str], ...]
    """What the agent says, and the command it calls."""
    read: tuple[str, ...]
    edited: tuple[str, ...]


FILES: dict[str, str] = SOURCE["files"]
SESSIONS = tuple(
    Session(
        name=row["name"],
        issue=row["issue"],
        steps=tuple((step["says"], step["command"]) for step in row["steps"]),
        read=tuple(row["read"]),
        edited=tuple(row["edited"]),
    )
    for row in SOURCE["sessions"]
)
FUNCTIONS: list[dict[str, Any]] = SOURCE["functions"]
