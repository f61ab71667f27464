from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.ledger.journal import Journal, Record, Segment, decode, encode, lock_folder, take_over

RECORDS: list[Record] = [
    ("begin", {"id": "r1", "begun_at": 1.5, "asked_model": "line\nend", "why": "ünï\u2028code"}),
    ("begin", {"id": "r2", "begun_at": 2.5, "held": False, "would": None}),
    ("finish", {"id": "r1", "finished_at": 3.0, "attempts": "[]"}),
]
LINES = [encode(record) for record in RECORDS]


def test_a_record_is_one_line() -> None:
    assert all(line.count(b"\n") == 1 for line in LINES)
    assert decode(b"".join(LINES)) == RECORDS


@given(st.integers(min_value=0, max_value=sum(map(len, LINES))))
def test_cut_anywhere_the_whole_records_before_it_stand(cut: int) -> None:
    complete = sum(cut >= len(b"".join(LINES[: n + 1])) for n in range(len(LINES)))
    assert decode(b"".join(LINES)[:cut]) == RECORDS[:complete]


@given(st.binary(max_size=200))
def test_no_bytes_break_the_reading(noise: bytes) -> None:
    assert decode(noise + b"\n" + LINES[0])[-1] == RECORDS[0]


def test_one_segment_is_written_while_the_other_is_posted(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    assert journal.swap().size == 0
    journal.append(LINES[0])
    posting = journal.swap()
    journal.append(LINES[1])
    assert posting.records() == RECORDS[:1]
    assert journal.swap() is posting  # not yet committed: it stays its turn
    posting.clear()
    assert journal.swap().records() == RECORDS[1:2]
    journal.swap().clear()
    assert journal.swap().size == 0
    journal.close()
    assert list(tmp_path.iterdir()) == []


def test_a_closed_journal_leaves_what_was_not_posted(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.append(LINES[2])  # finished in one segment ...
    journal.swap()
    journal.append(LINES[0])  # ... and begun in the other
    journal.close()
    with pytest.raises(OSError, match="descriptor"):
        journal.append(LINES[1])
    with lock_folder(tmp_path), take_over(tmp_path) as (records, under_way):
        assert records == [RECORDS[0], RECORDS[2]]
        assert under_way == {}
    assert list(tmp_path.iterdir()) == [tmp_path / "lock"]


def test_what_could_not_be_posted_is_kept(tmp_path: Path) -> None:
    dead = Journal(tmp_path)
    dead.append(LINES[0])
    dead.close()
    living = Journal(tmp_path)
    living.append(LINES[1])
    with pytest.raises(ZeroDivisionError), take_over(tmp_path):
        raise ZeroDivisionError
    for left in ([RECORDS[0]], []):
        with take_over(tmp_path) as (records, under_way):
            assert records == left
            assert list(under_way) == [record[1]["id"] for record in left]
    living.swap().clear()
    living.close()


def test_a_locked_segment_is_seen_as_such_within_one_process(tmp_path: Path) -> None:
    first, second = Segment(tmp_path / "x.jsonl"), Segment(tmp_path / "x.jsonl")
    assert (first.alone, second.alone) == (True, False)
    second.close()
    third = Segment(tmp_path / "x.jsonl")
    assert not third.alone  # a second look gives no lock away
    third.close()
    first.close()
    last = Segment(tmp_path / "x.jsonl")
    assert last.alone
    last.remove()
    assert list(tmp_path.iterdir()) == []


def test_what_is_under_way_is_known_when_its_record_is_gone(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    begun: list[Record] = [("begin", {"id": name, "track": "cloud", "reserved_usd": 0.5}) for name in "ab"]
    journal.note_open([*begun, ("finish", {"id": "a"})])
    journal.note_open([("begin", {"id": "c", "track": "local"}), ("move", {"id": "c", "track": "cloud"})])
    with take_over(tmp_path) as left:
        assert left == ([], {})  # it is alive
    journal.close()
    with take_over(tmp_path) as left:
        assert left == (
            [],
            {
                "b": {"track": "cloud", "reserved_usd": 0.5},
                "c": {"track": "cloud", "reserved_usd": None},
            },
        )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("damage", [b"", b"[1]", b"\xff", b'{"a": 1}'])
def test_a_damaged_note_costs_no_record(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / "1-dead-open.json").write_bytes(damage)
    dead = Journal(tmp_path)
    dead.append(LINES[0])
    dead.close()
    with take_over(tmp_path) as (records, _):
        assert records == [RECORDS[0]]
    assert list(tmp_path.iterdir()) == []
