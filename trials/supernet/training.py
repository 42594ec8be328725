"""Trains shared weights over epochs: checkpoints at any step, and goes on exactly after a kill."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor

from search_spaces.elastic.shared_weights import SharedWeights
from search_spaces.space_record import space_digest
from trials.images.splits import Splits
from trials.supernet.learner import SupernetLearner
from trials.supernet.memory import forecast_memory
from trials.supernet.recipe import SupernetRecipe
from trials.supernet.step_networks import Band, StepNetworks
from trials.supernet.weights_file import check_images, write_supernet
from trials.training.batches import BatchSource
from trials.training.checkpoint import check_identity, load_checkpoint, save_checkpoint
from trials.training.epoch_progress import EpochProgress, ProgressMeter
from trials.training.errors import NonFiniteLossError
from trials.training.file_names import CHECKPOINT, SUPERNET
from trials.training.free_memory import free_memory
from trials.training.measurement_turns import take_turns
from trials.training.out_of_memory import out_of_memory_named
from trials.training.recipe import Recipe
from trials.training.seeding import generator

SAVE_EVERY_S: Final = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SupernetEpoch:
    """One epoch of a supernet's training.

    Attributes:
        epoch: Number of the epoch, from 1.
        loss: Mean training loss over its steps and networks, in nats.
        seconds: Wall time of the epoch, of its last attempt where it was interrupted.
        images: Images through networks, each counted once for each network that trained on it.
        final: Whether it is the last one.
    """

    epoch: int
    loss: float
    seconds: float
    images: int
    final: bool


def train_supernet(
    shared: SharedWeights,
    recipe: SupernetRecipe,
    splits: Splits,
    *,
    device: torch.device,
    folder: Path | None = None,
    band: Band | None = None,
    seed: int = 0,
    data_seed: int | None = None,
    report: Callable[[SupernetEpoch], None] | None = None,
    progress: Callable[[EpochProgress], None] | None = None,
    lock: Path | None = None,
    before_saving: Callable[[], None] = lambda: None,
    save_every_s: float = SAVE_EVERY_S,
    clock: Callable[[], float] = time.perf_counter,
) -> list[SupernetEpoch]:
    """Train shared weights in place on ``train`` of some images, and return a result for each epoch.

    From a checkpoint of the same training it goes on at its step; on the CPU, with the same number of
    threads, the weights are bit-identical to those of an uninterrupted run.

    Args:
        shared: Shared weights of a space.
        recipe: Recipe of the training.
        splits: Images.
        device: Device to train on.
        folder: Folder of the checkpoint and, at the end, of the weights; None to write nothing.
        band: Least and most MACs of the networks that matter; None for the whole space.
        seed: Seed of everything that is random, at least 0.
        data_seed: Seed of the split of the images, for whoever reads the weights; None if that is `seed`.
        report: Receives the result of each epoch, stored ones first; may raise to stop. None for nobody.
        progress: Receives every few seconds how far a long epoch is; None for nobody.
        lock: Lock of the host that keeps measurements apart from training, see `trials.device_lock`; None if
            nothing is measured.
        before_saving: Called before each checkpoint is written; raises if none may be written any more.
        save_every_s: Seconds between two checkpoints; one is also written at the end.
        clock: Returns seconds.

    Raises:
        NothingFitsError: if no network lies in the band.
        DataError: if the images have other classes or channels than the shared weights.
        NonFiniteLossError: if the loss of an epoch is infinite or not a number.
        OutOfMemoryError: if by the forecast the memory does not suffice, or it does not even for two images.
        DamagedCheckpointError: if the checkpoint cannot be read.
        CheckpointError: if the checkpoint belongs to another training.
    """
    check_images(splits, shared.num_classes, shared.in_channels)
    with out_of_memory_named(), _own_randomness(device), take_turns(lock, clock) as turns:
        classes, channels = shared.num_classes, shared.in_channels
        networks = StepNetworks(
            shared.space, recipe, band, num_classes=classes, in_channels=channels, seed=seed
        )
        forecast_memory(shared.layout, networks, recipe).check(free_memory(device))
        shared.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        images = BatchSource(splits.train, device)
        learner = SupernetLearner(shared, recipe, splits, images, seed=seed)
        identity = _identity(shared, recipe, splits, band, seed)
        path = None if folder is None else folder / CHECKPOINT
        place = _restored(learner, identity, path, device)
        saved_s = clock()
        if report is not None:
            for result in place.history:
                report(result)
        while place.epoch <= recipe.training.epochs:
            for _ in _steps(place, learner, networks, images, recipe, seed, progress, clock):
                turns.step()
                ended = place.epoch > recipe.training.epochs
                if path is not None and (ended or clock() - saved_s >= save_every_s):
                    before_saving()
                    save_checkpoint(path, place.state(learner, identity))
                    saved_s = clock()
            if report is not None:
                report(place.history[-1])
    if folder is not None:
        before_saving()
        of_split = seed if data_seed is None else data_seed
        write_supernet(folder / SUPERNET, shared, splits, recipe, band=band, seed=of_split)
    return place.history


@dataclass(slots=True, kw_only=True, eq=False)
class _Place:
    """How far a training is.

    Attributes:
        epoch: Number of the epoch that is next or in progress, from 1.
        step: Steps of it that are done.
        loss: Sum of its losses so far, each times the images of its step.
        images: Images through networks so far in this epoch.
        history: Results of the epochs that are done.
    """

    epoch: int
    step: int
    loss: Tensor
    images: int
    history: list[SupernetEpoch]

    def state(self, learner: SupernetLearner, identity: dict[str, Any]) -> dict[str, Any]:
        return {
            "identity": identity,
            "epoch": self.epoch,
            "step": self.step,
            "loss": self.loss,
            "images": self.images,
            "history": [asdict(result) for result in self.history],
            "learner": learner.state_dict(),
        }


def _steps(
    place: _Place,
    learner: SupernetLearner,
    networks: StepNetworks,
    images: BatchSource,
    recipe: SupernetRecipe,
    seed: int,
    progress: Callable[[EpochProgress], None] | None,
    clock: Callable[[], float],
) -> Iterator[None]:
    """Train the rest of an epoch, yielding after each step; the host waits for the device at its end alone.

    Raises:
        NonFiniteLossError: if its loss is infinite or not a number.
    """
    training, epoch, started_s = recipe.training, place.epoch, clock()
    batches = images.shuffled(training.batch_size, generator(seed, "order", epoch), training.epoch_images)
    steps = networks.of_epoch(epoch, len(batches))
    meter = ProgressMeter(epoch, training.epochs, list(map(len, batches))[place.step :], progress, clock)
    for number in range(place.step, len(batches)):
        overall = (epoch - 1) * len(batches) + number
        done = (overall + 1) / (training.epochs * len(batches))
        loss, trained = learner.step(steps[number], batches[number], overall, done)
        place.loss += loss * len(batches[number])
        place.images += trained * len(batches[number])
        place.step = number + 1
        meter.step()
        if place.step == len(batches):
            place.history.append(_result(place, sum(map(len, batches)), clock() - started_s, training))
            place.epoch, place.step, place.images = epoch + 1, 0, 0
            place.loss = torch.zeros_like(place.loss)
        yield


def _result(place: _Place, images: int, seconds: float, recipe: Recipe) -> SupernetEpoch:
    loss = place.loss.item() / images
    if not math.isfinite(loss):
        raise NonFiniteLossError(
            f"The training loss of the supernet became {loss} in epoch {place.epoch}: expected a finite "
            f"number. A lower learning_rate than {recipe.learning_rate:g}, gradient_clip or precision: fp32 "
            f"may help."
        )
    return SupernetEpoch(
        epoch=place.epoch,
        loss=loss,
        seconds=seconds,
        images=place.images,
        final=place.epoch == recipe.epochs,
    )


def _identity(
    shared: SharedWeights, recipe: SupernetRecipe, splits: Splits, band: Band | None, seed: int
) -> dict[str, Any]:
    return {
        "space": space_digest(shared.space),
        "classes": shared.num_classes,
        "channels": shared.in_channels,
        "images": splits.fingerprint,
        "recipe": recipe.identity(),
        "band": None if band is None else list(band),
        "seed": seed,
    }


def _restored(
    learner: SupernetLearner, identity: dict[str, Any], path: Path | None, device: torch.device
) -> _Place:
    """Return the place in the checkpoint after restoring the learner, the start without one."""
    if path is None or not path.exists():
        return _Place(epoch=1, step=0, loss=torch.zeros((), device=device), images=0, history=[])
    state = load_checkpoint(path, device)
    check_identity(path, state, identity, "a supernet")
    learner.load_state_dict(state["learner"])
    history = [SupernetEpoch(**fields) for fields in state["history"]]
    return _Place(
        epoch=state["epoch"], step=state["step"], loss=state["loss"], images=state["images"], history=history
    )


@contextmanager
def _own_randomness(device: torch.device) -> Iterator[None]:
    """Restore torch's global generators afterwards: a network's own randomness draws from them."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        yield
