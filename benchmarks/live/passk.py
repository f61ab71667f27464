"""pass@k: how likely one of k answers passes, estimated from n answers a task, of which c passed.

The unbiased estimator of Chen et al., "Evaluating Large Language Models Trained on Code" (2021), eq. 1:
1 - C(n-c, k) / C(n, k), averaged over tasks.
"""

from collections.abc import Iterable
from math import comb


def pass_at_k(n: int, c: int, k: int) -> float:
    """Of one task with `n` answers, `c` of which passed.

    Raises:
        ValueError: not 0 <= c <= n, or not 1 <= k <= n.
    """
    if not 0 <= c <= n:
        raise ValueError(f"c must be 0..n: {c} of {n} passed")
    if not 1 <= k <= n:
        raise ValueError(f"pass@{k} needs at least {k} answers a task, there are {n}")
    return 1 - comb(n - c, k) / comb(n, k)


def mean_pass_at_k(counts: Iterable[tuple[int, int]], k: int) -> float | None:
    """Over tasks given as (n, c); None where no task has `k` answers. Tasks with fewer are left out."""
    rates = [pass_at_k(n, c, k) for n, c in counts if n >= k]
    return sum(rates) / len(rates) if rates else None
