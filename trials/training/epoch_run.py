"""`EpochRun`: trains a network for one epoch after another, and evaluates it after each."""

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from torch import Tensor, nn

from trials.training.batches import BatchSource, Preprocessor
from trials.training.batchnorm_recalibration import recalibrate_batchnorm
from trials.training.epoch_progress import EpochProgress, ProgressMeter, cut
from trials.training.epoch_result import EpochResult
from trials.training.errors import NonFiniteLossError
from trials.training.evaluation import BATCH, Scores, evaluate
from trials.training.learner import Learner
from trials.training.measurement_turns import take_turns
from trials.training.model_soup import EpochSoup
from trials.training.recipe import Recipe


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EpochRun:
    """A network in training, and the images that it is evaluated on after each epoch.

    Attributes:
        learner: The network with its optimiser.
        recipe: Recipe of the training.
        train_images: Training images.
        validation_images: Validation images.
        preprocess: Preprocessing of the images for the network.
        recalibration_rows: Rows of the batches over which BatchNorm statistics are re-estimated.
        soup: Mean of the weights after the last epochs, so far.
        metric: Metric by which that mean is compared, one of `trials.training.evaluation.METRICS`.
    """

    learner: Learner
    recipe: Recipe
    train_images: BatchSource
    validation_images: BatchSource
    preprocess: Preprocessor
    recalibration_rows: Sequence[Tensor]
    soup: EpochSoup = field(default_factory=EpochSoup)
    metric: str = "accuracy"

    def deliver(self, last: EpochResult) -> None:
        """Give the network the weights that the last epoch's result is of."""
        network = self.learner.network
        if last.soup:
            network.load_state_dict(self.soup.mean)
        elif self.learner.average is not None:
            network.load_state_dict(self.learner.average.network.state_dict())

    def epoch(
        self,
        number: int,
        lock: Path | None,
        clock: Callable[[], float],
        progress: Callable[[EpochProgress], None] | None,
    ) -> EpochResult:
        """Return the result of one epoch of training and evaluation."""
        started = clock()
        meter = ProgressMeter(number, self.recipe.epochs, self._batches(), progress, clock)
        with take_turns(lock, clock) as turns:

            def after_step() -> None:
                meter.step()
                turns.step()

            train_loss = self.learner.learn(number, after_step, turns.step)
            _check_finite("training", train_loss, number, self.recipe)
            scores = self._scores(self.learner.evaluated_network, after_step)
            _check_finite("validation", scores.loss, number, self.recipe)
            scores, souped = self._souped(number, scores, after_step)
        return EpochResult(
            epoch=number,
            accuracy=scores.accuracy,
            standard_error=scores.standard_error,
            loss=scores.loss,
            train_loss=train_loss,
            seconds=clock() - started,
            final=number == self.recipe.epochs,
            balanced_accuracy=scores.balanced_accuracy,
            macro_f1=scores.macro_f1,
            balanced_accuracy_error=scores.balanced_accuracy_error,
            macro_f1_error=scores.macro_f1_error,
            waited_seconds=turns.waited_s,
            soup=souped,
        )

    def _batches(self) -> list[int]:
        """Return the images in each batch of an epoch: trained on, recalibrated on, evaluated."""
        recipe, train = self.recipe, len(self.train_images)
        recalibrated = self.recalibration_rows[: recipe.recalibration_batches]
        return [
            *cut(min(train, recipe.epoch_images or train), recipe.batch_size),
            *map(len, recalibrated),
            *map(len, self.validation_images.in_order(BATCH)),
        ]

    def _souped(
        self, number: int, scores: Scores, after_step: Callable[[], None]
    ) -> tuple[Scores, int | None]:
        """Return the scores of the mean of the last epochs where that is no worse, and of how many it is."""
        last, count = self.recipe.epochs, self.recipe.soup_epochs
        network = self.learner.evaluated_network
        if number > last - count:
            self.soup.add(network)
        if number < last or not count:
            return scores, None
        mean = copy.deepcopy(network)
        mean.load_state_dict(self.soup.mean)
        found = self._scores(mean, after_step)
        if not found.of(self.metric)[0] >= scores.of(self.metric)[0]:  # also when it is not a number
            return scores, 0
        self.soup.load_state_dict({"count": count, "mean": mean.state_dict()})  # with its own statistics
        return found, count

    def _scores(self, network: nn.Module, after_step: Callable[[], None]) -> Scores:
        rows = self.recalibration_rows[: self.recipe.recalibration_batches]
        recalibrate_batchnorm(network, self.train_images, self.preprocess, rows, self.recipe, after_step)
        return evaluate(network, self.validation_images, self.preprocess, self.recipe, after_step)


def _check_finite(kind: str, loss: float, epoch: int, recipe: Recipe) -> None:
    if not math.isfinite(loss):
        raise NonFiniteLossError(
            f"The {kind} loss became {loss} in epoch {epoch}: expected a finite number. A lower "
            f"learning_rate than {recipe.learning_rate:g}, gradient_clip or precision: fp32 may help."
        )
