"""Pareto fronts, and the reference point of hypervolumes. Every objective is maximised."""

import numpy as np
import torch
from botorch.utils.multi_objective.pareto import is_non_dominated
from jaxtyping import Bool, Float


def front(values: Float[np.ndarray, "n m"]) -> Bool[np.ndarray, " n"]:
    """Return whether each of `values` is on the Pareto front; equal values are all kept."""
    rows = torch.from_numpy(values.astype(np.float64))
    kept = is_non_dominated(rows, deduplicate=False)
    return np.asarray(kept.numpy(), dtype=np.bool_)


def reference_point(values: Float[np.ndarray, "n m"]) -> Float[np.ndarray, " m"]:
    """Return a point a tenth of the range below the worst of `values`, on the front or not.

    Ishibuchi et al., 2018, take the worst of the front. A front of few points, as at the beginning, has no
    range then, and nothing beyond its ends counts.
    """
    low, high = values.min(axis=0), values.max(axis=0)
    spread = np.where(high > low, high - low, np.maximum(np.abs(high), 1.0) * 1e-3)
    return np.asarray(low - 0.1 * spread)
