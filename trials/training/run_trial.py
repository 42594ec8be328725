"""One trial from its description to its weights, wherever a worker runs it."""

import hashlib
import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

import torch
from safetensors.torch import load_file, save
from torch import nn

import search_spaces
from search_spaces.architecture import Architecture
from search_spaces.errors import DataError
from trials.datasets import open_images
from trials.device_lock import host_lock_path
from trials.images.merged_validation import joined
from trials.images.splits import Splits
from trials.training.attempt_fence import check_attempt
from trials.training.checkpoint import write_whole
from trials.training.checksum import keep_checksum
from trials.training.epoch_result import EpochResult
from trials.training.errors import DamagedCheckpointError
from trials.training.loop import train
from trials.training.recipe import Recipe
from trials.training.seeding import seeded_build, trial_seed

CHECKPOINT: Final = "checkpoint.pt"
WEIGHTS: Final = "weights.safetensors"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialConfig:
    """What a worker needs to run a trial; plain values, because they travel between processes.

    Attributes:
        architecture: An `Architecture` as JSON.
        num_classes: Classes of the images.
        in_channels: 1 for grey images, 3 for colour.
        data: See `trials.datasets.open_images`.
        data_seed: Which division of the images.
        recipe: A `Recipe` as JSON has it.
        seed: Of the search.
        trial: Number of the trial in its study.
        folder: Where the trial's checkpoint and weights lie.
        threads: CPU threads that torch may use, or None for its own choice.
        device: ``cpu``, ``cuda``, ``cuda:1`` or ``mps``.
        cache: Folder of decoded images that workers share, or None to decode in memory.
        fingerprint: What the images' fingerprint must be, or None to take any.
        start: Weights to begin with, the safetensors file of a trial; None begins from scratch.
        joined: Whether it learns from the validation images too, see `trials.images.merged_validation`.
        attempt: What `trials.training.attempt_fence.begin_attempt` named this training; None where nobody
            else trains it.
    """

    architecture: str
    num_classes: int
    in_channels: int
    data: str
    data_seed: int
    recipe: dict[str, Any]
    seed: int
    trial: int
    folder: str
    threads: int | None = None
    device: str = "cpu"
    cache: str | None = None
    fingerprint: str | None = None
    start: str | None = None
    joined: bool = False
    attempt: str | None = None


def run_trial(config: dict[str, Any], report: Callable[[EpochResult], None]) -> None:
    """Train the network that `config` describes and report each epoch.

    A trial that ran before goes on from its checkpoint, after reporting the epochs it holds; a damaged
    checkpoint is removed and the trial starts again. After the last epoch its weights are written.

    Args:
        config: The fields of `TrialConfig`; other keys are the caller's own.
        report: Called with each epoch's result, in order; may raise to stop the trial.

    Raises:
        DataError: if the images cannot be used or are not those the search began with.
        TrainingError: if the training cannot go on.
        SupersededError: if a later attempt trains this; nothing of it was written over.
    """
    told = TrialConfig(**{f.name: config[f.name] for f in fields(TrialConfig) if f.name in config})
    if told.threads is not None:
        torch.set_num_threads(told.threads)
    cache = None if told.cache is None else Path(told.cache)
    splits = open_images(told.data, seed=told.data_seed, cache=cache)
    _check_images(splits, told)
    if told.joined:
        splits = joined(splits, seed=told.data_seed, cache=cache)
    architecture = search_spaces.Architecture.from_json(told.architecture)
    seed = trial_seed(told.seed, told.trial)
    network = _network(architecture, told, seed)
    folder = Path(told.folder)
    check_attempt(folder, told.attempt)
    for result in _epochs(network, splits, told, architecture, seed):
        if result.final:
            check_attempt(folder, told.attempt)
            write_weights(folder / WEIGHTS, network, splits, told.architecture)
        report(result)


def write_weights(path: Path, network: nn.Module, splits: Splits, architecture: str) -> None:
    """Write the weights of `network` as safetensors, whole.

    What is needed to use them lies beside them as JSON in the metadata's one key, ``network``; with
    several keys the order, and so the file's hash, would change from run to run.
    """
    tensors = {k: v.detach().cpu().contiguous() for k, v in network.state_dict().items()}
    beside = {
        "architecture": json.loads(architecture),
        "classes": splits.classes,
        "mean": splits.mean,
        "std": splits.std,
        "images": splits.fingerprint,
    }
    write_whole(path, save(tensors, metadata={"network": json.dumps(beside, sort_keys=True)}))
    keep_checksum(path)


def _network(architecture: Architecture, told: TrialConfig, seed: int) -> nn.Module:
    """Return the network with the weights that its training begins with."""
    network: nn.Module = seeded_build(
        lambda: search_spaces.build(architecture, num_classes=told.num_classes, in_channels=told.in_channels),
        seed,
    )
    if told.start is not None:
        network.load_state_dict(load_file(told.start))
    return network


def _epochs(
    network: nn.Module, splits: Splits, told: TrialConfig, architecture: Architecture, seed: int
) -> Iterator[EpochResult]:
    checkpoint = Path(told.folder) / CHECKPOINT
    begun_from = {
        "architecture": architecture.fingerprint,
        "start": "" if told.start is None else hashlib.sha256(Path(told.start).read_bytes()).hexdigest(),
        "images to learn from": "train and validation" if told.joined else "train",
    }

    def epochs() -> Iterator[EpochResult]:
        return train(
            network,
            splits,
            Recipe.from_json(told.recipe),
            resolution=architecture.resolution,
            seed=seed,
            device=torch.device(told.device),
            checkpoint=checkpoint,
            begun_from=begun_from,
            lock=host_lock_path(),
            before_saving=lambda: check_attempt(checkpoint.parent, told.attempt),
        )

    try:
        yield from epochs()
    except DamagedCheckpointError as error:  # found before the first epoch is yielded
        _log.warning("%s Trial %d starts again.", error, told.trial)
        check_attempt(checkpoint.parent, told.attempt)
        checkpoint.unlink()
        yield from epochs()


def _check_images(splits: Splits, told: TrialConfig) -> None:
    found = (len(splits.classes), splits.channels)
    if found != (told.num_classes, told.in_channels):
        raise DataError(
            f"The images '{told.data}' have {found[0]} classes and {found[1]} channels: expected "
            f"{told.num_classes} and {told.in_channels}. Did they change since the search began?"
        )
    if told.fingerprint not in {None, splits.fingerprint}:
        raise DataError(
            f"The images '{told.data}' have changed since the search began: expected the "
            f"fingerprint {told.fingerprint}, found {splits.fingerprint}. Start another study."
        )
