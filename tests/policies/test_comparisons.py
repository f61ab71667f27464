"""Comparisons that cannot hold are refused with the nearest value that can."""

import pytest

from policies.load import PolicyError, parse

IMPOSSIBLE = {
    "kind == 'agnet'": "kind is never 'agnet'; did you mean 'agent'?",
    "'agnet' == kind": "kind is never 'agnet'; did you mean 'agent'?",
    "kind != 'agnet'": "kind is never 'agnet'; did you mean 'agent'?",
    "!(kind == 'agnet')": "kind is never 'agnet'; did you mean 'agent'?",
    "kind in ['ask', 'agnet']": "kind is never 'agnet'; did you mean 'agent'?",
    "!(kind in ['agnet'])": "kind is never 'agnet'; did you mean 'agent'?",
    "kind in ['ask'] + ['agnet']": "kind is never 'agnet'; did you mean 'agent'?",
    "files > 3 || (thinking && (kind == 'Agent' || images > 0))": (
        "kind is never 'Agent'; did you mean 'agent'?"
    ),
    "thinking ? kind == 'agnet' : files > 2": "kind is never 'agnet'; did you mean 'agent'?",
    "kind == (thinking ? 'agent' : 'agnet')": "kind is never 'agnet'; did you mean 'agent'?",
    "(kind == 'agnet') == true": "kind is never 'agnet'; did you mean 'agent'?",
    "kind == ''": "kind is never ''; valid are 'ask', 'agent', 'autocomplete', 'housekeeping', ",
    "work == 'self_contained'": "work is never 'self_contained'; did you mean 'self-contained'?",
    "work in ['issue', 'question']": "work is never 'issue'; did you mean 'issue-report'?",
    "client == 'Claude Code'": "client is never 'Claude Code'; did you mean 'claude-code'?",
    "client != 'vim'": "client is never 'vim'; valid are 'claude-code', 'codex', ",
    "client.startsWith('vim')": "`client.startsWith('vim')` is never true: client is one of ",
    "['agnet'].exists(k, k == kind)": "`['agnet'].exists(k, k == kind)` is never true: kind is one of ",
    "phase == 'exploring'": "phase is never 'exploring'; did you mean 'explore'?",
    "last.track == 'clod'": "last.track is never 'clod'; did you mean 'cloud'?",
    "last.track != 'remote'": "last.track is never 'remote'; valid are '', 'local', 'cloud'",
    "p_local > 1.5": "p_local is between 0 and 1, never 1.5; the nearest is 1",
    "1.5 < p_local": "p_local is between 0 and 1, never 1.5; the nearest is 1",
    "p_local >= 62": "p_local is between 0 and 1, never 62; for 62%, write 0.62",
    "!(p_local < -0.1)": "p_local is between 0 and 1, never -0.1; the nearest is 0",
    "p_local in [0.5, 2]": "p_local is between 0 and 1, never 2; for 2%, write 0.02",
    "p_local >= params.percent": (
        "p_local is between 0 and 1, never params.percent = 40; for 40%, write 0.4"
    ),
    "p_local >= params.max_files / 2": "p_local is between 0 and 1, never params.max_files / 2 = 2; for 2%",
    "p_local > 1": "`p_local > 1` is never true: p_local is between 0 and 1",
    "p_local + 0.5 > 2": "`p_local + 0.5 > 2` is never true: p_local is between 0 and 1",
    "files < 0": "`files < 0` is never true: files is a whole number, at least 0",
    "files == 3.5": "`files == 3.5` is never true: files is a whole number, at least 0",
    "local.wait_s < 0": "`local.wait_s < 0` is never true: local.wait_s is a number, at least 0",
    "size(ask) < 0": "`size(ask) < 0` is never true: size(ask) is a whole number, at least 0",
    "-1 > ask.size()": "`-1 > ask.size()` is never true: ask.size() is a whole number, at least 0",
    "size(team) == 2.5": "`size(team) == 2.5` is never true: size(team) is a whole number, at least 0",
    "!(size(ask) < 0) && thinking": "`size(ask) < 0` is never true: size(ask) is a whole number",
    "double(size(ask)) < -1": "`double(size(ask)) < -1` is never true",
    "double(size(ask)) + files < 0": "`double(size(ask)) + files < 0` is never true",
    "files * turns < 0": "`files * turns < 0` is never true",
    "(files + 1) * turns < 0": "`(files + 1) * turns < 0` is never true",
    "p_local * p_local > 1": "`p_local * p_local > 1` is never true: p_local is between 0 and 1",
    "(thinking ? p_local : 0.5) > 1": "`(thinking ? p_local : 0.5) > 1` is never true",
    "int(p_local) == 2": "`int(p_local) == 2` is never true: p_local is between 0 and 1",
    "files == 'three'": "files is a number, 'three' is text",
    "kind == 3": "kind is text, 3 is a number",
    "server_tools == 1": "server_tools is true or false, 1 is a number",
    "local.up == 'true'": "local.up is true or false, 'true' is text",
    "team == 3": "team is text, 3 is a number",
}


UNQUOTED = {
    "kind == agent": "'agent' is text, so put it in quotes: \"'agent'\"",
    "client == claude-code && files > 1": "'claude-code' is text, so put it in quotes: \"'claude-code'\"",
    "kind == ask": "ask is a variable here; put the word in quotes: 'ask'",
}
MISUSED = {
    "0.3 < p_local < 0.7": "is no valid condition: compare two at a time: 0.3 < p_local && p_local < 0.7",
    "kind in 'agent'": "is no valid condition: 'in' looks into a list: kind in ['agent']",
    "'agent' in kind": (
        "is no valid condition: 'in' looks into a list; for a part of a text, write kind.contains('agent')"
    ),
    "len(ask) > 3": "cannot be evaluated: Undefined variable or function: 'len'; did you mean 'size'?",
}
POINTLESS = {
    "kind in ['guard', 'ask']": (
        "no rule decides on a 'guard': a safety check goes to the model that the client named"
    ),
    "last.rule == 'on'": "no rule here is called 'on', as last.rule should be; did you mean 'one'?",
}


def policy(when: str) -> str:
    rule = f"  - name: one\n    to: local\n    why: a\n    when: >-\n      {when}\n"
    return (
        f"name: mine\nparams: {{max_files: 4, percent: 40}}\nrules:\n{rule}otherwise: {{to: cloud, why: b}}\n"
    )


REFUSED = {**IMPOSSIBLE, **UNQUOTED, **MISUSED}


@pytest.mark.parametrize("when", REFUSED)
def test_what_cannot_hold_is_refused(when):
    with pytest.raises(PolicyError) as caught:
        parse(policy(when), source="p.yaml")
    (problem,) = caught.value.problems
    assert problem.startswith(f"p.yaml:7: rules[0].when: {REFUSED[when]}")


def test_every_wrong_value_is_named():
    with pytest.raises(PolicyError) as caught:
        parse(policy("kind in ['agnet', 'ask', 'subagnt'] && p_local > 3 && phase != 'x'"), source="p.yaml")
    assert [problem.partition("when: ")[2].split()[0] for problem in caught.value.problems] == [
        "kind",
        "kind",
        "p_local",
        "phase",
    ]


@pytest.mark.parametrize("when", POINTLESS)
def test_what_does_nothing_is_a_warning(when):
    assert parse(policy(when), source="p.yaml").warnings == (f"p.yaml:7: rules[0].when: {POINTLESS[when]}",)


@pytest.mark.parametrize(
    "when",
    [
        "last.rule == 'one' || last.rule in ['otherwise', 'asked', '']",
        "p_local >= 0 && p_local <= 1 && thinking",
        "p_local * 100 > 62",
        "p_local >= params.percent / 100",
        "phase == '' && last.track == ''",
        "budget.left_usd < -1",
        "-files < -3",
        "ask.contains('agnet') || user == 'agnet'",
        "user == client",
        "files > files_edited",
        "size(kind) > 4",
        "size(ask) == 0",
        "size(ask) > files * 100",
        "files * turns == 0",
        "int(p_local) == 1",
        "(thinking ? p_local : -1) < 0",
        "p_local - p_local * p_local > 0.2",
    ],
)
def test_what_can_hold_is_taken(when):
    assert parse(policy(when), source="p.yaml").warnings == ()
