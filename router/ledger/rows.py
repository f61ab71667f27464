"""From a plan and an outcome to column values. What the ledger may hold is decided here.

No prompt or answer text, no ask, no path: nothing here reads `request.body` or `headers`,
of `features.ask` only a digest is kept whose key no disk ever holds, and reasons are the
policy's own words. Names that a client chose are cut short, and of what failed only our own
words are kept: an upstream may tell the prompt in its. All of it runs on the event loop
between a client and its answer: it looks up and copies, no more.

SQLite and PostgreSQL differ in what they refuse: integers beyond a column, NUL, half a
character, a truth value where a number belongs. What does not fit is brought to the nearest
value that does, so that no row is lost to what is in it; what means nothing there is null.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from hashlib import blake2b
from http import HTTPStatus
from typing import Any

import msgspec
import sqlalchemy as sa

from policies.decision import TrackName
from router.ledger.tables import requests
from router.types import NAME_LENGTH, Attempt, Outcome, Plan, Usage

DIGESTED = 16_384
"""Characters of an ask, its last, that its digest is made from: a pasted file must not cost a millisecond."""

TEXT = 10_000
"""Characters kept of a text whose column sets no length."""

_INTEGER = 2**31 - 1
_NUMBER = 1e300
_QUOTED = re.compile(r"""(["'`]).*?\1""")
_json = msgspec.json.Encoder()


def begun(plan: Plan, now: float, secret: bytes) -> dict[str, Any]:
    """Make the columns that are known before anything is sent; `secret` is the key of digests."""
    request, features, decision = plan.request, plan.features, plan.decision
    return {
        "id": request.id,
        "begun_at": now,
        "team": request.account.team,
        "user": request.account.user,
        "key_id": request.account.key_id,
        "client": named(features.client),
        "conversation": named(features.conversation),
        "dialect": request.dialect,
        "operation": request.operation,
        "kind": plan.kind,
        "asked_model": named(request.model),
        "stream": request.stream,
        "policy": plan.policy,
        "rule": decision.rule,
        "why": decision.why,
        "held": decision.held,
        "would": decision.would,
        "classifier": plan.classifier,
        "p_local": decision.p_local,
        "work": plan.verdict.kind,
        "move_usd": decision.move_usd,
        "track": decision.track,
        "cleared": plan.clearance.allowed,
        "private_why": plan.clearance.why,
        "notes": "; ".join(map(unquoted, plan.notes)) if plan.notes else "",
        "context_tokens": features.context_tokens,
        "tokens_exact": features.tokens_exact,
        "output_limit": features.output_limit,
        "files": features.files,
        "files_edited": features.files_edited,
        "directories": features.directories,
        "files_named": features.files_named,
        "tools_offered": features.tools_offered,
        "tools_used": features.tools_used,
        "tool_calls": features.tool_calls,
        "tool_errors": features.tool_errors,
        "repeats": features.repeats,
        "repeat_streak": features.repeat_streak,
        "error_streak": features.error_streak,
        "same_call_failed": features.same_call_failed,
        "same_test_failed": features.same_test_failed,
        "edits_rejected": features.edits_rejected,
        "turn_edits": features.turn_edits,
        "mid_step": features.mid_step,
        "tests_failed": features.tests_failed,
        "tests_passed": features.tests_passed,
        "tests_fixed": features.tests_fixed,
        "turns": features.turns,
        "turn_calls": features.turn_calls,
        "self_contained": features.self_contained,
        "follow_up": features.follow_up,
        "ask_digest": "" if features.turn_calls else ask_digest(features.ask, secret),
        "phase": features.phase,
        "images": features.images,
        "thinking": features.thinking,
        "server_tools": features.server_tools,
        "json_schema": features.json_schema,
        "body_bytes": len(request.body),
        "overhead_s": plan.overhead_s,
    }


def finished(request_id: str, outcome: Outcome, now: float) -> dict[str, Any]:
    """Make the columns that are known at the end, the bill excepted."""
    usage, attempts = outcome.usage, outcome.attempts
    return {
        "id": request_id,
        "finished_at": now,
        "served_track": outcome.track,
        "served_model": named(outcome.model),
        "status": outcome.status,
        "end": outcome.end,
        "error": own_words(outcome.error) if outcome.error else "",
        "escalated": _moved_from("local", outcome),
        "degraded": _moved_from("cloud", outcome),
        "attempts": _json.encode([_storable(attempt) for attempt in attempts]).decode(),
        "first_byte_s": outcome.first_byte_s,
        "seconds": outcome.seconds,
        "engine_s": outcome.engine_s,
        "input": usage.input,
        "output": usage.output,
        "cache_read": usage.cache_read,
        "cache_write_5m": usage.cache_write_5m,
        "cache_write_1h": usage.cache_write_1h,
        "usage_estimated": usage.estimated,
        "terms": usage.terms,
    }


CUT_OFF = "the endpoint ended before the answer did"


def cut_off(request_id: str, values: Mapping[str, Any], now: float) -> dict[str, Any]:
    """Make the columns of a request whose process ended before it did; `values` as the journal has them.

    What the cloud had written of its answer is not known, so the prompt is all that its row estimates. A
    budget is charged what was reserved: the most that it may have cost.
    """
    track, reserved_usd = values.get("track"), values.get("reserved_usd") or 0.0
    outcome = Outcome(
        track="cloud" if track == "cloud" else "local",
        model="",
        status=HTTPStatus.SERVICE_UNAVAILABLE,
        usage=Usage(estimated=track == "cloud"),
        first_byte_s=None,
        seconds=0.0,
        attempts=(),
        end="failed",
        error=CUT_OFF,
    )
    return finished(request_id, outcome, now) | {
        "seconds": None, "reserved_usd": reserved_usd, "cut_off": True
    }  # fmt: skip


def _moved_from(track: TrackName, outcome: Outcome) -> str:
    """Why a request left this track: what failed there first, or what was known before anything was tried."""
    first = outcome.attempts[0] if outcome.attempts else None
    if first and first.cause and first.track != outcome.track:
        return first.cause if first.track == track else ""
    return outcome.moved if outcome.track != track else ""


def _storable(attempt: Attempt) -> Attempt:
    return replace(attempt, model=named(attempt.model))


def ask_digest(ask: str, secret: bytes) -> str:
    """Name what was asked, so that the same ask is known when it comes again, and nothing else is.

    `secret` is made anew by each process and kept in its memory only. Without it nobody who
    holds the ledger can even try whether a guessed text was asked, however short it is. The
    price: an ask that is tried again after a restart is not recognised.

    Returns:
        32 hex digits; empty where there is no ask.
    """
    end = ask[-DIGESTED:].encode(errors="replace")
    return blake2b(end, key=secret, digest_size=16).hexdigest() if end else ""


def named(name: str) -> str:
    """Cut a name short, and replace what some database could not store.

    Without that a client could keep its requests out of the ledger by the name it asks for.
    """
    return text(name, NAME_LENGTH)


def own_words(message: str) -> str:
    """Keep what comes before a message's colon: what an upstream said comes after it, here as everywhere."""
    return unquoted(message).partition(": ")[0]


def unquoted(message: str) -> str:
    """Keep a message's first line, without what it quotes: an upstream may quote the prompt."""
    return named(_QUOTED.sub(r"\1...\1", message[:DIGESTED].partition("\n")[0]))


def storable(values: Mapping[str, Any]) -> dict[str, Any]:
    """Bring the values of a row of `requests` into what its columns hold; other names stay as they are."""
    return {
        name: _FITS[name](value) if value is not None and name in _FITS else value
        for name, value in values.items()
    }


def text(value: Any, length: int = TEXT) -> str:
    """Cut a text short, and replace what some database cannot store: half a character, a NUL."""
    cut = str(value)[:length]
    if cut.isascii() and "\0" not in cut:
        return cut
    return cut.encode(errors="replace").decode().replace("\0", "?")


def _integer(value: Any) -> int | None:
    number = _number(value)
    return None if number is None else int(max(-_INTEGER, min(number, _INTEGER)))


def _number(value: Any) -> float | None:
    if not isinstance(value, int | float) or (isinstance(value, float) and math.isnan(value)):
        return None
    return float(max(-_NUMBER, min(value, _NUMBER)))


def _fit(column: sa.Column[Any]) -> Callable[[Any], Any]:
    match column.type:
        case sa.Boolean():
            return bool
        case sa.Float():
            return _number
        case sa.Integer():
            return _integer
        case sa.String(length=length):
            return lambda value: text(value, length or TEXT)
        case _:
            return lambda value: value


_FITS = {column.name: _fit(column) for column in requests.c}
