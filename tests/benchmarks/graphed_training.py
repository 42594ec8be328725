"""How many images a second a GPU trains on with CUDA graphs and without, and whether it learns the same.

Run ``python -m tests.benchmarks.graphed_training`` on a machine with a GPU. Published families scaled to 5M
MACs train on CIFAR-10 in batches of 128 and 256; the first epochs of 50 batches hold the capture.
"""

import sys
import time
from typing import Final

import torch

import search_spaces
from search_spaces.architecture import Architecture
from search_spaces.budget import Budget
from tests.benchmarks.cifar10 import IMAGES
from tests.benchmarks.filing import file_result
from tests.benchmarks.truth_networks import designed
from trials.datasets import open_images
from trials.images.splits import Splits
from trials.training.batches import BatchSource, Preprocessor
from trials.training.graphed_network import GraphedNetwork
from trials.training.learner import Learner
from trials.training.recipe import Recipe
from trials.training.seeding import seeded_build

CASES: Final = (
    ("efficientnet_b0_224", 128),
    ("efficientnet_b0_224", 256),
    ("mobilevit_xxs_256", 256),
    ("convnext_atto_224, small stem", 256),
)
STEPS, SECONDS = 50, 3.0
NEVER: Final = 10**9


def speed(network: Architecture, batch: int, splits: Splits, *, graphs: bool) -> tuple[float, list[float]]:
    """Return images a second after the first epoch, and the losses of the first three epochs."""
    device = torch.device("cuda")
    module = seeded_build(lambda: search_spaces.build(network, num_classes=10), 0)
    module.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    learner = Learner(
        module,
        Recipe(
            name="speed",
            epochs=100,
            batch_size=batch,
            epoch_images=batch * STEPS,
            gradient_clip=1.0,
            flip=True,
            shift=0.125,
        ),
        BatchSource(splits.train, device),
        Preprocessor(splits.mean, splits.std, network.resolution, device),
        classes=10,
        seed=0,
        teacher=None,
    )
    learner._graphed = GraphedNetwork(module, after=1 if graphs else NEVER)
    losses, begun, epoch = [learner.learn(1, lambda: None)], time.perf_counter(), 1
    while time.perf_counter() - begun < SECONDS or epoch < len(CASES):
        epoch += 1
        losses.append(learner.learn(epoch, lambda: None))
    return (epoch - 1) * batch * STEPS / (time.perf_counter() - begun), losses[:3]


def main() -> None:
    """Measure every case with graphs and without, in turns, and file the table."""
    torch.set_num_threads(1)
    splits = open_images(str(IMAGES), seed=0, cache=None)
    networks = designed(Budget.parse("5M-MACs"), classes=10, side=32)
    lines = [
        f"On {torch.cuda.get_device_name()}: images a second in training, in bfloat16.",
        "",
        "| network | pixels | batch | without | with graphs | ratio | losses without | losses with |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, batch in CASES:
        network = networks[name]
        plain, before = speed(network, batch, splits, graphs=False)
        graphed, after = speed(network, batch, splits, graphs=True)
        seen = [", ".join(f"{loss:.3f}" for loss in losses) for losses in (before, after)]
        lines.append(
            f"| {name} | {network.resolution} | {batch} | {plain:,.0f} | {graphed:,.0f} "
            f"| {graphed / plain:.1f} | {seen[0]} | {seen[1]} |"
        )
        sys.stderr.write(lines[-1] + "\n")
    file_result(
        "graphed_training", command="python -m tests.benchmarks.graphed_training", seed="0", lines=lines
    )


if __name__ == "__main__":
    main()
