"""A file of `recorded/`: rows of facts, below comment lines that say where they come from.

- The comments are `# key: value`; `source`, `licence` and `date` are always there.
- Written the same on every machine, byte for byte, so that a rebuild can be compared.
"""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.errors import BenchmarkError

RECORDED = Path(__file__).parents[2] / "recorded"
REMEDY = "restore it, or rebuild all with `turnout bench record --data FOLDER`"
_ALWAYS = ("source", "licence", "date")


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """A file of recorded facts, read."""

    about: Mapping[str, str]
    """The comment lines."""
    rows: Sequence[Mapping[str, str]]

    @property
    def source(self) -> str:
        """Where it comes from, in one line."""
        return ", ".join(self.about[key] for key in _ALWAYS)


def read(name: str, folder: Path = RECORDED) -> Facts:
    """One recorded file.

    Raises:
        BenchmarkError: it is not there, or does not say where it comes from.
    """
    path = folder / name
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError as error:
        raise BenchmarkError(f"{path} is not there: {REMEDY}") from error
    comments = [line for line in lines if line.startswith("# ")]
    about = {key: value for line in comments for key, _, value in [line[2:].partition(": ")]}
    if missing := [key for key in _ALWAYS if key not in about]:
        raise BenchmarkError(f"{path} does not say its {', '.join(missing)}: {REMEDY}")
    return Facts(about=about, rows=list(csv.DictReader(lines[len(comments) :])))


def write(path: Path, about: Mapping[str, str], rows: Iterable[Mapping[str, object]]) -> None:
    """Write one file; the first row's keys are its columns."""
    listed = list(rows)
    text = io.StringIO()
    text.writelines(f"# {key}: {value}\n" for key, value in about.items())
    table = csv.DictWriter(text, listed[0], lineterminator="\n")
    table.writeheader()
    table.writerows(listed)
    path.write_text(text.getvalue(), encoding="utf-8", newline="\n")


def number(value: float) -> str:
    """As short as it can be: `1`, `0.87`."""
    return f"{value:g}"
