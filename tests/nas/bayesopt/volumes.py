"""Hypervolumes, to check expected improvements of them."""

import numpy as np
import torch
from botorch.utils.multi_objective.hypervolume import Hypervolume
from jaxtyping import Float

from nas.bayesopt.pareto import front


def hypervolume(values: Float[np.ndarray, "n m"], reference: Float[np.ndarray, " m"]) -> float:
    """Return the volume between `reference` and `values`, counting only what is above it."""
    above = values[(values > reference).all(axis=1)]
    if not len(above):
        return 0.0
    points = torch.from_numpy(above[front(above)].astype(np.float64))
    return float(Hypervolume(torch.from_numpy(reference.astype(np.float64))).compute(points))
