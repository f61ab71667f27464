import json

import pytest

SMALL = {"model": "auto", "messages": [{"role": "user", "content": "Write a function that adds two numbers"}]}
READ_SIX = [
    {"role": role, "content": [block]}
    for path in ("a.py", "b.py", "c.py", "d.py", "e.py", "f.py")
    for role, block in (
        ("assistant", {"type": "tool_use", "id": path, "name": "Read", "input": {"file_path": path}}),
        ("user", {"type": "tool_result", "tool_use_id": path, "content": "x"}),
    )
]
AGENT = {
    "model": "claude-sonnet-5-5",
    "system": "You are an agent.",
    "tools": [{"name": "Read", "input_schema": {"type": "object"}}],
    "messages": [{"role": "user", "content": "Rename the class everywhere."}, *READ_SIX],
}


@pytest.fixture
def request_file(tmp_path):
    def write(body) -> str:
        (tmp_path / "request.json").write_text(json.dumps(body))
        return "request.json"

    return write


def test_for_a_person(turnout, request_file):
    ended = turnout("explain", request_file(SMALL))
    assert ended.code == 0, ended.err
    assert ended.out.startswith("local by self-contained: self-contained")
    assert "policy balanced" in ended.out
    assert "What would change it" in ended.out
    assert "files >= 4  ->  cloud (crosses-files)" in ended.out


@pytest.mark.parametrize(
    ("body", "track", "rule"), [(SMALL, "local", "self-contained"), (AGENT, "cloud", "crosses-files")]
)
def test_as_json_in_either_dialect_told_by_shape(turnout, request_file, body, track, rule):
    ended = turnout("explain", request_file(body), "--json")
    assert ended.code == 0, ended.err
    explanation = json.loads(ended.out)
    assert (explanation["decision"]["track"], explanation["decision"]["rule"]) == (track, rule)
    assert explanation["features"]["files"] == (6 if body is AGENT else 0)
    assert explanation["rules"]


def test_standard_input_another_policy_and_a_named_dialect(turnout):
    stdin = json.dumps(SMALL).encode()
    dialect = ("--dialect", "anthropic_messages")
    ended = turnout("explain", "-", "--policy", "private", *dialect, "--json", stdin=stdin)
    assert ended.code == 0, ended.err
    explanation = json.loads(ended.out)
    assert (explanation["policy"], explanation["decision"]["rule"]) == ("private", "never_cloud")


def test_brackets_are_no_markup(turnout, request_file, tmp_path):
    (tmp_path / "mine.yaml").write_text(
        "name: mine\n"
        "rules: [{name: odd, when: \"kind in ['ask']\", to: local, why: 'as [red]we[/] said in [/etc/x]'}]\n"
        "otherwise: {to: cloud, why: else}\n"
        "never_cloud: {match: ['[a-z]+-only']}\n"
    )
    ended = turnout("explain", request_file(SMALL), "--policy", "mine.yaml")
    assert ended.out.startswith("local by odd: as [red]we[/] said in [/etc/x]  ("), ended
    private = {"messages": [{"role": "user", "content": "this is internal-only"}]}
    ended = turnout("explain", request_file(private), "--policy", "mine.yaml")
    assert "the conversation matches '[a-z]+-only'" in ended.out


WRONG = [
    (["explain", "missing.json"], b"", "FILE: there is no file 'missing.json'"),
    (["explain", "-"], b"{", "the body is not valid JSON"),
    (["explain", "-"], b"\xff", "the body is not valid JSON"),
    (["explain", "-"], b"{}", "messages: must be a non-empty array"),
]


@pytest.mark.parametrize(("arguments", "stdin", "message"), WRONG)
def test_what_cannot_be_explained(refused, arguments, stdin, message):
    assert message in refused(*arguments, stdin=stdin)


def test_an_unknown_policy_names_the_nearest(refused):
    message = refused("explain", "-", "--policy", "balancd", stdin=json.dumps(SMALL).encode())
    assert "balancd: there is no such policy or file; did you mean 'balanced'?" in message


def test_an_unknown_dialect_lists_the_known(turnout, request_file):
    ended = turnout("explain", request_file(SMALL), "--dialect", "klingon")
    assert ended.code == 2
    assert "openai_chat" in ended.err
    assert "Traceback" not in ended.err


def test_wrong_settings_are_told_here_too(refused, request_file):
    assert "TURNOUT_POLICI" in refused("explain", request_file(SMALL), POLICI="x")
    message = refused("explain", request_file(SMALL), LOCAL__MODEL="nowhere.gguf")
    assert "local.model: there is no file 'nowhere.gguf'" in message


def test_a_safety_check_and_why_it_is_refused(turnout, request_file):
    judged = {
        "model": "claude-haiku-9",
        "max_tokens": 64,
        "system": "You are a security monitor. Decide whether the command is safe.",
        "stop_sequences": ["</verdict>"],
        "messages": [{"role": "user", "content": "rm -rf build"}],
    }
    ended = turnout("explain", request_file(judged))
    assert ended.out.startswith("cloud by guard: a safety check is judged by the model that the client named")
    ended = turnout("explain", request_file(judged), "--policy", "private")
    assert "refused: never_cloud: nothing leaves under this policy. This is a safety check" in " ".join(
        ended.out.split()
    )
