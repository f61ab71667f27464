"""The scan in steps sees what the scan at once sees; what was protected once stays so."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from policies.load import parse
from policies.privacy import clear
from router.accounts.teams import Account
from router.errors import BadRequest
from router.privacy.memory import Memory
from router.privacy.scanner import Scanner, list_sightings
from router.system.time_slices import Aside
from router.types import ModelRequest

POLICY = parse(
    "name: p\notherwise: {to: cloud, why: a}\n"
    'never_cloud: {paths: ["vaults/**"], match: ["(?i)top secret"]}\n',
    source="p.yaml",
)
LINES = (
    "alpha primary host is on the third floor of the north wing\n"
    "beta replica host is two rooms further down the hall\n"
)


def request(
    body: object, *, team: str = "web", headers=(), query: str = "", dialect="anthropic_messages"
) -> ModelRequest:
    return ModelRequest(
        id="r",
        account=Account(team=team, user="me"),
        dialect=dialect,
        operation="generate",
        client="",
        model="auto",
        stream=False,
        body=body if isinstance(body, bytes) else json.dumps(body).encode(),
        headers=headers,
        query=query,
    )


def why(scanner: Scanner, body: object, **fields) -> str:
    return clear(POLICY, scanner.scan(request(body, **fields), POLICY.never_cloud)).why


def user_message(*texts: str, **fields) -> dict:
    messages = [{"role": ("user", "assistant")[at % 2], "content": text} for at, text in enumerate(texts)]
    return {"messages": messages, **fields}


def blocks(*content: dict) -> dict:
    return {"messages": [{"role": "user", "content": list(content)}]}


def reading(path: str, content: str, name: str = "Read") -> dict:
    use = {"type": "tool_use", "id": "t1", "name": name, "input": {"file": [{"uri": path}]}}
    answer = {"type": "tool_result", "tool_use_id": "t1", "content": content}
    return {
        "messages": [
            {"role": "user", "content": "Have a look around."},
            {"role": "assistant", "content": [use]},
            {"role": "user", "content": [answer]},
        ]
    }


@pytest.mark.parametrize(
    "body",
    [
        user_message("vaults/x: a"),
        user_message("x", system="Contents of vaults/x:\na"),
        user_message("x", metadata={"note": "TOP secret"}),
        user_message("x", **{"TOP secret": 1}),
        user_message("x", tool_choice={"type": "tool", "name": "TOP secret"}),
        user_message("TOP", "secret"),
        user_message("x TO", "P secret"),
        user_message("secret", system="TOP"),
        blocks({"type": "text", "text": "TOP"}, {"type": "text", "text": "secret"}),
        blocks({"type": "new", "deep": [{"field": "TOP secret"}]}),
        blocks({"type": "document", "source": {"type": "base64", "data": "VE9QIHNlY3JldCBwbGFucw=="}}),
        reading("vaults/x", "a"),
        reading("/repo/library", "vaults/x:a"),
    ],
    ids=range(13),
)
def test_what_must_stay_stays(body):
    assert why(Scanner(), body).startswith("never_cloud: the conversation ")
    assert list_sightings(request(body), POLICY.never_cloud) or "system" in body or len(body["messages"]) > 1


@pytest.mark.parametrize(
    "body",
    [
        user_message("x"),
        user_message("import vaults", "Done."),
        reading("library/x", "a"),
        reading(".", "./a.py\n./vaults/x\n"),
    ],
)
def test_what_may_leave_leaves(body):
    assert why(Scanner(), body) == ""


def test_headers_and_the_query_are_read_too():
    assert why(Scanner(), user_message("x"), headers=(("x-note", "TOP secret"),))
    assert why(Scanner(), user_message("x"), query="path=vaults%2Fx")
    assert not why(Scanner(), user_message("x"), headers=(("x-api-key", "TOP secret"),))


def test_in_steps_and_at_once_are_the_same():
    texts = [f"step {at} " + "filler " * 900 for at in range(40)]
    texts[21] = "the end of it is TOP"
    texts[22] = "secret things follow"
    scanner = Scanner()
    for upto in range(1, len(texts) + 1):
        body = user_message(*texts[:upto])
        at_once = clear(POLICY, Scanner().scan(request(body), POLICY.never_cloud)).why
        in_steps = clear(POLICY, scanner.scan(request(body), POLICY.never_cloud, learn=False)).why
        assert bool(in_steps) is bool(at_once) is (upto > 22)


def driven(turns) -> tuple:
    """What a scan returns whose calls are made in a thread, and the kinds of its steps."""
    result, calls = None, []
    with ThreadPoolExecutor(max_workers=1) as thread:
        while True:
            try:
                step = turns.send(result)
            except StopIteration as end:
                return end.value, calls
            calls.append(type(step))
            result = thread.submit(step.function, *step.arguments).result() if step else None


def test_the_bytes_of_a_long_new_body_are_searched_in_a_thread():
    texts = [f"step {at} " + "filler " * 900 for at in range(80)]
    texts[61] = "see vaults/key"
    body = request(user_message(*texts))
    exposure, calls = driven(Scanner().scanning(body, POLICY.never_cloud))
    assert clear(POLICY, exposure).why == "never_cloud: the conversation touches 'vaults/**'"
    assert Aside in calls
    texts[61] = "see wells/key"
    assert not why(Scanner(), user_message(*texts))


def test_no_twin_speaks_for_another():
    scanner = Scanner()
    block = {"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}
    assert not why(scanner, {"messages": [{"role": "user", "content": [block]}]})
    block["cache_control"]["note"] = "TOP secret"
    assert why(scanner, {"messages": [{"role": "user", "content": [block]}]})


def test_a_key_given_twice_is_refused_whatever_the_policy():
    open_policy = parse("name: p\notherwise: {to: cloud, why: a}\n", source="p.yaml")
    with pytest.raises(BadRequest, match="messages"):
        Scanner().scan(request(b'{"messages": [{"a": 1}], "messages": []}'), open_policy.never_cloud)


def test_a_session_stays_and_so_does_who_quotes_it():
    scanner = Scanner()
    session = (("x-session-id", "session-0001"),)
    assert why(scanner, reading("vaults/x", LINES), headers=session)
    assert "earlier" in why(scanner, user_message("And now?"), headers=session)
    assert not why(scanner, user_message("And now?"), headers=(("x-session-id", "session-0002"),))
    quote = user_message("Somebody wrote:\n" + "".join(f"> {line}\n" for line in LINES.splitlines()))
    assert "touched 'vaults/**' earlier" in why(scanner, quote)
    assert not why(scanner, quote, team="other")


def test_a_quotation_is_known_that_was_scanned_before_its_lines_were_learned():
    scanner = Scanner()
    session = (("x-session-id", "session-0001"),)
    gamma = (
        "gamma archive host stands behind the freight lift\ndelta backup host stands beside the old kitchen\n"
    )
    assert why(scanner, reading("vaults/x", LINES), headers=session)  # so that quotations are looked for
    filler = [text for at in range(8) for text in (f"{at} {'words ' * 1_500}", "Yes.")]
    quote = user_message("A note:\n" + gamma, "Noted.", *filler, "Go on.")
    assert not why(scanner, quote)
    assert not why(scanner, quote)  # from what was kept of its beginning
    assert why(scanner, reading("vaults/y", gamma), headers=session)
    assert "touched 'vaults/**' earlier" in why(scanner, quote)
    later = {
        "messages": [
            *quote["messages"],
            {"role": "assistant", "content": "On."},
            *user_message("More.")["messages"],
        ]
    }
    assert "touched 'vaults/**' earlier" in why(scanner, later)


OTHERS = "".join(f"{word} host is one of those that everybody has in a list\n" for word in ("eta", "theta"))


def test_lines_of_everybodys_are_not_learned():
    scanner = Scanner()
    session = (("x-session-id", "session-0001"),)
    assert why(scanner, reading("vaults/x", LINES), headers=session)  # so that lines are noted
    for number in range(3):
        noted = (("x-session-id", f"session-other-{number}"),)
        assert not why(scanner, user_message(f"{number}. Sort this list:\n" + OTHERS), headers=noted)
    secret = "".join(
        f"the {word} door opens with the third of the brass handles\n" for word in ("red", "blue")
    )
    more = "kappa vault door opens with a turn to the left and a knock\n"
    assert why(scanner, reading("vaults/y", secret + more + OTHERS), headers=session)
    assert not why(scanner, user_message("And this list:\n" + OTHERS))
    assert why(scanner, user_message("It says:\n" + secret))


@pytest.mark.parametrize("times", [1, 2, 3])
def test_lines_that_left_are_learned_where_few_or_most_of_it_left(times):
    scanner = Scanner()
    session = (("x-session-id", "session-0001"),)
    assert why(scanner, reading("vaults/x", LINES), headers=session)
    for number in range(times):
        noted = (("x-session-id", f"session-other-{number}"),)
        assert not why(scanner, user_message(f"Note {number}:\n" + OTHERS), headers=noted)
    more = "".join(f"{at} of the doors opens with the brass handle on its left\n" for at in "abc")
    assert why(scanner, reading("vaults/y", OTHERS + (more if times < 3 else "")), headers=session)
    assert "earlier" in why(scanner, user_message("Again:\n" + OTHERS))


def test_what_is_stored_is_enough_and_holds_no_text():
    scanner = Scanner(memory=Memory(b"k" * 32))
    session = (("x-session-id", "session-0001"),)
    why(scanner, reading("vaults/x", LINES), headers=session)
    rows = scanner.memory.take_unstored()
    assert rows
    assert not any(word in str(rows) for word in ("alpha", "replica", "session-0001"))
    memory = Memory(b"k" * 32)
    memory.load(rows)
    later = Scanner(memory=memory)
    assert why(later, user_message("And now?"), headers=session)
    assert why(later, user_message("Look:\n" + LINES))


def test_output_that_names_no_file():
    body = reading("x", "+password: a")
    body["messages"][1]["content"][0]["input"] = {"command": "git diff"}
    assert "without their names" in why(Scanner(), body)
    body["messages"][2]["content"][0]["content"] = "diff --git a/x b/x\n+a"
    assert why(Scanner(), body) == ""


def chat(call: dict, answer: dict) -> dict:
    asked = {"role": "user", "content": "What is new?"}
    return {"messages": [asked, {"role": "assistant", "content": None} | call, answer]}


def gemini(call: dict, answer: dict) -> dict:
    parts = [{"role": "model", "parts": [{"functionCall": call}]}, {"parts": [{"functionResponse": answer}]}]
    return {"contents": [{"parts": [{"text": "What is new?"}]}, *parts]}


DIFF = {"command": "git diff"}
SEEN = "+password: a"
UNNAMED = {
    "an id among the arguments": (
        "anthropic_messages",
        {
            "messages": [
                {
                    "role": "assistant",
                    "content": [
                        {"type": "tool_use", "id": "t1", "name": "run", "input": {"id": "T-7", **DIFF}}
                    ],
                },
                {
                    "role": "user",
                    "content": [
                        {"type": "tool_result", "tool_use_id": "t1", "content": [{"id": "x", "text": SEEN}]}
                    ],
                },
            ]
        },
    ),
    "OpenAI's one call": (
        "openai_chat",
        chat(
            {"function_call": {"name": "run", "arguments": json.dumps(DIFF)}},
            {"role": "function", "name": "run", "content": SEEN},
        ),
    ),
    "OpenAI's calls": (
        "openai_chat",
        chat(
            {"tool_calls": [{"id": "t1", "function": {"name": "run", "arguments": json.dumps(DIFF)}}]},
            {"role": "tool", "tool_call_id": "t1", "content": SEEN},
        ),
    ),
    "Ollama, by name": (
        "ollama",
        chat(
            {"content": "", "tool_calls": [{"function": {"name": "run", "arguments": DIFF}}]},
            {"role": "tool", "tool_name": "run", "content": SEEN},
        ),
    ),
    "Ollama, by order": (
        "ollama",
        chat(
            {"content": "", "tool_calls": [{"function": {"name": "run", "arguments": DIFF}}]},
            {"role": "tool", "content": SEEN},
        ),
    ),
    "Ollama, an id that is not given back": (
        "ollama",
        chat(
            {"content": "", "tool_calls": [{"id": "t1", "function": {"name": "run", "arguments": DIFF}}]},
            {"role": "tool", "tool_name": "run", "content": SEEN},
        ),
    ),
    "Gemini, by name": (
        "gemini",
        gemini({"name": "run", "args": DIFF}, {"name": "run", "response": {"output": SEEN}}),
    ),
    "Gemini, an id that is not given back": (
        "gemini",
        gemini({"id": "t1", "name": "run", "args": DIFF}, {"name": "run", "response": {"output": SEEN}}),
    ),
    "Responses, in the call itself": (
        "openai_responses",
        {
            "input": [
                {"role": "user", "content": "What is new?"},
                {
                    "type": "mcp_call",
                    "id": "m1",
                    "name": "run",
                    "arguments": json.dumps(DIFF),
                    "output": SEEN,
                },
            ]
        },
    ),
}


@pytest.mark.parametrize(("dialect", "body"), UNNAMED.values(), ids=UNNAMED)
def test_output_that_names_no_file_is_its_calls(dialect, body):
    assert "without their names" in why(Scanner(), body, dialect=dialect)
    harmless = json.loads(json.dumps(body).replace("git diff", "git status"))
    assert why(Scanner(), harmless, dialect=dialect) == ""


LISTING = "Directory listing for /home/ana/app:\n[DIR] src\nvaults/x\nREADME.md"
LISTED = {
    "gemini": gemini({"name": "look", "args": {}}, {"name": "look", "response": {"output": LISTING}}),
    "ollama": chat(
        {"content": "", "tool_calls": [{"function": {"name": "look", "arguments": {}}}]},
        {"role": "tool", "tool_name": "look", "content": LISTING},
    ),
    "openai_chat": chat(
        {"tool_calls": [{"id": "t1", "function": {"name": "look", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "t1", "name": "look", "content": LISTING},
    ),
}


@pytest.mark.parametrize(("dialect", "body"), LISTED.items())
def test_a_mere_listing_holds_nothing(dialect, body):
    assert not why(Scanner(), body, dialect=dialect)
    told = json.loads(json.dumps(body).replace("README.md", "the password is abc"))
    assert why(Scanner(), told, dialect=dialect)


def test_the_second_of_two_calls_without_ids():
    calls = [
        {"function": {"name": name, "arguments": arguments}}
        for name, arguments in (("ls", {}), ("run", DIFF))
    ]
    body = chat({"content": "", "tool_calls": calls}, {"role": "tool", "tool_name": "ls", "content": "a.py"})
    assert why(Scanner(), body, dialect="ollama") == ""
    body["messages"].append({"role": "tool", "tool_name": "run", "content": SEEN})
    assert "without their names" in why(Scanner(), body, dialect="ollama")


@pytest.mark.parametrize("cut", range(1, 8))
def test_a_path_that_the_pieces_of_a_stream_cut(cut):
    def parts(name: str) -> dict:
        halves = [{"text": f"I look at {name[:cut]}"}, {"text": f"{name[cut:]}/key.yml now"}]
        return {"contents": [{"parts": [{"text": "Go on."}]}, {"role": "model", "parts": halves}]}

    assert why(Scanner(), parts("a/vaults"), dialect="gemini")
    assert not why(Scanner(), parts("a/wells1"), dialect="gemini")


def test_texts_that_follow_each_other_make_no_path():
    listing = {"type": "tool_result", "tool_use_id": "t1", "content": "app.py\nvaults"}
    code = {"type": "tool_result", "tool_use_id": "t2", "content": "/key is the first word"}
    calls = [{"type": "tool_use", "id": f"t{n}", "name": "look", "input": {}} for n in (1, 2)]
    body = {
        "messages": [
            {"role": "user", "content": "Look around."},
            {"role": "assistant", "content": calls},
            {"role": "user", "content": [listing, {"type": "text", "text": "So?"}, code]},
        ]
    }
    assert not why(Scanner(), body)


def test_a_conversation_is_known_again_whose_contents_name_no_role():
    ask = {"parts": [{"text": "Look into the second of the vaults, please."}]}
    answer = {"role": "model", "parts": [{"text": "I did."}]}
    scanner = Scanner()
    assert why(scanner, {"contents": [ask, answer, {"parts": [{"text": "and vaults/x?"}]}]}, dialect="gemini")
    assert why(scanner, {"contents": [ask, answer, {"parts": [{"text": "And now?"}]}]}, dialect="gemini")


def image(name: str) -> dict:
    return {
        "type": "image",
        "source": {"type": "base64", "media_type": "image/png", "data": name * 9},
    }


OPAQUE = {
    "image": image("iVBORw0K"),
    "image by address": {"type": "image", "source": {"type": "url", "url": "https://a.example/1.png"}},
    "image of a chat": {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}},
    "file": {"type": "document", "source": {"type": "file", "file_id": "file_0000001"}},
    "file of a chat": {"type": "file", "file": {"file_id": "file-0000001"}},
    "sound": {"type": "input_audio", "input_audio": {"data": "UklGRiQAAABXQVZF", "format": "wav"}},
    "reasoning": {"type": "redacted_thinking", "data": "EmwKAhgBEgy3va3pzix"},
}


@pytest.mark.parametrize("thing", OPAQUE.values(), ids=OPAQUE)
@pytest.mark.parametrize(
    ("opaque", "other", "again"), [("allow", False, False), ("local", False, True), ("always", True, True)]
)
def test_what_cannot_be_read(thing, opaque, other, again):
    fence = f'never_cloud: {{paths: ["vaults/**"], opaque: {opaque}}}'
    policy = parse(f"name: p\notherwise: {{to: cloud, why: a}}\n{fence}\n", source="p.yaml")
    scanner = Scanner()

    def stays(body):
        return not clear(policy, scanner.scan(request(body), policy.never_cloud)).allowed

    fresh = {"messages": [{"role": "user", "content": [{"type": "text", "text": "What is it?"}, thing]}]}
    assert stays(fresh) is other
    touching = reading("vaults/a", LINES)
    touching["messages"].append({"role": "user", "content": [thing]})
    assert stays(touching)
    assert stays(fresh) is again
    assert stays(blocks(image("AAAABBBB"))) is (opaque == "always")


def test_an_image_beside_a_prompt_is_known_again():
    scanner, picture = Scanner(), "iVBORw0K" * 9
    policy = 'name: p\notherwise: {to: cloud, why: a}\nnever_cloud: {paths: ["vaults/**"]}\n'
    fence = parse(policy, source="p.yaml").never_cloud

    def stays(prompt):
        body = {"prompt": prompt, "images": [picture]}
        return bool((found := scanner.scan(request(body, dialect="ollama"), fence)).sources or found.earlier)

    assert not stays("What is it?")
    assert stays("It is of vaults/a; what is it?")
    assert stays("And what is this?")


def test_what_the_system_text_or_the_tools_say_is_not_protected():
    scanner = Scanner()
    notice = "Keep every answer short and refuse what harms anybody.\nNever run a tool twice in one turn."
    for field in (
        {"system": [{"type": "text", "text": notice}]},
        {"tools": [{"name": "Read", "description": notice, "input_schema": {"type": "object"}}]},
    ):
        assert why(scanner, {**reading("vaults/a", f"{LINES}{notice}"), **field})
        assert why(scanner, user_message(f"My rules: {notice}", **field)) == ""
    assert why(scanner, user_message(f"It says:\n{LINES}"))


@pytest.mark.parametrize("first", ["watches", "does not"])
def test_teams_with_policies_of_their_own(first):
    scanner = Scanner()
    free = parse(
        "name: f\notherwise: {to: cloud, why: a}\nnever_cloud: {paths: ['other/**']}\n", source="f.yaml"
    )
    body = reading("vaults/a", LINES)
    teams = [("a", POLICY, False), ("b", free, True)]
    for team, policy, leaves in (teams if first == "watches" else teams[::-1]) * 2:
        assert clear(policy, scanner.scan(request(body, team=team), policy.never_cloud)).allowed is leaves


def test_a_session_is_remembered_after_very_many_others():
    memory = Memory(most=20_001)
    memory.add_sessions("web", ["the-session"], ["vaults/**"])
    for number in range(20_000):
        memory.add_sessions("web", [f"session-{number}"], ["vaults/**"])
    assert memory.session_sources("web", ["the-session"]) == {"vaults/**"}
    memory.add_sessions("web", ["one more"], ["vaults/**"])
    assert not memory.session_sources("web", ["the-session"])
