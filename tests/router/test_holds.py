"""A user turn keeps its track, and nothing else does: whole flows as clients send them, in both dialects."""

import json

import pytest

MESSAGES = "/v1/messages"
CHAT = "/v1/chat/completions"
pytestmark = pytest.mark.usefixtures("nearby", "upstream")
PATHS = pytest.mark.parametrize("path", [MESSAGES, CHAT])
EASY = "Write a function that reverses a list of numbers."
HARD = "Migrate the whole repository to the new request class and fix all callers across the code base."
TITLE = "You are a title generator. You output ONLY a thread title."
COMPACT = "Your task is to create a detailed summary of the conversation so far, paying close attention to"
READ = {"type": "object", "properties": {"file_path": {"type": "string"}}, "required": ["file_path"]}
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="


class Talk:
    """One client of one dialect and session; asks, answers and results as that dialect writes them."""

    def __init__(self, endpoint, path: str, session: str = "", **headers: str) -> None:
        self.endpoint = endpoint
        self.path = path
        self.headers = {"x-api-key": "sk-ant-mine", "user-agent": "talk/1", **headers}
        if session:
            self.headers["x-session-id"] = session

    @property
    def tools(self) -> list[dict]:
        if self.path == MESSAGES:
            return [{"name": "Read", "description": "Read a file.", "input_schema": READ}]
        return [
            {
                "type": "function",
                "function": {"name": "Read", "description": "Read a file.", "parameters": READ},
            }
        ]

    def call(self, number: int, content: str = "x = 1", *, image: bool = False) -> list[dict]:
        """A call of the tool, and its answer."""
        arguments = {"file_path": f"src/f{number}.py"}
        if self.path == CHAT:
            function = {"name": "Read", "arguments": json.dumps(arguments)}
            call = {"id": f"c{number}", "type": "function", "function": function}
            shown: list[dict] = [
                {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}}
            ]
            return [
                {"role": "assistant", "content": None, "tool_calls": [call]},
                {"role": "tool", "tool_call_id": f"c{number}", "content": shown if image else content},
            ]
        source = {"type": "base64", "media_type": "image/png", "data": PIXEL}
        use = {"type": "tool_use", "id": f"c{number}", "name": "Read", "input": arguments}
        result = {"type": "tool_result", "tool_use_id": f"c{number}", "content": content}
        if image:
            result["content"] = [{"type": "image", "source": source}]
        return [{"role": "assistant", "content": [use]}, {"role": "user", "content": [result]}]

    def send(self, *messages: str | list[dict], system: str = "", tools: bool = True, **headers: str):
        """Send a conversation: asks as text, the rest as `call` made it. Returns the answer's headers."""
        turned: list[dict] = []
        for message in messages:
            turned += [{"role": "user", "content": message}] if isinstance(message, str) else message
        fields: dict = {"tools": self.tools if tools else []}
        if system and self.path == MESSAGES:
            fields["system"] = system
        elif system:
            turned.insert(0, {"role": "system", "content": system})
        if self.path == CHAT and not tools:
            del fields["tools"]  # that dialect has no empty list of tools
        body = {"model": "auto", "max_tokens": 50, "messages": turned, **fields}
        answer = self.endpoint.post(self.path, body, headers=self.headers | headers)
        assert answer.status_code == 200, answer.text
        return answer


def track(answer) -> tuple[str, str]:
    return answer.headers["x-turnout-track"], answer.headers["x-turnout-rule"]


SAID = [{"role": "assistant", "content": "Done."}]


@pytest.fixture(scope="module")
def endpoint(start_between):
    return start_between(POLICY="balanced")


@PATHS
def test_a_turn_keeps_its_track_and_the_next_subject_is_decided_anew(endpoint, path):
    talk = Talk(endpoint, path, f"keeps{path}")
    assert track(talk.send(EASY)) == ("local", "self-contained")
    loop = [message for number in range(6) for message in talk.call(number)]
    for upto in (2, 6, 12):
        answer = talk.send(EASY, loop[:upto])
        assert track(answer) == ("local", "self-contained")
        assert endpoint.row(answer)["held"] == 1
    assert track(talk.send(EASY, SAID, HARD))[0] == "cloud"


@PATHS
def test_after_a_compaction_the_next_ask_is_decided_anew(endpoint, path):
    talk = Talk(endpoint, path, f"compaction{path}")
    assert track(talk.send(EASY))[0] == "local"
    assert track(talk.send(EASY, talk.call(1)))[0] == "local"
    for loop in ([], talk.call(1), [*talk.call(1), *talk.call(2)]):
        assert track(talk.send(HARD, loop))[0] == "cloud"


SUMMARY = (
    "This session is being continued from a previous conversation that ran out of context. Summary: a task."
)


@PATHS
@pytest.mark.parametrize(("ask", "where"), [(EASY, "local"), (HARD, "cloud")])
def test_a_compaction_in_the_middle_of_a_turn_leaves_it_where_it_is(endpoint, path, ask, where):
    talk = Talk(endpoint, path, f"auto{path}{where}")
    assert track(talk.send(ask))[0] == where
    assert track(talk.send(ask, talk.call(1)))[0] == where
    for loop in ([], talk.call(2), [*talk.call(2), *talk.call(3)]):
        answer = talk.send(SUMMARY, loop)
        assert track(answer)[0] == where
        assert endpoint.row(answer)["held"] == 1
    assert track(talk.send(SUMMARY, SAID, "go on"))[0] == where
    assert track(talk.send(SUMMARY, SAID, EASY if ask == HARD else HARD))[0] != where


@PATHS
def test_a_rewind_to_an_edited_ask_is_decided_anew(endpoint, path):
    talk = Talk(endpoint, path, f"rewind{path}")
    greeting = ["hi", SAID]
    assert track(talk.send(*greeting, EASY))[0] == "local"
    assert track(talk.send(*greeting, HARD))[0] == "cloud"
    assert track(talk.send(*greeting, HARD, talk.call(1)))[0] == "cloud"
    assert track(talk.send(*greeting, EASY, talk.call(1)))[0] == "local"  # and back


@PATHS
def test_a_title_decides_nothing(endpoint, path):
    talk = Talk(endpoint, path, f"title{path}")
    assert track(talk.send(HARD, system=TITLE, tools=False)) == ("local", "side-request")
    answer = talk.send(HARD)
    assert track(answer)[0] == "cloud"
    assert endpoint.row(answer)["held"] == 0
    assert track(talk.send(HARD, system=TITLE, tools=False))[0] == "local"
    assert track(talk.send(HARD, talk.call(1)))[0] == "cloud"


@PATHS
def test_nor_does_one_that_is_not_known_as_such(endpoint, path):
    talk = Talk(endpoint, path, f"unknown title{path}")
    assert track(talk.send(EASY, system="Name this chat.", tools=False))[0] == "local"
    answer = talk.send(EASY)
    assert endpoint.row(answer)["held"] == 0


@PATHS
def test_the_tools_of_a_turn_may_be_gone_at_its_end(endpoint, path):
    talk = Talk(endpoint, path, f"last call{path}")
    assert track(talk.send(HARD))[0] == "cloud"
    answer = talk.send(HARD, talk.call(1), tools=False)
    assert track(answer)[0] == "cloud"
    assert endpoint.row(answer)["held"] == 1


@PATHS
def test_sub_agents_that_run_at_once_keep_a_track_each(endpoint, path):
    talk = Talk(endpoint, path, f"agents{path}")
    agent = {"x-parent-session-id": "parent"}
    assert track(talk.send(HARD))[0] == "cloud"
    assert track(talk.send(EASY, **agent))[0] == "local"
    assert track(talk.send(f"{HARD} Begin with the tests.", **agent))[0] == "cloud"
    loop = [message for number in range(6) for message in talk.call(number)]
    for upto in (2, 12):
        easy, hard = (
            talk.send(EASY, loop[:upto], **agent),
            talk.send(f"{HARD} Begin with the tests.", loop[:upto], **agent),
        )
        assert (track(easy)[0], track(hard)[0]) == ("local", "cloud")
        assert [endpoint.row(answer)["held"] for answer in (easy, hard)] == [1, 1]
        assert {endpoint.row(answer)["kind"] for answer in (easy, hard)} == {"subagent"}


@PATHS
def test_a_summary_of_a_sub_agents_work_goes_where_the_sub_agent_is(endpoint, path):
    talk = Talk(endpoint, path, f"agent summary{path}")
    agent = {"x-parent-session-id": "parent"}
    assert track(talk.send(EASY))[0] == "local"
    assert track(talk.send(HARD, **agent))[0] == "cloud"
    answer = talk.send(HARD, talk.call(1), COMPACT, **agent)
    assert track(answer)[0] == "cloud"
    assert endpoint.row(answer)["kind"] == "summary"
    assert track(talk.send(EASY, talk.call(1), COMPACT))[0] == "local"


@PATHS
def test_without_a_session_programs_that_open_alike_are_apart(endpoint, path):
    talks = [Talk(endpoint, path, **{"user-agent": name}) for name in ("openai/1.2", "node", "curl/8")]
    first = [endpoint.row(talk.send("hi"))["conversation"] for talk in talks]
    later = [endpoint.row(talk.send("hi", SAID, EASY))["conversation"] for talk in talks]
    assert first == later
    assert len(set(first)) == 3


@PATHS
def test_without_a_session_the_same_opening_does_no_harm(endpoint, path):
    talk = Talk(endpoint, path)
    assert track(talk.send("hi", SAID, HARD))[0] == "cloud"
    assert track(talk.send("hi", SAID, EASY))[0] == "local"
    assert track(talk.send("hi", SAID, HARD, talk.call(1)))[0] == "cloud"
    assert track(talk.send("hi", SAID, EASY, talk.call(1)))[0] == "local"


@PATHS
def test_what_failed_once_is_no_hold_of_the_work(endpoint, nearby, play, path):
    talk = Talk(endpoint, path, f"failed{path}")
    ask = f"{EASY} In one line."
    play(nearby, {"fault": "status", "status": 500, "times": 3})
    assert track(talk.send(ask)) == ("cloud", "escalate")
    play(nearby)
    assert track(talk.send(ask, talk.call(1)))[0] == "cloud"  # the tool loop is finished there
    assert track(talk.send(ask)) == ("local", "self-contained")  # the same prompt is not
    assert track(talk.send(ask, SAID, "and with tests")) == ("local", "goes-on-local")


@PATHS
def test_an_image_in_the_middle_of_a_turn_moves_it_up(endpoint, path):
    talk = Talk(endpoint, path, f"image{path}")
    ask = f"{EASY} Then look at the result."
    assert track(talk.send(ask))[0] == "local"
    assert track(talk.send(ask, talk.call(1)))[0] == "local"
    seen = [*talk.call(1), *talk.call(2, image=True)]
    assert track(talk.send(ask, seen)) == ("cloud", "images")
    assert track(talk.send(ask, [*seen, *talk.call(3)])) == ("cloud", "images")


def pictured(path: str, text: str) -> list[dict]:
    """An ask with an image."""
    source = {"type": "base64", "media_type": "image/png", "data": PIXEL}
    url = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}}
    shown = url if path == CHAT else {"type": "image", "source": source}
    return [{"role": "user", "content": [{"type": "text", "text": text}, shown]}]


@PATHS
def test_an_image_that_the_client_drops_leaves_the_turn_where_it_is(endpoint, path):
    talk = Talk(endpoint, path, f"dropped-image{path}")
    assert track(talk.send(pictured(path, EASY))) == ("cloud", "images")
    assert track(talk.send(pictured(path, EASY), talk.call(1)))[0] == "cloud"
    answer = talk.send(EASY, [*talk.call(1), *talk.call(2)])
    assert track(answer)[0] == "cloud"
    assert endpoint.row(answer)["held"] == 1


@PATHS
def test_an_image_that_comes_with_a_new_ask_is_decided_anew(endpoint, path):
    talk = Talk(endpoint, path, f"added-image{path}")
    assert track(talk.send(EASY))[0] == "local"
    assert track(talk.send(pictured(path, EASY))) == ("cloud", "images")


@PATHS
def test_an_old_turn_that_the_client_drops_leaves_the_newest_where_it_is(endpoint, path):
    talk = Talk(endpoint, path, f"dropped-turn{path}")
    assert track(talk.send(HARD))[0] == "cloud"
    assert track(talk.send(HARD, SAID, "continue"))[0] == "cloud"
    assert track(talk.send(HARD, SAID, "continue", talk.call(1)))[0] == "cloud"
    for loop in ([*talk.call(1), *talk.call(2)], [*talk.call(2), *talk.call(3)]):
        answer = talk.send("continue", loop)
        assert track(answer)[0] == "cloud"
        assert endpoint.row(answer)["held"] == 1


@PATHS
@pytest.mark.parametrize("tools", [True, False])
def test_a_summary_goes_where_the_session_is(endpoint, path, tools):
    talk = Talk(endpoint, path, f"summary{path}{tools}")
    assert track(talk.send(HARD))[0] == "cloud"
    answer = talk.send(HARD, talk.call(1), COMPACT, tools=tools)
    assert track(answer)[0] == "cloud"
    assert endpoint.row(answer)["kind"] == "summary"
    assert (
        track(talk.send(HARD, talk.call(1), "Generate a title for this conversation", tools=tools))[0]
        == "local"
    )
    local = Talk(endpoint, path, f"local summary{path}{tools}")
    assert track(local.send(EASY))[0] == "local"
    assert track(local.send(EASY, local.call(1), COMPACT, tools=tools))[0] == "local"


@PATHS
def test_a_self_contained_ask_does_not_pull_the_next_task_with_it(endpoint, path):
    talk = Talk(endpoint, path, f"pull{path}")
    assert track(talk.send(EASY))[0] == "local"
    assert track(talk.send(EASY, SAID, "warum?"))[0] == "local"
    answer = talk.send(
        EASY, SAID, "warum?", SAID, "Fix the crash in our login page when the session expires."
    )
    assert track(answer)[0] == "cloud"


def test_a_hold_ages(start_between, tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text(
        "name: mine\nhold_s: 0.001\notherwise: {to: local, why: local}\n"
        'rules: [{name: files, when: "files > 1", to: cloud, why: files}]\n'
    )
    talk = Talk(start_between(POLICY=str(file)), MESSAGES, "ages")
    assert track(talk.send(EASY)) == ("local", "otherwise")
    assert track(talk.send(EASY, [*talk.call(1), *talk.call(2)])) == ("cloud", "files")
