"""Variants of one question: may this body leave? Each kind enumerates one axis and draws the others.

rng = random.Random(7)
for variant in variants(rng, rounds=2):
    variant.protected("marker1")   # must not reach the provider
    variant.harmless("marker2")    # must, if `twin`
"""

import json
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from answers import FORMS, answer_pairs
from arguments import folder_shapes, shapes, shells
from bodies import (
    COUNT,
    DIALECTS,
    GEMINI,
    MESSAGES,
    Request,
    Turn,
    assistant,
    blocks,
    call,
    request,
    result,
    user,
)
from bodies import (
    FORMS as BODY_FORMS,
)
from commands import commands
from commands import pairs as command_pairs
from mentions import MENTIONS
from phrases import phrases
from places import places, splits
from spellings import Spelling, spellings
from targets import ALL, HARMLESS_PHRASE, IN_FOLDER, PHRASE, RELATIVE, Pair, Target

NAMES = ("auto", "auto", "cloud", "claude-opus-5-5", "claude-sonnet-5-5", "turnout/cloud")
CONTENT = "user: ana\npassword: {}\nport: 5432\n"
Build = Callable[[Target, str], Request]


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One body in two versions. `twin` is false where the harmless one is refused or held as well."""

    kind: str
    name: str
    protected: Callable[[str], Request]
    harmless: Callable[[str], Request]
    twin: bool = True


def variants(rng: random.Random, rounds: int = 1) -> Iterator[Variant]:
    """Every kind, each axis `rounds` times with other companions."""
    for _ in range(rounds):
        for kind in KINDS:
            for variant in kind(rng):
                yield _dressed(variant, rng)


def sample(rng: random.Random, count: int) -> list[Variant]:
    """A share of each kind, `count` in all or a little more."""
    by_kind: dict[str, list[Variant]] = {}
    for variant in variants(rng):
        by_kind.setdefault(variant.kind, []).append(variant)
    total = sum(map(len, by_kind.values()))
    return [
        variant
        for group in by_kind.values()
        for variant in rng.sample(
            group, max(4, count * len(group) // total) if len(group) > 4 else len(group)
        )
    ]


def opening(marker: str) -> str:
    """A first message that no other variant has: each is a conversation of its own."""
    return f"Task {marker}: look around."


def _dressed(variant: Variant, rng: random.Random) -> Variant:
    """Another model name, a stream, or a count of its tokens: none of it may matter."""
    name, stream, count = rng.choice(NAMES), rng.random() < 0.3, rng.random() < 0.08
    form = rng.choice(BODY_FORMS) if rng.random() < 0.4 else "plain"

    def dress(build: Callable[[str], Request]) -> Callable[[str], Request]:
        def dressed(marker: str) -> Request:
            plain = build(marker)
            if isinstance(plain.body, bytes):
                return plain
            if count and plain.path == MESSAGES:
                body = {key: value for key, value in plain.body.items() if key != "max_tokens"}
                return replace(plain, path=COUNT, body=body | {"model": name}, form=form)
            if plain.path == GEMINI:
                method = "streamGenerateContent" if stream else "generateContent"
                return replace(plain, path=f"/v1beta/models/{name}:{method}", form=form)
            body = {**plain.body, "model": name} | ({"stream": True} if stream else {})
            return replace(plain, body=body, form=form)

        return dressed

    name_ = f"{variant.name} | {name}, {form}{', stream' if stream else ''}{', count' if count else ''}"
    return replace(variant, name=name_, protected=dress(variant.protected), harmless=dress(variant.harmless))


def _variant(kind: str, name: str, pair: Pair, build: Build, *, twin: bool = True) -> Variant:
    return Variant(
        kind=kind,
        name=f"{name} [{pair.protected.path}]",
        protected=lambda marker: build(pair.protected, marker),
        harmless=lambda marker: build(pair.harmless, marker),
        twin=twin,
    )


def _read(path: str, marker: str, tool: str, arguments: Any, before: Sequence[Turn] = ()) -> Request:
    """A call, and its answer: the content alone, which names nothing."""
    turns = [*before, user(opening(marker)), call(tool, arguments), result(CONTENT.format(marker))]
    return request(path, turns)


def _seen(cwd: str, rng: random.Random) -> list[Turn]:
    """A working folder as clients show it; first turns of a conversation."""
    text = rng.choice(
        (
            f"<env>\nWorking directory: {cwd}\nIs directory a git repo: Yes\n</env>",
            f"<environment_context>\n  <cwd>{cwd}</cwd>\n</environment_context>",
            f"Primary working directory: {cwd}",
            f"# Current Working Directory ({cwd}) Files\napp.py",
        )
    )
    return [Turn(role="system", text=text)]


def _spelled_argument(spelling: Spelling, shape: str, pair: Pair, rng: random.Random) -> Variant:
    path, before = rng.choice(DIALECTS), _seen(spelling.cwd, rng) if spelling.cwd else []

    def build(target: Target, marker: str) -> Request:
        tool, arguments = shapes()[shape](spelling.write(target))
        return _read(path, marker, tool, arguments, before)

    return _variant("argument", f"{spelling.name} | {shape} | {path}", pair, build)


def spelled_arguments(rng: random.Random) -> Iterator[Variant]:
    """Each spelling in two shapes, each shape in two spellings."""
    every = [spelling for spelling in spellings() if not spelling.shell]
    names = list(shapes())
    usual = [name for name in names if "." in name or name in {"nested", "list", "list of objects", "deep"}]
    for spelling in every:
        for shape in (rng.choice(usual), rng.choice(names)):
            yield _spelled_argument(spelling, shape, rng.choice(spelling.pairs), rng)
    plain = every[0]
    for shape in names:
        yield _spelled_argument(plain, shape, rng.choice(RELATIVE), rng)
        spelling = rng.choice([spelling for spelling in every if len(spelling.pairs) > 1])
        yield _spelled_argument(spelling, shape, rng.choice(spelling.pairs), rng)


def folder_arguments(rng: random.Random) -> Iterator[Variant]:
    """The folder as a bare word: in the arguments of a call it counts."""
    for name, shape in folder_shapes().items():
        for pair in IN_FOLDER:
            path = rng.choice(DIALECTS)

            def build(target: Target, marker: str, shape: Any = shape, path: str = path) -> Request:
                return _read(path, marker, *shape(target.folder, target.inner))

            yield _variant("bare folder", f"{name} | {path}", pair, build)


def shell_commands(rng: random.Random) -> Iterator[Variant]:
    """Each command, in a tool that runs commands."""
    tools = shells()
    for line in commands():
        pair, tool, path = rng.choice(command_pairs(line)), rng.choice(list(tools)), rng.choice(DIALECTS)

        def build(
            target: Target, marker: str, line: str = line, tool: str = tool, path: str = path
        ) -> Request:
            return _read(path, marker, *tools[tool](target.fill(line)))

        yield _variant("command", f"{line} | {tool} | {path}", pair, build)


_SIMPLE = (
    "cat {}",
    "head -n 5 {}",
    "base64 {}",
    "sed -n 1,9p {}",
    "bash -lc 'cat {}'",
    "cd /repo && cat {}",
    "# x\ncat {}",
)


def spelled_commands(rng: random.Random) -> Iterator[Variant]:
    """Each spelling in a command, those that only a shell can read too."""
    tools = shells()
    for spelling in spellings():
        if spelling.name == "WSL share, absolute":
            continue  # no shell that reads it joins it with `cat`
        line, tool, path = rng.choice(_SIMPLE), rng.choice(list(tools)), rng.choice(DIALECTS)
        before = _seen(spelling.cwd, rng) if spelling.cwd else []

        def build(
            target: Target,
            marker: str,
            line: str = line,
            tool: str = tool,
            path: str = path,
            spelling: Spelling = spelling,
            before: Sequence[Turn] = before,
        ) -> Request:
            return _read(path, marker, *tools[tool](line.format(spelling.write(target))), before)

        yield _variant(
            "spelled command",
            f"{spelling.name} | {line} | {tool} | {path}",
            rng.choice(spelling.pairs),
            build,
        )


_ENTERED = (
    ("cd <d>", "cat <i>"),
    ("cd /repo/<d>", "cat <i>"),
    ("pushd <d>", "head <i>"),
    ("cd <d> && ls", "tail -n +1 *"),
    ("Set-Location <d>", "gc <n>"),
    ("cd repo\ncd <d>", "cat ./<i>"),
    ("export S=<d>", "cat $S/<i>"),
    ("ln -s <d> x", "cat x/<i>"),
    ("cp -r <d> /tmp/y", "cat /tmp/y/<i>"),
    ("alias show='cat <p>'", "show"),
    ("tar czf /tmp/z.tgz <d>", "tar xzOf /tmp/z.tgz"),
    ("base64 <p> > /tmp/b", "base64 -d /tmp/b"),
    ("vim <p>", ":%p"),
)


def entered_folders(rng: random.Random) -> Iterator[Variant]:
    """A call enters the folder, a later one names the file alone."""
    tools = shells()
    for (enter, read), path in [(pair, path) for pair in _ENTERED for path in DIALECTS]:
        tool = rng.choice(["Bash", "shell", "PowerShell", "exec_command"])

        def build(target: Target, marker: str, enter=enter, read=read, path=path, tool=tool) -> Request:
            steps = [call(*tools[tool](target.fill(enter))), result("")]
            steps += [call(*tools[tool](target.fill(read))), result(CONTENT.format(marker))]
            return request(path, [user(opening(marker)), *steps])

        yield _variant("entered folder", f"{enter} > {read} | {path}", rng.choice(IN_FOLDER), build)


_TEXT_CALLS = (
    "<bash>{}</bash>",
    "```bash\n{}\n```",
    "```sh\n{}\n```",
    "```mswea_bash_command\n{}\n```",
    "I run it.\n\n```\n$ {}\n```",
    "<execute_bash>\n{}\n</execute_bash>",
    "<execute_command>\n<command>{}</command>\n</execute_command>",
    '<invoke name="Bash"><parameter name="command">{}</parameter></invoke>',
    '<tool_call>\n{{"name": "Bash", "arguments": {{"command": "{}"}}}}\n</tool_call>',
    "Action: shell\nAction Input: {}",
    "THOUGHT: look.\n{}",
    "`{}`",
    '[TOOL_CALLS][{{"name": "bash", "arguments": {{"command": "{}"}}}}]',
)
_TEXT_ANSWERS = (
    "Output:\n{}",
    "<output>{}</output>",
    "Observation: {}",
    "{}",
    "<returncode>0</returncode>\n<output>\n{}</output>",
)


def calls_in_text(rng: random.Random) -> Iterator[Variant]:
    """Clients whose tools are text: the call in the assistant's message, the answer in the user's."""
    for form in _TEXT_CALLS:
        for line in (
            "cat <p>",
            rng.choice(
                ["head -c 99 <p>", "base64 <p>", "sed -n 1,5p <p>", "python -c \"print(open('<p>').read())\""]
            ),
        ):
            path, answer = rng.choice(DIALECTS), rng.choice(_TEXT_ANSWERS)

            def build(target: Target, marker: str, form=form, line=line, path=path, answer=answer) -> Request:
                text = form.format(target.fill(line))
                turns = [user(opening(marker)), assistant(text), user(answer.format(CONTENT.format(marker)))]
                return request(path, turns)

            yield _variant("call in text", f"{form} | {line} | {path}", rng.choice(ALL), build)


_LOOKS = (
    ("Bash", {"command": "rg password"}),
    ("Grep", {"pattern": "password", "output_mode": "content"}),
    ("mcp__search__query", {"q": "password"}),
    ("run_tests", {}),
    ("Bash", {"command": "make"}),
    ("Task", {"prompt": "Find where the password is set."}),
)


def tool_answers(rng: random.Random) -> Iterator[Variant]:
    """Each form, as a string and as blocks."""
    for name, form in FORMS.items():
        for shape in ("string", rng.choice(["blocks", "block among others", "JSON", "error"])):
            path, look = rng.choice(DIALECTS), rng.choice(_LOOKS)

            def build(target: Target, marker: str, form=form, shape=shape, path=path, look=look) -> Request:
                text = target.fill(form).replace("<m>", marker)
                turns = [user(opening(marker)), call(*look), result(_shaped(text, shape))]
                return request(path, turns)

            yield _variant(
                "answer", f"{name} | {shape} | {look[0]} | {path}", rng.choice(answer_pairs(form)), build
            )


def _shaped(text: str, shape: str) -> Any:
    if shape == "blocks":
        return blocks(text)
    if shape == "block among others":
        return blocks("Done.", text, "Nothing else.")
    if shape == "JSON":
        return json.dumps({"returncode": 0, "output": text})
    if shape == "error":
        return f"<tool_use_error>{text}</tool_use_error>"
    return text


_STRUCTURED: dict[str, Callable[[Target, str], Any]] = {
    "MCP resource": lambda t, m: [
        {
            "type": "resource",
            "resource": {"uri": f"file:///repo/{t.path}", "mimeType": "text/plain", "text": m},
        }
    ],
    "MCP resource link": lambda t, m: [
        {"type": "resource_link", "uri": f"file:///repo/{t.path}", "name": t.name},
        {"type": "text", "text": m},
    ],
    "name in one block, content in the next": lambda t, m: blocks(t.path, m),
    "sentence in one block, content in the next": lambda t, m: blocks(f"Contents of {t.path}:", m),
    "search result": lambda t, m: [
        {"type": "search_result", "source": t.path, "title": "settings", "content": blocks(m)}
    ],
    "search result's title": lambda t, m: [
        {"type": "search_result", "source": "index", "title": t.path, "content": blocks(m)}
    ],
    "document's title": lambda t, m: [
        {
            "type": "document",
            "title": t.path,
            "source": {"type": "text", "media_type": "text/plain", "data": m},
        }
    ],
    "document's context": lambda t, m: [
        {
            "type": "document",
            "title": "x",
            "context": f"from {t.path}",
            "source": {"type": "text", "media_type": "text/plain", "data": m},
        }
    ],
    "structured content": lambda t, m: [{"type": "text", "text": m, "structuredContent": {"path": t.path}}],
    "metadata of a block": lambda t, m: [{"type": "text", "text": m, "_meta": {"file": t.path}}],
    "JSON text": lambda t, m: blocks(
        json.dumps({"structuredContent": {"files": [{"path": t.path, "text": m}]}})
    ),
    "nested JSON text": lambda t, m: blocks(json.dumps({"content": json.dumps({"path": t.path, "text": m})})),
    "citation": lambda t, m: [
        {"type": "text", "text": m, "citations": [{"document_title": t.path, "cited_text": "x"}]}
    ],
    "link": lambda t, m: [{"type": "text", "text": m}, {"type": "text", "text": f"Source: {t.path}"}],
}


def structured_answers(rng: random.Random) -> Iterator[Variant]:
    """Answers of blocks: resources, search results, documents; and the same blocks in a user's message."""
    for name, content in _STRUCTURED.items():
        for place in ("answer", "ask"):
            look, pair = rng.choice(_LOOKS), rng.choice(RELATIVE)

            def build(target: Target, marker: str, content=content, place=place, look=look) -> Request:
                shown = content(target, f"password: {marker}")
                if place == "ask":
                    return request(MESSAGES, [user([*blocks(opening(marker)), *shown])])
                return request(MESSAGES, [user(opening(marker)), call(*look), result(shown)])

            yield _variant("structured answer", f"{name} | {place}", pair, build)


def mentions(rng: random.Random) -> Iterator[Variant]:
    """Each way, by the user and in one other role."""
    for name, form in MENTIONS.items():
        for role in ("user", rng.choice(["system", "developer", "assistant", "later user", "blocks"])):
            path = rng.choice(DIALECTS)
            fits = ALL if all(mark not in form for mark in ("/<p>", "\\<w>", "type <w>")) else RELATIVE
            pair = rng.choice(fits)

            def build(target: Target, marker: str, form=form, role=role, path=path) -> Request:
                text = target.fill(form).replace("<m>", marker)
                return request(path, _spoken(text, role, marker))

            yield _variant("mention", f"{name} | {role} | {path}", pair, build)


def _spoken(text: str, role: str, marker: str) -> list[Turn]:
    first = opening(marker)
    return {
        "user": [user(f"{first}\n\n{text}")],
        "later user": [user(first), assistant("Yes?"), user(text)],
        "blocks": [user(blocks(text, first))],
        "assistant": [user(first), assistant(text), user("Go on.")],
        "system": [Turn(role="system", text=text), user(first)],
        "developer": [Turn(role="developer", text=text), user(first)],
    }[role]


def spelled_phrases(rng: random.Random) -> Iterator[Variant]:
    """Each spelling of the words, in a place that is read as text."""
    every = {name: place for name, place in places().items() if name.startswith(("/", "field: system"))}
    for name, write in phrases().items():
        place = rng.choice(list(every))
        yield _phrase(
            "phrase",
            f"{name} | {place}",
            lambda a, b, m, w=write, p=every[place]: p(f"{w(a, b)} {m}", opening(m)),
        )


def phrase_places(rng: random.Random) -> Iterator[Variant]:
    """The plain words in each place, and spelled with two spaces."""
    del rng
    for name, place in places().items():
        yield _phrase("place", name, lambda a, b, m, p=place: p(f"This is {a} {b} {m}", opening(m)))


def split_phrases(rng: random.Random) -> Iterator[Variant]:
    """The words cut in two."""
    del rng
    for name, place in splits().items():
        yield _phrase("split", name, lambda a, b, m, p=place: p(a, b, opening(m)))


def _phrase(kind: str, name: str, build: Callable[[str, str, str], Request]) -> Variant:
    return Variant(
        kind=kind,
        name=name,
        protected=lambda marker: build(*PHRASE, marker),
        harmless=lambda marker: build(*HARMLESS_PHRASE, marker),
    )


_SAYS: dict[str, Callable[[str], list[dict[str, Any]]]] = {
    "text": lambda path: blocks(f"Let me read {path}."),
    "thinking": lambda path: [
        {"type": "thinking", "thinking": f"The password is in {path}.", "signature": "x"}
    ],
    "text, quoted": lambda path: blocks(f"I will open `{path}` next:"),
    "text, in a list": lambda path: blocks(f"Plan:\n1. Read {path}\n2. Fix it"),
}


def announced_calls(rng: random.Random) -> Iterator[Variant]:
    """The assistant names the file beside a call that does not."""
    for name, says in _SAYS.items():
        for look in _LOOKS[2:4]:

            def build(target: Target, marker: str, says=says, look=look) -> Request:
                turns = [user(opening(marker)), call(*look), result(CONTENT.format(marker))]
                plain = request(MESSAGES, turns)
                content = plain.body["messages"][1]["content"]  # type: ignore[index]
                content[:0] = says(target.path)
                return plain

            yield _variant("announced call", f"{name} | {look[0]}", rng.choice(ALL), build)


_BROKEN: dict[str, Callable[[bytes], bytes]] = {
    "byte order mark": lambda body: b"\xef\xbb\xbf" + body,
    "UTF-16": lambda body: body.decode().encode("utf-16"),
    "UTF-32": lambda body: body.decode().encode("utf-32"),
    "NaN": lambda body: body.replace(b'"max_tokens": 20', b'"max_tokens": 20, "x": NaN'),
    "infinity": lambda body: body.replace(b'"max_tokens": 20', b'"max_tokens": 20, "x": 1e999'),
    "long number": lambda body: body.replace(b'"max_tokens": 20', b'"max_tokens": 20, "x": ' + b"9" * 5000),
    "leading zero": lambda body: body.replace(b'"max_tokens": 20', b'"max_tokens": 020'),
    "trailing comma": lambda body: body[:-1] + b",}",
    "trailing text": lambda body: body + b" {}",
    "two documents": lambda body: body + b"\n" + body,
    "comment": lambda body: b"/* x */" + body,
    "single quotes": lambda body: body.replace(b'"', b"'"),
    "control character": lambda body: body.replace(b"This is", b"This\x01is"),
    "raw line break": lambda body: body.replace(b"This is", b"This\nis"),
    "lone surrogate": lambda body: body.replace(b"This is", rb"This \ud800 is"),
    "invalid UTF-8": lambda body: body.replace(b"This is", b"This \xff is"),
    "overlong UTF-8": lambda body: body.replace(b"This is", b"This \xc0\xaf is"),
    "encoded surrogate": lambda body: body.replace(b"This is", b"This \xed\xa0\x80 is"),
    "cut": lambda body: body[:-1],
    "deep": lambda body: body.replace(
        b'"max_tokens": 20', b'"max_tokens": 20, "x": ' + b"[" * 3000 + b"]" * 3000
    ),
    "deeper": lambda body: body.replace(
        b'"max_tokens": 20', b'"max_tokens": 20, "x": ' + b'{"a":' * 20000 + b"1" + b"}" * 20000
    ),
    "messages as an object": lambda body: body.replace(b'"messages": [', b'"messages": {"0": ').replace(
        b"}]}", b"}}}"
    ),
    "list around": lambda body: b"[" + body + b"]",
    "string around": lambda body: json.dumps(body.decode()).encode(),
    "content as a number of texts": lambda body: body.replace(b'"role": "user"', b'"role": ["user"]'),
    "spaces before": lambda body: b" \t\r\n" * 100 + body,
    "null in the text": lambda body: body.replace(b"This is", rb"This \u0000 is"),
}


def broken_bodies(rng: random.Random) -> Iterator[Variant]:
    """What cannot be read is not sent, whatever a provider would make of it."""
    del rng
    for name, damage in _BROKEN.items():
        for path in DIALECTS:

            def build(first: str, second: str, marker: str, damage=damage, path=path) -> Request:
                plain = request(path, [user(opening(marker)), user(f"This is {first} {second}.")])
                return Request(path=path, body=damage(plain.content))

            yield replace(_phrase("broken body", f"{name} | {path}", build), twin=False)


KINDS = (
    spelled_arguments,
    folder_arguments,
    shell_commands,
    spelled_commands,
    entered_folders,
    calls_in_text,
    tool_answers,
    structured_answers,
    mentions,
    spelled_phrases,
    phrase_places,
    split_phrases,
    announced_calls,
    broken_bodies,
)
