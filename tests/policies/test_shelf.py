"""Policies of teams: watched, kept when they turn bad, closed where they never were good."""

from pathlib import Path

from policies.load import PolicyHolder
from policies.privacy import Exposure, clear
from policies.shelf import PolicyShelf

GOOD = "name: mine\notherwise: {to: cloud, why: all}\n"


def test_a_policy_is_watched_and_the_last_good_one_stays(tmp_path: Path) -> None:
    said: list[str] = []
    shelf = PolicyShelf(PolicyHolder("balanced"), lambda name, _why: said.append(name))
    file = tmp_path / "mine.yaml"
    file.write_text(GOOD)
    assert shelf.of("").name == "balanced"
    assert shelf.keep([str(file)])
    assert shelf.of(str(file)).name == "mine"
    assert not shelf.keep([str(file)])
    file.write_text("name: [broken\n")
    assert not shelf.keep([str(file)])
    assert shelf.of(str(file)).name == "mine"
    shelf.keep([str(file)])
    assert said == [str(file)]  # once, not every second
    file.write_text(GOOD.replace("mine", "better") + "\n")
    assert shelf.keep([str(file)])
    assert (shelf.of(str(file)).name, shelf.errors) == ("better", {})
    assert shelf.keep([])
    assert [policy.name for policy in shelf.all()] == ["balanced"]


def test_one_that_was_never_good_keeps_everything_here(tmp_path: Path) -> None:
    shelf = PolicyShelf(PolicyHolder("balanced"), lambda _name, _why: None)
    missing = str(tmp_path / "missing.yaml")
    assert not shelf.keep([missing])
    assert missing in shelf.errors
    assert not clear(shelf.of(missing), Exposure(), "web").allowed


def test_another_policys_pattern_fences_nothing_in() -> None:
    balanced = PolicyHolder("balanced").policy
    assert clear(balanced, Exposure(sources=frozenset({"(?i)internal only"})), "web").allowed
