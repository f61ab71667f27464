"""Rules that never decide are refused, those that may are not, and what is not certain is a warning."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.conditions import bind, compile_condition
from policies.constraints import with_values
from policies.domains import DOMAINS, SWITCH, Numbers, Words
from policies.load import PolicyError, parse
from policies.variables import sample

HEAD = "name: mine\nparams: {most: 4, half: 0.5}\n"
TAIL = "otherwise: {to: cloud, why: not known}\n"
SAMPLE = sample({"most": 4.0, "half": 0.5})


def policy(*conditions: str) -> str:
    rules = [
        f'  - {{name: r{at}, when: "{when}", to: local, why: a}}\n' for at, when in enumerate(conditions)
    ]
    return f"{HEAD}rules:\n{''.join(rules)}{TAIL}"


def problems(*conditions: str) -> list[str]:
    try:
        parse(policy(*conditions), source="p.yaml")
    except PolicyError as error:
        return list(error.problems)
    return []


SHADOWED = {
    "a weaker threshold": ("files >= 3", "files >= 5"),
    "another way to write it": ("files >= 3", "files > 2"),
    "arithmetic": ("files * 2 + 1 > 10", "files > 6"),
    "a parameter": ("p_local >= 0.5", "p_local > params.half && thinking"),
    "part of a list": ("kind in ['agent', 'ask']", "kind in ['ask']"),
    "a word of a list": ("kind in ['agent', 'ask']", "kind == 'ask'"),
    "a number of a list": ("files in [3, 4]", "files == 4"),
    "a conjunction with it": ("thinking", "files > 3 && thinking"),
    "one of a disjunction": ("files > 3 || thinking", "thinking"),
    "a negation": ("!(files < 3)", "files >= 4"),
    "a negated list": ("!(kind in ['ask', 'count'])", "kind == 'agent'"),
    "another word": ("kind != 'ask'", "kind == 'agent'"),
    "a switch written out": ("!thinking", "thinking == false"),
    "a choice": ("files > 3 ? thinking : images > 0", "files > 3 && thinking"),
    "a compared condition": ("(files > 3) == true", "files > 4"),
    "text that is written out": ("team in ['a', 'b']", "team == 'b'"),
    "text that it is not": ("team != 'a'", "team == 'b'"),
    "a longer beginning": ("user.startsWith('ann')", "user.startsWith('anna')"),
    "a longer end": ("user.endsWith('@x.org')", "user.endsWith('.de@x.org')"),
    "a longer part": ("ask.contains('ship')", "ask.contains('shipping')"),
    "a word that is looked into": ("client.startsWith('co')", "client == 'codex'"),
    "several variables": ("context_tokens > local.context * 0.85", "context_tokens > local.context * 0.95"),
    "sides swapped": ("context_tokens > local.context", "local.context < context_tokens"),
    "a size": ("size(ask) > 100", "size(ask) > 200"),
    "texts compared": ("user == client", "client == user && files > 3"),
    "always true": ("true", "thinking"),
    "both sides": ("p_local >= 0.5", "p_local < 0.5", "thinking"),
    "all words": ("last.track == 'cloud'", "last.track == 'local'", "follow_up && last.track != ''"),
    "two thirds each": ("files < 5", "files > 3", "thinking"),
}


@pytest.mark.parametrize("case", SHADOWED)
def test_a_rule_that_earlier_ones_leave_nothing_to_is_refused(case):
    *_, last = conditions = SHADOWED[case]
    at = len(conditions) - 1
    (problem,) = problems(*conditions)
    assert problem.startswith(f"p.yaml:{4 + at}: rules[{at}]: is never reached: rules[0]")
    assert problems(last) == []


def test_the_rules_to_blame_are_named():
    assert problems("images > 5", "files >= 3", "thinking && files >= 4") == [
        (
            "p.yaml:6: rules[2]: is never reached: rules[1] ('r1') holds wherever this does; "
            "move this before it, or remove it"
        )
    ]
    assert problems("thinking", "images > 5", "!thinking", "files > 1") == [
        (
            "p.yaml:7: rules[3]: is never reached: rules[0] ('r0') and rules[2] ('r2') hold between them "
            "wherever this does; move this before them, or remove it"
        )
    ]


REACHED = {
    "a stronger threshold first": ("files >= 5", "files >= 3"),
    "more of a list": ("kind == 'ask'", "kind in ['agent', 'ask']"),
    "one is left": ("files != 3", "files == 3"),
    "a stronger window first": (
        "context_tokens > local.context * 0.95",
        "context_tokens > local.context * 0.85",
    ),
    "text that is left": ("team == 'a'", "team in ['a', 'b']"),
    "a shorter part": ("ask.contains('shipping')", "ask.contains('ship')"),
    "the choice's other side": ("files > 3 ? thinking : images > 0", "files > 3 && images > 0"),
    "several, none of them alone": ("files > 3 && thinking", "images > 0", "files > 3"),
    "between whole numbers": ("p_local > 0.3 && p_local < 0.4", "p_local == 0.35 || p_local == 0.45"),
}


@pytest.mark.parametrize("case", REACHED)
def test_a_rule_that_is_reached_is_taken_without_a_warning(case):
    assert parse(policy(*REACHED[case]), source="p.yaml").warnings == ()


@pytest.mark.parametrize(
    "when",
    [
        "files > 3 && files < 2",
        "files > 3 && files < 4",
        "kind == 'ask' && kind == 'agent'",
        "team == 'a' && team == 'b'",
        "thinking && !thinking",
        "ask.startsWith('a') && ask.startsWith('b')",
        "files > files_edited && files_edited > files",
        "!(p_local >= 0)",
    ],
)
def test_a_condition_that_contradicts_itself_is_refused(when):
    assert problems(when) == ["p.yaml:4: rules[0].when: is never true, so this rule never decides; remove it"]


ALWAYS = ["files >= 0", "size(ask) >= 0", "files > 3 || files < 4", "!thinking || thinking", "p_local <= 1"]


@pytest.mark.parametrize("when", [*ALWAYS, "files * turns >= 0", "last.track in ['', 'local', 'cloud']"])
def test_a_condition_that_always_holds_is_refused(when):
    (problem,) = problems(when)
    assert problem == (
        "p.yaml:4: rules[0].when: is always true, so no later rule and not `otherwise` decides; "
        "write 'true' if that is meant"
    )


def test_a_condition_that_always_holds_by_a_tuned_number_is_a_warning():
    """The tuner may set a number to where it holds nothing back."""
    tuned = policy("p_local >= params.half").replace("half: 0.5", "half: 0")
    (warning,) = parse(tuned, source="p.yaml").warnings
    assert warning == (
        "p.yaml:4: rules[0].when: is always true, so no later rule and not `otherwise` decides, "
        "by params.half as it is"
    )
    assert problems("true") == []


def test_what_is_not_certain_is_a_warning_with_an_example():
    loaded = parse(policy("ask.matches('(?i)ship')", "ask.matches('ship it') && files > 2"), source="p.yaml")
    (warning,) = loaded.warnings
    assert warning.startswith(
        "p.yaml:5: rules[1]: may never be reached: each request tried on which it holds is taken by an "
        "earlier rule, e.g. ask = '"
    )
    assert warning.endswith("by rules[0] ('r0')")
    assert parse(policy("ask.matches('ship it')", "ask.matches('(?i)ship')"), source="p.yaml").warnings == ()


# Conditions made up beside a request on which they hold, so that it is known that each can be met.

NAMES = ["kind", "client", "phase", "work", "last.track", "thinking", "local.up", "files", "turns", "p_local",
         "local.wait_s", "context_tokens", "team"]  # fmt: skip
TEAMS = ("legal", "web", "ops")


def some_value(name: str) -> st.SearchStrategy[object]:
    domain = DOMAINS[name]
    if isinstance(domain, Words):
        return st.sampled_from(domain.values)
    if isinstance(domain, Numbers):
        whole = st.integers(1, 12).map(float)
        return whole if domain.integer else st.integers(5, 95).map(lambda share: share / 100)
    return st.sampled_from(TEAMS)


@st.composite
def atoms(draw: st.DrawFn) -> str:
    name = draw(st.sampled_from(NAMES))
    domain, value = DOMAINS[name], draw(some_value(name))
    if domain == SWITCH:
        return draw(st.sampled_from([name, f"!{name}", f"{name} == {str(value).lower()}"]))
    if isinstance(domain, Numbers):
        sign = draw(st.sampled_from(["<", "<=", ">", ">=", "==", "!="]))
        return f"{name} {sign} {value:g}"
    others = draw(st.lists(some_value(name), min_size=1, max_size=3))
    words = ", ".join(f"'{word}'" for word in others)
    return draw(
        st.sampled_from(
            [f"{name} == '{value}'", f"{name} != '{value}'", f"{name} in [{words}]", f"'{value}' == {name}"]
        )
    )


def conditions() -> st.SearchStrategy[str]:
    return st.recursive(
        atoms(),
        lambda inner: st.one_of(
            st.tuples(inner, inner).map(lambda pair: f"({pair[0]} && {pair[1]})"),
            st.tuples(inner, inner).map(lambda pair: f"({pair[0]} || {pair[1]})"),
            st.tuples(inner, inner, inner).map(lambda three: f"({three[0]} ? {three[1]} : {three[2]})"),
            inner.map(lambda one: f"!({one})"),
        ),
        max_leaves=5,
    )


def refused(made: list[str], *, always: bool = False) -> set[int]:
    return {
        int(match[1])
        for problem in problems(*made)
        if (match := re.match(r"p\.yaml:\d+: rules\[(\d+)\]", problem))
        if always == ("is always true" in problem)
    }


requests = st.fixed_dictionaries({name: some_value(name) for name in NAMES})


def holds(when: str, request: dict[str, object]) -> bool:
    return compile_condition(when, SAMPLE).holds(bind(with_values(SAMPLE, request)))


@settings(max_examples=60, deadline=None)
@given(st.lists(conditions(), min_size=1, max_size=4), requests)
def test_a_rule_that_some_request_reaches_is_never_refused(made, request):
    *earlier, last = [when if holds(when, request) else f"!({when})" for when in made]
    earlier = [f"!({when})" for when in earlier]
    assert len(earlier) not in refused([*earlier, last])


@settings(max_examples=60, deadline=None)
@given(st.lists(conditions(), min_size=2, max_size=4), st.lists(requests, min_size=30, max_size=30))
def test_no_request_reaches_a_rule_that_is_refused(made, tried):
    for at in refused(made):
        for request in tried:
            reached = holds(made[at], request) and not any(holds(when, request) for when in made[:at])
            assert not reached, (made[: at + 1], request)


@settings(max_examples=60, deadline=None)
@given(st.lists(conditions(), min_size=1, max_size=2), st.lists(requests, min_size=30, max_size=30))
def test_what_is_refused_as_always_true_holds_for_every_request(made, tried):
    whole = " || ".join(f"({when})" for when in (*made, f"!({made[0]})"))
    for when in (made[0], whole):
        if refused([when], always=True):
            assert all(holds(when, request) for request in tried), when
