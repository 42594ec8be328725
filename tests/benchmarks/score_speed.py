"""What do training-free scores cost on one core?

Run: ``python -m tests.benchmarks.score_speed``. Processor time, least of three, building included.
"""

import time
from collections.abc import Iterator

import numpy as np
import torch

import search_spaces
from search_spaces.architecture import Architecture
from search_spaces.budget import Budget
from search_spaces.graph_counts import architecture_counts, graph_counts
from search_spaces.sampling import uniform_codes
from tests.benchmarks.filing import file_result
from trials.scores import SCORES, ImageScore
from trials.scoring import ScoringImages, score_architecture

NOISE = ScoringImages(classes=1000, channels=3)
REPEATS = 3


def networks() -> Iterator[tuple[str, Architecture]]:
    """Yield a published network of 300M MACs, and one from each of two spaces just below."""
    yield "mobilenet_v2_1.0_224", search_spaces.reference("mobilenet_v2_1.0_224")
    for space in ("hybrid", "mobile_cnn"):
        budgets = [Budget.parse("300M-MACs")]
        drawn = search_spaces.load(space)
        rng = np.random.default_rng(0)
        nearest = max(
            (drawn.sample(rng, budgets=budgets) for _ in range(200)),
            key=lambda a: search_spaces.count(a, num_classes=1000, deploy=True).macs,
        )
        yield f"one of {space}", nearest


def seconds(architecture: Architecture, score: str) -> float:
    """Return the processor seconds of one score."""
    taken = []
    for seed in range(REPEATS):
        began = time.process_time()
        score_architecture(architecture, NOISE, names=[score], seed=seed)
        taken.append(time.process_time() - began)
    return min(taken)


def lines() -> Iterator[str]:
    batches = {
        name: f", {score.batch} images" if isinstance(score := SCORES[name], ImageScore) else ""
        for name in SCORES
    }
    yield f"| network | MACs | {' | '.join(f'{name}{batches[name]}' for name in SCORES)} | exact counts |"
    yield f"| --- | --- |{' --- |' * (len(SCORES) + 1)}"
    for name, architecture in networks():
        macs = search_spaces.count(architecture, num_classes=1000).macs
        began = time.process_time()
        architecture_counts(architecture)
        counting = time.process_time() - began
        taken = " | ".join(f"{seconds(architecture, score):.2f} s" for score in SCORES)
        yield f"| {name} | {macs / 1e6:.0f}M | {taken} | {1000 * counting:.0f} ms |"
    space = search_spaces.load("hybrid")
    codes = uniform_codes(space.codes, np.random.default_rng(0), 100_000)
    graph_counts(space, codes[:1])
    began = time.process_time()
    graph_counts(space, codes)
    yield ""
    yield f"Exact counts of 100,000 networks of hybrid at once: {time.process_time() - began:.2f} s."


def main() -> None:
    torch.set_num_threads(1)
    file_result("score_speed", command="python -m tests.benchmarks.score_speed", seed=0, lines=list(lines()))


if __name__ == "__main__":
    main()
