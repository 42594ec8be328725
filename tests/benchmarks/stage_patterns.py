"""Where attention stands in a stage, cycling dilations, and widths by stage, at equal MACs on CIFAR-10.

Run ``python -m tests.benchmarks.stage_patterns``. Eight backbones are drawn; each variant changes one choice
in their last three stages, and its width is then solved so that it uses the budget as fully as the others.
All train by one recipe with two seeds; backbones, variants and recipe were fixed before the first training.
Each finished training is stored at once, and the command goes on where it was interrupted.
"""

import argparse
from collections.abc import Iterator
from functools import partial
from typing import Any, Final

import numpy as np

import search_spaces
from nas.scaling.scaled_architecture import ScalingFactors, fit_to_budget
from search_spaces.architecture import Architecture, Option, options_of
from search_spaces.budget import Budget
from search_spaces.space import SearchSpace
from search_spaces.stage_choices import StageSpace
from tests.benchmarks.cifar10 import CLASSES, cifar_recipe
from tests.benchmarks.filing import RESULTS, file_result
from tests.benchmarks.truth_table import paired
from tests.benchmarks.truth_trainings import Training, place_asked_for, trained_and_kept, where_trained

NAME: Final = "stage_patterns"
BUDGET: Final = Budget.parse("5M-MACs")
BACKBONES, SEEDS = 8, (0, 1)
RECIPE: Final = cifar_recipe("patterns", 3, 20_000, 4e-3, 128)
WIDTHS: Final = (0.5, 1.0, 1.5)
CHANGED: Final = (2, 3, 4)
"""The stages whose choices vary, from 1."""
VARIANTS: Final[dict[str, dict[str, Option]]] = {
    "plain": {},
    "attention in the last block": {"attend": "last"},
    "attention in every second block": {"attend": "alternate"},
    "attention in all blocks": {"attend": "all"},
    "cycling dilations": {"dilations": "cycle"},
    "widths by stage": {"width": None},
}
"""Choices of each variant; None for those drawn with the backbone."""
_BLOCK: Final[dict[str, tuple[Option, ...]]] = {
    "mixer": ("depthwise",),
    "kernel": (3, 5),
    "expansion": (2, 3, 4),
}
_STAGE: Final = partial(
    StageSpace,
    width=WIDTHS,
    patterns={"attend": ("none", "last", "alternate", "all"), "dilations": ("one", "cycle")},
    options={**_BLOCK, "attention_mixer": ("separable_attention", "attention")},
)
SPACE: Final = SearchSpace(
    name="patterns",
    resolution=(24, 32),
    options=options_of({"stem_channels": 32, "stem_stride": 1, "head_channels": 256}),
    stages=(
        StageSpace(channels=32, depth=(1,), stride=2, options=_BLOCK),
        _STAGE(channels=64, depth=(2, 3), stride=2),
        _STAGE(channels=128, depth=(3, 4)),
        _STAGE(channels=192, depth=(2, 3), stride=2),
    ),
)


def variants(number: int) -> Iterator[tuple[str, Architecture]]:
    """Yield name and network of each variant of a backbone.

    Args:
        number: Which backbone, from 0.
    """
    rng = np.random.default_rng([0, number])
    drawn = SPACE.params(SPACE.sample(rng, num_classes=CLASSES))
    mixer = str(rng.choice(["separable_attention", "attention"]))
    widths = [float(width) for width in rng.permutation(WIDTHS)]
    for name, chosen in VARIANTS.items():
        params: dict[str, Any] = dict(drawn)
        for stage, width in zip(CHANGED, widths, strict=True):
            params |= {f"stage{stage}.width": 1.0, f"stage{stage}.attend": "none"}
            params |= {f"stage{stage}.dilations": "one", f"stage{stage}.attention_mixer": mixer}
            params |= {f"stage{stage}.{key}": width if v is None else v for key, v in chosen.items()}
        network = filling(SPACE.architecture(params), BUDGET)
        assert network is not None
        yield name, network


def filling(network: Architecture, budget: Budget) -> Architecture | None:
    """Return a network at the width that uses a budget on a counted cost; None if it fits at no width."""

    def share(other: Architecture) -> float:
        costs = search_spaces.count(other, num_classes=CLASSES, deploy=True)
        return 1.0 + budget.excess(costs[budget.resource])

    made = fit_to_budget(network, ScalingFactors(), share)
    return None if made is None else made[0]


def lines_of(found: dict[str, Any]) -> list[str]:
    """Return the table of differences from the plain backbones.

    Args:
        found: Result of each training by ``backbone/variant/seed``.
    """
    costs = [result["costs"]["macs"] / 1e6 for result in found.values()]
    lines = [
        f"{BACKBONES} backbones, {len(SEEDS)} seeds each, {RECIPE.epochs} x {RECIPE.epoch_images:,} images "
        f"of CIFAR-10, {min(costs):.2f}M to {max(costs):.2f}M MACs. Test accuracy in points, mean over "
        "backbones; the difference is paired by backbone (mean of its seeds), 95 % intervals (Student).",
        "",
        "| variant | test | minus plain | params |",
        "| --- | --- | --- | --- |",
    ]
    plain = _means(found, "plain")
    for name in VARIANTS:
        values = _means(found, name)
        params = [r["costs"]["params"] for key, r in found.items() if key.split("/")[1] == name]
        difference, half = paired(values, plain)
        said = "" if name == "plain" else f"{difference:+.2f} ± {half:.2f}"
        lines.append(f"| {name} | {np.mean(values):.2f} | {said} | {np.mean(params) / 1e3:.0f}k |")
    last, all_blocks = (_means(found, f"attention in {where}") for where in ("the last block", "all blocks"))
    difference, half = paired(last, all_blocks)
    lines += ["", f"Attention in the last block minus in all: {difference:+.2f} ± {half:.2f}."]
    seeds = [
        [100 * found[f"{number}/{name}/{seed}"]["test"] for seed in SEEDS]
        for number in range(BACKBONES)
        for name in VARIANTS
    ]
    between = float(np.sqrt(np.var(seeds, axis=1, ddof=1).mean()))
    return [*lines, f"Standard deviation between seeds: {between:.2f}.", "", where_trained(found)]


def _means(found: dict[str, Any], name: str) -> list[float]:
    """Return the mean test accuracy of a variant of each backbone, in points."""
    return [
        100 * float(np.mean([found[f"{number}/{name}/{seed}"]["test"] for seed in SEEDS]))
        for number in range(BACKBONES)
    ]


def main() -> None:
    """Train what is not yet in the file of results, then file the table."""
    _, place = place_asked_for(argparse.ArgumentParser(description=__doc__), NAME)
    trainings = [
        Training(key=f"{number}/{name}/{seed}", network=network, recipe=RECIPE, seed=seed)
        for number in range(BACKBONES)
        for seed in SEEDS
        for name, network in variants(number)
    ]
    found = trained_and_kept(trainings, place, RESULTS / f"{NAME}.json")
    file_result(NAME, command=f"python -m tests.benchmarks.{NAME}", seed=0, lines=lines_of(found))


if __name__ == "__main__":
    main()
