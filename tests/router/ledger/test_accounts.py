"""Teams and keys as they are stored: terms come back as they were given, secrets never do."""

import time
from dataclasses import replace
from pathlib import Path

import pytest

from router.accounts.keys import Keyring
from router.accounts.teams import Budget, Team, Terms
from router.ledger import LedgerStore

TERMS = Terms(
    policy="private",
    budget=Budget(usd=12.5, per="week", over="error"),
    requests_per_minute=7,
    tokens_per_minute=9000,
    models=("claude-haiku-*", "claude-sonnet-5-5"),
)


@pytest.mark.parametrize("terms", [Terms(), TERMS])
def test_terms_come_back_as_they_were_given(ledger: LedgerStore, terms: Terms) -> None:
    team = Team(name="core", zone="Europe/Berlin", terms=terms)
    assert ledger.accounts.add_team(team)
    assert not ledger.accounts.add_team(team)
    assert ledger.accounts.team("core") == team
    new_key = ledger.accounts.create_key(
        team="core", user="ada", name="laptop", expires_at=2.0**33, terms=terms
    )
    roster = ledger.accounts.load()
    assert roster.teams == (team,)
    (key,) = roster.keys.values()
    assert (key.id, key.team, key.user, key.name, key.expires_at) == (
        new_key.id,
        "core",
        "ada",
        "laptop",
        2.0**33,
    )
    assert key.terms == terms
    assert not key.admin


def test_a_team_is_changed_and_made_with_its_first_key(ledger: LedgerStore) -> None:
    ledger.accounts.create_key(team="docs")
    assert ledger.accounts.team("docs") == Team(name="docs")
    changed = Team(name="docs", zone="Asia/Kathmandu", terms=TERMS)
    assert ledger.accounts.set_team(changed)
    assert ledger.accounts.team("docs") == changed
    assert not ledger.accounts.set_team(Team(name="nobody"))
    assert ledger.accounts.team("nobody") is None
    ledger.accounts.create_key(team="default", admin=True)
    (row,) = ledger.accounts.teams()  # an admin key belongs to no team
    assert (row["name"], row["keys"], row["budget_usd"]) == ("docs", 1, 12.5)


def test_a_key_is_changed_while_it_is_in_force(ledger: LedgerStore) -> None:
    new_key = ledger.accounts.create_key(team="core", user="ada", expires_at=2.0)
    key = ledger.accounts.key(new_key.id)
    assert key is not None
    changed = replace(key, user="bob", name="desk", expires_at=None, terms=TERMS)
    assert ledger.accounts.set_key(changed)
    assert ledger.accounts.key(new_key.id) == changed
    assert Keyring(ledger.accounts.load().keys).find(new_key.secret)
    ledger.accounts.revoke_key(new_key.id)
    assert not ledger.accounts.set_key(changed)
    assert ledger.accounts.key(new_key.id) is None


def test_keys_are_shown_once_listed_and_revoked(ledger: LedgerStore, path: Path) -> None:
    new_key = ledger.accounts.create_key(team="core", user="ada", name="laptop")
    other = ledger.accounts.create_key(team="docs", user="bob")
    listed = ledger.accounts.keys()
    assert [(row["team"], row["name"], row["revoked_at"]) for row in listed] == [
        ("core", "laptop", None),
        ("docs", "", None),
    ]
    assert "digest" not in listed[0]
    assert ledger.accounts.revoke_key(new_key.id)
    assert not ledger.accounts.revoke_key(new_key.id)
    assert not ledger.accounts.revoke_key("nobody")
    ring = Keyring(ledger.accounts.load().keys)
    assert ring.find(new_key.secret) is None
    assert ring.find(other.secret) is not None
    assert len(ring) == 1
    assert ledger.accounts.keys()[0]["revoked_at"] is not None
    assert all(
        key.secret.encode() not in file.read_bytes()
        for key in (new_key, other)
        for file in path.parent.glob("ledger.db*")
        if file.is_file()
    )


def test_a_key_ends_when_it_expires(ledger: LedgerStore) -> None:
    soon = ledger.accounts.create_key(team="core", expires_at=time.time() + 0.3)
    later = ledger.accounts.create_key(team="core", expires_at=time.time() + 3600)
    ring = Keyring(ledger.accounts.load().keys)
    assert len(ring) == 2
    time.sleep(0.4)
    assert ring.find(soon.secret) is None  # without anything being loaded anew
    assert ring.find(later.secret) is not None
