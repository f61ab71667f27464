"""One line for each request: in the terminal of `turnout serve`, and by `turnout tail`.

It tells where a request went, by which rule, and what it took: names and numbers, never text of a prompt
or an answer. Names that a client or an upstream chose are shown without what a terminal would obey.
"""

import json
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from http import HTTPStatus

ID = 8
"""Characters of an id in a line; JSON has all of it."""
_COLOURS = {"local": "32", "cloud": "36"}
_DIM, _RED = "2", "31"
_THOUSAND, _TEN_THOUSAND, _MILLION = 1_000, 10_000, 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestLine:
    """What is shown of a request that ended."""

    id: str
    finished_at: float
    """Seconds since the epoch."""
    client: str
    kind: str
    track: str
    """Which served."""
    model: str
    rule: str
    input: int
    """Tokens of the whole prompt, however they were billed."""
    output: int
    first_byte_s: float | None
    cost_usd: float | None
    """None where it is not known."""
    status: int
    end: str
    """`complete`, `client_left` or `failed`."""
    error: str = ""
    """In our words."""
    moved: str = ""
    """Why another track served than the one that the rules chose; a cause of `policies.causes`."""
    asked: str = ""
    """Method and path, of one that was refused before it was read."""


def text_line(line: RequestLine, *, colours: bool = False) -> str:
    """Render aligned columns: time, client, kind, track, model, rule, tokens, first byte, cost, id."""
    at = time.strftime("%H:%M:%S", time.localtime(line.finished_at))
    track = _paint(f"{line.track or '-':<5}", _COLOURS.get(line.track, ""), on=colours)
    first = "-" if line.first_byte_s is None else f"{line.first_byte_s:.2f}s"
    columns = (
        _paint(at, _DIM, on=colours),
        _column(line.client or "-", 12),
        _column(line.kind or "-", 12),
        track,
        _column(line.model or "-", 22),
        _column(line.rule, 16),
        f"{_tokens(line.input):>6} in {_tokens(line.output):>5} out",
        f"{first:>7}",
        f"{_cost(line.cost_usd):>8}",
        _paint(line.id[:ID], _DIM, on=colours),
    )
    remark = _remark(line)
    failed = line.end == "failed"
    return "  ".join((*columns, _paint(remark, _RED if failed else _DIM, on=colours)) if remark else columns)


def json_line(line: RequestLine) -> str:
    """Render an object as the log's other lines are: with `event`, `level` and `timestamp`."""
    at = datetime.fromtimestamp(line.finished_at, UTC).isoformat().replace("+00:00", "Z")
    level = "info" if line.end == "complete" else "warning"
    return json.dumps(asdict(line) | {"event": "request", "level": level, "timestamp": at})


def _remark(line: RequestLine) -> str:
    words = []
    if line.end != "complete":
        reason = line.error or line.end
        words.append(reason if str(line.status) in reason else f"{line.status} {reason}")
    elif line.status != HTTPStatus.OK:
        words.append(str(line.status))
    if line.moved:
        words.append(f"{'degraded' if line.track == 'local' else 'escalated'}: {line.moved}")
    if line.asked:
        words.append(line.asked)
    return _plain(", ".join(words))


def _column(text: str, width: int) -> str:
    plain = _plain(text)
    return f"{plain[: width - 1] + '…' if len(plain) > width else plain:<{width}}"


def _plain(text: str) -> str:
    return "".join(character for character in text if character.isprintable())


def _tokens(count: int) -> str:
    if count < _TEN_THOUSAND:
        return str(count)
    if count < _MILLION:
        return f"{count / _THOUSAND:.0f}k"
    return f"{count / _MILLION:.1f}M"


def _cost(usd: float | None) -> str:
    if usd is None:
        return "-"
    return f"${usd:.4f}" if usd else "$0"


def _paint(text: str, code: str, *, on: bool) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if on and code else text
