"""From a plan and an outcome to column values. What the ledger may hold is decided here.

No prompt or answer text, no ask, no path: nothing here reads `request.body` or `headers`,
of `features.ask` only a digest is kept whose key no disk ever holds, and reasons are the
policy's own words. Names that a client chose are cut short, and of what failed only our own
words are kept: an upstream may tell the prompt in its. All of it runs on the event loop
between a client and its answer: it looks up and copies, no more.
"""

import re
from dataclasses import replace
from hashlib import blake2b
from typing import Any

import msgspec

from router.ledger.column_values import text
from router.types import Attempt, Outcome, Plan

NAME = 200
"""Characters kept of a name that a client chose."""

DIGESTED = 16_384
"""Characters of an ask, its last, that its digest is made from: a pasted file must not cost a millisecond."""

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
        "kind": features.kind,
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
        "tests_failed": features.tests_failed,
        "tests_passed": features.tests_passed,
        "tests_fixed": features.tests_fixed,
        "turns": features.turns,
        "turn_calls": features.turn_calls,
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
    first = attempts[0] if attempts else None
    moved = first is not None and first.cause and first.track != outcome.track
    return {
        "id": request_id,
        "finished_at": now,
        "served_track": outcome.track,
        "served_model": named(outcome.model),
        "status": outcome.status,
        "end": outcome.end,
        "error": own_words(outcome.error) if outcome.error else "",
        "escalated": first.cause if first and moved and first.track == "local" else "",
        "degraded": first.cause if first and moved and first.track == "cloud" else "",
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
    return text(name, NAME)


def own_words(message: str) -> str:
    """Keep what comes before a message's colon: what an upstream said comes after it, here as everywhere."""
    return unquoted(message).partition(": ")[0]


def unquoted(message: str) -> str:
    """Keep a message's first line, without what it quotes: an upstream may quote the prompt."""
    return named(_QUOTED.sub(r"\1...\1", message[:DIGESTED].partition("\n")[0]))
