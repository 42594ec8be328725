"""Trains a supernet in a folder, or takes one from elsewhere, and reads networks of it there."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

import torch

from search_spaces.budget import Budget
from search_spaces.elastic.shared_weights import SharedWeights
from search_spaces.pricing import prices
from search_spaces.space import SearchSpace
from search_spaces.space_record import from_record, to_record
from trials.datasets import open_images
from trials.images.splits import Splits
from trials.latency.host_lock import host_lock
from trials.supernet.cost_forecast import CostForecast, cost_forecast, work_of
from trials.supernet.memory import forecast_memory
from trials.supernet.readings import Readings, Wanted, read_into
from trials.supernet.recipe import SupernetRecipe
from trials.supernet.step_networks import Band, StepNetworks
from trials.supernet.training import SAVE_EVERY_S, SupernetEpoch, train_supernet
from trials.supernet.weights_file import TrainedSupernet, load_supernet
from trials.training.attempt_fence import check_attempt
from trials.training.epoch_progress import EpochProgress
from trials.training.errors import DamagedCheckpointError
from trials.training.file_names import CHECKPOINT, SUPERNET
from trials.training.free_memory import free_memory
from trials.training.recipe import Recipe

_log = logging.getLogger(__name__)

# A checkpoint holds each weight, and two numbers of the optimiser. At this rate writing takes a few percent.
_CHECKPOINT_BYTES: Final = 12
_BYTES_A_SECOND: Final = 25e6
_LEAST_SAVE_S: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SupernetConfig:
    """What a worker needs to train a supernet and to read it; `to_json` travels between processes.

    Attributes:
        space: Space of the networks.
        recipe: Recipe of the supernet.
        search: Recipe of the search's own trainings, to compare costs with.
        band: Least and most MACs of the networks that it is for.
        budgets: Budgets of the networks that are read, on counted costs.
        readings: Number of networks that are read, at least 1.
        metric: Metric of the readings.
        data: Name or path of the images.
        data_seed: Seed of their split.
        fingerprint: Expected fingerprint of the images.
        cache: Folder of decoded images.
        seed: Seed of the training and of the draws, at least 0.
        folder: Folder of the checkpoint, the weights and the readings.
        weights: File of a supernet that is trained already; None to train one.
        threads: CPU threads that torch may use.
        device: Device as torch calls it.
        attempt: Name of this attempt, see `trials.training.attempt_fence`; None if no other can run.
    """

    space: SearchSpace
    recipe: SupernetRecipe
    search: Recipe
    band: Band
    budgets: tuple[str, ...]
    readings: int
    metric: str
    data: str
    data_seed: int
    fingerprint: str
    cache: str | None
    seed: int
    folder: str
    weights: str | None = None
    threads: int = 1
    device: str = "cpu"
    attempt: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the fields by name, as JSON has them."""
        plain = {field.name: getattr(self, field.name) for field in fields(self)}
        return {
            **plain,
            "space": to_record(self.space),
            "recipe": self.recipe.to_json(),
            "search": self.search.to_json(),
            "band": list(self.band),
            "budgets": list(self.budgets),
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "SupernetConfig":
        """Return the config whose `to_json` is in `values`; keys that are not fields are ignored."""
        plain = {field.name: values[field.name] for field in fields(cls) if field.name in values}
        return cls(
            **{
                **plain,
                "space": from_record(plain["space"]),
                "recipe": SupernetRecipe.from_json(plain["recipe"]),
                "search": Recipe.from_json(plain["search"]),
                "band": (int(plain["band"][0]), int(plain["band"][1])),
                "budgets": tuple(plain["budgets"]),
            }
        )


class Listener:
    """Receives what happens; each method may be left as it is."""

    def forecast(self, forecast: CostForecast) -> None:
        """Receive what the training will take, before it begins."""

    def epoch(self, epoch: SupernetEpoch) -> None:
        """Receive the result of each epoch, stored ones first."""

    def progress(self, progress: EpochProgress) -> None:
        """Receive every few seconds how far a long epoch is."""

    def read(self, done: int, count: int) -> None:
        """Receive how many of the networks have been read."""


def run_supernet(config: SupernetConfig, listener: Listener) -> Readings:
    """Return the readings of networks, after training the supernet where that is missing.

    Goes on where it was stopped; on the CPU, with as many threads, the files are the same to the byte.

    Args:
        config: What is trained and read.
        listener: Receives what happens.

    Raises:
        DataError: if the images cannot be used or are not those of the search.
        TrainingError: if the training cannot go on.
        SupersededError: if a later attempt runs; none of its files were overwritten.
    """
    torch.set_num_threads(config.threads)
    splits = open_images(
        config.data, seed=config.data_seed, cache=None if config.cache is None else Path(config.cache)
    )
    folder, device = Path(config.folder), torch.device(config.device)
    weights = folder / SUPERNET if config.weights is None else Path(config.weights)

    def check() -> None:
        check_attempt(folder, config.attempt)

    check()
    if config.weights is None:
        if not weights.exists():
            _train(config, splits, device, listener, check)
        (folder / CHECKPOINT).unlink(missing_ok=True)  # with the optimiser's state: three times the weights
    trained = load_supernet(weights)
    trained.check(config.space, splits, seed=config.data_seed)
    return read_into(
        folder,
        trained,
        _wanted(config, trained),
        splits,
        device=device,
        weights=weights,
        report=listener.read,
        before_saving=check,
    )


def _wanted(config: SupernetConfig, trained: TrainedSupernet) -> Wanted:
    shape = {"num_classes": trained.shared.num_classes, "in_channels": trained.shared.in_channels}
    return Wanted(
        prices=prices(config.space.codes, **shape),
        budgets=tuple(map(Budget.parse, config.budgets)),
        least_macs=config.band[0],
        count=config.readings,
        metric=config.metric,
        seed=config.seed,
    )


def _train(
    config: SupernetConfig,
    splits: Splits,
    device: torch.device,
    listener: Listener,
    check: Callable[[], None],
) -> None:
    """Write the weights of the supernet; starts again without a checkpoint that is damaged."""
    folder = Path(config.folder)
    checkpoint = folder / CHECKPOINT
    if not checkpoint.exists():
        listener.forecast(_forecast(config, splits, device))
    try:
        _train_once(config, splits, device, listener, check)
    except DamagedCheckpointError as error:  # found before anything is trained
        _log.warning("%s The supernet starts again.", error)
        check()
        checkpoint.unlink()
        _train_once(config, splits, device, listener, check)


def _train_once(
    config: SupernetConfig,
    splits: Splits,
    device: torch.device,
    listener: Listener,
    check: Callable[[], None],
) -> None:
    shared = _shared(config, splits)
    checkpoint_bytes = _CHECKPOINT_BYTES * shared.layout.params
    train_supernet(
        shared,
        config.recipe,
        splits,
        device=device,
        folder=Path(config.folder),
        band=config.band,
        seed=config.seed,
        data_seed=config.data_seed,
        report=listener.epoch,
        progress=listener.progress,
        lock=host_lock(),
        before_saving=check,
        save_every_s=min(SAVE_EVERY_S, max(_LEAST_SAVE_S, checkpoint_bytes / _BYTES_A_SECOND)),
    )


def _forecast(config: SupernetConfig, splits: Splits, device: torch.device) -> CostForecast:
    shared = _shared(config, splits)
    networks = _networks(config, splits)
    memory = forecast_memory(shared.layout, networks, config.recipe)
    memory.check(free_memory(device))
    shared.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    sizes = {"images": len(splits.train), "validation": len(splits.validation)}
    return cost_forecast(
        shared,
        networks,
        config.recipe,
        work_of(networks, config.recipe, config.search, **sizes),
        readings=config.readings,
        memory=memory.total,
        splits=splits,
        device=device,
    )


def _shared(config: SupernetConfig, splits: Splits) -> SharedWeights:
    return SharedWeights(
        config.space, num_classes=len(splits.classes), in_channels=splits.channels, seed=config.seed
    )


def _networks(config: SupernetConfig, splits: Splits) -> StepNetworks:
    return StepNetworks(
        config.space,
        config.recipe,
        config.band,
        num_classes=len(splits.classes),
        in_channels=splits.channels,
        seed=config.seed,
    )
