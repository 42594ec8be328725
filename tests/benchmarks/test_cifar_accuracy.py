"""What a training reaches on CIFAR-10 in the time of a plain hand-written loop with the same recipe."""

import io
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image
from torch.nn import functional as F
from torch.utils.data import DataLoader

from tests.benchmarks.filing import file_result
from tests.benchmarks.test_training_speed import Plain, network
from trials.images.splits import Images, Splits
from trials.training.loop import train
from trials.training.recipe import Recipe
from trials.training.schedule import rate_at

CIFAR = Path("../shared/data/cifar10/train.parquet")
CPU = torch.device("cpu")
LEARNT, JUDGED, SEEDS = 5_000, 2_000, (0, 1)
RECIPE = Recipe(name="cifar", epochs=3, rungs=(1, 3), flip=True, shift=0.125, gradient_clip=1.0)

pytestmark = [
    pytest.mark.benchmark,
    pytest.mark.timeout(3_600),
    pytest.mark.skipif(not CIFAR.exists(), reason=f"CIFAR-10 is not at {CIFAR}"),
]


@pytest.fixture(scope="module")
def encoded():
    torch.set_num_threads(1)
    table = pq.read_table(CIFAR).slice(0, LEARNT + JUDGED)
    return [cell["bytes"] for cell in table["image"].to_pylist()], table["label"].to_numpy()


@pytest.fixture(scope="module")
def splits(encoded):
    pixels = np.stack([np.asarray(Image.open(io.BytesIO(content))) for content in encoded[0]])
    labels = encoded[1].astype(np.int64)
    learnt = Images(images=pixels[:LEARNT], labels=labels[:LEARNT])
    judged = Images(images=pixels[LEARNT:], labels=labels[LEARNT:])
    return Splits(
        train=learnt,
        validation=judged,
        test=judged,
        classes=tuple(map(str, range(10))),
        mean=(0.49, 0.48, 0.45),
        std=(0.25, 0.24, 0.26),
        fingerprint="cifar",
    )


def ours(splits, seed):
    """Return the validation accuracy after a training and the seconds of one core that it took."""
    model, side = network()
    started = time.process_time()
    results = list(train(model, splits, RECIPE, resolution=side, seed=seed, device=CPU))
    return results[-1].accuracy, time.process_time() - started


def plain(encoded, splits, seed, seconds):
    """Return the same of a plain loop that is given as many seconds, and its steps.

    Its rate moves with the share of the time that is used, so that it decays in time.
    """
    model, side = network()
    model.to(memory_format=torch.channels_last)
    torch.manual_seed(seed)
    optimiser = torch.optim.AdamW(model.parameters(), lr=RECIPE.learning_rate, weight_decay=0.05)
    learnt = Plain((encoded[0][:LEARNT], encoded[1][:LEARNT]), splits, side)
    steps, started = 0, time.process_time()
    while True:
        for images, labels in DataLoader(learnt, RECIPE.batch_size, shuffle=True):
            used = (time.process_time() - started) / seconds
            if used >= 1:
                return judged_by(model, encoded, splits, side), steps
            model.train()
            optimiser.param_groups[0]["lr"] = rate_at(used, RECIPE)
            optimiser.zero_grad()
            with torch.autocast("cpu", dtype=torch.bfloat16):
                logits = model(images.contiguous(memory_format=torch.channels_last))
            F.cross_entropy(logits.float(), labels, label_smoothing=RECIPE.label_smoothing).backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            steps += 1


class Still(Plain):
    """The same images as they are: nothing is drawn at random."""

    def __getitem__(self, index):
        image = Image.open(io.BytesIO(self.contents[index])).convert("RGB")
        pixels = np.asarray(image.resize((self.side, self.side), Image.Resampling.BILINEAR)) / 255
        normalised = ((pixels - self.mean) / self.std).transpose(2, 0, 1).astype(np.float32)
        return torch.from_numpy(normalised), int(self.labels[index])


@torch.no_grad()
def judged_by(model, encoded, splits, side):
    model.eval()
    right = 0
    for images, labels in DataLoader(Still((encoded[0][LEARNT:], encoded[1][LEARNT:]), splits, side), 128):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits = model(images.contiguous(memory_format=torch.channels_last))
        right += int((logits.argmax(1) == labels).sum())
    return right / JUDGED


def test_a_training_reaches_what_a_plain_loop_does_in_the_same_time(encoded, splits):
    rows = []
    for seed in SEEDS:
        mine, seconds = ours(splits, seed)
        theirs, steps = plain(encoded, splits, seed, seconds)
        rows.append((seed, seconds, mine, theirs, steps))
    own, other = (np.array([row[column] for row in rows]) for column in (2, 3))
    error = np.sqrt((own * (1 - own) + other * (1 - other)).mean() / JUDGED / len(rows))
    steps = RECIPE.epochs * -(-LEARNT // RECIPE.batch_size)
    lines = [
        f"{LEARNT:,} CIFAR-10 images to learn from, {JUDGED:,} to judge by, the network of median cost among "
        f"15 of hybrid_small, {RECIPE.epochs} epochs in batches of {RECIPE.batch_size}, AdamW, flat rate "
        "then half a cosine, flips and shifts, bf16, 1 thread. The plain DataLoader loop gets the seconds of "
        "one core that ours took, its three evaluations included.",
        "",
        "| seed | seconds | ours | plain loop | steps of ours | steps of the plain loop |",
        "| --- | --- | --- | --- | --- | --- |",
        *(f"| {s} | {t:.0f} | {m:.1%} | {o:.1%} | {steps} | {n} |" for s, t, m, o, n in rows),
        f"| mean | | {own.mean():.1%} | {other.mean():.1%} | | |",
        "",
        f"Standard error of the difference of the means: {error:.1%}.",
    ]
    file_result("cifar_accuracy", command="pytest -m benchmark -k same_time", seed=0, lines=lines)
    assert own.mean() >= other.mean() - error
