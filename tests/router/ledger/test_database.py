from pathlib import Path

import pytest

from router.billing.prices import Prices
from router.errors import Misconfigured
from router.ledger import LedgerStore
from router.ledger.database import journal_folder, locate


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("://", "ledger: this URL cannot be read"),
        ("mysql://host/turnout", "ledger: `mysql` is not supported; give the path of a SQLite file"),
        ("sqlite://", "ledger: SQLite must have a file"),
        ("sqlite:///:memory:", "ledger: SQLite must have a file"),
        ("sqlite+nosuch:///{tmp}/x.db", "ledger: no driver for sqlite\\+nosuch"),
        ("{tmp}/file/below/ledger.db", "ledger: cannot write to .*TURNOUT_LEDGER"),
        ("{tmp}/file", "ledger: cannot open .*file is not a database.*TURNOUT_LEDGER"),
        ("{tmp}/folder", "ledger: cannot open .*unable to open database file"),
    ],
)
def test_what_cannot_be_opened_says_why(tmp_path: Path, place: str, message: str) -> None:
    (tmp_path / "file").write_bytes(b"this is text, and rather more of it than a header has" * 40)
    (tmp_path / "folder").mkdir()
    with pytest.raises(Misconfigured, match=message):
        LedgerStore.open(place.replace("{tmp}", str(tmp_path)), prices=Prices())


def test_locations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert locate("a/b.db").database == str(tmp_path / "a" / "b.db")
    assert locate(Path("b.db")).database == str(tmp_path / "b.db")
    assert locate(f"sqlite:///{tmp_path}/c.db").database == f"{tmp_path}/c.db"
    assert locate("postgresql+psycopg://me:secret@host/turnout").host == "host"


def test_a_missing_folder_is_made_and_the_journal_lies_beside_the_file(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "er" / "ledger.db"
    LedgerStore.open(file, prices=Prices()).close()
    assert file.exists()
    assert journal_folder(locate(file)) == file.with_name("ledger.db.journals")
