"""What pretrained weights are worth on few images: fine-tuned against from scratch, and a lighter neighbour.

EfficientNet-Lite0 with its ImageNet weights on 1,000 CIFAR-10 images, 100 a class, at 128 pixels; 2,000
others judge. Every training of a network has as many epochs, and so core-seconds, with the donor's weights
as without; from scratch each seed has the best of three rates, by the images that judge. The neighbour has
at most 70 % of the donor's MACs: of the network with which a search around the donor begins, which is the
donor on smaller images, and of others that the space around it draws, the one that is best on 500 further
images after a third of the epochs, begun with inherited weights.

    .venv/bin/python -m tests.benchmarks.donor_gain --device cuda --at-once 8   # goes on where it stopped
"""

import argparse
import json
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow.parquet as pq
import torch
from PIL import Image
from torch import nn

import search_spaces
from nas.orchestration.starting_networks import on_smaller_images
from search_spaces.architecture import Architecture
from search_spaces.budget import Budget
from search_spaces.pricing import prices
from search_spaces.surroundings import space_around
from tests.benchmarks.filing import RESULTS, file_result
from tests.benchmarks.kept_runs import KeptRuns
from tests.benchmarks.truth_trainings import device_name, where_trained
from trials.donors import open_donor
from trials.images.splits import Images, Splits
from trials.pretrained.donor import Donor
from trials.pretrained.inheritance import inherit
from trials.training.batches import BatchSource, Preprocessor
from trials.training.evaluation import evaluate
from trials.training.loop import train
from trials.training.recipe import Recipe
from trials.training.seeding import seeded_build

CIFAR: Final = Path(__file__).parents[3] / "shared/data/cifar10/train.parquet"
SIDE, EPOCHS, SEEDS, RATES = 128, 6, (0, 1, 2), (5e-4, 2e-3, 8e-3)
FINE_RATE, CANDIDATES = 5e-4, 6
COUNTS = {"train": 1000, "validation": 500, "judge": 2000}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where trainings run.

    Attributes:
        donor: Source of the donor.
        images: File of CIFAR-10's training images.
        device: Name of the device.
        epochs: Epochs of a training.
    """

    donor: str
    images: Path
    device: str
    epochs: int

    def key(self, name: str) -> str:
        """Return the name of a training among the results."""
        return name if self.epochs == EPOCHS else f"{name}, {self.epochs} epochs"


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


@cache
def donor_and_images(place: Place) -> tuple[Donor, Splits]:
    """Return the donor, and 100 training images a class, 50 and 200 others to choose and to judge by."""
    donor = open_donor(place.donor)
    rows = pq.read_table(place.images).slice(0, 12_000).to_pydict()
    by_class = [[i for i, label in enumerate(rows["label"]) if label == c] for c in range(10)]
    starts = {"train": (0, 100), "validation": (100, 150), "judge": (150, 350)}
    found = {n: opened(rows, [i for c in by_class for i in c[a:b]]) for n, (a, b) in starts.items()}
    assert {n: len(images) for n, images in found.items()} == COUNTS
    assert donor.mean is not None
    assert donor.std is not None
    splits = Splits(
        train=found["train"],
        validation=found["validation"],
        test=found["judge"],
        classes=tuple(map(str, range(10))),
        mean=donor.mean,
        std=donor.std,
        fingerprint="cifar10",
    )
    return donor, splits


def trained(
    made: Architecture, place: Place, *, inherits: bool, rate: float, seed: int, share: float = 1.0
) -> dict[str, Any]:
    """Return the accuracy of a network after its training, the seconds that it took and what is new in it.

    Seconds are those of one core, or of the wall beside a GPU; `share` is that of the epochs.
    """
    donor, data = donor_and_images(place)
    device = torch.device(place.device)
    clock = time.process_time if place.device == "cpu" else time.perf_counter
    network: nn.Module = seeded_build(lambda: search_spaces.build(made, num_classes=10), seed)
    new = 1.0
    if inherits:
        inherited = inherit(donor, network, made)
        network.load_state_dict(inherited.weights)
        new = inherited.new
    recipe = Recipe(
        name="donor_gain",
        epochs=round(share * place.epochs),
        learning_rate=rate,
        flip=True,
        gradient_clip=1.0,
        precision="fp32",
    )
    rows = slice(None, None, 25)  # no more are looked at before the end
    held = Images(images=data.validation.images[rows], labels=data.validation.labels[rows])
    few = replace(data, validation=held)
    started = clock()
    for _ in train(network, few, recipe, resolution=made.resolution, seed=seed, device=device):
        pass
    seconds = clock() - started
    preprocess = Preprocessor(data.mean, data.std, made.resolution, device)
    accuracies = {
        name: evaluate(network, BatchSource(images, device), preprocess, recipe).accuracy
        for name, images in (("validation", data.validation), ("judge", data.test))
    }
    return {**accuracies, "seconds": round(seconds, 1), "new": new, "device": device_name(device)}


def candidates(donor: Donor, count: int) -> list[Architecture]:
    """Return members of the space around the donor: what a search begins with, then uniform ones.

    All have at most 70 % of the donor's MACs, and those at least 35 %.
    """
    network = at_side(donor)
    space, most = space_around(network, "around"), int(0.7 * macs(network))
    budget = Budget.parse(f"{most}-MACs")
    first = on_smaller_images(space, prices(space.codes, num_classes=10), network, [budget])
    assert first is not None
    rng, drawn = np.random.default_rng(0), [first]
    while len(drawn) < count:
        made = space.sample(rng, budgets=[budget], num_classes=10)
        if 0.5 * most <= macs(made) and made not in drawn:
            drawn.append(made)
    return drawn


def all_runs(name: str, made: Architecture, place: Place) -> dict[str, Any]:
    """Return the trainings of one network, by name: fine-tuned and from scratch, by every seed and rate."""
    run = partial(trained, made, place)
    fine = {
        place.key(f"{name}fine {seed}"): partial(run, inherits=True, rate=FINE_RATE, seed=seed)
        for seed in SEEDS
    }
    scratch = {
        place.key(f"{name}scratch {seed} {rate:g}"): partial(run, inherits=False, rate=rate, seed=seed)
        for seed in SEEDS
        for rate in RATES
    }
    return {**fine, **scratch}


def at_side(donor: Donor) -> Architecture:
    """Return the donor's network for the images of the benchmark."""
    return replace(donor.architecture, resolution=SIDE)


def macs(made: Architecture) -> int:
    """Return what a network costs."""
    return search_spaces.count(made, num_classes=10).macs


def table(runs: dict[str, Any], networks: dict[str, Architecture], place: Place) -> list[str]:
    """Return the results as lines of Markdown, from scratch by the best rate for each seed."""
    suffix = place.key("")
    found = {name.removesuffix(suffix): given for name, given in runs.items() if name.endswith(suffix)}
    lines = [
        "| network | MACs | new parameters | fine-tuned | from scratch, best rate | gain by seed |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name, made in networks.items():
        fine = [100 * found[f"{name}fine {seed}"]["judge"] for seed in SEEDS]
        scratch = [
            max(100 * found[f"{name}scratch {seed} {rate:g}"]["judge"] for rate in RATES) for seed in SEEDS
        ]
        gains = ", ".join(f"{one - other:+.1f}" for one, other in zip(fine, scratch, strict=True))
        lines.append(
            f"| {name or 'the donor'} | {macs(made) / 1e6:.1f}M | {found[f'{name}fine 0']['new']:.1%} | "
            f"{statistics.fmean(fine):.1f} | {statistics.fmean(scratch):.1f} | {gains} |"
        )
    return [*lines, "", _kept(found)]


def _kept(found: dict[str, Any]) -> str:
    """Return what of the donor's gain the neighbour keeps, with its inherited weights and without."""

    def mean(name: str) -> float:
        return statistics.fmean(found[f"{name} {seed}"]["judge"] for seed in SEEDS)

    def scratch(name: str) -> float:
        best = (max(found[f"{name}scratch {s} {r:g}"]["judge"] for r in RATES) for s in SEEDS)
        return statistics.fmean(best)

    gain = mean("fine") - scratch("")
    kept, without = (
        (value - scratch("")) / gain for value in (mean("neighbour fine"), scratch("neighbour "))
    )
    return (
        f"Of the {100 * gain:.1f} points that the donor's weights gain, the neighbour keeps {kept:.0%} with "
        f"what it inherits, and {without:.0%} from scratch."
    )


def arguments() -> argparse.Namespace:
    """Return the arguments of the command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--state", type=Path, default=RESULTS / "donor_gain.json", help="file of the results")
    parser.add_argument("--images", type=Path, default=CIFAR, help="file of CIFAR-10's training images")
    parser.add_argument("--donor", default="efficientnet_lite0_224", help="name or file of the weights")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--candidates", type=int, default=CANDIDATES, help="neighbours to choose from")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--at-once", type=int, default=1, help="trainings at the same time")
    return parser.parse_args()


def main() -> None:
    """Train what is not yet in the file of results, then file them."""
    given = arguments()
    place = Place(donor=given.donor, images=given.images, device=given.device, epochs=given.epochs)
    donor, runs = open_donor(given.donor), KeptRuns(given.state, given.at_once)
    drawn = candidates(donor, given.candidates)
    short = partial(trained, place=place, inherits=True, rate=FINE_RATE, seed=0, share=1 / 3)
    shorts = {place.key(f"candidate {i}"): partial(short, made) for i, made in enumerate(drawn)}
    values = list(runs.run({**shorts, **all_runs("", at_side(donor), place)}).values())
    best = max(range(len(drawn)), key=lambda i: float(values[i]["validation"]))
    runs.run(all_runs("neighbour ", drawn[best], place))
    file_result(
        "donor_gain",
        command=f"python -m tests.benchmarks.donor_gain --epochs {given.epochs} "
        f"--candidates {given.candidates} --device {given.device} --at-once {given.at_once}",
        seed="0, 1 and 2",
        lines=[
            f"Accuracy, in percent, on {COUNTS['judge']:,} CIFAR-10 images after {given.epochs} epochs of "
            f"{COUNTS['train']:,} others at {SIDE} pixels, in fp32; the rate from "
            f"scratch is the best of three. The neighbour is the best of {given.candidates} networks around "
            f"EfficientNet-Lite0 of at most 70 % of its MACs, by {COUNTS['validation']} further images.",
            "",
            *table(runs.found, {"": at_side(donor), "neighbour ": drawn[best]}, place),
            "",
            f"The neighbour: `{json.dumps(json.loads(drawn[best].to_json()))}`",
            "",
            where_trained(runs.found),
        ],
    )


if __name__ == "__main__":
    main()
