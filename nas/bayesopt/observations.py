"""Reads the trials of any Optuna study as observations that another study begins with."""

import math

import numpy as np
import optuna
from optuna.study import StudyDirection
from optuna.trial import TrialState

from nas.bayesopt.errors import ProblemError
from nas.bayesopt.problem import TransferSource


def observations_of(study: optuna.Study) -> TransferSource:
    """Return the complete trials of a study as a source of evidence for a study of similar parameters.

    The new study minimises or maximises as the old one did. Trials without one of its parameters, or with a
    value outside of its range, are left out.

    Args:
        study: Study of one objective.

    Raises:
        ProblemError: if it has several objectives.
    """
    if len(study.directions) != 1:
        raise ProblemError(
            f"Cannot learn from the study '{study.study_name}' of {len(study.directions)} objectives: "
            f"expected one of a single objective. Choose another study."
        )
    sign = 1.0 if study.direction == StudyDirection.MAXIMIZE else -1.0
    trials = [
        (trial, trial.values[0])
        for trial in study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        if trial.values is not None and math.isfinite(trial.values[0])
    ]
    return TransferSource(
        points=[trial.params for trial, _ in trials],
        values=np.array([sign * value for _, value in trials], dtype=np.float64),
        fidelity=np.ones(len(trials)),
        networks=np.array([trial.number for trial, _ in trials], dtype=np.int64),
        name=f"study {study.study_name}",
    )
