"""Policies of teams: watched, kept when they turn bad, closed where they never were good."""

from pathlib import Path

from policies.load import PolicyHolder
from policies.privacy import Exposure, clear
from policies.registry import PolicyRegistry

GOOD = "name: mine\notherwise: {to: cloud, why: all}\n"


def test_a_policy_is_watched_and_the_last_good_one_stays(tmp_path: Path) -> None:
    reported: list[str] = []
    registry = PolicyRegistry(PolicyHolder("balanced"), lambda name, _why: reported.append(name))
    file = tmp_path / "mine.yaml"
    file.write_text(GOOD)
    assert registry.of("").name == "balanced"
    assert registry.sync([str(file)])
    assert registry.of(str(file)).name == "mine"
    assert not registry.sync([str(file)])
    file.write_text("name: [broken\n")
    assert not registry.sync([str(file)])
    assert registry.of(str(file)).name == "mine"
    registry.sync([str(file)])
    assert reported == [str(file)]  # once, not every second
    file.write_text(GOOD.replace("mine", "better") + "\n")
    assert registry.sync([str(file)])
    assert (registry.of(str(file)).name, registry.errors) == ("better", {})
    assert registry.sync([])
    assert [policy.name for policy in registry.all()] == ["balanced"]


def test_one_that_was_never_good_keeps_everything_here(tmp_path: Path) -> None:
    registry = PolicyRegistry(PolicyHolder("balanced"), lambda _name, _why: None)
    missing = str(tmp_path / "missing.yaml")
    assert not registry.sync([missing])
    assert missing in registry.errors
    assert not clear(registry.of(missing), Exposure(), "web").allowed


def test_another_policys_pattern_fences_nothing_in() -> None:
    balanced = PolicyHolder("balanced").policy
    assert clear(balanced, Exposure(sources=frozenset({"(?i)internal only"})), "web").allowed
