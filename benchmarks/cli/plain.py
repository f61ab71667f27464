"""What a person can mend is said in one line, whatever command it is."""

from collections.abc import Iterator
from contextlib import contextmanager

from router.errors import Misconfigured


@contextmanager
def plain_errors() -> Iterator[None]:
    """Turn a benchmark's error into the command line's own.

    Raises:
        Misconfigured: what stopped the benchmark, and the remedy.
    """
    from benchmarks.errors import BenchmarkError

    try:
        yield
    except BenchmarkError as error:
        raise Misconfigured(str(error)) from error
