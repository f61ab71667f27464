import json

import pytest

WRONG = """\
name: wrong
rules:
  - {when: "filse > 3", to: local, why: a}
  - {when: "files > 3", to: clod, why: b}
otherwise: {to: cloud, why: c}
"""


def test_shipped_as_json(turnout):
    ended = turnout("policy", "show", "observe", "--json")
    assert ended.code == 0, ended.err
    document = json.loads(ended.out)
    assert (document["name"], document["params"]["max_files"]) == ("observe", 4)
    assert document["rules"][0] | {"why": ""} == {
        "rule": "server-tools",
        "when": "server_tools",
        "to": "cloud",
        "why": "",
    }
    assert document["rules"][-1]["rule"] == "otherwise"


def test_the_default_for_a_person(turnout):
    ended = turnout("policy", "show")
    assert ended.code == 0
    assert ended.out.startswith("balanced  Self-contained work stays local")
    assert "files >= params.max_files || files_named >= params.max_files" in ended.out
    assert "kind in ['autocomplete', 'housekeeping']" in ended.out
    assert "max_files 4" in ended.out


def test_a_file_of_ones_own(turnout, tmp_path):
    (tmp_path / "mine.yaml").write_text(
        "name: mine\ndescription: 'see [docs] and [/etc]'\notherwise: {to: cloud, why: '[b]all[/b]'}\n"
    )
    ended = turnout("policy", "show", "mine.yaml")
    assert ended.code == 0, ended.err
    assert "see [docs] and [/etc]" in ended.out
    assert "[b]all[/b]" in ended.out


def test_what_must_stay_is_shown(turnout, tmp_path):
    (tmp_path / "mine.yaml").write_text(
        "name: mine\notherwise: {to: cloud, why: all}\n"
        "never_cloud: {paths: ['secrets/[ab]'], match: ['(?i)internal'], opaque: always}\n"
    )
    stays = {"paths": ["secrets/[ab]"], "match": ["(?i)internal"], "teams": [], "opaque": "always"}
    assert json.loads(turnout("policy", "show", "mine.yaml", "--json").out)["never_cloud"] == stays
    text = turnout("policy", "show", "mine.yaml").out
    assert "never_cloud: paths ['secrets/[ab]'], match ['(?i)internal'], opaque always" in " ".join(
        text.split()
    )
    assert "never_cloud" not in turnout("policy", "show").out


def test_a_wrong_file_is_told_by_line(refused, tmp_path):
    (tmp_path / "wrong.yaml").write_text(WRONG)
    message = refused("policy", "show", "wrong.yaml")
    assert message.startswith("wrong.yaml:4: rules[1].to: 'clod' is not one of")
    (tmp_path / "wrong.yaml").write_text(WRONG.replace("clod", "cloud"))
    message = refused("policy", "show", "wrong.yaml")
    assert message == "wrong.yaml:3: rules[0].when: unknown variable 'filse'; did you mean 'files'?"


def test_an_unknown_name_tells_the_nearest(refused):
    assert "did you mean 'quality-first'?" in refused("policy", "show", "qualty-first")


ASKED = b'{"model": "auto", "messages": [{"role": "user", "content": "hi"}]}'

NEVER = """\
name: never
rules:
  - {name: many, when: "files >= 3", to: cloud, why: a}
  - {name: more, when: "files >= 5 && kind == 'agent'", to: local, why: b}
  - {name: mode, when: "kind in ['agnet', 'ask']", to: local, why: c}
otherwise: {to: cloud, why: d}
check: {local_share: ">= 1.2"}
"""
NEVER_SAID = """\
{file}:5: rules[2].when: kind is never 'agnet'; did you mean 'agent'?
{file}:4: rules[1]: is never reached: rules[0] ('many') holds wherever this does; \
move this before it, or remove it
{file}:7: check.local_share: '>= 1.2' is a bar that no policy can pass: local_share is between 0 and 1"""


@pytest.mark.parametrize(
    "arguments",
    [
        ("policy", "show", "never.yaml"),
        ("policy", "check", "never.yaml"),
        ("policy", "tune", "never.yaml"),
        ("policy", "diff", "balanced", "never.yaml"),
        ("explain", "-"),
        ("serve",),
        ("key", "create", "--team", "web", "--policy", "never.yaml"),
    ],
    ids=" ".join,
)
def test_what_cannot_hold_is_refused_everywhere_in_the_same_words(refused, tmp_path, arguments):
    (tmp_path / "never.yaml").write_text(NEVER)
    lines = 1 if arguments[0] == "key" else 3
    message = refused(*arguments, lines=lines, POLICY="never.yaml", stdin=ASKED)
    said = NEVER_SAID.format(file="never.yaml")
    assert message.endswith(" ".join(said.split()) if lines == 1 else said)


def test_what_is_probably_not_meant_is_a_warning(turnout, tmp_path):
    (tmp_path / "mine.yaml").write_text(
        NEVER.partition("rules")[0]
        + ("rules: [{when: \"kind == 'guard'\", to: local, why: a}]\notherwise: {to: cloud, why: d}\n")
    )
    ended = turnout("policy", "show", "mine.yaml", "--json")
    (warning,) = json.loads(ended.out)["warnings"]
    assert warning.startswith("mine.yaml:2: rules[0].when: no rule decides on a 'guard'")
    assert ended.err == f"WARNING policies.load: {warning}\n"
