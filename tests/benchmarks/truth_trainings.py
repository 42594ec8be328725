"""Trains networks by one recipe in several processes at once, each from its last checkpoint."""

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

import search_spaces
from search_spaces.architecture import Architecture
from tests.benchmarks.cifar10 import IMAGES
from tests.benchmarks.kept_runs import in_processes, kept
from trials.datasets import open_images
from trials.images.splits import Splits
from trials.training.batches import BatchSource, Preprocessor
from trials.training.evaluation import evaluate
from trials.training.loop import train
from trials.training.recipe import Recipe
from trials.training.seeding import seeded_build, trial_seed


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """One training.

    Attributes:
        key: Its name in the state.
        network: The network.
        recipe: Its recipe.
        seed: Seed of the weights and the order of the images.
    """

    key: str
    network: Architecture
    recipe: Recipe
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where trainings run.

    Attributes:
        images: Folder of the images.
        folder: Folder of decoded images and checkpoints.
        device: Name of the device.
        at_once: Trainings at the same time.
    """

    images: str
    folder: Path
    device: str
    at_once: int

    def splits(self) -> Splits:
        """Return the images; decoded once."""
        return open_images(self.images, seed=0, cache=self.folder / "images")


def trained(trainings: Sequence[Training], place: Place) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield key and result of each training as it ends."""
    if not trainings:
        return
    place.splits()  # decoded before several processes would
    runs = {training.key: partial(result_of, training, place) for training in trainings}
    yield from in_processes(runs, place.at_once)


def trained_and_kept(trainings: Sequence[Training], place: Place, path: Path) -> dict[str, Any]:
    """Return the results in a file by key, after running and keeping those that are missing.

    Args:
        trainings: Trainings, first come first.
        place: Where they run.
        path: JSON file of results.
    """
    state: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    for key, result in trained([one for one in trainings if one.key not in state], place):
        state[key] = result
        kept(path, state)
        sys.stderr.write(f"{key}: {result['test']:.1%}, {result['seconds']:.0f} s\n")
    return state


def place_asked_for(parser: argparse.ArgumentParser, name: str) -> tuple[argparse.Namespace, Place]:
    """Return what the command line of a benchmark says, and where its trainings run.

    Args:
        parser: Has the other options.
        name: Name of the benchmark.
    """
    parser.add_argument("--images", type=Path, default=IMAGES, help="folder of CIFAR-10 as Parquet")
    parser.add_argument("--folder", type=Path, default=Path(f"nas-runs/{name}"), help="of checkpoints")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--at-once", type=int, default=1, help="trainings at the same time")
    given = parser.parse_args()
    folder = given.folder.resolve()
    return given, Place(images=str(given.images), folder=folder, device=given.device, at_once=given.at_once)


def result_of(training: Training, place: Place) -> dict[str, Any]:
    """Return a training's accuracies on validation and test images with what it took.

    Of each epoch there are accuracy and loss on the validation images. Seconds are those of one core, or of
    the GPU, also where a training was interrupted.
    """
    splits, device = place.splits(), torch.device(place.device)
    network, classes = training.network, len(place.splits().classes)
    module = seeded_build(lambda: search_spaces.build(network, num_classes=classes), training.seed)
    name = f"{training.recipe.name}-{network.fingerprint}-{training.seed}.pt"
    (place.folder / "checkpoints").mkdir(parents=True, exist_ok=True)
    checkpoint = place.folder / "checkpoints" / name
    results = list(
        train(
            module,
            splits,
            training.recipe,
            resolution=network.resolution,
            seed=trial_seed(training.seed, 0),
            device=device,
            checkpoint=checkpoint,
            clock=time.process_time if place.device == "cpu" else time.perf_counter,
        )
    )
    preprocess = Preprocessor(splits.mean, splits.std, network.resolution, device)
    test = evaluate(module, BatchSource(splits.test, device), preprocess, training.recipe)
    checkpoint.unlink(missing_ok=True)
    return {
        "validation": results[-1].accuracy,
        "epochs": [[result.accuracy, result.loss] for result in results],
        "test": test.accuracy,
        "seconds": round(sum(result.seconds for result in results), 1),
        "costs": dict(search_spaces.count(network, num_classes=classes, deploy=True)),
        "network": json.loads(network.to_json()),
        "device": device_name(device),
    }


def where_trained(results: Mapping[str, Mapping[str, Any]]) -> str:
    """Return a line that says on what the trainings ran."""
    counts = Counter(str(result.get("device", "cpu")) for result in results.values())
    return "Trained on " + ", ".join(f"{name} ({count})" for name, count in counts.most_common()) + "."


def device_name(device: torch.device) -> str:
    """Return what a training ran on."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
    return f"{name}, torch {torch.__version__}"
