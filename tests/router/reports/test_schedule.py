"""What is printed runs as it stands: cron's line in a shell, systemd's words as systemd reads them."""

import configparser
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from router.reports.schedule import DAILY, MONTHLY, WEEKLY, find_cadence, render_schedule

ODD = ("turnout", "report", "--team", 'web\'s 100% $HOME "x" \\', "--out", "a b.html")


@pytest.mark.parametrize(
    ("recent", "due"),
    [
        (None, MONTHLY), ("month", MONTHLY), ("30d", MONTHLY), ("28d", MONTHLY), ("14d", WEEKLY),
        ("7d", WEEKLY),
        ("week", WEEKLY), ("6d", DAILY), ("1d", DAILY), ("today", DAILY), ("yesterday", DAILY),
    ],
)  # fmt: skip
def test_a_report_is_due_when_its_days_are_over(recent, due):
    assert find_cadence(recent) is due


def test_crons_line_runs_the_command(tmp_path):
    folder = tmp_path / "a 100% folder"
    folder.mkdir()
    program = tmp_path / "say"
    program.write_text('#!/bin/sh\npwd\nprintf "%s\\n" "$@"\n')
    program.chmod(0o755)
    text = render_schedule((str(program), *ODD[1:]), folder, WEEKLY, [])
    (line,) = [line for line in text.splitlines() if line.startswith("0 7 * * 1 ")]
    assert "%" not in line.replace("\\%", "")  # cron would cut it there
    command = line.removeprefix("0 7 * * 1 ").replace("\\%", "%")  # what cron gives to the shell
    ended = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, check=True)
    assert ended.stdout.splitlines() == [str(folder), *ODD[1:]]


def test_systemds_words_are_quoted():
    text = render_schedule(ODD, Path("/srv/100%"), MONTHLY, [])
    (line,) = [line for line in text.splitlines() if line.startswith("ExecStart=")]
    words = shlex.split(line.removeprefix("ExecStart=").replace("$$", "$"))
    assert [word.replace("%%", "%") for word in words] == list(ODD)
    assert "WorkingDirectory=/srv/100%%" in text
    assert "OnCalendar=*-*-01 07:00:00" in text


def test_the_units_are_units():
    text = render_schedule(ODD, Path("/srv"), DAILY, ["TURNOUT_LEDGER"])
    _, service, timer = text.split("# systemd: ~/.config/systemd/user/turnout-report.")
    for unit, sections in ((service, ["Unit", "Service"]), (timer, ["Unit", "Timer", "Install"])):
        parsed = configparser.ConfigParser(interpolation=None)
        parsed.read_string(unit.split("\n", 1)[1])
        assert parsed.sections() == sections


def test_systemd_agrees():
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is not installed")
    for due in (DAILY, WEEKLY, MONTHLY):
        subprocess.run([analyze, "calendar", due.calendar], capture_output=True, check=True)


def test_what_the_shell_had_set_is_named_and_never_its_value():
    text = render_schedule(ODD, Path("/srv"), DAILY, ["TURNOUT_LEDGER", "TURNOUT_POLICY"])
    assert text.count("TURNOUT_LEDGER, TURNOUT_POLICY") == 2
    assert "TURNOUT" not in render_schedule(ODD, Path("/srv"), DAILY, [])
