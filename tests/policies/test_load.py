"""Loading: what is right is compiled, and what is wrong is told with file, line and remedy."""

import os
from pathlib import Path

import pytest

from policies.load import SHIPPED, PolicyError, PolicyHolder, load, parse

HEAD = "name: mine\nparams: {max_files: 4, max_turn_calls: 40}\n"
TAIL = "otherwise: {to: cloud, why: not known}\n"


def rule(when: str, *, name: str = "one", to: str = "local") -> str:
    return f'rules:\n  - {{name: {name}, when: "{when}", to: {to}, why: because}}\n'


WRONG = {
    "empty file": ("", "p.yaml:1: is empty; a policy is a mapping with `name` and `otherwise`"),
    "only a comment": (
        "# nothing\n",
        "p.yaml:1: is empty; a policy is a mapping with `name` and `otherwise`",
    ),
    "a list": ("- a\n", "p.yaml:1: is a list; a policy is a mapping with `name` and `otherwise`"),
    "two documents": (
        f"{HEAD}{TAIL}---\nname: other\n",
        "p.yaml:4: a second document begins; a policy is one",
    ),
    "broken YAML": (f"{HEAD}rules: [\n{TAIL}", "p.yaml:5: is no valid YAML:"),
    "a tab": ("name: a\n\trules: []\n", "p.yaml:2: is no valid YAML:"),
    "control character": ("name: a\x00b\n", "p.yaml:1: is no valid YAML:"),
    "unknown tag": ("name: !!python/object:os.system x\n", "p.yaml:1: is no valid YAML:"),
    "variable": (
        f"{HEAD}{TAIL}".replace("name:", "description: ${HOME} and more\nname:", 1),
        "p.yaml:1: `${HOME}` is not put in: a policy reads alike on every machine, so write its value",
    ),
    "key said twice": (f"{HEAD}name: again\n{TAIL}", "p.yaml:3: 'name' is said twice"),
    "unknown key": (f"{HEAD}rulez: []\n{TAIL}", "p.yaml:3: unknown key 'rulez'; did you mean 'rules'?"),
    "unknown key in a rule": (
        f'{HEAD}rules:\n  - {{when: "files > 1", too: local, to: local, why: a}}\n{TAIL}',
        "p.yaml:4: rules[0]: unknown key 'too'; did you mean 'to'?",
    ),
    "unknown key in escalate": (
        f"{HEAD}{TAIL}escalate: {{on: [slow], first_byte: 3}}\n",
        "p.yaml:4: escalate: unknown key 'first_byte'; did you mean 'first_byte_s'?",
    ),
    "a setback without its number": (
        f"{HEAD}{TAIL}escalate: {{on: [error_streak]}}\n",
        "p.yaml:4: escalate: `on` names 'error_streak', so set `error_streak` to the failures in a row",
    ),
    "calls without their number": (
        f"{HEAD}{TAIL}escalate: {{on: [no_edit_after]}}\n",
        "p.yaml:4: escalate: `on` names 'no_edit_after', so set `no_edit_after` to the calls without an edit",
    ),
    "a window without its share": (
        f"{HEAD}{TAIL}escalate: {{on: [window_filled]}}\n",
        "p.yaml:4: escalate: `on` names 'window_filled', so set `window_filled` to the share of the window",
    ),
    "a share in percent": (
        f"{HEAD}{TAIL}escalate: {{on: [overflow], window_filled: 90}}\n",
        "p.yaml:4: escalate.window_filled: is a share of the window, more than 0 and at most 1; for 90%",
    ),
    "once is no evidence": (
        f"{HEAD}{TAIL}escalate: {{on: [same_call_failed], same_call_failed: 1}}\n",
        "p.yaml:4: escalate.same_call_failed: input should be greater than or equal to 2",
    ),
    "a setback that nothing knows": (
        f"{HEAD}{TAIL}escalate: {{on: [overflow], same_call_fails: 2}}\n",
        "p.yaml:4: escalate: unknown key 'same_call_fails'; did you mean 'same_call_failed'?",
    ),
    "a price for no move": (
        f"{HEAD}{TAIL}escalate: {{on: [overflow], max_usd: 0.5}}\n",
        "p.yaml:4: escalate: `max_usd` is for moves on a setback, and there is none here: name one of",
    ),
    "a setback where nothing is held": (
        f"{HEAD}{TAIL}hold: none\nescalate: {{on: [same_call_failed]}}\n",
        "p.yaml:5: escalate: 'same_call_failed' moves a turn that is held, and `hold: none` holds none",
    ),
    "no name": (TAIL, "p.yaml:1: 'name' is missing"),
    "no otherwise": (HEAD, "p.yaml:1: 'otherwise' is missing"),
    "no why": (f"{HEAD}otherwise: {{to: cloud}}\n", "p.yaml:3: otherwise: 'why' is missing"),
    "to elsewhere": (
        f"{HEAD}{rule('files > 1', to='clod')}{TAIL}",
        "p.yaml:4: rules[0].to: 'clod' is not one of 'local', 'cloud'",
    ),
    "a switch for a condition": (
        f"{HEAD}rules:\n  - {{when: true, to: local, why: a}}\n{TAIL}",
        "p.yaml:4: rules[0].when: must be text; put True in quotes",
    ),
    "text for a number": (
        "name: a\nparams:\n  max_files: '4'\n" + TAIL,
        "p.yaml:3: params.max_files: input should be a valid number",
    ),
    "switch for a number": (
        f"name: a\nparams: {{b: true}}\n{TAIL}",
        "p.yaml:2: params.b: input should be a valid number",
    ),
    "endless number": (
        f"name: a\nparams: {{b: .inf}}\n{TAIL}",
        "p.yaml:2: params.b: input should be a finite number",
    ),
    "text for a switch": (
        f"{HEAD}{TAIL}observe: 'yes'\n",
        "p.yaml:4: observe: input should be a valid boolean",
    ),
    "why over two lines": (
        f'{HEAD}otherwise: {{to: cloud, why: "a\\nb"}}\n',
        "p.yaml:3: otherwise.why: string should match",
    ),
    "name not in kebab case": (
        f"{HEAD}{rule('files > 1', name='My Rule')}{TAIL}",
        "p.yaml:4: rules[0].name: string should match",
    ),
    "reserved name": (
        f"{HEAD}{rule('files > 1', name='asked')}{TAIL}",
        "p.yaml:4: rules[0]: the name 'asked' is one that Turnout uses itself; choose another",
    ),
    "name used twice": (
        f"{HEAD}{rule('files > 1')}  - {{name: one, when: 'files > 2', to: local, why: a}}\n{TAIL}",
        "p.yaml:5: rules[1]: the name 'one' is that of rules[0] too; choose another",
    ),
    "unknown variable": (
        f"{HEAD}{rule('fils > 1')}{TAIL}",
        "p.yaml:4: rules[0].when: unknown variable 'fils'; did you mean 'files'?",
    ),
    "unknown parameter": (
        f"{HEAD}{rule('files > params.max_file')}{TAIL}",
        "p.yaml:4: rules[0].when: unknown variable 'params.max_file'; did you mean 'params.max_files'?",
    ),
    "unknown member": (
        f"{HEAD}{rule('local.wait > 1')}{TAIL}",
        "p.yaml:4: rules[0].when: unknown variable 'local.wait'; did you mean 'local.wait_s'?",
    ),
    "a group": (
        f"{HEAD}{rule('cloud')}{TAIL}",
        "p.yaml:4: rules[0].when: 'cloud' is a group; name one of cloud.up",
    ),
    "syntax": (f"{HEAD}{rule('files >')}{TAIL}", "p.yaml:4: rules[0].when: is no valid condition: "),
    "one equals sign": (
        f"{HEAD}{rule('files = 4')}{TAIL}",
        "p.yaml:4: rules[0].when: is no valid condition: '=' (column 7): write '=='",
    ),
    "not boolean": (
        f"{HEAD}{rule('files')}{TAIL}",
        "p.yaml:4: rules[0].when: 'files' is not true or false; compare it with something",
    ),
    "not boolean behind an or": (
        f"{HEAD}{rule('server_tools || kind')}{TAIL}",
        "p.yaml:4: rules[0].when: 'kind' is not true or false; compare it with something",
    ),
    "types, hidden behind an and": (
        f"{HEAD}{rule('server_tools && (thinking || files > kind)')}{TAIL}",
        "p.yaml:4: rules[0].when: cannot be evaluated: No such overload",
    ),
    "unknown function": (
        f"{HEAD}{rule('kind.begins(client)')}{TAIL}",
        "p.yaml:4: rules[0].when: cannot be evaluated: Undefined variable or function: 'begins'",
    ),
    "after true": (
        f"{HEAD}{rule('true')}  - {{name: two, when: 'files > 2', to: local, why: a}}\n{TAIL}",
        "p.yaml:5: rules[1]: is never reached: rules[0] takes everything",
    ),
    "after something always true": (
        f"{HEAD}{rule('1 < 2')}  - {{name: two, when: 'files > 2', to: local, why: a}}\n{TAIL}",
        "p.yaml:5: rules[1]: is never reached: rules[0] takes everything",
    ),
    "same condition, other spaces": (
        f"{HEAD}{rule('files>1')}  - {{name: two, when: 'files  > 1', to: cloud, why: a}}\n{TAIL}",
        "p.yaml:5: rules[1]: is never reached: rules[0] has the same condition",
    ),
    "never true": (
        f"{HEAD}{rule('false')}{TAIL}",
        "p.yaml:4: rules[0].when: is never true, so this rule never decides; remove it",
    ),
    "escalating to itself": (
        f"{HEAD}{TAIL}escalate: {{on: [overflow], to: local}}\n",
        "p.yaml:4: escalate.to: 'local' is not one of 'cloud'",
    ),
    "degrading to itself": (
        f"{HEAD}{TAIL}degrade: {{on: [cloud_error], to: cloud}}\n",
        "p.yaml:4: degrade.to: 'cloud' is not one of 'local'",
    ),
    "unknown cause": (
        f"{HEAD}{TAIL}escalate:\n  on:\n    - overflow\n    - overflown\n",
        "p.yaml:7: escalate.on[1]: 'overflown' is not one of 'overflow', 'bad_tool_call'",
    ),
    "a cause alone that is not known": (
        f"{HEAD}{TAIL}escalate: {{on: [overflown]}}\n",
        "p.yaml:4: escalate.on[0]: 'overflown' is not one of 'overflow'",
    ),
    "no cause": (
        f"{HEAD}{TAIL}escalate: {{on: []}}\n",
        "p.yaml:4: escalate: `on` names no cause; one of overflow",
    ),
    "slow without a limit": (
        f"{HEAD}{TAIL}escalate: {{on: [slow]}}\n",
        "p.yaml:4: escalate: `on` names 'slow', so set",
    ),
    "a list that holds itself": (
        f"{HEAD}{TAIL}rules: &a [*a]\n",
        "p.yaml:4: rules[0]: must be a mapping of keys to values",
    ),
    "a word for a list": (
        f"{HEAD}{TAIL}never_cloud: {{teams: legal}}\n",
        "p.yaml:4: never_cloud.teams: must be a list; put it in [ ]",
    ),
    "a number for a key": (f"{HEAD}{TAIL}7: x\n", "p.yaml:4: the key 7 must be text"),
    "turn_too_long without its number": (
        f"name: a\n{TAIL}escalate: {{on: [turn_too_long]}}\n",
        "p.yaml:3: escalate.on: 'turn_too_long' needs the number params.max_turn_calls",
    ),
    "bad glob": (
        f"{HEAD}{TAIL}never_cloud:\n  paths: ['ok/**', '/']\n",
        "p.yaml:5: never_cloud.paths[1]: '/' is empty; give a path such as 'secrets/**'",
    ),
    "bad character class": (
        f"{HEAD}{TAIL}never_cloud: {{paths: ['[z-a]/x']}}\n",
        "p.yaml:4: never_cloud.paths[0]: '[z-a]/x' is no valid pattern: invalid character class range",
    ),
    "bad regex": (
        f"{HEAD}{TAIL}never_cloud: {{match: ['(oops']}}\n",
        "p.yaml:4: never_cloud.match[0]: is no valid regular expression: missing )",
    ),
    "bad bar": (
        f"{HEAD}{TAIL}check: {{quality_kept: high}}\n",
        "p.yaml:4: check.quality_kept: 'high' is no bar; write a relation and a number, such as '>= 0.98'",
    ),
    "bar without quotes": (
        f"{HEAD}{TAIL}check:\n  quality: '> 0'\n  quality_kept: 0.98\n",
        "p.yaml:6: check.quality_kept: must be text; put 0.98 in quotes",
    ),
    "bar on what is not measured": (
        f"{HEAD}{TAIL}check:\n  swebench_local_shar: '<= 0.05'\n",
        "p.yaml:5: check.swebench_local_shar: nothing is measured by this name; did you mean 'swebench_",
    ),
    "confidence that is none": (
        f"{HEAD}{TAIL}check: {{ci: 95}}\n",
        "p.yaml:4: check.ci: input should be less than 1",
    ),
    "no budget": (
        f"{HEAD}{TAIL}budget: {{team_month_usd: 0}}\n",
        "p.yaml:4: budget.team_month_usd: input should be greater than 0",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_told_with_its_line(case):
    text, expected = WRONG[case]
    with pytest.raises(PolicyError) as caught:
        parse(text, source="p.yaml")
    assert caught.value.problems[0].startswith(expected)
    assert "\n" not in caught.value.problems[0]
    assert len(caught.value.problems) == 1


def test_all_problems_are_told_at_once():
    two = "  - {name: two, when: 'kin', to: local, why: a}\n"
    text = f"{HEAD}{rule('fils > 1')}{two}{TAIL}never_cloud: {{paths: ['/']}}\n"
    with pytest.raises(PolicyError) as caught:
        parse(text, source="p.yaml")
    assert [problem.split(":")[1] for problem in caught.value.problems] == ["4", "5", "7"]
    assert str(caught.value) == "\n".join(caught.value.problems)


def test_deep_nesting_is_refused_not_a_crash():
    with pytest.raises(PolicyError, match="is no valid YAML"):
        parse("[" * 5000, source="p.yaml")


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_policies_load(name):
    policy = load(name)
    assert policy.name == name
    assert policy.description
    assert len({rule.name for rule in policy.rules}) == len(policy.rules)
    assert policy.check.bars


def test_observe_has_the_rules_of_balanced():
    def lines(name: str) -> list[tuple[str, str, str]]:
        return [(rule.name, rule.when.source, rule.to) for rule in load(name).rules]

    assert lines("observe") == lines("balanced")
    assert load("observe").params == load("balanced").params


def test_policies_load_from_a_path(tmp_path: Path):
    file = tmp_path / "mine.yaml"
    file.write_text(HEAD + rule("files > 1") + TAIL)
    assert load(file).rules[0].when.names == ("files",)
    assert load(str(file)).name == "mine"


def test_an_unknown_name_gets_the_nearest():
    with pytest.raises(
        PolicyError, match=r"balancd: there is no such policy or file; did you mean 'balanced'\?"
    ):
        load("balancd")


def test_a_folder_is_no_policy(tmp_path: Path):
    with pytest.raises(PolicyError, match="there is no such policy or file; valid are balanced"):
        load(tmp_path)


def test_a_name_longer_than_a_file_may_have() -> None:
    with pytest.raises(PolicyError, match="cannot be read: File name too long"):
        load("x" * 300)


def test_on_is_a_key_and_no_switch():
    policy = parse(f"{HEAD}{TAIL}escalate:\n  on: [overflow]\n", source="p.yaml")
    assert policy.escalate is not None
    assert policy.escalate.causes == {"overflow"}


def test_a_limit_on_the_first_byte_makes_slow_a_cause():
    policy = parse(f"{HEAD}{TAIL}escalate: {{on: [overflow], first_byte_s: 5}}\n", source="p.yaml")
    assert policy.escalate is not None
    assert policy.escalate.causes == {"overflow", "slow"}
    assert policy.first_byte_s == 5


def test_a_rule_without_a_name_is_named_by_its_why():
    text = f'{HEAD}rules:\n  - {{when: "files > 1", to: local, why: "The GPU is busy, wait!"}}\n{TAIL}'
    assert parse(text, source="p.yaml").rules[0].name == "the-gpu-is-busy-wait"


@pytest.mark.parametrize(
    "when",
    [
        "files + 1 > params.max_files * 2",
        "files == 3 || files in [1, 2]",
        "['a', 'b'].exists(p, client.startsWith(p))",
        "kind == 'agent' ? files > 1 : files > 2",
        "size(ask) > 100 && ask.matches('(?i)deploy|release')",
        "!(server_tools && thinking) || json_schema",
        "team == 'legal' || user.endsWith('@example.org')",
        "budget.left_usd < 10 && cloud.up && last.rule != 'busy'",
        "work in ['question', 'self-contained'] && p_local > 0.5",
        "user == 'a || b'",
    ],
)
def test_conditions_that_are_right(when):
    text = f'{HEAD}rules:\n  - {{name: one, when: "{when}", to: local, why: a}}\n{TAIL}'
    assert parse(text, source="p.yaml").rules[0].when.source == when


def test_warnings_are_logged_where_a_file_is_loaded(tmp_path: Path, caplog):
    file = tmp_path / "mine.yaml"
    file.write_text(HEAD + rule("kind == 'guard'") + TAIL)
    policy = load(file)
    assert [record.getMessage() for record in caplog.records] == [policy.warnings[0]]


class TestPolicyHolder:
    def test_a_bad_reload_keeps_the_last_good_policy(self, tmp_path: Path):
        file = tmp_path / "mine.yaml"
        file.write_text(HEAD + TAIL)
        holder = PolicyHolder(file)
        good = holder.policy

        file.write_text(HEAD + rule("fils > 1") + TAIL)
        assert not holder.refresh()
        assert holder.policy is good
        assert holder.error == f"{file}:4: rules[0].when: unknown variable 'fils'; did you mean 'files'?"

        file.write_text(HEAD + rule("files > 1") + TAIL)
        os.utime(file, ns=(1, 1))
        assert holder.refresh()
        assert len(holder.policy.rules) == 1
        assert holder.error == ""

    def test_nothing_is_loaded_where_nothing_changed(self, tmp_path: Path):
        file = tmp_path / "mine.yaml"
        file.write_text(HEAD + TAIL)
        holder = PolicyHolder(file)
        before = holder.policy
        assert not holder.refresh()
        assert holder.policy is before
        assert holder.reload()
        assert holder.policy is not before

    def test_a_vanished_file_keeps_the_policy_until_it_is_back(self, tmp_path: Path):
        file = tmp_path / "mine.yaml"
        file.write_text(HEAD + TAIL)
        holder = PolicyHolder(file)
        file.unlink()
        assert not holder.refresh()
        assert "there is no such policy or file" in holder.error
        file.write_text(HEAD + TAIL)
        assert holder.refresh()
        assert holder.error == ""

    def test_the_first_policy_must_be_good(self, tmp_path: Path):
        file = tmp_path / "mine.yaml"
        file.write_text("name: mine\n")
        with pytest.raises(PolicyError, match="'otherwise' is missing"):
            PolicyHolder(file)

    def test_a_shipped_policy_can_be_held(self):
        holder = PolicyHolder("balanced")
        assert not holder.refresh()
        assert holder.policy.name == "balanced"
