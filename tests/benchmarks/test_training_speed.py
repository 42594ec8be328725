"""The training loop against a plain hand-written one, and where its time goes."""

import io
import statistics
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

import search_spaces
from tests.benchmarks.filing import file_result
from trials.images.splits import Images, Splits
from trials.training.batches import BatchSource, Preprocessor
from trials.training.learner import Learner
from trials.training.recipe import Recipe
from trials.training.seeding import seeded_build

CIFAR = Path("../shared/data/cifar10/train.parquet")
CPU = torch.device("cpu")
IMAGES, SEED = 512, 0
RECIPE = Recipe(name="speed", epochs=1, warmup_epochs=0.1, flip=True, shift=0.125)

pytestmark = [
    pytest.mark.benchmark,
    pytest.mark.skipif(not CIFAR.exists(), reason=f"CIFAR-10 is not at {CIFAR}"),
]


def network():
    """Return the network of median cost among 15 of hybrid_small."""
    space = search_spaces.load("hybrid_small")
    rng = np.random.default_rng(SEED)
    drawn = [space.sample(rng) for _ in range(15)]
    drawn.sort(key=lambda a: search_spaces.count(a, num_classes=10).macs)
    median = drawn[len(drawn) // 2]
    return seeded_build(lambda: search_spaces.build(median, num_classes=10), SEED), median.resolution


@pytest.fixture(scope="module")
def encoded():
    torch.set_num_threads(1)
    table = pq.read_table(CIFAR).slice(0, IMAGES)
    return [cell["bytes"] for cell in table["image"].to_pylist()], table["label"].to_numpy()


@pytest.fixture(scope="module")
def splits(encoded):
    pixels = np.stack([np.asarray(Image.open(io.BytesIO(content))) for content in encoded[0]])
    images = Images(images=pixels, labels=encoded[1].astype(np.int64))
    mean, std = (0.49, 0.48, 0.45), (0.25, 0.24, 0.26)
    classes = tuple(map(str, range(10)))
    return Splits(
        train=images,
        validation=images,
        test=images,
        classes=classes,
        mean=mean,
        std=std,
        fingerprint="cifar",
    )


def learner(splits):
    model, side = network()
    model.to(memory_format=torch.channels_last)
    feed, prepare = BatchSource(splits.train, CPU), Preprocessor(splits.mean, splits.std, side, CPU)
    return Learner(model, RECIPE, feed, prepare, classes=10, seed=SEED, teacher=None)


class Plain(Dataset[tuple[torch.Tensor, int]]):
    """What a person writes: decode, augment, resize and normalise one image at a time."""

    def __init__(self, encoded, splits, side):
        self.contents, self.labels = encoded
        self.side = side
        self.mean, self.std = np.array(splits.mean), np.array(splits.std)

    def __len__(self):
        return len(self.contents)

    def __getitem__(self, index):
        image = Image.open(io.BytesIO(self.contents[index])).convert("RGB")
        if torch.rand(()) < 0.5:
            image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        down, right = (int(torch.randint(-4, 5, ())) for _ in range(2))
        image = image.transform(image.size, Image.Transform.AFFINE, (1, 0, right, 0, 1, down))
        pixels = np.asarray(image.resize((self.side, self.side), Image.Resampling.BILINEAR)) / 255
        normalised = ((pixels - self.mean) / self.std).transpose(2, 0, 1).astype(np.float32)
        return torch.from_numpy(normalised), int(self.labels[index])


def plain_epoch(encoded, splits):
    model, side = network()
    model.to(memory_format=torch.channels_last).train()
    optimiser = torch.optim.AdamW(model.parameters(), lr=RECIPE.learning_rate, weight_decay=0.05)
    for images, labels in DataLoader(Plain(encoded, splits, side), RECIPE.batch_size, shuffle=True):
        optimiser.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits = model(images.contiguous(memory_format=torch.channels_last))
        F.cross_entropy(logits.float(), labels, label_smoothing=0.1).backward()
        optimiser.step()


def seconds(function):
    started = time.process_time()
    function()
    return time.process_time() - started


def inside_share(splits, monkeypatch):
    """Return the share of an epoch's wall time inside forward, backward and the optimiser's step."""
    own = learner(splits)
    inside, begun = [], []

    def begin(*_):
        begun.append(time.perf_counter())

    def end(*_):
        inside.append(time.perf_counter() - begun.pop())

    backward = torch.Tensor.backward

    def timed_backward(loss):
        begin()
        backward(loss)
        end()

    own.network.register_forward_pre_hook(begin)
    own.network.register_forward_hook(end)
    own.optimiser.register_step_pre_hook(begin)
    own.optimiser.register_step_post_hook(end)
    monkeypatch.setattr(torch.Tensor, "backward", timed_backward)
    own.learn(1, lambda: None)
    inside.clear()
    started = time.perf_counter()
    own.learn(1, lambda: None)
    return sum(inside) / (time.perf_counter() - started)


def test_an_epoch_costs_less_than_a_plain_loop_and_is_spent_in_the_network(encoded, splits, monkeypatch):
    own, plain = learner(splits), []
    own.learn(1, lambda: None)
    ours = []
    for _ in range(3):
        ours.append(seconds(lambda: own.learn(1, lambda: None)))
        plain.append(seconds(lambda: plain_epoch(encoded, splits)))
    share = inside_share(splits, monkeypatch)
    mine, theirs = statistics.median(ours), statistics.median(plain)
    lines = [
        f"{IMAGES} CIFAR-10 images, the network of median cost among 15 of hybrid_small, batch "
        f"{RECIPE.batch_size}, bf16; seconds of one core, medians of 3.",
        "",
        "| what | value |",
        "| --- | --- |",
        f"| an epoch of `trials.training.learner` | {mine:.2f} s |",
        f"| the same in a plain DataLoader loop that decodes | {theirs:.2f} s |",
        f"| share of the epoch in forward, backward and the optimiser step | {share:.1%} |",
    ]
    file_result("training_speed", command="pytest -m benchmark -k plain_loop", seed=SEED, lines=lines)
    assert mine < theirs
    assert share >= 0.95
