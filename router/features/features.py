"""From a request's options and its conversation's fold to `Features`."""

from typing import Any

import xxhash

from classifiers.features import Features, Kind
from router.features import clients, safety_checks
from router.features.conversation import ConversationState, goes_on
from router.features.message_facts import SystemFacts, ToolFacts
from router.features.outline import Piece
from router.features.parsed_request import ParsedRequest
from router.features.split import Envelope, value_of


def features(
    asked: ParsedRequest,
    fold: ConversationState,
    *,
    system: SystemFacts | None,
    tools: ToolFacts | None,
    tokens: int,
    exact: bool,
) -> Features:
    """Put what was found into `Features`."""
    envelope = asked.envelope
    agent = next((asked.headers[name] for name in clients.SUBAGENT_HEADERS if name in asked.headers), "")
    schema = _schema(envelope)
    kind = _kind(
        asked,
        fold,
        guard=_guards(asked, fold, system, tools, schema),
        side=not tools and (fold.system_side or bool(system and system.side) or _is_title(schema)),
        subagent=bool(agent) or fold.subagent or bool(system and system.subagent),
    )
    return Features(
        client=asked.client.name,
        conversation=_conversation(asked, fold, system, tools, agent, aside=_aside(kind, tools)),
        kind=kind,
        phase=fold.phase,
        context_tokens=tokens,
        tokens_exact=exact,
        output_limit=_number(envelope.max_completion_tokens) or _number(envelope.max_tokens),
        files=len(fold.files),
        files_edited=len(fold.edited),
        directories=fold.files.directories(),
        files_named=len(fold.named),
        tools_offered=len(tools.names) if tools else 0,
        tools_used=len(fold.tools),
        tool_calls=fold.tool_calls,
        tool_errors=fold.tool_errors,
        repeats=fold.repeats,
        repeat_streak=fold.repeat_streak,
        error_streak=fold.error_streak,
        tests_failed=fold.tests[0],
        tests_passed=fold.tests[1],
        tests_fixed=fold.failed_before and fold.tests[0] == 0 < fold.tests[1],
        turns=fold.turns,
        turn_calls=fold.turn_calls,
        ask="\n\n".join(fold.asks),
        follow_up=fold.turns > 1 and goes_on(fold.asks[-1]),
        images=fold.images,
        thinking=_thinks(envelope),
        server_tools=_serves(envelope, fold, tools),
        safeguards=bool(value_of(envelope.safeguards)),
        json_schema=schema is not None,
        paths=frozenset(fold.written),
    )


def _aside(kind: Kind, tools: ToolFacts | None) -> str:
    """What sets a request apart from the main loop of its session."""
    if kind == "guard":
        return kind
    return "side" if kind == "housekeeping" and not tools else ""


def _guards(
    asked: ParsedRequest,
    fold: ConversationState,
    system: SystemFacts | None,
    tools: ToolFacts | None,
    schema: Any,
) -> bool:
    choice = value_of(asked.envelope.tool_choice)
    return safety_checks.is_guard(
        fold.system_guard | fold.guard | (system.guard if system else safety_checks.NOTHING),
        headers=asked.headers,
        stops=value_of(asked.envelope.stop_sequences) or value_of(asked.envelope.stop),
        schema=schema,
        tools=tools.names if tools else (),
        forced=(isinstance(choice, dict) and choice.get("type") in ("tool", "any", "function"))
        or choice == "required",
    )


def _kind(asked: ParsedRequest, fold: ConversationState, *, guard: bool, side: bool, subagent: bool) -> Kind:
    if asked.request.operation == "count":
        return "count"
    if guard:
        return "guard"
    if fold.side or side:
        return "housekeeping"
    if subagent:
        return "subagent"
    return "agent" if fold.tool_calls else "ask"


def _conversation(
    asked: ParsedRequest,
    fold: ConversationState,
    system: SystemFacts | None,
    tools: ToolFacts | None,
    agent: str,
    *,
    aside: str,
) -> str:
    """The stable id: of the session where the client names one, else of how it opened.

    Hashed with team and user, so that nobody lands in another's conversation. A side
    request without tools, and one that judges, is a conversation of its own under the same session.
    """
    request, envelope = asked.request, asked.envelope
    session = clients.session(
        asked.client, asked.headers, value_of(envelope.metadata), value_of(envelope.prompt_cache_key)
    )
    opened: list[str | bytes] = [session, agent]
    if not session:
        opened = [system.key if system else b"", tools.key if tools else b"", fold.opening]
    elif not agent and system and system.subagent:
        opened.append(system.key)
    parts = (request.account.team, request.account.user, asked.client.name, *opened, aside, b"")
    return xxhash.xxh3_128_hexdigest(
        b"\0".join([part.encode(errors="replace") if isinstance(part, str) else part for part in parts])
    )


def _number(field: Piece) -> int:
    number = value_of(field)
    return min(number, 2**31 - 1) if type(number) is int and number > 0 else 0


def _kept(thing: Any, *keys: str) -> Any:
    """What lies at `keys` in nested objects; None where there is nothing."""
    for key in keys:
        thing = thing.get(key) if isinstance(thing, dict) else None
    return thing


def _thinks(envelope: Envelope) -> bool:
    effort = value_of(envelope.reasoning_effort)
    return _kept(value_of(envelope.thinking), "type") in ("enabled", "adaptive") or (
        isinstance(effort, str) and effort != "none"
    )


def _schema(envelope: Envelope) -> Any:
    """The schema that the answer must conform to; None where there is none."""
    for asked in (
        _kept(value_of(envelope.output_config), "format"),
        value_of(envelope.output_format),
        value_of(envelope.response_format),
    ):
        if _kept(asked, "type") == "json_schema":
            return _kept(asked, "schema") or _kept(asked, "json_schema", "schema") or {}
    return None


def _is_title(schema: Any) -> bool:
    """Whether a schema asks for nothing but a title, topic or branch name."""
    asked = _kept(schema, "properties")
    return isinstance(asked, dict) and bool(asked) and asked.keys() <= {"title", "branch", "isNewTopic"}


def _serves(envelope: Envelope, fold: ConversationState, tools: ToolFacts | None) -> bool:
    """Whether a tool that only the provider's servers run is in use or forced.

    Merely offering one among others is no use of it; offering nothing else is.
    """
    if fold.server or envelope.web_search_options.raw:
        return True
    if not tools or not tools.server:
        return False
    choice = value_of(envelope.tool_choice)
    return _kept(choice, "name") in tools.server or len(tools.server) == len(tools.names)
