"""What is written down of a connection, and what it undoes, whatever the file looks like."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.connect.client import Target
from router.connect.clients.claude_code import CLAUDE_CODE
from router.connect.clients.pi import PI
from router.connect.connection import prepare, prepare_undo
from router.connect.machine import Machine
from router.connect.record import Records
from router.errors import Misconfigured

TARGET, OTHER = Target(url="http://127.0.0.1:4747"), Target(url="http://box.example", key="tn-of-a-team")
pieces = st.sampled_from(
    ['"a": 1', '"env": {}', '"env": {"A": "b", }', '"x": [1, // y\n 2]', '"model" : "opus"', '"é": "ü"']
)
blanks = st.sampled_from(["", " ", "\n", "\r\n\t", " // note\n", "/* note */"])


@st.composite
def settings_files(draw):
    members = draw(st.lists(pieces, max_size=4, unique_by=lambda piece: piece[:4]))
    text = f"{draw(blanks)},{draw(blanks)}".join(members)
    comma = draw(st.sampled_from(["", ","])) if members else ""
    mark = draw(st.sampled_from(["", "\ufeff"]))
    inside = f"{draw(blanks)}{text}{draw(blanks)}{comma}{draw(blanks)}"
    return f"{mark}{draw(blanks)}{{{inside}}}{draw(blanks)}".encode()


@given(content=st.none() | st.just(b"") | settings_files(), targets=st.lists(st.sampled_from([TARGET, OTHER]), min_size=1, max_size=3))  # fmt: skip  # noqa: E501
@settings(max_examples=60)
def test_undoing_gives_every_byte_back(content, targets):
    with tempfile.TemporaryDirectory() as home:
        where = Machine(system="linux", home=Path(home), environment={})
        file, records = Path(home) / ".claude/settings.json", Records(Path(home) / "records")
        if content is not None:
            file.parent.mkdir()
            file.write_bytes(content)
        for target in targets:
            connection = prepare(CLAUDE_CODE, where, target, records)
            records.connect(connection.record, connection.changes)
            assert target.url.encode() in file.read_bytes()
        undoing = prepare_undo(records.load("claude"), records)
        assert undoing.edited == ()
        records.undo(undoing.record, undoing.changes)
        assert records.load("claude") is None
        assert (file.read_bytes() if file.exists() else None) == content
        assert file.parent.exists() is (content is not None)


@pytest.fixture
def connected(tmp_path):
    """Pi, which has two files, connected; they were not there before."""
    where, records = Machine(system="linux", home=tmp_path, environment={}), Records(tmp_path / "records")
    connection = prepare(PI, where, TARGET, records)
    records.connect(connection.record, connection.changes)
    return connection, records


def test_what_a_crash_left_half_done_can_be_undone(connected, tmp_path):
    _, records = connected
    (tmp_path / ".pi/agent/settings.json").unlink()  # as if it had not been written any more
    undoing = prepare_undo(records.load("pi"), records)
    assert undoing.edited == ()
    records.undo(undoing.record, undoing.changes)
    assert not (tmp_path / ".pi").exists()


def test_a_file_that_changes_while_the_user_is_asked_is_left(connected, tmp_path):
    _, records = connected
    file = tmp_path / ".pi/agent/settings.json"
    undoing = prepare_undo(records.load("pi"), records)
    file.write_text("{}")
    with pytest.raises(Misconfigured, match="was changed meanwhile"):
        records.undo(undoing.record, undoing.changes)
    assert file.read_text() == "{}"
    assert (tmp_path / ".pi/agent/models.json").exists()


def test_folders_with_others_files_stay(connected, tmp_path):
    _, records = connected
    (tmp_path / ".pi/other").write_text("x")
    undoing = prepare_undo(records.load("pi"), records)
    records.undo(undoing.record, undoing.changes)
    assert [path.name for path in (tmp_path / ".pi").iterdir()] == ["other"]


def test_a_lost_copy_and_a_strange_record_are_said(connected):
    connection, records = connected
    folder = records.folder("pi")
    (folder / connection.record.files[0].written).unlink()
    with pytest.raises(Misconfigured, match=r"this copy of .* is gone"):
        prepare_undo(records.load("pi"), records)
    (folder / "record.json").write_text("{}")
    with pytest.raises(Misconfigured, match="put them back by hand"):
        records.load("pi")


def test_settings_that_moved_are_not_written_twice(connected, tmp_path):
    _, records = connected
    elsewhere = Machine(
        system="linux", home=tmp_path, environment={"PI_CODING_AGENT_DIR": str(tmp_path / "p")}
    )
    with pytest.raises(Misconfigured, match="turnout connect pi --undo"):
        prepare(PI, elsewhere, TARGET, records)


def test_one_at_a_time(connected):
    _, records = connected
    with records.locked(), pytest.raises(Misconfigured, match="another `turnout connect`"), records.locked():
        pass
