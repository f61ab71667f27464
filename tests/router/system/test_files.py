"""Modes of what we write, under umasks that would give more away, or less."""

import os
import stat
import sys

import pytest

from router.errors import Misconfigured
from router.system.files import (
    make_folder,
    open_private,
    refuse_foreign_link,
    restrict_to_owner,
    write_private,
)

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="modes are POSIX")
FOREIGN = 12345


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(params=[0o000, 0o022, 0o077, 0o277])
def umask(request):
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


@pytest.mark.usefixtures("umask")
def test_new_files_and_folders_are_their_owners_whatever_the_umask(tmp_path):
    make_folder(tmp_path / "a" / "b")
    os.close(open_private(tmp_path / "a" / "opened", os.O_RDWR))
    write_private(tmp_path / "a" / "written", b"x")
    modes = [mode(tmp_path / "a" / name) for name in (".", "b", "opened", "written")]
    assert modes == [0o700, 0o700, 0o600, 0o600]


def test_folders_and_files_that_are_there_keep_their_modes(tmp_path):
    tmp_path.chmod(0o755)
    make_folder(tmp_path)
    report = tmp_path / "report.html"
    report.write_bytes(b"old")
    report.chmod(0o644)
    write_private(report, b"new")
    assert (mode(tmp_path), mode(report), report.read_bytes()) == (0o755, 0o644, b"new")
    assert [file.name for file in tmp_path.iterdir()] == ["report.html"]


def test_a_link_is_not_followed_when_a_file_is_opened(tmp_path):
    (tmp_path / "target").write_bytes(b"")
    for name, target in (("link", tmp_path / "target"), ("dangling", tmp_path / "nowhere")):
        (tmp_path / name).symlink_to(target)
        with pytest.raises(OSError, match=r"symbolic links|exists"):
            open_private(tmp_path / name, os.O_RDWR)
    assert not (tmp_path / "nowhere").exists()


def test_a_wide_file_is_tightened_and_said_so(tmp_path, capsys):
    for name, before, after in (("a", 0o644, 0o600), ("b", 0o666, 0o600), ("c", 0o755, 0o700)):
        (tmp_path / name).write_bytes(b"")
        (tmp_path / name).chmod(before)
        restrict_to_owner(tmp_path / name)
        assert mode(tmp_path / name) == after
    assert "file_closed_to_others" in "".join(capsys.readouterr())
    restrict_to_owner(tmp_path / "a")
    restrict_to_owner(tmp_path / "missing")
    assert "".join(capsys.readouterr()) == ""


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root gives files away")
def test_what_is_not_ours_is_only_warned_about(tmp_path, capsys):
    (tmp_path / "a").write_bytes(b"")
    (tmp_path / "a").chmod(0o644)
    os.chown(tmp_path / "a", FOREIGN, FOREIGN)
    restrict_to_owner(tmp_path / "a")
    assert mode(tmp_path / "a") == 0o644
    assert "chmod go=" in "".join(capsys.readouterr())
    (tmp_path / "link").symlink_to(tmp_path / "a")
    refuse_foreign_link(tmp_path / "link", "ledger")
    os.chown(tmp_path / "link", FOREIGN, FOREIGN, follow_symlinks=False)
    with pytest.raises(Misconfigured, match=r"ledger: .* is a link that another user"):
        refuse_foreign_link(tmp_path / "link", "ledger")
