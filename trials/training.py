"""Trains a network epoch by epoch, and goes on exactly where a killed process stopped."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import nn

from trials import device_lock
from trials.checkpoint import load_checkpoint, save_checkpoint
from trials.errors import CheckpointError, NonFiniteLossError
from trials.evaluation import evaluate, recalibrate
from trials.feeding import Feed, Preparation
from trials.images import Splits
from trials.learning import Learner
from trials.recipe import Recipe
from trials.result import EpochResult
from trials.seeding import generator
from trials.teacher import load_teacher


def train(
    network: nn.Module,
    splits: Splits,
    recipe: Recipe,
    *,
    resolution: int,
    seed: int,
    device: torch.device,
    checkpoint: Path | None = None,
    lock: Path | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> Iterator[EpochResult]:
    """Train `network` in place and yield a result after each epoch.

    With a checkpoint of the same training, its results are yielded again and the training goes on
    after them; on the CPU, with as many threads, weights and results are bit-identical to those
    of an unbroken run. A checkpoint is written before its epoch's result is yielded.

    Args:
        network: Takes normalised images [b, c, r, r] and gives logits [b, classes].
        splits: Trains on ``train`` and evaluates on ``validation``.
        recipe: How to train.
        resolution: Side of the square images that the network takes, pixels.
        seed: Of the order, the augmentation and the network's own randomness; see `trial_seed`.
        device: Where to train.
        checkpoint: File of the training's state, or None to keep none.
        lock: The host's lock that keeps measurements apart from training, see `device_lock`; None
            where nothing is measured.
        clock: Returns seconds.

    Raises:
        NonFiniteLossError: if the training loss of an epoch is infinite or not a number.
        OutOfMemoryError: if the device cannot hold the network even with one image.
        RecipeError: if the recipe's teacher or drop_path does not suit the network or the images.
        DamagedCheckpointError: if the checkpoint cannot be read.
        CheckpointError: if it is of another training.
    """
    network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    learning = Feed(splits.train, device)
    judging = Feed(splits.validation, device)
    prepare = Preparation(splits.mean, splits.std, resolution, device)
    learner = Learner(
        network,
        recipe,
        learning,
        prepare,
        classes=len(splits.classes),
        seed=seed,
        teacher=load_teacher(recipe, splits, device),
    )
    identity = _identity(splits, recipe, resolution, seed)
    history = _restored(learner, identity, checkpoint, device)
    recalibrating = learning.shuffled(recipe.batch_size, generator(seed, "recalibration"))

    def epoch_result(epoch: int) -> EpochResult:
        started = clock()
        with _turns(lock, clock) as turns:
            train_loss = learner.learn(epoch, turns.step)
            _check_finite(train_loss, epoch, recipe)
            rows = recalibrating[: recipe.recalibration_batches]
            recalibrate(learner.judged, learning, prepare, rows, recipe, turns.step)
            scores = evaluate(learner.judged, judging, prepare, recipe, turns.step)
        return EpochResult(
            epoch=epoch,
            accuracy=scores.accuracy,
            standard_error=scores.standard_error,
            loss=scores.loss,
            train_loss=train_loss,
            seconds=clock() - started,
            final=epoch == recipe.epochs,
            balanced_accuracy=scores.balanced_accuracy,
            macro_f1=scores.macro_f1,
            waited_seconds=turns.waited_s,
        )

    for epoch in range(1, recipe.epochs + 1):
        if epoch > len(history):
            history.append(epoch_result(epoch))
            if checkpoint is not None:
                told = [result.to_json() for result in history]
                state = {"identity": identity, "history": told, "learner": learner.state_dict()}
                save_checkpoint(checkpoint, state)
        if epoch == recipe.epochs and learner.average is not None:
            network.load_state_dict(learner.average.network.state_dict())
        yield history[epoch - 1]


def _check_finite(loss: float, epoch: int, recipe: Recipe) -> None:
    if not math.isfinite(loss):
        raise NonFiniteLossError(
            f"The training loss became {loss} in epoch {epoch}: expected a finite number. A lower "
            f"learning_rate than {recipe.learning_rate:g}, gradient_clip or precision: fp32 may help."
        )


@contextmanager
def _turns(lock: Path | None, clock: Callable[[], float]) -> Iterator["_Turns"]:
    if lock is None:
        yield _Unshared()
    else:
        with device_lock.training(lock, clock=clock) as turns:
            yield turns


class _Turns(Protocol):
    waited_s: float

    def step(self) -> None: ...


class _Unshared:
    """The turns of a training that nobody measures beside."""

    waited_s = 0.0

    def step(self) -> None:
        """Go on at once."""


def _identity(splits: Splits, recipe: Recipe, resolution: int, seed: int) -> dict[str, Any]:
    return {
        "images": splits.fingerprint,
        "recipe": recipe.to_json(),
        "resolution": resolution,
        "seed": seed,
    }


def _restored(
    learner: Learner, identity: dict[str, Any], checkpoint: Path | None, device: torch.device
) -> list[EpochResult]:
    if checkpoint is None or not checkpoint.exists():
        return []
    state = load_checkpoint(checkpoint, device)
    for name, expected in identity.items():
        if state["identity"].get(name) != expected:
            raise CheckpointError(
                f"The checkpoint '{checkpoint}' is of a training with other {name}: "
                f"expected the same. Remove it to restart."
            )
    try:
        learner.load_state_dict(state["learner"])
    except (RuntimeError, ValueError) as error:
        raise CheckpointError(
            f"The checkpoint '{checkpoint}' is of another network ({error}). Remove it to restart."
        ) from error
    return [EpochResult.from_json(fields) for fields in state["history"]]
