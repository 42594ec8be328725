"""Supernets over NAS-Bench-Macro on CIFAR-10: schedules, trainings that resume, and readings of networks."""

import json
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from search_spaces.elastic import SharedWeights
from tests.benchmarks.macro_table import architecture_of, macro_space
from trials.images.splits import Splits
from trials.supernet import SupernetRecipe, read_networks, train_supernet
from trials.training.checkpoint import load_checkpoint
from trials.training.file_names import CHECKPOINT
from trials.training.recipe import Recipe

READ_BATCH: Final = 500
CLASSES: Final = 10

_TRAINING: Final[dict[str, Any]] = {
    "optimiser": "sgd",
    "learning_rate": 0.05,
    "momentum": 0.9,
    "weight_decay": 5e-4,
    "schedule": "cosine",
    "final_rate": 0.0,
    "label_smoothing": 0.0,
    "gradient_clip": 5.0,
    "shift": 0.125,
    "flip": True,
    "batch_size": 64,
}
SCHEDULES: Final[dict[str, dict[str, Any]]] = {
    "fair": {"rule": "fair", "drawn": 3},
    "fair_light_decay": {"rule": "fair", "drawn": 3, "training": {"weight_decay": 5e-5}},
    "fair_adamw": {
        "rule": "fair",
        "drawn": 3,
        "training": {"optimiser": "adamw", "learning_rate": 2e-3, "weight_decay": 0.05},
    },
    "sandwich": {"rule": "sandwich", "drawn": 2, "shrink_from": 0.0, "ramp": 0.0},
    "fair_wide": {"rule": "fair", "drawn": 3, "training": {"batch_size": 128, "learning_rate": 0.1}},
    "fair_adamw_wide": {
        "rule": "fair",
        "drawn": 3,
        "training": {"optimiser": "adamw", "learning_rate": 2e-3, "weight_decay": 0.05, "batch_size": 128},
    },
    "single": {"rule": "single_path", "drawn": 1, "training": {"batch_size": 96, "learning_rate": 0.1}},
    "sandwich_shrinking": {"rule": "sandwich", "drawn": 2, "shrink_from": 0.3, "ramp": 0.2},
}
"""Schedules that were tried on the half that schedules are chosen on."""


@dataclass(frozen=True, kw_only=True)
class Supernet:
    """One training of a supernet.

    Attributes:
        schedule: Name in `SCHEDULES`.
        seed: Seed of the weights and of everything random in the training, at least 0.
        images: Images through networks, each counted once for each network that trains on it.
        shuffled: Whether the labels of the training images are shuffled, so that nothing can be learnt.
        precision: ``fp32`` or ``bf16``.
        side: Side of the images in pixels; the table's are of 32.
        epoch_images: Images of an epoch, after which a rate is known and it can stop for good.
    """

    schedule: str
    seed: int
    images: int
    shuffled: bool = False
    precision: str = "fp32"
    side: int = 32
    epoch_images: int = 4_800

    @property
    def name(self) -> str:
        """Its name in folders and tables."""
        return f"{self.schedule}-{self.images}-{'shuffled-' if self.shuffled else ''}{self.seed}"

    @property
    def recipe(self) -> SupernetRecipe:
        """The recipe of its training."""
        fields = {**SCHEDULES[self.schedule]}
        training = {
            **_TRAINING,
            **fields.pop("training", {}),
            "precision": self.precision,
            "epoch_images": self.epoch_images,
        }
        networks = {"fair": 0, "single_path": 0, "sandwich": 2}[fields["rule"]] + fields["drawn"]
        epochs = max(1, round(self.images / networks / self.epoch_images))
        named = {"name": self.name, "epochs": epochs, "warmup_epochs": 0.02 * epochs}
        return SupernetRecipe(name=self.schedule, **fields, training=Recipe.from_json({**training, **named}))


def trained(supernet: Supernet, splits: Splits, folder: Path, device: torch.device) -> SharedWeights:
    """Return the weights of a supernet, trained from where its checkpoint in the folder ends."""
    shared = SharedWeights(macro_space(supernet.side), num_classes=CLASSES, seed=supernet.seed)
    own = folder / supernet.name
    own.mkdir(parents=True, exist_ok=True)
    history = train_supernet(
        shared,
        supernet.recipe,
        _shuffled(splits, supernet.seed) if supernet.shuffled else splits,
        device=device,
        folder=own,
        seed=supernet.seed,
    )
    seconds, images = (sum(getattr(epoch, of) for epoch in history) for of in ("seconds", "images"))
    later = history[len(history) // 2 :]
    told = {
        "seconds": seconds,
        "images": images,
        "loss": history[-1].loss,
        "rate": statistics.median(epoch.images / epoch.seconds for epoch in later),
    }
    (own / "training.json").write_text(json.dumps(told), encoding="utf-8")
    return shared


def weights_of(supernet: Supernet, folder: Path, device: torch.device) -> SharedWeights:
    """Return the weights of a supernet that was trained in the folder."""
    shared = SharedWeights(macro_space(supernet.side), num_classes=CLASSES, seed=supernet.seed)
    state = load_checkpoint(folder / supernet.name / CHECKPOINT, device)
    shared.load_state_dict(state["learner"]["shared"])
    return shared.to(device)


def _shuffled(splits: Splits, seed: int) -> Splits:
    labels = np.random.default_rng([seed, 9]).permutation(splits.train.labels)
    return replace(splits, train=replace(splits.train, labels=labels))


@dataclass(frozen=True)
class Readings:
    """What a supernet says of networks, in a file with one line of JSON for each.

    Attributes:
        path: Path of the file.
    """

    path: Path

    def known(self) -> dict[str, dict[str, float]]:
        """Return the readings by the strings of the networks."""
        if not self.path.exists():
            return {}
        found: dict[str, dict[str, float]] = {}
        for line in self.path.read_text(encoding="utf-8").splitlines():
            if line.endswith("}"):  # the last one is half written where a reader was killed
                fields = json.loads(line)
                found[fields.pop("network")] = fields
        return found

    def read(
        self,
        shared: SharedWeights,
        splits: Splits,
        names: Sequence[str],
        *,
        precision: str,
        device: torch.device,
    ) -> None:
        """Read the networks that are not known yet.

        Args:
            shared: Weights of the supernet.
            splits: Images.
            names: Strings of the networks.
            precision: ``fp32`` or ``bf16``.
            device: Device that runs them.
        """
        known = self.known()
        side = shared.space.resolution[0]
        missing = [name for name in names if name not in known]
        networks = [architecture_of(name, side) for name in missing]
        recipe = Recipe.from_json({"name": "reading", "epochs": 1, "precision": precision})
        last = time.perf_counter()
        values = read_networks(shared, networks, splits, recipe, device=device, batch_size=READ_BATCH)
        with self.path.open("a", encoding="utf-8") as file:
            for name, value in zip(missing, values, strict=True):
                now = time.perf_counter()
                told = {"network": name, "accuracy": value.accuracy, "loss": value.loss}
                file.write(f"\n{json.dumps({**told, 'images': value.images, 'seconds': now - last})}")
                file.flush()
                last = now


def readings_of(folder: Path, supernet: Supernet) -> dict[str, dict[str, float]]:
    """Return what was read from a supernet so far, by the strings of the networks.

    Args:
        folder: Folder of the runs, or of results.
        supernet: The supernet.
    """
    kept = folder / f"{supernet.name}.json"
    found: dict[str, dict[str, float]] = {}
    if kept.exists():
        found |= json.loads(kept.read_text(encoding="utf-8"))["readings"]
    for path in sorted((folder / supernet.name).glob("readings*.jsonl")):
        found |= Readings(path).known()
    return found
