"""Stores what is expected of networks that were retrained alike, of which the best is in part lucky."""

from dataclasses import replace

import optuna

from nas.bayesopt.shrinkage import expected_shares
from nas.study.retrained import Retrained, dropped, ranked, store, values_of


def with_expected(study: optuna.Study, settings: str, *, in_int8: bool = False) -> list[Retrained]:
    """Return the retrainings of some settings, by which networks are compared, and store what is expected.

    Args:
        study: Their study.
        settings: See `Retrained.settings`.
        in_int8: Whether they are compared in int8: those of which that form was evaluated.
    """
    left = dropped(study)
    alike = [
        one
        for one in ranked(study).values()
        if one.settings == settings and (one.int8 is not None) == in_int8 and one.trial not in left
    ]
    values, errors = values_of(alike)
    if len(alike) == 1 or not (errors > 0).all():  # an earlier version stored errors of 0
        return alike
    means, deviations = (figures.round(6).tolist() for figures in expected_shares(values, errors))
    pairs = zip(alike, means, deviations, strict=True)
    found = [
        replace(one, expected=mean, expected_error=deviation, expected_in_int8=in_int8)
        for one, mean, deviation in pairs
    ]
    for one in found:
        store(study, one)
    return found
