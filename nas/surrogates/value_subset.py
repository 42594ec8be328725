"""Chooses which of many values a fit is made of: the highest ones, and others at even ranks."""

import numpy as np
from numpy.typing import NDArray


def subset_by_value(values: NDArray[np.float64], n: int) -> NDArray[np.int64]:
    """Return ascending indices of `n` values: the highest n / 2, and others at even ranks."""
    if len(values) <= n:
        return np.arange(len(values))
    order = np.argsort(-values, kind="stable")
    rest = order[n // 2 :]
    even = rest[np.linspace(0, len(rest) - 1, n - n // 2).round().astype(np.int64)]
    return np.sort(np.concatenate([order[: n // 2], even]))
