"""What a variable can be is known for each, and docs/policies.md has all of it."""

from pathlib import Path

import pytest

from classifiers.rules import ASK_SIGNALS, FEATURE_SIGNALS
from classifiers.sufficiency import COUNTS
from policies.conditions import lookup
from policies.domains import DOMAINS, SWITCH, Numbers, Words
from policies.variables import sample
from router.features.clients import CLIENTS, UNKNOWN

DOCS = (Path(__file__).parents[2] / "docs/policies.md").read_text()


def test_every_variable_has_a_domain():
    variables = sample({})
    names = {name for name, value in variables.items() if not isinstance(value, dict)}
    names |= {
        f"{group}.{name}" for group, value in variables.items() if isinstance(value, dict) for name in value
    }
    assert names == set(DOMAINS)


@pytest.mark.parametrize("name", DOMAINS)
def test_the_sample_is_of_the_domain(name):
    value, domain = lookup(name, sample({})), DOMAINS[name]
    if isinstance(domain, Words):
        assert value in domain.values
    elif isinstance(domain, Numbers):
        assert isinstance(value, float)
        assert domain.low <= value <= domain.high
    else:
        assert isinstance(value, str)


def test_the_words_are_those_that_are_given():
    assert set(DOMAINS["client"].values) == {client.name for client in (*CLIENTS, UNKNOWN)}
    given = {signal.kind for signal in (*ASK_SIGNALS, *FEATURE_SIGNALS)} | set(COUNTS.values())
    assert set(DOMAINS["work"].values) == given | {"side-request", "unknown"}


@pytest.mark.parametrize("name", DOMAINS)
def test_the_docs_have_every_variable_and_every_value(name):
    row = next(
        line for line in DOCS.splitlines() if line.startswith("| `") and f"`{name}`" in line.split(" | ")[0]
    )
    domain = DOMAINS[name]
    if isinstance(domain, Words) and domain != SWITCH:
        assert [word for word in domain.values if f"`{word}`" not in row and word] == []
