"""How many images a second one core trains on in bfloat16 and in float32.

Run ``python -m tests.benchmarks.cpu_precision``. Published families scaled to 5M MACs, and networks of
`hybrid_small` near 4M MACs, take steps on random images in either precision, in turns. A CPU without
bfloat16 is made to compute in it for the comparison.
"""

import statistics
import sys
from unittest import mock

import numpy as np
import torch

import search_spaces
from search_spaces.architecture import Architecture
from search_spaces.budget import Budget
from tests.benchmarks.depthwise_gradients import BATCH, SEED, rate, steps
from tests.benchmarks.filing import file_result
from tests.benchmarks.truth_networks import designed
from trials.recipes.proxy import RECIPE
from trials.training import precision

TURNS, DRAWN = 3, 6
HALF, FULL = (RECIPE.model_copy(update={"precision": name}) for name in ("bf16", "fp32"))


def networks() -> dict[str, Architecture]:
    """Return the networks by name."""
    space, rng = search_spaces.load("hybrid_small"), np.random.default_rng(SEED)
    near = [Budget.parse("4M-MACs")]
    found = {
        f"hybrid_small, network {number}": space.sample(rng, budgets=near, num_classes=10)
        for number in range(1, DRAWN + 1)
    }
    return {**designed(Budget.parse("5M-MACs"), classes=10, side=32), **found}


def main() -> None:
    """Measure every network in turns and file the table."""
    torch.set_num_threads(1)
    cpu = torch.device("cpu")
    has = "has" if precision.has_bfloat16(cpu) else "does not have"
    lines = [
        f"Images a second in training on one core, batch {BATCH}, medians of {TURNS}. torch computes with "
        f"{torch.backends.cpu.get_cpu_capability()}; oneDNN {has} bfloat16 for this CPU.",
        "",
        "| network | pixels | bf16 | fp32 | ratio |",
        "| --- | --- | --- | --- | --- |",
    ]
    ratios = []
    for name, network in networks().items():
        half, full = steps(network, HALF), steps(network, FULL)
        halves, fulls = [], []
        for _ in range(TURNS):
            with mock.patch.object(precision, "has_bfloat16", return_value=True):
                halves.append(BATCH * rate(half))
            fulls.append(BATCH * rate(full))
        slow, fast = statistics.median(halves), statistics.median(fulls)
        ratios.append(fast / slow)
        lines.append(f"| {name} | {network.resolution} | {slow:,.0f} | {fast:,.0f} | {fast / slow:.2f} |")
        sys.stderr.write(lines[-1] + "\n")
    lines += [
        "",
        f"Ratios from {min(ratios):.1f} to {max(ratios):.1f}, geometric mean "
        f"{statistics.geometric_mean(ratios):.1f}.",
    ]
    file_result(
        "cpu_precision", command="python -m tests.benchmarks.cpu_precision", seed=str(SEED), lines=lines
    )


if __name__ == "__main__":
    main()
