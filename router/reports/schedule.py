"""A recurring report: a line for cron, and units for systemd.

The times follow from `--last`: a day's report runs daily, a week's each Monday, a month's on the
first of the month. Fixed days would send the same report forever.
"""

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from router.reports.scope import DEFAULT_PERIOD

WEEK = 7
MONTH = 28
HOUR = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Cadence:
    """When a recurring command runs, in the notations of cron and systemd."""

    description: str
    cron: str
    calendar: str
    """As an OnCalendar expression of systemd."""


DAILY = Cadence(description="every day", cron=f"0 {HOUR} * * *", calendar=f"*-*-* {HOUR:02}:00:00")
WEEKLY = Cadence(description="every Monday", cron=f"0 {HOUR} * * 1", calendar=f"Mon *-*-* {HOUR:02}:00:00")
MONTHLY = Cadence(
    description="on the 1st of every month", cron=f"0 {HOUR} 1 * *", calendar=f"*-*-01 {HOUR:02}:00:00"
)
CADENCES = {"today": DAILY, "yesterday": DAILY, "week": WEEKLY, "month": MONTHLY}
_QUOTED = re.compile(r'["\\]')


def find_cadence(period: str | None) -> Cadence:
    """Return how often a report is due; `period` is a valid `--last`, or None for its default."""
    text = period or DEFAULT_PERIOD
    if text in CADENCES:
        return CADENCES[text]
    days = int(text.removesuffix("d"))
    return DAILY if days < WEEK else WEEKLY if days < MONTH else MONTHLY


def render_schedule(
    command: Sequence[str], folder: Path, cadence: Cadence, variable_names: Sequence[str]
) -> str:
    """Render the crontab line and the systemd units.

    Args:
        command: Absolute path of the program, and its arguments.
        folder: Working directory, so that relative paths keep their meaning.
        cadence: How often to run.
        variable_names: Environment variables that are set now, and must be set there.
    """
    cron_command = f"cd {shlex.quote(str(folder))} && {shlex.join(command)}".replace("%", r"\%")
    variables = ", ".join(variable_names)
    cron_comment = [f"# Set in this shell, and needed above the line: {variables}"] if variable_names else []
    unit_comment = (
        [f"# Set in this shell, and needed here: {variables}", "# Environment=NAME=VALUE"]
        if variable_names
        else []
    )
    return "\n".join(
        [
            f"# cron, {cadence.description} at {HOUR}:00 (crontab -e):",
            *cron_comment,
            f"{cadence.cron} {cron_command}",
            "",
            "# systemd: ~/.config/systemd/user/turnout-report.service",
            "[Unit]",
            "Description=Turnout report",
            "",
            "[Service]",
            "Type=oneshot",
            f"WorkingDirectory={str(folder).replace('%', '%%')}",
            *unit_comment,
            f"ExecStart={' '.join(map(_quote_argument, command))}",
            "",
            "# systemd: ~/.config/systemd/user/turnout-report.timer",
            "[Unit]",
            f"Description=Turnout report, {cadence.description}",
            "",
            "[Timer]",
            f"OnCalendar={cadence.calendar}",
            "Persistent=true",
            "",
            "[Install]",
            "WantedBy=timers.target",
            "",
            "# then: systemctl --user daemon-reload && systemctl --user enable --now turnout-report.timer",
            "",
        ]
    )


def _quote_argument(argument: str) -> str:
    """Quote for systemd, which expands `%` and `$`."""
    plain = argument.replace("%", "%%").replace("$", "$$")
    return '"' + _QUOTED.sub(r"\\\g<0>", plain) + '"'
