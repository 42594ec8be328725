"""Keeps Ray Tune from growing with every training that has ended."""

from typing import Any

from ray import tune
from ray.tune.experiment import Trial
from typing_extensions import override


class TuneMemoryTrimmer(tune.Callback):
    """Drops Tune's summaries of what an ended training reported: the study holds the figures themselves.

    Tune keeps five of them, with two windows, for every number of every training until a search ends: about
    40 KiB a training.
    """

    @override
    def on_trial_complete(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        _forget(trial)

    @override
    def on_trial_error(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        _forget(trial)


def _forget(trial: Trial) -> None:
    trial.run_metadata.metric_analysis = {}
    trial.run_metadata.metric_n_steps = {}
