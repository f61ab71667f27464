"""From a request's options and the state of its conversation to `Features`."""

from collections.abc import Mapping
from typing import Any

import xxhash

from classifiers.features import Features, Kind
from router.accounts.teams import Account
from router.features import clients, ollama_options, safety_checks
from router.features.conversation import ConversationState
from router.features.message_facts import SystemFacts, ToolFacts
from router.features.parsed_request import ParsedRequest
from router.types import RAW_DIALECTS

Options = Mapping[str, Any]
_LIMITS = ("max_completion_tokens", "max_tokens", "max_output_tokens", "n_predict")
"""Of the answer, in tokens, in each dialect."""


def make_features(
    parsed: ParsedRequest,
    state: ConversationState,
    *,
    system: SystemFacts | None,
    tools: ToolFacts | None,
    tokens: int,
    exact: bool,
) -> Features:
    """Put together what was gathered from a request."""
    options = parsed.options
    if tools and not tools.names:
        tools = None  # an empty list offers nothing
    purpose = next(
        (parsed.headers[name] for name in clients.INTERACTION_HEADERS if name in parsed.headers), ""
    )
    agent = next((parsed.headers[name] for name in clients.SUBAGENT_HEADERS if name in parsed.headers), "")
    schema = _schema(options)
    side = state.system_side or bool(system and system.side) or _is_title(parsed, schema)
    compacts = purpose in clients.COMPACTIONS or bool(parsed.request.subpath)
    summary = compacts or state.summary or state.system_summary or bool(system and system.summary)
    output_limit = next(filter(None, (_number(options.get(name)) for name in _LIMITS)), 0)
    # An assistant that wants a single token tries whether a model is there, unless it wants a verdict.
    tries = parsed.client is not clients.UNKNOWN and output_limit == 1
    subagent = (
        bool(agent)
        or purpose in clients.SUBAGENTS
        or parsed.subagent
        or state.subagent
        or bool(system and system.subagent)
    )
    thinking, server_tools = _thinks(options), _needs_server(options, state, tools)
    kind = _kind(
        parsed,
        state,
        guard=_is_guard(parsed, state, system, tools, schema, side=side),
        side=((side or tries) and not tools) or compacts,
        summary=summary,
        subagent=subagent,
    )
    return Features(
        client=parsed.client.name,
        conversation=_conversation(parsed, state, system, tools, agent, kind=kind, subagent=subagent),
        kind=kind,
        phase=state.phase,
        context_tokens=tokens,
        tokens_exact=exact,
        output_limit=output_limit,
        files=len(state.files),
        files_edited=len(state.edited),
        directories=state.files.directories(),
        files_named=len(state.named),
        tools_offered=len(tools.names) if tools else 0,
        tools_used=len(state.tools),
        tool_calls=state.tool_calls,
        tool_errors=state.tool_errors,
        repeats=state.repeats,
        repeat_streak=state.repeat_streak,
        error_streak=state.error_streak,
        same_call_failed=state.setbacks.same_call,
        same_test_failed=state.setbacks.same_test,
        edits_rejected=state.setbacks.edits_rejected,
        turn_edits=state.setbacks.edits,
        mid_step=state.mid_step,
        tests_failed=state.tests[0],
        tests_passed=state.tests[1],
        tests_fixed=state.failed_before and state.tests[0] == 0 < state.tests[1],
        turns=state.turns,
        turn_calls=state.turn_calls,
        ask=state.ask,
        newest_ask=state.asks[-1] if state.asks else "",
        earlier_asks=state.earlier_asks,
        ask_key=state.ask_key,
        follow_up=state.follow_up,
        images=state.images + ollama_options.count_images(options),
        thinking=thinking,
        server_tools=server_tools,
        safeguards=bool(options.get("safeguards")),
        json_schema=schema is not None,
        paths=frozenset(state.written),
    )


def _is_guard(
    parsed: ParsedRequest,
    state: ConversationState,
    system: SystemFacts | None,
    tools: ToolFacts | None,
    schema: Any,
    *,
    side: bool,
) -> bool:
    options = parsed.options
    choice = options.get("tool_choice")
    signs = state.system_guard | state.guard | (system.guard if system else safety_checks.NOTHING)
    return safety_checks.is_guard(
        signs,
        headers=parsed.headers,
        stops=options.get("stop_sequences") or options.get("stop"),
        schema=schema,
        tools=tools.names if tools else (),
        forced=(isinstance(choice, dict) and choice.get("type") in ("tool", "any", "function"))
        or choice == "required",
        side=side,
    )


def _kind(
    parsed: ParsedRequest,
    state: ConversationState,
    *,
    guard: bool,
    side: bool,
    summary: bool,
    subagent: bool,
) -> Kind:
    if parsed.request.operation == "count":
        return "count"
    bare = parsed.request.dialect == "ollama" and ollama_options.is_bare(parsed.options)
    if bare or parsed.request.dialect in RAW_DIALECTS:
        return "autocomplete"
    if guard:
        return "guard"
    if state.side or side:
        return "summary" if summary else "housekeeping"
    if subagent:
        return "subagent"
    return "agent" if state.tool_calls else "ask"


def _conversation(
    parsed: ParsedRequest,
    state: ConversationState,
    system: SystemFacts | None,
    tools: ToolFacts | None,
    agent: str,
    *,
    kind: Kind,
    subagent: bool,
) -> str:
    """The stable id: of the session where the client names one, else of how it opened.

    Hashed with team, user and key, so that nobody lands in another's conversation; without a session with
    the program that sent it, too. A side request without tools, and one that judges, is a conversation of its
    own under the same session. So is each sub-agent, by how it was opened: several run at once. A
    count or a summary of its work is of that conversation, too.
    """
    account = parsed.request.account
    system_key = system.key if system else state.system_key
    opened: list[str | bytes] = [parsed.session, agent]
    if not parsed.session:
        program = parsed.headers.get("user-agent", "")
        opened = [program, system_key, tools.key if tools else b"", state.opening]
    elif subagent:
        opened += [system_key, state.opening]
    aside = "guard" if kind == "guard" else "side" if kind == "housekeeping" and not tools else ""
    return _conversation_id(account, parsed.client.name, *opened, aside)


def session_conversation(account: Account, client: str, session: str) -> str:
    """The id of the conversation that a session's main loop is."""
    return _conversation_id(account, client, session, "", "")


def _conversation_id(account: Account, client: str, *opened: str | bytes) -> str:
    parts = (account.team, account.user, account.key_id, client, *opened, b"")
    return xxhash.xxh3_128_hexdigest(
        b"\0".join([part.encode(errors="replace") if isinstance(part, str) else part for part in parts])
    )


def _number(value: Any) -> int:
    return min(value, 2**31 - 1) if type(value) is int and value > 0 else 0


def _nested(value: Any, *keys: str) -> Any:
    """What lies at `keys` in nested objects; None where there is nothing."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _thinks(options: Options) -> bool:
    effort = options.get("reasoning_effort") or _nested(options, "reasoning", "effort")
    return _nested(options, "thinking", "type") in ("enabled", "adaptive") or (
        isinstance(effort, str) and effort != "none"
    )


def _schema(options: Options) -> Any:
    """The schema that the answer must conform to; None where there is none."""
    for format_ in (
        _nested(options, "output_config", "format"),
        options.get("output_format"),
        options.get("response_format"),
        _nested(options, "text", "format"),
    ):
        if _nested(format_, "type") == "json_schema":
            return _nested(format_, "schema") or _nested(format_, "json_schema", "schema") or {}
    return None


def _is_title(parsed: ParsedRequest, schema: Any) -> bool:
    """Whether an assistant wants nothing but a title, topic or branch name; a program may for its user."""
    properties = _nested(schema, "properties")
    return (
        parsed.client is not clients.UNKNOWN
        and isinstance(properties, dict)
        and bool(properties)
        and properties.keys() <= {"title", "branch", "isNewTopic"}
    )


def _needs_server(options: Options, state: ConversationState, tools: ToolFacts | None) -> bool:
    """Whether a tool that only the provider's servers run is in use or forced.

    Merely offering one among others is no use of it; offering nothing else is, as MCP servers alone do.
    """
    if state.server or "web_search_options" in options:
        return True
    if options.get("mcp_servers") and not (tools and tools.names):
        return True
    if not tools or not tools.server:
        return False
    return _nested(options, "tool_choice", "name") in tools.server or len(tools.server) == len(tools.names)
