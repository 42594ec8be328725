"""Evaluates the weights of a trained network: on the test split or in int8, after its training."""

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import nn

from search_spaces.architecture import Architecture
from search_spaces.building import build
from trials.images.splits import Images, Splits
from trials.training.batches import BatchSource, Preprocessor
from trials.training.epoch_result import error_key
from trials.training.evaluation import METRICS, Scores, evaluate
from trials.training.int8_evaluation import int8_scores
from trials.training.out_of_memory import out_of_memory_named
from trials.training.predictions import Predictions, predictions
from trials.training.recipe import Recipe


def final_scores(
    architecture: Architecture, weights: Path, splits: Splits, recipe: Recipe, device: torch.device
) -> Scores:
    """Return the scores of a trained network on the test split.

    Args:
        architecture: Architecture of the network.
        weights: Safetensors file of its weights.
        splits: Images that it was trained on, with their test split.
        recipe: Recipe whose precision is used.
        device: Device that runs it.

    Raises:
        OutOfMemoryError: if the device cannot hold the network even with one image.
    """
    with out_of_memory_named():
        network, preprocess = _loaded(architecture, weights, splits, device)
        return evaluate(network, BatchSource(splits.test, device), preprocess, recipe)


def final_int8_values(
    architecture: Architecture, weights: Path, splits: Splits, recipe: Recipe
) -> dict[str, list[float]]:
    """Return value and standard error of the int8 form on the test split by metric, on the CPU.

    Arguments and what is raised as for `final_scores`, and:

    Raises:
        TrainingError: if the network has no int8 form.
    """
    return _int8_values(architecture, weights, splits, recipe, splits.test)


def validation_int8_values(
    architecture: Architecture, weights: Path, splits: Splits, recipe: Recipe
) -> dict[str, list[float]]:
    """Return the same on the validation split; see `final_int8_values`."""
    return _int8_values(architecture, weights, splits, recipe, splits.validation)


def final_predictions(
    architecture: Architecture, weights: Path, splits: Splits, recipe: Recipe, device: torch.device
) -> Predictions:
    """Return what a trained network says of each image of the test split; see `final_scores`."""
    with out_of_memory_named():
        network, preprocess = _loaded(architecture, weights, splits, device)
        return predictions(network, BatchSource(splits.test, device), preprocess, recipe)


def write_int8_predictions(
    path: Path, architecture: Architecture, weights: Path, splits: Splits, recipe: Recipe
) -> None:
    """Write what the int8 form says of each image of the test split; arguments as for `final_int8_values`."""
    _int8_values(architecture, weights, splits, recipe, splits.test, predicted=path)


def _int8_values(
    architecture: Architecture,
    weights: Path,
    splits: Splits,
    recipe: Recipe,
    images: Images,
    predicted: Path | None = None,
) -> dict[str, list[float]]:
    network, _ = _loaded(architecture, weights, splits, torch.device("cpu"))
    found = int8_scores(network, splits, recipe, architecture.resolution, images=images, predicted=predicted)
    return {name: [found[name], found[error_key(name)]] for name in METRICS}


def _loaded(
    architecture: Architecture, weights: Path, splits: Splits, device: torch.device
) -> tuple[nn.Module, Preprocessor]:
    """Return a trained network on a device, with the preprocessing of its images."""
    network = build(architecture, num_classes=len(splits.classes), in_channels=splits.channels)
    network.load_state_dict(load_file(weights))
    network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network, Preprocessor(splits.mean, splits.std, architecture.resolution, device)
