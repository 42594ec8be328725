"""Runs one trial: opens the images, builds and trains the network, writes its weights."""

import hashlib
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import nn

import search_spaces
from search_spaces.architecture import Architecture
from search_spaces.counting import smallest_side
from search_spaces.errors import DataError
from trials.datasets import open_images
from trials.images.merged_validation import merge_validation
from trials.images.splits import Splits
from trials.latency.host_lock import host_lock
from trials.pretrained.donor_file import donor_facts, read_donor
from trials.pretrained.inheritance import inherit
from trials.pretrained.usual_preprocessing import Normalisation
from trials.training.attempt_fence import check_attempt
from trials.training.batches import BatchSource, Preprocessor
from trials.training.epoch_progress import EpochProgress
from trials.training.epoch_result import EpochResult
from trials.training.errors import DamagedCheckpointError
from trials.training.file_names import CHECKPOINT, PREDICTIONS, WEIGHTS
from trials.training.int8_evaluation import with_int8
from trials.training.loop import train
from trials.training.output_folders import FOLDER
from trials.training.predictions import Predictions, predictions
from trials.training.recipe import Recipe
from trials.training.seeding import seeded_build, trial_seed
from trials.training.teacher import OutputPlace
from trials.training.weights_file import write_weights

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialConfig:
    """Everything that a worker needs to run a trial; `to_json` is what travels between processes.

    Attributes:
        architecture: Architecture of the network.
        num_classes: Number of classes of the images.
        in_channels: 1 for grey images, 3 for colour.
        data: Name or path of the images, see `trials.datasets.open_images`.
        data_seed: Seed of the split into train, validation and test.
        recipe: Training recipe.
        seed: Seed of the search, at least 0.
        trial: Number of the trial in its study.
        folder: Folder of the trial's checkpoint and weights.
        threads: CPU threads that torch may use; None for torch's default.
        device: ``cpu``, ``cuda``, ``cuda:1`` or ``mps``.
        cache: Folder of decoded images that workers share; None to decode in memory.
        fingerprint: Expected fingerprint of the images; None to accept any.
        start: Safetensors file of the initial weights; None for random initialisation.
        donor: File of a donor, see `trials.pretrained.donor_file`, of which the network inherits what fits;
            None for none.
        normalise: Mean and standard deviation of each channel by which images are normalised; None for those
            of the images.
        with_validation: Whether the network also trains on the validation images, see
            `trials.images.merged_validation`.
        attempt: Name of this attempt, from `trials.training.attempt_fence.begin_attempt`; None if no other
            process can run this trial.
        resized_once: Whether each image is resized from its file to the network's resolution in one step;
            otherwise to a size that suits all images first, as studies of earlier versions do.
        keep_predictions: Whether the class of each validation image that the deployed form predicts is
            written beside the weights.
        study: Identity of the study, which the outputs of a teacher are kept for; None for no study.
        deploy_dtype: ``int8`` to evaluate the int8 form too after the last epoch; else ``fp32``.
        metric: Metric by which weights are chosen, for recipes with ``soup_epochs``.
        begun_with: The donor of `start`, see `trials.pretrained.donor_file.donor_facts`; None for none.
    """

    architecture: Architecture
    num_classes: int
    in_channels: int
    data: str
    data_seed: int
    recipe: Recipe
    seed: int
    trial: int
    folder: str
    threads: int | None = None
    device: str = "cpu"
    cache: str | None = None
    fingerprint: str | None = None
    start: str | None = None
    with_validation: bool = False
    attempt: str | None = None
    resized_once: bool = False
    keep_predictions: bool = False
    study: str | None = None
    donor: str | None = None
    normalise: Normalisation | None = None
    deploy_dtype: str = "fp32"
    metric: str = "accuracy"
    begun_with: Mapping[str, Any] | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the fields by name, as JSON has them; the architecture is its JSON text."""
        plain = {f.name: getattr(self, f.name) for f in fields(self)}
        return {**plain, "architecture": self.architecture.to_json(), "recipe": self.recipe.to_json()}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "TrialConfig":
        """Return the config whose `to_json` is in `values`; keys that are not fields are ignored.

        Raises:
            ArchitectureError: if the architecture cannot be read.
            RecipeError: if the recipe cannot be used.
        """
        plain = {f.name: values[f.name] for f in fields(cls) if f.name in values}
        architecture = Architecture.from_json(plain["architecture"])
        if plain.get("normalise") is not None:
            mean, std = plain["normalise"]
            plain["normalise"] = (tuple(mean), tuple(std))
        return cls(**{**plain, "architecture": architecture, "recipe": Recipe.from_json(plain["recipe"])})


def run_trial(
    config: TrialConfig,
    report: Callable[[EpochResult], None],
    progress: Callable[[EpochProgress], None] | None = None,
) -> None:
    """Train the network of a trial, report each epoch and write the weights after the last one.

    A trial that ran before resumes from its checkpoint, after reporting the epochs stored there; a damaged
    checkpoint is removed and the trial starts again.

    Args:
        config: Description of the trial.
        report: Called with each epoch's result, in order; may raise to stop the trial.
        progress: Called every few seconds of a long epoch; None for nobody.

    Raises:
        DataError: if the images cannot be used or are not those the search began with.
        TrainingError: if the training cannot continue.
        SupersededError: if a later attempt runs this trial; none of its files were overwritten.
    """
    if config.threads is not None:
        torch.set_num_threads(config.threads)
    splits = _open_splits(config, config.architecture.resolution)
    seed = trial_seed(config.seed, config.trial)
    network, begun = _initial_network(config, seed, splits.classes)
    folder = Path(config.folder)
    check_attempt(folder, config.attempt)
    for result in _epochs(network, splits, config, seed, progress, begun):
        reported = result
        if result.final:
            check_attempt(folder, config.attempt)
            predicted = folder / PREDICTIONS if config.keep_predictions else None
            if predicted is not None and config.deploy_dtype != "int8":
                _predicted(network, splits, config).write(predicted)
            donor = begun or config.begun_with
            write_weights(folder / WEIGHTS, network, splits, config.architecture, donor=donor)
            if config.deploy_dtype == "int8":
                side = config.architecture.resolution
                reported = with_int8(result, network, splits, config.recipe, side, predicted=predicted)
        report(reported if begun is None else replace(reported, new_parameters=round(begun["new"], 4)))


def _predicted(network: nn.Module, splits: Splits, config: TrialConfig) -> Predictions:
    """Return what a trained network says of the validation images."""
    device = torch.device(config.device)
    preprocess = Preprocessor(splits.mean, splits.std, config.architecture.resolution, device)
    return predictions(network, BatchSource(splits.validation, device), preprocess, config.recipe)


def _open_splits(config: TrialConfig, resolution: int) -> Splits:
    """Return the images to train on, for networks of a resolution, checked against those of the search."""
    size = resolution if config.resized_once else None
    where: dict[str, Any] = {
        "seed": config.data_seed,
        "cache": None if config.cache is None else Path(config.cache),
        "resolution": size,
    }
    splits = open_images(config.data, **where)
    _check_images(splits, config)
    if config.normalise is not None:
        splits = replace(splits, mean=config.normalise[0], std=config.normalise[1])
    return merge_validation(splits, **where) if config.with_validation else splits


def _initial_network(
    config: TrialConfig, seed: int, classes: Sequence[str]
) -> tuple[nn.Module, dict[str, Any] | None]:
    """Return the network with its initial weights, and of whom it inherited; None for nobody."""
    shape = {"num_classes": config.num_classes, "in_channels": config.in_channels}
    network: nn.Module = seeded_build(lambda: search_spaces.build(config.architecture, **shape), seed)
    if config.start is not None:
        network.load_state_dict(load_file(config.start))
    elif config.donor is not None:
        donor = read_donor(config.donor)
        inherited = inherit(donor, network, config.architecture, classes=classes)
        network.load_state_dict(inherited.weights)
        return network, {**donor_facts(donor), "new": inherited.new}
    return network, None


def _epochs(
    network: nn.Module,
    splits: Splits,
    config: TrialConfig,
    seed: int,
    progress: Callable[[EpochProgress], None] | None,
    begun: Mapping[str, Any] | None,
) -> Iterator[EpochResult]:
    """Yield the result of each epoch; starts again without a checkpoint that is damaged."""
    checkpoint = Path(config.folder) / CHECKPOINT

    def epochs() -> Iterator[EpochResult]:
        return train(
            network,
            splits,
            config.recipe,
            resolution=config.architecture.resolution,
            seed=seed,
            device=torch.device(config.device),
            checkpoint=checkpoint,
            extra_identity=_identity(config, begun),
            lock=host_lock(),
            before_saving=lambda: check_attempt(checkpoint.parent, config.attempt),
            progress=progress,
            images_at=(lambda side: _open_splits(config, side).train) if config.resized_once else None,
            smallest_side=smallest_side(config.architecture),
            teacher_outputs=_teacher_outputs(config),
            architecture=config.architecture,
            metric=config.metric,
        )

    try:
        yield from epochs()
    except DamagedCheckpointError as error:  # found before the first epoch is yielded
        _log.warning("%s Trial %d starts again.", error, config.trial)
        check_attempt(checkpoint.parent, config.attempt)
        checkpoint.unlink()
        yield from epochs()


def _teacher_outputs(config: TrialConfig) -> OutputPlace | None:
    """Return where the outputs of the teacher are kept: beside the decoded images."""
    return None if config.cache is None else OutputPlace(root=Path(config.cache) / FOLDER, owner=config.study)


def _identity(config: TrialConfig, begun: Mapping[str, Any] | None) -> dict[str, str]:
    """Return what a checkpoint must agree with, besides images, recipe and seed, to be resumed."""
    start = "" if config.start is None else hashlib.sha256(Path(config.start).read_bytes()).hexdigest()
    return {
        "architecture": config.architecture.fingerprint,
        "start": start,
        "images to learn from": "train and validation" if config.with_validation else "train",
        **({"resizing of images": "once"} if config.resized_once else {}),
        **({} if begun is None else {"donor": begun["digest"]}),
        **({} if config.normalise is None else {"normalisation": str(config.normalise)}),
    }


def _check_images(splits: Splits, config: TrialConfig) -> None:
    found = (len(splits.classes), splits.channels)
    if found != (config.num_classes, config.in_channels):
        raise DataError(
            f"The images '{config.data}' have {found[0]} classes and {found[1]} channels: expected "
            f"{config.num_classes} and {config.in_channels}. Did they change since the search began?"
        )
    if config.fingerprint not in {None, splits.fingerprint}:
        raise DataError(
            f"The images '{config.data}' have changed since the search began: expected the "
            f"fingerprint {config.fingerprint}, found {splits.fingerprint}. Start another study."
        )
