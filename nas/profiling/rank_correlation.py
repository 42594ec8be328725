"""Kendall's rank correlation with a jackknife standard error."""

import numpy as np
from jaxtyping import Float
from scipy.stats import kendalltau


def kendall_tau(one: Float[np.ndarray, " n"], other: Float[np.ndarray, " n"]) -> float:
    """Return Kendall's tau-b of paired values; NaN with fewer than three pairs or a constant list."""
    return _tau(one, other) if len(one) >= 3 else float("nan")


def kendall(one: Float[np.ndarray, " n"], other: Float[np.ndarray, " n"]) -> tuple[float, float]:
    """Return `kendall_tau` and its standard error by the jackknife over the pairs; both may be NaN."""
    if len(one) < 3:
        return float("nan"), float("nan")
    rest = [np.arange(len(one)) != left for left in range(len(one))]
    values = np.array([_tau(one[kept], other[kept]) for kept in rest])
    return _tau(one, other), float(np.sqrt((len(one) - 1) * values.var()))


def _tau(one: Float[np.ndarray, " n"], other: Float[np.ndarray, " n"]) -> float:
    return float(kendalltau(one, other).statistic)
