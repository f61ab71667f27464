"""The error of every measurement."""


class BenchmarkError(RuntimeError):
    """The benchmark cannot measure what it claims to."""
