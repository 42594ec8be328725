"""Writes a search's epochs for TensorBoard, by Ray Tune's own callback."""

from pathlib import Path
from typing import Any, Final

from ray.tune.experiment import Trial
from ray.tune.logger import TBXLoggerCallback
from ray.tune.result import TRAINING_ITERATION
from typing_extensions import override

FOLDER: Final = "tensorboard"
_LOGGED: Final = ("accuracy", "balanced_accuracy", "macro_f1", "loss", "train_loss", "seconds")


class TensorBoard(TBXLoggerCallback):
    """Ray Tune's callback with one folder for each trial of the study, and epochs as steps.

    Args:
        folder: Folder of the study.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder / FOLDER

    @override
    def log_trial_start(self, trial: Trial) -> None:
        """Open the trial's folder; a trial that is resumed after a kill goes on in it."""
        if trial in self._trial_writer:
            self._trial_writer[trial].close()
        path = self._folder / f"{trial.config['trial']['trial']:05d}"
        self._trial_writer[trial] = self._summary_writer_cls(str(path), flush_secs=30)
        self._trial_result[trial] = {}

    @override
    def log_trial_result(self, iteration: int, trial: Trial, result: dict[str, Any]) -> None:
        """Write one epoch; what a failed training reports is its reason alone."""
        if "epoch" in result:
            scalars = {name: result[name] for name in _LOGGED if result.get(name) is not None}
            super().log_trial_result(iteration, trial, {**scalars, TRAINING_ITERATION: result["epoch"]})
