"""The same command again and again: a line for cron, and units for systemd.

A period that names its days would send the same report for ever, so the times to run follow from
`--last`: a day's report each day, a week's each Monday, a month's on the first of the month.
"""

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from router.reports.scope import USUAL

WEEK = 7
MONTH = 28
HOUR = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Rhythm:
    """How often."""

    words: str
    cron: str
    calendar: str
    """As systemd writes it."""


DAILY = Rhythm(words="every day", cron=f"0 {HOUR} * * *", calendar=f"*-*-* {HOUR:02}:00:00")
WEEKLY = Rhythm(words="every Monday", cron=f"0 {HOUR} * * 1", calendar=f"Mon *-*-* {HOUR:02}:00:00")
MONTHLY = Rhythm(
    words="on the 1st of every month", cron=f"0 {HOUR} 1 * *", calendar=f"*-*-01 {HOUR:02}:00:00"
)
NAMED = {"today": DAILY, "yesterday": DAILY, "week": WEEKLY, "month": MONTHLY}
_QUOTED = re.compile(r'["\\]')


def rhythm(recent: str | None) -> Rhythm:
    """Tell how often a report of these days is due; `recent` is a valid `--last`."""
    text = recent or USUAL
    if text in NAMED:
        return NAMED[text]
    days = int(text.removesuffix("d"))
    return DAILY if days < WEEK else WEEKLY if days < MONTH else MONTHLY


def schedule(command: Sequence[str], folder: Path, due: Rhythm, needs: Sequence[str]) -> str:
    """Write the lines.

    Args:
        command: The program by its full path, and its arguments.
        folder: Where it runs, so that relative paths mean what they mean now.
        due: How often.
        needs: Names of environment variables that are set now, and must be set there.
    """
    line = f"cd {shlex.quote(str(folder))} && {shlex.join(command)}".replace("%", r"\%")
    told = ", ".join(needs)
    cron_needs = [f"# Set in this shell, and needed above the line: {told}"] if needs else []
    unit_needs = (
        [f"# Set in this shell, and needed here: {told}", "# Environment=NAME=VALUE"] if needs else []
    )
    return "\n".join(
        [
            f"# cron, {due.words} at {HOUR}:00 (crontab -e):",
            *cron_needs,
            f"{due.cron} {line}",
            "",
            "# systemd: ~/.config/systemd/user/turnout-report.service",
            "[Unit]",
            "Description=Turnout report",
            "",
            "[Service]",
            "Type=oneshot",
            f"WorkingDirectory={str(folder).replace('%', '%%')}",
            *unit_needs,
            f"ExecStart={' '.join(map(_word, command))}",
            "",
            "# systemd: ~/.config/systemd/user/turnout-report.timer",
            "[Unit]",
            f"Description=Turnout report, {due.words}",
            "",
            "[Timer]",
            f"OnCalendar={due.calendar}",
            "Persistent=true",
            "",
            "[Install]",
            "WantedBy=timers.target",
            "",
            "# then: systemctl --user daemon-reload && systemctl --user enable --now turnout-report.timer",
            "",
        ]
    )


def _word(argument: str) -> str:
    """One word of a command as systemd reads it: `%` and `$` are its own."""
    plain = argument.replace("%", "%%").replace("$", "$$")
    return '"' + _QUOTED.sub(r"\\\g<0>", plain) + '"'
