"""Says in lines how far long epochs are, soon after they begin, then once a minute; and the time left."""

import time
from collections.abc import Callable, Sequence
from typing import Final

from dashboards.metric_names import metric_name
from search_spaces.units import format_accuracy, format_seconds
from trials.training.epoch_progress import EpochProgress
from trials.training.epoch_result import EpochResult
from trials.training.recipe import Recipe
from trials.training.sides import work_left

_EVERY_S: Final = 60.0

ReportLine = Callable[[str], None]
"""Shows a line to the user."""


class ProgressLines:
    """Makes lines of the progress of trainings, few enough to read.

    Args:
        clock: Returns monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._said: dict[int, tuple[int, float]] = {}  # trial to epoch and time of its last line

    def line(self, trial: int, progress: EpochProgress) -> str | None:
        """Return a line about a training, None if there was one of this epoch less than a minute ago."""
        epoch, said_s = self._said.get(trial, (0, 0.0))
        now_s = self._clock()
        if epoch == progress.epoch and now_s - said_s < _EVERY_S:
            return None
        self._said[trial] = progress.epoch, now_s
        return f"#{trial} within epoch {progress.epoch} of {progress.epochs}: {progress_words(progress)}"


def progress_words(progress: EpochProgress) -> str:
    """Return the share, the rate and the time left of an epoch."""
    left = f", about {format_seconds(progress.left_s)} left of it" if progress.left_s >= 1 else ""
    return f"{progress.share:.0%} at {progress.images_per_s:,.0f} images/s{left}"


def seconds_left(results: Sequence[EpochResult], recipe: Recipe, resolution: int) -> float:
    """Return the seconds until the end of a training, as those before at the same sides of images.

    Args:
        results: Results of the epochs so far, at least one.
        recipe: Recipe of the training.
        resolution: Resolution of the network in pixels.
    """
    return sum(result.seconds for result in results) * work_left(results[-1].epoch, recipe, resolution)


def epoch_line(results: Sequence[EpochResult], recipe: Recipe, resolution: int, metric: str | None) -> str:
    """Return in words the last epoch of a training.

    Args:
        results: All epochs so far.
        recipe: Recipe of the training.
        resolution: Resolution of the network in pixels.
        metric: Metric to name; None for a training on the validation images too.
    """
    last = results[-1]
    figure, left = "", ""
    if metric is not None:
        value, error = last.of(metric)
        figure = f"  validation {metric_name(metric)} {format_accuracy(value or 0.0, error)}"
    if last.epoch < recipe.epochs:
        left = f"  about {format_seconds(seconds_left(results, recipe, resolution))} left"
    batches = f"  batches of {last.batch_size}" if last.batch_size and last.epoch == 1 else ""
    return f"epoch {last.epoch}/{recipe.epochs}{batches}  loss {last.train_loss:.3f}{figure}{left}"
