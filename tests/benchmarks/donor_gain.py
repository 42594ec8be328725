"""What pretrained weights are worth on few images: fine-tuned against from scratch, and a lighter neighbour.

EfficientNet-Lite0 with its ImageNet weights on 1,000 CIFAR-10 images, 100 a class, at 128 pixels; 2,000
others judge. Every training of a network has as many epochs, and so core-seconds, with the donor's weights
as without; from scratch each seed has the best of three rates, by the images that judge. The neighbour has
at most 70 % of the donor's MACs: of six that the space around the donor draws, the one that is best on 500
further images after two epochs that begin with inherited weights.

    .venv/bin/python -m tests.benchmarks.donor_gain    # goes on where it stopped
"""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import torch
from PIL import Image
from torch import nn

import search_spaces
from search_spaces.architecture import Architecture
from search_spaces.surroundings import space_around
from trials.donors import open_donor
from trials.images.splits import Images, Splits
from trials.pretrained.donor import Donor
from trials.pretrained.inheritance import inherit
from trials.training.batches import BatchSource, Preprocessor
from trials.training.evaluation import evaluate
from trials.training.loop import train
from trials.training.recipe import Recipe
from trials.training.seeding import seeded_build

ROOT = Path(__file__).resolve().parents[2]
CIFAR = ROOT.parent / "shared" / "data" / "cifar10" / "train.parquet"
RESULTS = Path(__file__).parent / "results" / "donor_gain.json"
SIDE, EPOCHS, SEEDS, RATES = 128, 6, (0, 1, 2), (5e-4, 2e-3, 8e-3)
FINE_RATE = 5e-4
COUNTS = {"train": 1000, "validation": 500, "judge": 2000}
RECIPE = Recipe(name="donor_gain", epochs=EPOCHS, flip=True, gradient_clip=1.0, precision="fp32")


def opened(rows: dict[str, Any], picked: Sequence[int]) -> Images:
    """Return images at 128 pixels, bilinear."""
    pixels = np.stack(
        [
            np.asarray(
                Image.open(BytesIO(rows["image"][i]["bytes"]))
                .convert("RGB")
                .resize((SIDE, SIDE), Image.Resampling.BILINEAR)
            )
            for i in picked
        ]
    )
    return Images(images=pixels, labels=np.array([rows["label"][i] for i in picked], dtype=np.int64))


def splits(donor: Donor) -> Splits:
    """Return 100 training images a class, 50 and 200 others to choose and to judge by."""
    rows = pq.read_table(CIFAR).to_pydict()
    by_class = [[i for i, label in enumerate(rows["label"][:12_000]) if label == c] for c in range(10)]
    starts = {"train": (0, 100), "validation": (100, 150), "judge": (150, 350)}
    found = {n: opened(rows, [i for c in by_class for i in c[a:b]]) for n, (a, b) in starts.items()}
    assert {n: len(images) for n, images in found.items()} == COUNTS
    assert donor.mean is not None
    assert donor.std is not None
    return Splits(
        train=found["train"],
        validation=found["validation"],
        test=found["judge"],
        classes=tuple(map(str, range(10))),
        mean=donor.mean,
        std=donor.std,
        fingerprint="cifar10",
    )


def trained(
    made: Architecture, data: Splits, donor: Donor | None, *, rate: float, seed: int, epochs: int = EPOCHS
) -> dict[str, float]:
    """Return the accuracy of a network after its training, its core-seconds and what it inherited."""
    network: nn.Module = seeded_build(lambda: search_spaces.build(made, num_classes=10), seed)
    new = 1.0
    if donor is not None:
        inherited = inherit(donor, network, made)
        network.load_state_dict(inherited.weights)
        new = inherited.new
    recipe = RECIPE.model_copy(update={"learning_rate": rate, "epochs": epochs})
    rows = slice(None, None, 25)  # no more are looked at before the end
    held = Images(images=data.validation.images[rows], labels=data.validation.labels[rows])
    few = replace(data, validation=held)
    started = time.process_time()
    for _ in train(network, few, recipe, resolution=SIDE, seed=seed, device=torch.device("cpu")):
        pass
    seconds = time.process_time() - started
    preprocess = Preprocessor(data.mean, data.std, SIDE, torch.device("cpu"))
    accuracies = {
        name: evaluate(network, BatchSource(images, torch.device("cpu")), preprocess, recipe).accuracy
        for name, images in (("validation", data.validation), ("judge", data.test))
    }
    return {**accuracies, "core_seconds": round(seconds, 1), "new": new}


class Runs:
    """Trainings by name, kept in a file, so that a run that was stopped goes on."""

    def __init__(self) -> None:
        self.found: dict[str, Any] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}

    def of(self, name: str, run: Callable[[], Any]) -> Any:
        """Return what a run gave, after running it if it has not been."""
        if name not in self.found:
            self.found[name] = run()
            RESULTS.write_text(json.dumps(self.found, indent=1, sort_keys=True) + "\n")
            print(name, self.found[name], flush=True)  # noqa: T201 -- a script
        return self.found[name]


def neighbour(donor: Donor, data: Splits, runs: Runs) -> Architecture:
    """Return the lighter network that is best after two epochs."""
    space = replace(space_around(donor.architecture, "around"), resolution=(SIDE,))
    most = 0.7 * search_spaces.count(at_side(donor), num_classes=10).macs
    rng, drawn = np.random.default_rng(0), list[Architecture]()
    while len(drawn) < 6:
        made = space.sample(rng)
        macs = search_spaces.count(made, num_classes=10).macs
        if 0.5 * most <= macs <= most:
            drawn.append(made)
    two = partial(trained, data=data, donor=donor, rate=FINE_RATE, seed=0, epochs=2)
    values = [runs.of(f"candidate {i}", partial(two, made)) for i, made in enumerate(drawn)]
    best = max(range(len(drawn)), key=lambda i: values[i]["validation"])
    runs.of("neighbour", drawn[best].to_json)
    return drawn[best]


def at_side(donor: Donor) -> Architecture:
    return replace(donor.architecture, resolution=SIDE)


def main() -> None:
    torch.set_num_threads(1)
    donor, runs = open_donor("efficientnet_lite0_224"), Runs()
    data = splits(donor)
    runs.of("fine 0", lambda: trained(at_side(donor), data, donor, rate=FINE_RATE, seed=0))
    runs.of("scratch 0 0.002", lambda: trained(at_side(donor), data, None, rate=2e-3, seed=0))
    lighter = neighbour(donor, data, runs)
    networks = (("", at_side(donor)), ("neighbour ", lighter))
    for seed, rates in ((0, RATES), (1, RATES[1:2]), (2, RATES[1:2]), (1, RATES), (2, RATES)):
        for network, made in networks:
            runs.of(f"{network}fine {seed}", partial(trained, made, data, donor, rate=FINE_RATE, seed=seed))
            for rate in rates:
                runs.of(
                    f"{network}scratch {seed} {rate:g}",
                    partial(trained, made, data, None, rate=rate, seed=seed),
                )


if __name__ == "__main__":
    main()
