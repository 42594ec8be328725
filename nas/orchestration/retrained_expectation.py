"""Stores what is expected of networks that were retrained alike, of which the best is in part lucky."""

from dataclasses import replace

import numpy as np
import optuna

from nas.bayesopt.shrinkage import expected_shares
from nas.study.retrained import Retrained, ranked, store


def with_expected(study: optuna.Study, settings: str) -> list[Retrained]:
    """Return the retrainings of some settings, by which networks are compared, and store what is expected.

    Args:
        study: Their study.
        settings: See `Retrained.settings`.
    """
    alike = [one for one in ranked(study).values() if one.settings == settings]
    values = np.array([one.accuracy or 0.0 for one in alike])
    errors = np.array([one.standard_error or 0.0 for one in alike])
    if len(alike) == 1 or not (errors > 0).all():  # an earlier version stored errors of 0
        return alike
    means, deviations = (figures.round(6).tolist() for figures in expected_shares(values, errors))
    pairs = zip(alike, means, deviations, strict=True)
    found = [replace(one, expected=mean, expected_error=deviation) for one, mean, deviation in pairs]
    for one in found:
        store(study, one)
    return found
