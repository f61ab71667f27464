"""The rows of a data set's file: JSON lines, gzipped or not, or Parquet, told apart by their first bytes."""

import gzip
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.errors import BenchmarkError

Row = Mapping[str, Any]
_GZIP, _PARQUET = b"\x1f\x8b", b"PAR1"


def rows(file: Path, fields: Sequence[str]) -> Iterator[Row]:
    """Each row, in the file's order.

    Raises:
        BenchmarkError: the file is not there, is broken, or a row lacks one of `fields`.
    """
    try:
        with file.open("rb") as opened:
            start = opened.read(4)
        read = _parquet if start == _PARQUET else _lines
        for number, row in enumerate(read(file, packed=start.startswith(_GZIP)), 1):
            missing = [field for field in fields if field not in row]
            if missing:
                raise BenchmarkError(f"{file}, row {number}: has no {', '.join(missing)}")
            yield row
    except (EOFError, OSError, ValueError, zlib.error) as error:
        raise BenchmarkError(f"{file} cannot be read: {getattr(error, 'strerror', None) or error}") from error


def _parquet(file: Path, *, packed: bool) -> Iterator[Row]:
    import polars as pl

    del packed
    try:
        yield from pl.read_parquet(file).iter_rows(named=True)
    except pl.exceptions.PolarsError as error:
        raise ValueError(str(error)) from error


def _lines(file: Path, *, packed: bool) -> Iterator[Row]:
    with gzip.open(file, "rt", encoding="utf-8") if packed else file.open(encoding="utf-8") as opened:
        for number, line in enumerate(opened, 1):
            try:
                row = json.loads(line)
            except ValueError as error:
                raise ValueError(f"line {number}: {error}") from error
            if not isinstance(row, dict):
                raise ValueError(f"line {number} is no JSON object")  # noqa: TRY004 (the file is at fault)
            yield row
