"""How many images a second one core trains on, with torch's gradients of depthwise convolutions and ours.

Run ``python -m tests.benchmarks.depthwise_gradients``. Published families scaled to 5M MACs take steps on
random images in bfloat16, in turns with torch's gradients and with those of
`trials.training.depthwise_gradients`.
"""

import statistics
import sys
import time
from collections.abc import Callable
from unittest import mock

import torch
from torch.nn import functional as F

import search_spaces
from search_spaces.architecture import Architecture
from search_spaces.budget import Budget
from tests.benchmarks.filing import file_result
from tests.benchmarks.truth_networks import designed
from trials.recipes.proxy import RECIPE
from trials.training import precision
from trials.training.precision import autocast
from trials.training.seeding import seeded_build

BATCH, TURNS, SECONDS, SEED = 128, 3, 1.5, 0


def steps(network: Architecture) -> Callable[[], None]:
    """Return a function that takes one training step."""
    module = seeded_build(lambda: search_spaces.build(network, num_classes=10), SEED)
    module.to(memory_format=torch.channels_last).train()  # type: ignore[call-overload]
    images = torch.randn(BATCH, 3, network.resolution, network.resolution)
    images = images.contiguous(memory_format=torch.channels_last)
    labels = torch.randint(0, 10, (BATCH,))
    optimiser = torch.optim.AdamW(module.parameters(), 1e-3, foreach=True)

    def step() -> None:
        with autocast(RECIPE, images.device):
            scores = module(images)
        optimiser.zero_grad()
        F.cross_entropy(scores.float(), labels).backward()
        optimiser.step()

    return step


def speed(step: Callable[[], None]) -> float:
    """Return images a second."""
    step()
    begun, count = time.perf_counter(), 0
    while time.perf_counter() - begun < SECONDS:
        step()
        count += 1
    return count * BATCH / (time.perf_counter() - begun)


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
                torchs.append(speed(step))
            ours.append(speed(step))
        before, after = statistics.median(torchs), statistics.median(ours)
        ratios.append(after / before)
        lines.append(
            f"| {name} | {network.resolution} | {before:,.0f} | {after:,.0f} | {after / before:.2f} |"
        )
        sys.stderr.write(lines[-1] + "\n")
    lines += ["", f"Geometric mean of the ratios: {statistics.geometric_mean(ratios):.2f}."]
    file_result(
        "depthwise_gradients",
        command="python -m tests.benchmarks.depthwise_gradients",
        seed=str(SEED),
        lines=lines,
    )


if __name__ == "__main__":
    main()
