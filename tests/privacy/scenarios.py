"""What happens over several requests of one team: what was protected once stays so.

Each scenario is a list of steps; the marker of a step that must stay is looked for at the provider.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from bodies import CHAT, DIALECTS, MESSAGES, Request, Turn, assistant, blocks, call, request, result, user
from places import places, splits
from targets import FOLDER, HARMLESS_PHRASE, PHRASE

Fate = Literal["leaves", "stays"]


@dataclass(frozen=True, kw_only=True)
class Step:
    """One request; `marker` is in it. `restart` starts the endpoint anew before it.

    `endpoint` is the one that is asked, where it is not the dialect's own.
    """

    request: Request
    marker: str
    fate: Fate
    restart: bool = False
    endpoint: str = ""


@dataclass(frozen=True, kw_only=True)
class Scenario:
    name: str
    steps: Sequence[Step]


def stays(request_: Request, marker: str, *, restart: bool = False, endpoint: str = "") -> Step:
    return Step(request=request_, marker=marker, fate="stays", restart=restart, endpoint=endpoint)


def leaves(request_: Request, marker: str) -> Step:
    return Step(request=request_, marker=marker, fate="leaves")


PATH = FOLDER.protected.path
LINES = (
    "  primary_connection: host=db-7.internal.example port=5432 user=ledger sslmode=verify-full {}",
    "  replica_connection: host=db-8.internal.example port=5432 user=reader sslmode=verify-full {}",
    "  rotation_of_credentials: every ninety days, by the on-call engineer of the week {}",
    "  emergency_contact_of_the_database_team: ring the desk and name the change window {}",
)


def file_text(marker: str) -> str:
    """A protected file; each line is long, and no other scenario has it."""
    return "database:\n" + "\n".join(line.format(marker) for line in LINES) + "\n"


def _session(path: str, session: str, agent: str = "") -> dict[str, str]:
    if path == CHAT:
        return {"x-session-id": session}
    extra = {"x-claude-code-agent-id": agent} if agent else {}
    return {"x-claude-code-session-id": session, "user-agent": "claude-cli/2.1.330 (external, cli)", **extra}


def _reading(path: str, marker: str, first: str, headers: dict[str, str], text: str = "") -> Request:
    turns = [user(first), call("Read", {"file_path": PATH}), result(text or f"password: {marker}")]
    return request(path, turns, headers=headers)


def conversations(salt: str) -> Iterator[Scenario]:
    """A protected file was read; later requests of the same conversation no longer name it."""
    for path in DIALECTS:
        for name, later in _LATER.items():
            for known_by in ("session header", "first message"):
                if known_by == "first message" and name in _NEEDS_SESSION:
                    continue
                tag = f"{salt}{DIALECTS.index(path)}{name[:3]}{known_by[:2]}".replace(" ", "")
                first, one, two = f"Look around, {tag}.", f"{tag}one", f"{tag}two"
                session = _session(path, f"session-{tag}") if known_by == "session header" else {}
                read = _reading(path, one, first, session)
                for restart in (False, True):
                    if restart and known_by == "first message":
                        continue
                    mark = f"{two}r" if restart else two
                    fresh = dict(session)
                    begin = read
                    if restart:
                        fresh = _session(path, f"session-{tag}-r")
                        begin = _reading(path, f"{one}r", first + "r", fresh)
                    steps = [
                        stays(begin, f"{one}r" if restart else one),
                        stays(
                            later(path, first + ("r" if restart else ""), mark, fresh), mark, restart=restart
                        ),
                    ]
                    yield Scenario(
                        name=f"{name}, by {known_by}{', after a restart' if restart else ''} | {path}",
                        steps=steps,
                    )


def _trimmed(path: str, first: str, marker: str, headers: dict[str, str]) -> Request:
    return request(path, [user(first), assistant("I looked."), user(f"So it is {marker}?")], headers=headers)


def _compacted(path: str, first: str, marker: str, headers: dict[str, str]) -> Request:
    del first
    text = (
        "This session is being continued from a previous conversation that ran out of context. "
        f"The conversation is summarized below:\nThe database password is {marker}."
    )
    return request(path, [user(text)], headers=headers)


def _compacting(path: str, first: str, marker: str, headers: dict[str, str]) -> Request:
    turns = [user(first), assistant(f"It is {marker}."), user("CRITICAL: Respond with TEXT ONLY. Summarise.")]
    return request(path, turns, headers=headers)


def _subagent(path: str, first: str, marker: str, headers: dict[str, str]) -> Request:
    del first
    system = Turn(role="system", text="You are an agent that checks one thing.")
    extra = {"x-claude-code-agent-id": "agent-1"} if path == MESSAGES else {}
    return request(path, [system, user(f"Check whether {marker} works.")], headers={**headers, **extra})


def _title(path: str, first: str, marker: str, headers: dict[str, str]) -> Request:
    del first
    system = Turn(role="system", text="You are a title generator. Write a title for this conversation.")
    return request(path, [system, user(f"The password is {marker}.")], headers=headers)


def _other_system(path: str, first: str, marker: str, headers: dict[str, str]) -> Request:
    system = Turn(role="system", text=f"Today is another day. {marker}")
    return request(path, [system, user(first), assistant("Yes?"), user("Go on.")], headers=headers)


_LATER: dict[str, Callable[[str, str, str, dict[str, str]], Request]] = {
    "trimmed history": _trimmed,
    "after compaction": _compacted,
    "the compaction itself": _compacting,
    "sub-agent": _subagent,
    "title": _title,
    "other system prompt": _other_system,
}
_NEEDS_SESSION = {"after compaction", "sub-agent", "title", "other system prompt"}


def parents(salt: str) -> Iterator[Scenario]:
    """A sub-agent read the file; the conversation that sent it goes on."""
    tag = f"{salt}parent"
    session = _session(MESSAGES, f"session-{tag}")
    child = _reading(
        MESSAGES, f"{tag}one", "Find the password.", {**session, "x-claude-code-agent-id": "agent-2"}
    )
    turns = [
        user(f"Set things up, {tag}."),
        call("Task", {"prompt": "Find the password."}),
        result(f"It is {tag}two."),
    ]
    steps = [stays(child, f"{tag}one"), stays(request(MESSAGES, turns, headers=session), f"{tag}two")]
    yield Scenario(name="a sub-agent's finding comes back", steps=steps)


_QUOTES: dict[str, Callable[[str], str]] = {
    "whole": lambda text: text,
    "three lines": lambda text: "\n".join(text.splitlines()[1:4]),
    "three lines, without indent": lambda text: "\n".join(line.strip() for line in text.splitlines()[1:4]),
    "numbered": lambda text: "\n".join(
        f"{n:6}\t{line}" for n, line in enumerate(text.splitlines()[1:4], start=2)
    ),
    "numbered with an arrow": lambda text: "\n".join(
        f"{n:5}\u2192{line}" for n, line in enumerate(text.splitlines()[1:4], 2)
    ),
    "in a fence": lambda text: "```yaml\n" + "\n".join(text.splitlines()[1:4]) + "\n```",
    "as a diff": lambda text: "\n".join("+" + line for line in text.splitlines()[1:4]),
    "as a quotation": lambda text: "\n".join("> " + line for line in text.splitlines()[1:4]),
    "as a list": lambda text: "\n".join("- " + line.strip() for line in text.splitlines()[1:4]),
    "other line ends": lambda text: "\r\n".join(text.splitlines()[1:4]),
    "apart": lambda text: "\n\nand then\n\n".join(text.splitlines()[1:4]),
    "in other order": lambda text: "\n".join(reversed(text.splitlines()[1:4])),
    "in JSON": lambda text: '{"lines": "' + "\\n".join(text.splitlines()[1:4]) + '"}',
    "after other text": lambda text: (
        "Here is what I found. " * 200 + "\n" + "\n".join(text.splitlines()[1:4])
    ),
}


def quotations(salt: str) -> Iterator[Scenario]:
    """A new conversation of the same team quotes a file that was read in another one."""
    for number, (name, quote) in enumerate(_QUOTES.items()):
        for path in DIALECTS:
            for role in ("user", "answer", "arguments"):
                tag = f"{salt}quote{number}{DIALECTS.index(path)}{role}x"
                text = file_text(tag)
                other = CHAT if number % 2 else path  # asked of the same endpoint: it serves both locally
                own = "chat" if path == CHAT else "messages"
                read = _reading(other, tag, f"Read it, {tag[::-1]}.", {}, text)
                quoted = quote(text)
                first = user(f"Something else, number {number}.")
                turns = {
                    "user": [first, user(quoted)],
                    "answer": [first, assistant(quoted), user("Go on.")],
                    "arguments": [
                        first,
                        call("Write", {"file_path": "x.txt", "content": quoted}),
                        result("ok"),
                    ],
                }[role]
                yield Scenario(
                    name=f"{name} | {role} | {path}",
                    steps=[stays(read, tag, endpoint=own), stays(request(path, turns), tag)],
                )


def answers_quoted(salt: str) -> Iterator[Scenario]:
    """What a `match` protected, quoted elsewhere without the words that matched."""
    for path in DIALECTS:
        tag = f"{salt}memo{DIALECTS.index(path)}x"
        text = file_text(tag)
        memo = request(path, [user(f"This is INTERNAL only.\n{text}")])
        yield Scenario(
            name=f"memo | {path}",
            steps=[
                stays(memo, tag),
                stays(request(path, [user("Hello."), user(_QUOTES["three lines"](text))]), tag),
            ],
        )


def warmed(salt: str) -> Iterator[Scenario]:
    """A twin that differs in one field is read first; what it leaves in a cache must not speak for the other."""
    opening = "Say something, as before."
    for number, (name, place) in enumerate(places().items()):
        one, two = f"{salt}wa{number}x", f"{salt}wb{number}x"
        yield _warm(
            name,
            place(f"This is {' '.join(HARMLESS_PHRASE)} {one}", opening),
            one,
            place(f"This is {' '.join(PHRASE)} {two}", opening),
            two,
        )
    for number, (name, split) in enumerate(splits().items()):
        one, two = f"{salt}ws{number}x", f"{salt}wt{number}x"
        twin = split(HARMLESS_PHRASE[0], HARMLESS_PHRASE[1], one)
        yield _warm(name, twin, one, split(*PHRASE, two), two)
    for number, (name, twin, other) in enumerate(_twins()):
        one, two = f"{salt}wc{number}x", f"{salt}wd{number}x"
        yield _warm(name, twin(one), one, other(two), two)


def _warm(name: str, twin: Request, one: str, other: Request, two: str) -> Scenario:
    return Scenario(name=name, steps=[leaves(twin, one), stays(other, two)])


def _twins() -> Iterator[tuple[str, Callable[[str], Request], Callable[[str], Request]]]:
    """Pairs whose difference a reader might set aside as noise."""

    def reading(path: str, file: str, marker: str, **block: Any) -> Request:
        plain = request(path, [user("Look."), call("Read", {"file_path": file}), result(marker)])
        if block and path == MESSAGES:
            plain.body["messages"][1]["content"][0] |= block  # type: ignore[index]
        return plain

    harmless = FOLDER.harmless.path
    for path in DIALECTS:
        yield (
            f"another path, the same answer | {path}",
            lambda m, path=path: reading(path, harmless, m),
            lambda m, path=path: reading(path, PATH, m),
        )
    yield (
        "cache_control with a path",
        lambda m: reading(MESSAGES, harmless, m, cache_control={"type": "ephemeral"}),
        lambda m: reading(MESSAGES, harmless, m, cache_control={"type": "ephemeral", "from": PATH}),
    )
    yield (
        "billing line with a path",
        lambda m: request(
            MESSAGES,
            [user("Look."), user(m)],
            system=blocks("x-anthropic-billing-header: cc=1;", "You help."),
        ),
        lambda m: request(
            MESSAGES,
            [user("Look."), user(m)],
            system=blocks(f"x-anthropic-billing-header: cc=1; {PATH}", "You help."),
        ),
    )
    yield (
        "string and block",
        lambda m: request(MESSAGES, [user("Look."), user(m)]),
        lambda m: request(MESSAGES, [user("Look."), user([{"type": "text", "text": m, "title": PATH}])]),
    )
    yield (
        "the result's id",
        lambda m: reading(MESSAGES, harmless, m),
        lambda m: _with_id(reading(MESSAGES, harmless, m), PATH),
    )


def _with_id(plain: Request, name: str) -> Request:
    messages = plain.body["messages"]  # type: ignore[call-overload,index]
    messages[1]["content"][0]["id"] = messages[2]["content"][0]["tool_use_id"] = name
    return plain


def grown(salt: str) -> Iterator[Scenario]:
    """A long session whose beginning was read before; the protected call comes later, or in its middle."""
    for path in DIALECTS:
        for name, known in (("session header", True), ("text", False)):
            tag = f"{salt}gr{DIALECTS.index(path)}{name[0]}"
            session = _session(path, f"session-{tag}") if known else {}
            start = [user(f"A long task, {tag}.")]
            for number in range(12):
                start += [call("Read", {"file_path": f"src/m{number}.py"}), result(f"x = {number}\n" * 40)]
            read = [call("Read", {"file_path": PATH}), result(f"password: {tag}two")]
            after = [assistant("Done with that."), user("Go on.")] * 5
            swapped = [*start]
            swapped[11:13] = read
            steps = [leaves(request(path, [*start, user(f"{tag}one")], headers=session), f"{tag}one")]
            yield Scenario(
                name=f"appended, by {name} | {path}",
                steps=[*steps, stays(request(path, [*start, *read], headers=session), f"{tag}two")],
            )
            yield Scenario(
                name=f"appended, and gone on, by {name} | {path}",
                steps=[*steps, stays(request(path, [*start, *read, *after], headers=session), f"{tag}two")],
            )
            yield Scenario(
                name=f"in the middle, by {name} | {path}",
                steps=[*steps, stays(request(path, swapped, headers=session), f"{tag}two")],
            )


def scenarios(salt: str) -> list[Scenario]:
    """All, with markers that begin with `salt`."""
    kinds = (conversations, parents, quotations, answers_quoted, warmed, grown)
    return [scenario for kind in kinds for scenario in kind(salt)]
