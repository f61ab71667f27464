import json
from dataclasses import fields

import pytest

from classifiers.choose import CLASSIFIERS, DEFAULT
from policies.bars import METRICS, parse
from policies.document import PolicyError
from policies.load import SHIPPED, PolicyHolder, load
from policies.policy import Policy
from policies.proof import CheckGate, Proof, Serving, digest, state
from router.features.fingerprint import reading_digest

POLICY = """\
name: mine
params: {max_files: 3}
rules:
  - {name: files, when: "files > params.max_files", to: cloud, why: crosses files}
otherwise: {to: local, why: small}
never_cloud: {paths: ["secrets/**"]}
check: {ci: 0.9, quality_kept: ">= 0.98"}
"""


READ_OTHERWISE = "requests are read otherwise than when it was checked on 2026-01-31"
RULES = Serving(classifier="rules", reading="aaaaaaaa")


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(POLICY)
    return path


def prove(file, **changed):
    proof = Proof(
        policy="mine",
        digest=digest(load(file)),
        passed=True,
        bars={"quality_kept": ">= 0.98"},
        figures={},
        data="0",
        classifier="rules",
        reading="aaaaaaaa",
        options={},
        checked="2026-01-31",
        version="1",
    ).model_copy(update=changed)
    file.with_name("mine.check.json").write_text(proof.model_dump_json())


SAME = [
    ("name: mine\n", "# a comment\nname: mine\ndescription: other words\n"),
    ("crosses files", "other words"),
    ("files > params.max_files", "files  >  params.max_files"),
    (">= 0.98", ">=98%"),
]
OTHER = [
    ("max_files: 3", "max_files: 4"),
    ("files > params", "files >= params"),
    ("to: cloud, why: crosses", "to: local, why: crosses"),
    ("name: files", "name: more"),
    ("to: local, why: small", "to: cloud, why: small"),
    ("secrets/**", "secret/**"),
    ("ci: 0.9", "ci: 0.8"),
    (">= 0.98", ">= 0.9"),
    (">= 0.98", "> 0.98"),
    ("name: mine", "name: mine\nobserve: true"),
    ("name: mine", "name: mine\nhold: none"),
    ("name: mine", "name: mine\nhold_s: 60"),
    ("name: mine", "name: mine\nescalate: {on: [overflow]}"),
    ("name: mine", "name: mine\nbudget: {team_month_usd: 5}"),
    ("name: mine", "name: mine\ndegrade: {on: [cloud_error]}"),
]


@pytest.mark.parametrize(("before", "after"), SAME)
def test_words_and_layout_do_not_touch_a_proof(file, before, after):
    prove(file)
    file.write_text(POLICY.replace(before, after, 1))
    assert state(file, load(file), RULES).proven


@pytest.mark.parametrize(("before", "after"), OTHER)
def test_whatever_decides_does(file, before, after):
    prove(file)
    file.write_text(POLICY.replace(before, after, 1))
    proof_state = state(file, load(file), RULES)
    assert not proof_state.proven
    assert proof_state.why.startswith("it changed since it was checked on 2026-01-31 (")


def test_no_part_of_a_policy_is_forgotten():
    # A new field either decides, and then belongs into the digest, or joins the words for people here.
    words = {"description", "source", "warnings"}
    derived = {"variables"}
    hashed = {"name", "params", "rules", "otherwise", "escalate", "degrade", "never_cloud", "budget"}
    hashed |= {"hold", "hold_s"}
    assert {field.name for field in fields(Policy)} == words | derived | hashed | {"check", "observe"}


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"passed": False}, "it fell in its check on 2026-01-31"),
        (
            {"classifier": "sufficiency"},
            "it was checked with the classifier sufficiency, and rules serves",
        ),
        (
            {"reading": "bbbbbbbb"},
            f"{READ_OTHERWISE} (reading bbbbbbbb then, aaaaaaaa now)",
        ),
        (
            {"reading": ""},
            f"{READ_OTHERWISE} (reading unknown then, aaaaaaaa now)",
        ),
        ({"format": 2}, "mine.check.json: is no proof of a check; check the policy again"),
    ],
)
def test_what_is_no_proof(file, changed, why):
    prove(file)
    proof = file.with_name("mine.check.json")
    proof.write_text(json.dumps({**json.loads(proof.read_text()), **changed}))
    proof_state = state(file, load(file), RULES)
    assert (proof_state.proven, proof_state.why) == (False, why)


def test_without_bars_nothing_can_be_proven(file):
    file.write_text(POLICY.replace(', quality_kept: ">= 0.98"', ""))
    prove(file)
    assert state(file, load(file), RULES).why == "it has no bars, so nothing of it can be proven"
    with pytest.raises(PolicyError, match="add bars under `check:`, then run `turnout policy check"):
        CheckGate(RULES)(file, load(file))


def test_the_command_gives_the_suite_that_a_bar_is_of(file):
    file.write_text(POLICY.replace("quality_kept:", "ours_quality_kept:"))
    command = r"run `turnout policy check .* --publish --classifier rules --suite ours\.jsonl`"
    with pytest.raises(PolicyError, match=command):
        CheckGate(RULES)(file, load(file))


def test_a_guarded_holder_refuses_to_begin_and_names_the_command(file):
    with pytest.raises(PolicyError) as caught:
        PolicyHolder(file, guard=CheckGate(Serving(classifier="sufficiency", reading="aaaaaaaa")))
    assert str(caught.value) == (
        f"{file}: require_check: it has not been checked; "
        f"run `turnout policy check {file} --publish --classifier sufficiency`"
    )


def test_a_proof_is_of_one_set_of_trained_numbers(file):
    prove(file, classifier="sufficiency@0a0a0a0a")
    assert state(file, load(file), Serving(classifier="sufficiency@0a0a0a0a", reading="aaaaaaaa")).proven
    other = Serving(classifier="sufficiency@11111111", reading="aaaaaaaa")
    with pytest.raises(PolicyError) as caught:
        CheckGate(other, "mine.json")(file, load(file))
    assert "with the classifier sufficiency@0a0a0a0a, and sufficiency@11111111 serves" in str(caught.value)
    assert str(caught.value).endswith("--publish --classifier sufficiency --classifier-file mine.json`")


def test_a_guarded_holder_keeps_the_last_good_policy_until_the_next_is_proven(file):
    prove(file)
    holder = PolicyHolder(file, guard=CheckGate(RULES))
    good = holder.policy
    file.write_text(POLICY.replace("max_files: 3", "max_files: 44"))
    assert not holder.refresh()
    assert holder.policy is good
    assert "require_check: it changed since" in holder.error
    assert not holder.refresh()
    prove(file)
    assert holder.refresh()
    assert (holder.policy.params["max_files"], holder.error) == (44, "")


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_policies_are_proven(name):
    CheckGate(Serving(classifier=CLASSIFIERS[DEFAULT]().name, reading=reading_digest()))(name, load(name))


@pytest.mark.parametrize(
    ("text", "value", "expected"),
    [
        (">= 0.98", 0.98, True),
        ("> 0.98", 0.98, False),
        ("<= 5%", 0.05, True),
        ("<5 %", 0.05, False),
        (">= -0.1", -0.2, False),
        (">= 0", float("nan"), False),
        ("<= 1", float("nan"), False),
    ],
)
def test_bars(text, value, expected):
    assert parse("quality_kept", text).holds(value) is expected


def test_every_suite_has_every_metric():
    assert {"quality_kept", "swebench_local_share", "mbpp_saving_low", "humaneval_pgr"} <= set(METRICS)
    assert len(METRICS) == len(set(METRICS))
