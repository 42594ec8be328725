"""Training loop over epochs: trains, evaluates, checkpoints, and resumes exactly after a kill."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from search_spaces.architecture import Architecture
from trials.images.splits import Images, Splits
from trials.training.batch_fitting import largest_batch, with_batch
from trials.training.batches import BatchSource, Preprocessor
from trials.training.checkpoint import check_identity, load_checkpoint, save_checkpoint
from trials.training.epoch_progress import EpochProgress
from trials.training.epoch_result import EpochResult
from trials.training.epoch_run import EpochRun
from trials.training.errors import CheckpointError
from trials.training.flips import settled_flips
from trials.training.learner import Learner
from trials.training.out_of_memory import out_of_memory_named
from trials.training.recipe import Recipe
from trials.training.seeding import generator
from trials.training.teacher import OutputPlace, load_teacher


def train(
    network: nn.Module,
    splits: Splits,
    recipe: Recipe,
    *,
    resolution: int,
    seed: int,
    device: torch.device,
    checkpoint: Path | None = None,
    extra_identity: Mapping[str, str] | None = None,
    lock: Path | None = None,
    before_saving: Callable[[], None] = lambda: None,
    progress: Callable[[EpochProgress], None] | None = None,
    images_at: Callable[[int], Images] | None = None,
    smallest_side: int = 1,
    teacher_outputs: OutputPlace | None = None,
    architecture: Architecture | None = None,
    metric: str = "accuracy",
    clock: Callable[[], float] = time.perf_counter,
) -> Iterator[EpochResult]:
    """Train `network` in place and yield a result after each epoch.

    From a checkpoint of the same training, the stored results are yielded again and the training
    resumes after them; on the CPU, with the same number of threads, weights and results are
    bit-identical to those of an uninterrupted run. A checkpoint is written before its epoch's result
    is yielded.

    Args:
        network: Network, normalised images [b, c, r, r] -> logits [b, classes].
        splits: Images; trains on ``train`` and evaluates on ``validation``.
        recipe: Training recipe.
        resolution: Side of the square images that the network takes, in pixels.
        seed: Seed of the order, the augmentation and the network's own randomness; see `trial_seed`.
        device: Device to train on.
        checkpoint: File of the training's state; None for no checkpoints.
        extra_identity: Further properties that identify this training, by name, for example its
            architecture and initial weights. A checkpoint with other values is refused.
        lock: Lock of the host that keeps measurements apart from training, see `device_lock`; None if
            nothing is measured.
        before_saving: Called before each checkpoint is written; raises if none may be written any more.
        progress: Receives every few seconds how far a long epoch is; None for nobody.
        images_at: Opens the training images at another resolution, for the recipe's teacher; None to resize
            those of the network for it.
        smallest_side: Least side of images that the network can take, in pixels, for recipes with ``sides``.
        teacher_outputs: Where the outputs of the recipe's teacher are kept; None to keep them in memory.
        architecture: Architecture of the network, for recipes with ``wider``.
        metric: Metric by which weights are chosen, for recipes with ``soup_epochs``.
        clock: Returns seconds.

    Raises:
        NonFiniteLossError: if the loss of an epoch is infinite or not a number.
        OutOfMemoryError: if the device cannot hold the network even with two images.
        RecipeError: if the recipe's teacher, drop_path or wider does not suit the network or the images.
        DamagedCheckpointError: if the checkpoint cannot be read.
        CheckpointError: if the checkpoint belongs to another training.
    """
    recipe, _ = settled_flips(recipe, splits)
    identity = {**_identity(splits, recipe, resolution, seed), **(extra_identity or {})}
    stored = _stored(checkpoint, device)
    with out_of_memory_named():
        network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        batch, recipe = _settled_batch(network, splits, recipe, resolution, device, stored)
        training = _begin(
            network,
            splits,
            recipe,
            resolution=resolution,
            seed=seed,
            device=device,
            images_at=images_at,
            smallest_side=smallest_side,
            teacher_outputs=teacher_outputs,
            architecture=architecture,
            metric=metric,
        )
        learner = training.learner
        if learner.teacher is not None:
            identity["teacher"] = learner.teacher.digest
        history = _restored(training, identity, checkpoint, stored)
        stored = None  # holds tensors
    for epoch in range(1, recipe.epochs + 1):
        if epoch > len(history):
            with out_of_memory_named():
                history.append(replace(training.epoch(epoch, lock, clock, progress), batch_size=batch))
            if checkpoint is not None:
                before_saving()
                save_checkpoint(checkpoint, _state(training, identity, history))
        if epoch == recipe.epochs:
            training.deliver(history[-1])
        yield history[epoch - 1]


def _begin(
    network: nn.Module,
    splits: Splits,
    recipe: Recipe,
    *,
    resolution: int,
    seed: int,
    device: torch.device,
    images_at: Callable[[int], Images] | None,
    smallest_side: int,
    teacher_outputs: OutputPlace | None,
    architecture: Architecture | None,
    metric: str,
) -> EpochRun:
    """Move the images to the device and return the training before its first epoch."""
    train_images = BatchSource(splits.train, device)
    preprocess = Preprocessor(splits.mean, splits.std, resolution, device)
    learner = Learner(
        network,
        recipe,
        train_images,
        preprocess,
        classes=len(splits.classes),
        seed=seed,
        teacher=load_teacher(recipe, splits, device, images_at, teacher_outputs),
        smallest_side=smallest_side,
        architecture=architecture,
    )
    return EpochRun(
        learner=learner,
        recipe=recipe,
        train_images=train_images,
        validation_images=BatchSource(splits.validation, device),
        preprocess=preprocess,
        recalibration_rows=train_images.shuffled(recipe.batch_size, generator(seed, "recalibration")),
        metric=metric,
    )


def _stored(checkpoint: Path | None, device: torch.device) -> dict[str, Any] | None:
    """Return the state in the checkpoint; None without one."""
    return None if checkpoint is None or not checkpoint.exists() else load_checkpoint(checkpoint, device)


def _settled_batch(
    network: nn.Module,
    splits: Splits,
    recipe: Recipe,
    resolution: int,
    device: torch.device,
    stored: Mapping[str, Any] | None,
) -> tuple[int | None, Recipe]:
    """Return the images in a step if memory decides them, as stored if there are epochs; and the recipe."""
    if recipe.largest_batch is None:
        return None, with_batch(recipe, recipe.batch_size)
    epochs = [] if stored is None else stored["history"]
    found = epochs[-1].get("batch_size") if epochs else None
    if found is None:
        images = min(len(splits.train), recipe.epoch_images or len(splits.train))
        shape = (splits.channels, resolution, resolution)
        found = largest_batch(network, recipe, shape, images=images, device=device)
    return found, with_batch(recipe, found)


def _identity(splits: Splits, recipe: Recipe, resolution: int, seed: int) -> dict[str, Any]:
    return {
        "images": splits.fingerprint,
        "recipe": recipe.identity(),
        "resolution": resolution,
        "seed": seed,
    }


def _state(training: EpochRun, identity: dict[str, Any], history: list[EpochResult]) -> dict[str, Any]:
    epochs = [result.to_json() for result in history]
    soup = {"soup": training.soup.state_dict()} if training.soup.count else {}
    return {"identity": identity, "history": epochs, "learner": training.learner.state_dict(), **soup}


def _restored(
    training: EpochRun, identity: dict[str, Any], checkpoint: Path | None, state: dict[str, Any] | None
) -> list[EpochResult]:
    """Return the results in the state of a checkpoint, none without one, after restoring the training."""
    if checkpoint is None or state is None:
        return []
    if "teacher" not in state["identity"]:  # of an earlier version
        identity = {name: value for name, value in identity.items() if name != "teacher"}
    check_identity(checkpoint, state, identity, "a training")
    try:
        training.learner.load_state_dict(state["learner"])
    except (RuntimeError, ValueError) as error:
        raise CheckpointError(
            f"The checkpoint '{checkpoint}' belongs to another network ({error}). Remove it to restart."
        ) from error
    if "soup" in state:
        training.soup.load_state_dict(state["soup"])
    return [EpochResult.from_json(fields) for fields in state["history"]]
