"""How many images a second one core trains on, with torch's gradients of depthwise convolutions and ours.

Run ``python -m tests.benchmarks.depthwise_gradients``. Published families scaled to 5M MACs take steps on
random images in bfloat16, in turns with torch's gradients and with those of
`trials.training.depthwise_gradients`.
"""

import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Final
from unittest import mock

import torch
from torch import Tensor
from torch.nn import functional as F

import search_spaces
from search_spaces.architecture import Architecture
from search_spaces.budget import Budget
from tests.benchmarks.filing import file_result
from tests.benchmarks.truth_networks import designed
from trials.recipes.proxy import RECIPE
from trials.training import precision
from trials.training.depthwise_gradients import depthwise_conv2d
from trials.training.precision import autocast
from trials.training.recipe import Recipe
from trials.training.seeding import seeded_build

BATCH, TURNS, SECONDS, SEED = 128, 5, 1.0, 0
LAYER_IMAGES: Final = 64
LAYERS: Final = (
    (144, 8, 5, 1, 1),
    (144, 8, 5, 2, 1),
    (96, 16, 3, 2, 1),
    (96, 16, 7, 1, 1),
    (96, 16, 3, 1, 2),
)
"""Channels, side, kernel, stride and dilation of depthwise layers."""


def layer_line(channels: int, side: int, kernel: int, stride: int, dilation: int) -> str:
    """Return the row of a depthwise layer: how long it takes forward, and how long its gradients take."""
    images = torch.randn(LAYER_IMAGES, channels, side, side, dtype=torch.bfloat16)
    images = images.contiguous(memory_format=torch.channels_last).requires_grad_()
    weight = torch.randn(channels, 1, kernel, kernel, dtype=torch.bfloat16, requires_grad=True)
    how = stride, dilation * (kernel // 2), dilation
    torchs = partial(F.conv2d, images, weight, None, *how, channels)
    ours = partial(depthwise_conv2d, images, weight, None, *((number, number) for number in how))
    towards = torch.randn_like(torchs())

    def gradients_ms(out: Tensor) -> float:
        return 1e3 / rate(lambda: torch.autograd.grad(out, (images, weight), towards, retain_graph=True))

    before, after = gradients_ms(torchs()), gradients_ms(ours())
    return (
        f"| {channels} x {side} x {side} | {kernel} | {stride} | {dilation} | {1e3 / rate(torchs):.2f} "
        f"| {before:.2f} | {after:.2f} | {before / after:.1f} |"
    )


def steps(network: Architecture, recipe: Recipe = RECIPE) -> Callable[[], None]:
    """Return a function that takes one training step."""
    module = seeded_build(lambda: search_spaces.build(network, num_classes=10), SEED)
    module.to(memory_format=torch.channels_last).train()  # type: ignore[call-overload]
    images = torch.randn(BATCH, 3, network.resolution, network.resolution)
    images = images.contiguous(memory_format=torch.channels_last)
    labels = torch.randint(0, 10, (BATCH,))
    optimiser = torch.optim.AdamW(module.parameters(), 1e-3, foreach=True)

    def step() -> None:
        with autocast(recipe, images.device):
            scores = module(images)
        optimiser.zero_grad()
        F.cross_entropy(scores.float(), labels).backward()
        optimiser.step()

    return step


def rate(work: Callable[[], object]) -> float:
    """Return how many times a second something is done."""
    work()
    begun, count = time.perf_counter(), 0
    while time.perf_counter() - begun < SECONDS:
        work()
        count += 1
    return count / (time.perf_counter() - begun)


def main() -> None:
    """Measure every family in turns and file the table."""
    torch.set_num_threads(1)
    lines = [
        f"Images a second in training on one core, in bfloat16, batch {BATCH}, medians of {TURNS}.",
        "",
        "| network | pixels | torch's gradients | ours | ratio |",
        "| --- | --- | --- | --- | --- |",
    ]
    ratios = []
    for name, network in designed(Budget.parse("5M-MACs"), classes=10, side=32).items():
        step, torchs, ours = steps(network), [], []
        for _ in range(TURNS):
            with mock.patch.object(precision, "_depthwise", return_value=None):
                torchs.append(BATCH * rate(step))
            ours.append(BATCH * rate(step))
        before, after = statistics.median(torchs), statistics.median(ours)
        ratios.append(after / before)
        lines.append(
            f"| {name} | {network.resolution} | {before:,.0f} | {after:,.0f} | {after / before:.2f} |"
        )
        sys.stderr.write(lines[-1] + "\n")
    lines += ["", f"Geometric mean of the ratios: {statistics.geometric_mean(ratios):.2f}."]
    lines += [
        "",
        f"Milliseconds of single depthwise layers, {LAYER_IMAGES} images: forward, then the gradients of "
        "images and weights together. Torch's of dilated layers are wrong at some sizes.",
        "",
        "| channels and map | kernel | stride | dilation | forward | torch's gradients | ours | ratio |",
        "| --- " * 8 + "|",
        *(layer_line(*layer) for layer in LAYERS),
    ]
    file_result(
        "depthwise_gradients",
        command="python -m tests.benchmarks.depthwise_gradients",
        seed=str(SEED),
        lines=lines,
    )


if __name__ == "__main__":
    main()
