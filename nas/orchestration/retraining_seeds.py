"""Summarises trainings of one network that differ in their randomness alone, and chooses one of them."""

from collections.abc import Sequence
from dataclasses import replace
from math import hypot, sqrt
from statistics import fmean, stdev

import numpy as np

from nas.bayesopt.shrinkage import expected_shares
from nas.study.retrained import Retrained


def mean_of(found: Sequence[Retrained]) -> tuple[float, float]:
    """Return the mean value of trainings on validation images, and its standard error.

    The error holds both: how trainings differ, over the root of their number, and that of the images,
    which are the same for all.
    """
    values = [one.accuracy or 0.0 for one in found]
    between = stdev(values) / sqrt(len(values)) if len(values) > 1 else 0.0
    return fmean(values), hypot(between, fmean(one.standard_error or 0.0 for one in found))


def best_of(found: Sequence[Retrained]) -> Retrained:
    """Return the best training by validation images, the first of equal ones, with what is expected of it.

    The best of several is in part the luckiest: what is expected lies nearer to their mean.
    """
    values = np.array([one.accuracy or 0.0 for one in found])
    errors = np.array([one.standard_error or 0.0 for one in found])
    best = int(values.argmax())
    if len(found) == 1 or not (errors > 0).all():
        return found[best]
    means, deviations = expected_shares(values, errors)
    expected, error = (round(float(figures[best]), 6) for figures in (means, deviations))
    return replace(found[best], expected=expected, expected_error=error)
