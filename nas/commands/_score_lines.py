"""Renders exact counts and training-free scores of a network as lines for a terminal."""

import math
from collections.abc import Iterator

from nas.profiling.network_scores import NetworkScores
from trials.scores import SCORES, ImageScore


def score_lines(found: NetworkScores) -> Iterator[str]:
    """Yield a line for each count but MACs and parameters, and for each score."""
    counts = found.counts
    of_stages = [str(value) for name, value in counts.items() if name.startswith("stage")]
    yield _line("blocks", f"{counts['blocks']} that do something, by stage {' '.join(of_stages)}")
    yield _line(
        "attention", f"{counts['attention_blocks']:.0%} of blocks, {counts['attention_macs']:.0%} of MACs"
    )
    yield _line("receptive field", f"{counts['receptive_field']} pixels")
    for name, value in found.scores.items():
        if not math.isnan(value):
            yield _line(name.rpartition(".")[2], f"{value:.6g}{_on(name)}")
    for reason in dict.fromkeys(found.undefined.values()):
        names = [name for name, other in found.undefined.items() if other == reason]
        yield _line(", ".join(names), reason)


def _on(name: str) -> str:
    score = SCORES.get(name)
    if isinstance(score, ImageScore):
        return f", at random weights on {score.batch} images of noise"
    return "" if score else f", beside {name.rpartition('.')[0]}"


def _line(name: str, text: str) -> str:
    return f"  {name:<20}{text}"
