"""Which choices of stages and stems earn a place in spaces for small images: a study of random networks.

Run ``python -m tests.benchmarks.space_choices [--band BUDGET ...]``. Each network takes every choice of a
wide space with equal chances and has its width solved so that it uses the budget, so that choices compare at
equal MACs. All are trained on CIFAR-10 by one recipe, both fixed before the first of them. Each finished
training is stored at once, and the command goes on where it was interrupted.

A linear model of test accuracy on the shares of stages that took each value says what it is worth: the
difference in points if all stages took it instead of the value that is named first.
"""

import argparse
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from search_spaces.architecture import Architecture, Option, options_of
from search_spaces.budget import Budget
from search_spaces.space import SearchSpace
from search_spaces.stage_choices import StageSpace
from tests.benchmarks.cifar10 import cifar_recipe
from tests.benchmarks.filing import RESULTS, file_result
from tests.benchmarks.stage_patterns import filling
from tests.benchmarks.truth_trainings import Training, place_asked_for, trained_and_kept, where_trained

NAME: Final = "space_choices"
BANDS: Final = {"5M-MACs": 64, "20M-MACs": 32}
"""Networks of each budget."""
RECIPE: Final = cifar_recipe("choices", 3, 15_000, 4e-3, 128)
STAGES: Final = (2, 3, 4)
"""The stages whose choices are compared, from 1."""
CHOICES: Final[dict[str, tuple[Option, ...]]] = {
    "block": ("metaformer", "inverted_residual", "convnext", "moat"),
    "attend": ("none", "last", "alternate", "all"),
    "attention_mixer": ("separable_attention", "attention"),
    "dilations": ("one", "cycle"),
    "kernel": (3, 5, 7),
    "expansion": (2, 3, 4, 6),
    "mlp": ("plain", "conv_glu"),
    "down": ("strided", "anti_aliased", "space_to_depth"),
    "width": (1.0, 0.5, 1.5),
}
"""Choices of a stage, the value that others are compared with first."""
SKELETON: Final[dict[str, tuple[Option, ...]]] = {"resolution": (32, 24, 48), "stem_stride": (1, 2)}
_RESAMPLES: Final = 4_000
_RIDGE: Final = 0.5

_CHANNELS: Final = (64, 128, 192)
_DEPTHS: Final = (2, 4, 3)
_STRIDES: Final = (2, 1, 2)

Params = dict[str, Option]


def network_of(params: Params) -> Architecture:
    """Return the network of one value of each choice, by ``stageN.choice`` or the choice of the skeleton."""
    first = StageSpace(
        channels=32, stride=2, options={"mixer": ("depthwise",), "kernel": (3,), "expansion": (3,)}
    )
    stages = [
        _stage(place, {n: params[f"stage{number}.{n}"] for n in CHOICES})
        for place, number in enumerate(STAGES)
    ]
    space = SearchSpace(
        name="one",
        resolution=(int(str(params["resolution"])),),
        options=options_of({"stem_channels": 32, "head_channels": 256, "stem_stride": params["stem_stride"]}),
        stages=(first, *stages),
    )
    return space.sample(np.random.default_rng(0))


def _stage(place: int, chosen: Params) -> StageSpace:
    """Return the stage that is one choice of each; those that its block does not take do not count."""
    block = str(chosen["block"])
    mixes = block != "inverted_residual"  # which takes no mixer
    options = {
        **({"mixer": ("depthwise",)} if mixes else {}),
        **{n: (chosen[n],) for n in ("kernel", "expansion")},
    }
    if mixes and chosen["attend"] != "none":
        options["attention_mixer"] = (chosen["attention_mixer"],)
    if block == "metaformer":
        options["mlp"] = (chosen["mlp"],)
        if _STRIDES[place] > 1:
            options["down"] = (chosen["down"],)
    patterns = [n for n in ("attend", "dilations") if mixes and chosen[n] != CHOICES[n][0]]
    return StageSpace(
        channels=int(_CHANNELS[place] * float(str(chosen["width"]))),
        depth=(_DEPTHS[place],),
        stride=_STRIDES[place],
        block=block,
        patterns={name: (str(chosen[name]),) for name in patterns},
        options=options,
    )


def networks(budget: Budget, count: int) -> Iterator[tuple[Params, Architecture]]:
    """Yield choices and network of each of `count` draws, the same at every call."""
    rng = np.random.default_rng([1, int(budget.limit)])
    drawn = {f"stage{number}.{name}": values for number in STAGES for name, values in CHOICES.items()}
    drawn |= SKELETON
    while count:
        params = {name: values[rng.integers(len(values))] for name, values in drawn.items()}
        network = filling(network_of(params), budget)
        if network is not None:
            yield params, network
            count -= 1


def values_of() -> list[tuple[str, Option]]:
    """Return the values that are compared, each with its choice."""
    return [(n, v) for n, values in (SKELETON | CHOICES).items() for v in values[1:]]


def shares(params: Params) -> NDArray[np.float64]:
    """Return how much of a network takes each of `values_of`: the share of stages, 0 or 1 of the skeleton."""
    places = {name: [f"stage{number}.{name}" for number in STAGES] for name in CHOICES}
    places |= {name: [name] for name in SKELETON}
    return np.array(
        [
            np.mean([params[place] == value and _matters(params, place) for place in places[name]])
            for name, value in values_of()
        ]
    )


def _matters(params: Params, name: str) -> bool:
    """Return whether another value of a choice is another network."""
    values = (SKELETON | CHOICES)[name.rpartition(".")[2]]
    return len({network_of({**params, name: value}) for value in values}) > 1


def effects(features: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the effect of each feature by ridge regression with an intercept.

    Args:
        features: Shares, ``[networks, features]``.
        values: Accuracies in points, ``[networks]``.
    """
    centred = features - features.mean(axis=0)
    scatter = centred.T @ centred + _RIDGE * np.eye(features.shape[1])
    return np.asarray(np.linalg.solve(scatter, centred.T @ (values - values.mean())))


def lines_of(found: dict[str, Any]) -> list[str]:
    """Return the table of effects.

    Args:
        found: Result of each training by ``budget/number``.
    """
    lines = [
        f"Each network took every choice with equal chances and was widened to its budget, then trained on "
        f"{RECIPE.epochs} x {RECIPE.epoch_images:,} images of CIFAR-10. Effects in points of test accuracy "
        "if stages 2 to 4 all took the value instead of the first of its choice, with 95 % intervals by "
        "resampling networks.",
        "",
    ]
    columns: dict[str, list[str]] = {}
    for text, most in BANDS.items():
        kept = [number for number in range(most) if f"{text}/{number}" in found]
        if len(kept) < len(values_of()):
            continue
        drawn = [params for params, _ in networks(Budget.parse(text), most)]
        features = np.array([shares(drawn[number]) for number in kept])
        values = np.array([100 * found[f"{text}/{number}"]["test"] for number in kept])
        rng = np.random.default_rng(0)
        picks = rng.integers(len(kept), size=(_RESAMPLES, len(kept)))
        low, high = np.quantile([effects(features[p], values[p]) for p in picks], [0.025, 0.975], axis=0)
        given = zip(effects(features, values), low, high, strict=True)
        columns[f"{text}, {len(kept)} networks"] = [f"{m:+.1f} [{a:+.1f}, {b:+.1f}]" for m, a, b in given]
        lines.append(
            f"{text}: {values.min():.1f} to {values.max():.1f}, standard deviation {values.std(ddof=1):.1f}."
        )
    lines += ["", "| choice | value | instead of | " + " | ".join(columns) + " |"]
    lines.append("| --- " * (3 + len(columns)) + "|")
    for row, (name, value) in enumerate(values_of()):
        said = " | ".join(column[row] for column in columns.values())
        lines.append(f"| {name} | {value} | {(SKELETON | CHOICES)[name][0]} | {said} |")
    return [*lines, "", where_trained(found)]


def main() -> None:
    """Train what is not yet in the file of results, then file the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--band", action="append", choices=list(BANDS), help="budgets; by default all")
    given, place = place_asked_for(parser, NAME)
    trainings = [
        Training(key=f"{text}/{number}", network=network, recipe=RECIPE, seed=0)
        for text in given.band or BANDS
        for number, (_, network) in enumerate(networks(Budget.parse(text), BANDS[text]))
    ]
    found = trained_and_kept(trainings, place, RESULTS / f"{NAME}.json")
    file_result(NAME, command=f"python -m tests.benchmarks.{NAME}", seed=0, lines=lines_of(found))


if __name__ == "__main__":
    main()
