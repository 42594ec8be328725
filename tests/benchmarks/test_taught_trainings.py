"""What a teacher costs a training, asked and remembered, and what it gains in accuracy."""

import io
import statistics
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

import search_spaces
from search_spaces.budget import Budget
from tests.benchmarks.filing import file_result
from trials.images.splits import Images, Splits
from trials.training.loop import train
from trials.training.recipe import Recipe
from trials.training.seeding import seeded_build
from trials.training.teacher import OutputPlace
from trials.training.weights_file import write_weights

CIFAR = Path("../shared/data/cifar10/train.parquet")
CPU = torch.device("cpu")
TRAIN, JUDGED, SEEDS, ROUNDS = 1_500, 1_000, (0, 1, 2), 4
STUDENT, MASTER = "3M-MACs", "12M-MACs"
SHARED = {"schedule": "cosine", "warmup_epochs": 1, "shift": 0.1, "flip": True, "gradient_clip": 5.0}
LEARNS = Recipe.from_json({"name": "learns", "epochs": 8, "augmentation_seed": 0, **SHARED})
TEACHES = Recipe.from_json({"name": "teaches", "epochs": 12, **SHARED})

pytestmark = [
    pytest.mark.benchmark,
    pytest.mark.timeout(3_600),
    pytest.mark.skipif(not CIFAR.exists(), reason=f"CIFAR-10 is not at {CIFAR}"),
]


@pytest.fixture(scope="module")
def splits():
    torch.set_num_threads(1)
    table = pq.read_table(CIFAR).slice(0, TRAIN + JUDGED)
    pixels = np.stack([np.asarray(Image.open(io.BytesIO(x["bytes"]))) for x in table["image"].to_pylist()])
    labels = table["label"].to_numpy().astype(np.int64)
    parts = [Images(images=pixels[part], labels=labels[part]) for part in (slice(TRAIN), slice(TRAIN, None))]
    mean, std = (0.49, 0.48, 0.45), (0.25, 0.24, 0.26)
    classes = tuple(map(str, range(10)))
    return Splits(
        train=parts[0],
        validation=parts[1],
        test=parts[1],
        classes=classes,
        mean=mean,
        std=std,
        fingerprint="c",
    )


def largest(budget):
    """Return the network of most MACs among 30 of hybrid_small that fit."""
    space, rng = search_spaces.load("hybrid_small"), np.random.default_rng(0)
    drawn = [space.sample(rng, budgets=[Budget.parse(budget)], num_classes=10) for _ in range(30)]
    return max(drawn, key=macs)


def macs(architecture):
    return search_spaces.count(architecture, num_classes=10).macs


def trained(architecture, splits, recipe, seed, root=None):
    """Return the network, its accuracy and the wall seconds of its training."""
    network = seeded_build(lambda: search_spaces.build(architecture, num_classes=10), seed)
    place = None if root is None else OutputPlace(root=root)
    begun = time.perf_counter()
    *_, last = train(
        network,
        splits,
        recipe,
        resolution=architecture.resolution,
        seed=seed,
        device=CPU,
        teacher_outputs=place,
    )
    return network, last.accuracy, time.perf_counter() - begun


def test_a_remembered_teacher_costs_little_and_gains_accuracy(splits, tmp_path):
    student, teacher = largest(STUDENT), largest(MASTER)
    network, taught_by, _ = trained(teacher, splits, TEACHES, 0)
    weights = tmp_path / "weights.safetensors"
    write_weights(weights, network, splits, teacher)
    learns = LEARNS.model_copy(update={"teacher": str(weights)})
    short = {"epochs": 2, "warmup_epochs": 0.1}
    times: dict[str, list[float]] = {"without": [], "asked": [], "remembered": []}
    for number in range(ROUNDS):
        root = tmp_path / f"outputs{number}"
        plain, shortly = LEARNS.model_copy(update=short), learns.model_copy(update=short)
        times["without"].append(trained(student, splits, plain, 0)[2])
        times["asked"].append(trained(student, splits, shortly, 0, root)[2])
        times["remembered"].append(trained(student, splits, shortly, 0, root)[2])
    asked, kept = (
        [one / other for one, other in zip(times[name], times["without"], strict=True)]
        for name in ("asked", "remembered")
    )
    figures = []
    for seed in SEEDS:
        alone = trained(student, splits, LEARNS, seed)[1]
        taught = trained(student, splits, learns, seed, tmp_path / "outputs")[1]
        figures.append((seed, alone, taught))
    gains = [100 * (taught - alone) for _, alone, taught in figures]
    mean, spread = statistics.mean(gains), statistics.stdev(gains)
    half = 4.303 * spread / len(gains) ** 0.5  # Student's t, two degrees of freedom
    file_result(
        "taught_trainings",
        command=".venv/bin/pytest -m benchmark tests/benchmarks/test_taught_trainings.py -s",
        seed=0,
        lines=[
            f"CIFAR-10, {TRAIN:,} images to train on and {JUDGED:,} to judge by. Student {macs(student):,} "
            f"MACs at {student.resolution} px, teacher {macs(teacher):,} at {teacher.resolution} px with "
            f"{taught_by:.1%} accuracy after {TEACHES.epochs} epochs. Images are shifted and mirrored, alike "
            f"in all trainings (`augmentation_seed: 0`).",
            "",
            f"Wall time of a training of {short['epochs']} epochs with a teacher, as a multiple of one "
            f"without: {ROUNDS} rounds, one thread, one after another.",
            "",
            "| its outputs are | median | least | most |",
            "| --- | ---: | ---: | ---: |",
            *(
                f"| {name} | {statistics.median(found):.2f} | {min(found):.2f} | {max(found):.2f} |"
                for name, found in (("asked for, and kept", asked), ("kept before", kept))
            ),
            "",
            f"Accuracy of the student after {LEARNS.epochs} epochs:",
            "",
            "| seed | without | with teacher |",
            "| --- | ---: | ---: |",
            *(f"| {seed} | {alone:.2%} | {taught:.2%} |" for seed, alone, taught in figures),
            "",
            f"Paired gain {mean:+.2f} points, 95 % interval {mean - half:+.2f} to {mean + half:+.2f}.",
        ],
    )
    assert statistics.median(kept) <= 1.15


def test_the_processor_time_of_a_remembered_teacher(splits, tmp_path):
    """Other processes make wall time vary; the processor time of one thread is what an idle machine takes."""
    student, teacher = largest(STUDENT), largest(MASTER)
    weights = tmp_path / "weights.safetensors"
    network = seeded_build(lambda: search_spaces.build(teacher, num_classes=10), 0)
    write_weights(weights, network, splits, teacher)
    short = {"epochs": 1, "warmup_epochs": 0.1}
    plain = LEARNS.model_copy(update=short)
    taught = plain.model_copy(update={"teacher": str(weights)})
    ratios: dict[str, list[float]] = {"asked for, and kept": [], "kept before": []}
    for number in range(ROUNDS):
        found = []
        for recipe in (plain, taught, taught):
            begun = time.process_time()
            trained(student, splits, recipe, 0, tmp_path / f"outputs{number}")
            found.append(time.process_time() - begun)
        for name, seconds in zip(ratios, found[1:], strict=True):
            ratios[name].append(seconds / found[0])
    file_result(
        "taught_processor_time",
        command=".venv/bin/pytest -m benchmark tests/benchmarks/test_taught_trainings.py -s -k processor",
        seed=0,
        lines=[
            f"Processor time of a training with a teacher as a multiple of one without: {TRAIN:,} "
            f"images of CIFAR-10, {ROUNDS} rounds, student {macs(student):,} MACs, teacher {macs(teacher):,} "
            f"MACs, one epoch, evaluation included.",
            "",
            "| its outputs are | median | least | most |",
            "| --- | ---: | ---: | ---: |",
            *(
                f"| {name} | {statistics.median(values):.2f} | {min(values):.2f} | {max(values):.2f} |"
                for name, values in ratios.items()
            ),
        ],
    )
    assert statistics.median(ratios["kept before"]) <= 1.15
