"""Where the data sets that had to be fetched lie: in the user's data folder, as gzipped JSON lines."""

from pathlib import Path

from benchmarks.errors import BenchmarkError
from benchmarks.evaluation.cases import SuiteName
from router.settings import data_dir


def folder() -> Path:
    """The folder; made on first use by whoever writes there."""
    return data_dir() / "suites"


def path(name: SuiteName) -> Path:
    """The file of one suite, whether it is there or not."""
    return folder() / f"{name}.jsonl.gz"


def stored(name: SuiteName) -> Path:
    """The file of one suite.

    Raises:
        BenchmarkError: it was not fetched yet.
    """
    file = path(name)
    if not file.is_file():
        raise BenchmarkError(
            f"the problems of {name} are not on this machine: `turnout bench fetch {name}` downloads them, "
            f"`turnout bench fetch {name} --file FILE` takes a copy you have"
        )
    return file
