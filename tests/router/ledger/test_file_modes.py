"""A ledger and all that is made of it are for their owner only, whatever the umask."""

import os
import stat
import sys
from pathlib import Path

import pytest

from router.billing.prices import Prices
from router.errors import Misconfigured
from router.ledger import LedgerStore
from router.ledger.backup import backup
from router.ledger.export import export

from .conftest import OUTCOME, PLAN

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="modes are POSIX")


@pytest.fixture(params=[0o000, 0o022, 0o277], autouse=True)
def umask(request):
    before = os.umask(request.param)
    yield
    os.umask(before)


def written(place: Path) -> LedgerStore:
    store = LedgerStore.open(place, prices=Prices())
    store.begin(PLAN)
    store.finish(PLAN.request.id, OUTCOME)
    store.flush()
    return store


def modes(folder: Path) -> dict[str, int]:
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in (folder, *folder.rglob("*"))}


def test_whatever_a_ledger_writes(tmp_path):
    place = tmp_path / "new" / "deep" / "ledger.db"
    store = written(place)
    backup(store.engine, tmp_path / "new" / "copy.db")
    export(store.engine, tmp_path / "new" / "exported")
    files = modes(tmp_path / "new")
    assert {"ledger.db", "ledger.db-wal", "ledger.db-shm", "lock", "copy.db", "part-00000.parquet"} < set(
        files
    )
    assert sum(name.endswith(".jsonl") for name in files) == 2
    for name, mode in files.items():
        is_folder = name in {"new", "deep", "ledger.db.journals", "exported"} or name.startswith("month=")
        assert mode == (0o700 if is_folder else 0o600), name
    store.close()


def test_one_that_was_open_to_others_is_closed(tmp_path, capsys):
    place = tmp_path / "ledger.db"
    with_rows = written(place)
    for path in (place, tmp_path / "ledger.db-wal", tmp_path / "ledger.db-shm"):
        path.chmod(0o664)
    (tmp_path / "ledger.db.journals").chmod(0o755)
    LedgerStore.open(place, prices=Prices(), write=False).close()
    files = modes(tmp_path)
    assert {files[name] for name in ("ledger.db", "ledger.db-wal", "ledger.db-shm")} == {0o600}
    assert files["ledger.db.journals"] == 0o700
    assert "file_closed_to_others" in "".join(capsys.readouterr())
    with_rows.close()


def test_a_link_of_ones_own_leads_to_a_ledger(tmp_path):
    (tmp_path / "disk").mkdir(mode=0o700)
    (tmp_path / "disk").chmod(0o700)
    written(tmp_path / "disk" / "ledger.db").close()
    (tmp_path / "disk" / "ledger.db").chmod(0o644)
    (tmp_path / "ledger.db").symlink_to(tmp_path / "disk" / "ledger.db")
    store = LedgerStore.open(tmp_path / "ledger.db", prices=Prices(), write=False)
    assert store.count() == 1
    store.close()
    assert modes(tmp_path / "disk")["ledger.db"] == 0o600


def test_a_backup_takes_no_files_place(tmp_path):
    store = written(tmp_path / "ledger.db")
    (tmp_path / "target").write_bytes(b"")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for name in ("target", "link"):
        with pytest.raises(Misconfigured, match="is there already"):
            backup(store.engine, tmp_path / name)
    store.close()
