"""How well do cheap values of networks rank them as long trainings do, on CIFAR-10 inside one band of MACs?

Run ``python -m tests.benchmarks.band_agreement TRAININGS.json SUPERNETS.json COSTS.json``, the first two as
`band_trainings.py` and `band_supernets.py` write them, wherever they ran. COSTS.json holds the training-free
scores and the core-seconds of everything on this machine; what is missing in it is measured first, on one
core. What there is is filed as results/band_agreement.md, the choice of a proxy as results/band_proxies.md.
"""

import argparse
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

import search_spaces
from nas.bayesopt.earlier_study import earlier_study
from nas.bayesopt.feasible_region import region_of
from nas.bayesopt.problem import TransferSource
from nas.bayesopt.space_problem import problem_of
from search_spaces.architecture import Architecture
from search_spaces.graph_counts import architecture_counts
from search_spaces.pricing import prices
from tests.benchmarks.band_costs import Costs, costs_of, measured
from tests.benchmarks.band_supernets import readings_of_search
from tests.benchmarks.band_trainings import (
    LONG_SEEDS,
    NETWORKS,
    PROXY,
    SHORT_SEED,
    SPACE,
    networks,
    recipes,
    short_recipe,
)
from tests.benchmarks.cifar10 import CLASSES, IMAGES
from tests.benchmarks.filing import file_result
from tests.benchmarks.rank_agreement import Agreement, agreement, kendall
from trials.datasets import open_images
from trials.scores import SCORES

Floats = NDArray[np.float64]
State = dict[str, Any]

COUNTS: Final = ("blocks", "log_macs", "log_params", "log_activations")
PROXIES: Final = {"proxy": short_recipe(6, 10_000), "proxy, first edition": PROXY}
"""Recipes of `band_trainings` that train all epochs of a search's recipe, as it is now and was before."""
SEARCHED: Final = 1_000
_DRAWS: Final = 4_000
VALUED: Final = 100
"""Networks over which the cost of a supernet is spread."""
FEWEST: Final = 8


class Band:
    """Values of the networks that both long trainings have ended for.

    Args:
        trainings: State of the trainings.
        count: Number of networks.
    """

    def __init__(self, trainings: State, count: int) -> None:
        self._done = trainings["trainings"]
        self.numbers = [n for n in range(count) if all(self._long(seed, n) for seed in LONG_SEEDS)]
        if len(self.numbers) < FEWEST:
            raise SystemExit(
                f"{len(self.numbers)} networks have {len(LONG_SEEDS)} long trainings: expected at least "
                f"{FEWEST}. Run band_trainings."
            )
        self.seeds: list[Floats] = [
            np.array([self._long(seed, n)["test"] for n in self.numbers]) for seed in LONG_SEEDS
        ]
        self.truth: Floats = np.mean(self.seeds, axis=0)

    def _long(self, seed: int, number: int) -> dict[str, Any]:
        found: dict[str, Any] = self._done.get(f"long/{seed}/{number}", {})
        return found

    def curves(self, recipe: str) -> Floats | None:
        """Return the accuracies after each epoch of a recipe, [n, epochs]; None where a network lacks it."""
        keys = [f"{recipe}/{SHORT_SEED}/{number}" for number in self.numbers]
        if not all(key in self._done for key in keys):
            return None
        return np.array([[accuracy for accuracy, _ in self._done[key]["epochs"]] for key in keys])


def values_of(band: Band, found: list[Architecture], supernets: State, state: State) -> dict[str, Floats]:
    """Return the values of each network by name, those that are known."""
    of = [found[number] for number in band.numbers]
    values: dict[str, Floats] = {}
    for name, recipe in PROXIES.items():
        curves = band.curves(recipe.name)
        if curves is not None:
            values[name] = curves[:, -1]
    for key, read in sorted(supernets["trainings"].items()):
        seed = key.split("/")[1]
        if len(read["of_band"]) > max(band.numbers):
            values[f"supernet, seed {seed}"] = np.array([read["of_band"][n][0] for n in band.numbers])
            values[f"sum over layers of supernet, seed {seed}"] = summed(read, of)
    for name in SCORES:
        values[name] = np.array([state["scores"][str(number)][name][0] for number in band.numbers])
    counts = [architecture_counts(network, num_classes=CLASSES) for network in of]
    for name in COUNTS:
        values[name] = np.array([float(count[name]) for count in counts])
    return values


def summed(read: Mapping[str, Any], of: list[Architecture]) -> Floats:
    """Return what a search expects of networks by the readings of a supernet: a sum over their parameters."""
    space = search_spaces.load(SPACE)
    codes = np.array(read["codes"])
    source = earlier_study(
        region_of(problem_of(prices(space.codes, num_classes=CLASSES), [], seed=0)),
        TransferSource(
            points=[space.params(space.codes.at(row)) for row in codes],
            values=np.array(read["values"]),
            fidelity=np.ones(len(codes)),
            networks=np.arange(len(codes)),
            additive=True,
        ),
        seed=0,
    )
    if source is None:
        return np.zeros(len(of))
    return source.expects([space.params(network) for network in of])[:, 0]


def seconds_of(name: str, costs: Costs, images: int) -> float | None:
    """Return the core-seconds of a value of one network, where the cost of a supernet is spread."""
    if name in PROXIES:
        return costs.training(PROXIES[name], PROXIES[name].epochs, images)
    if name.startswith("supernet"):
        return costs.supernet / VALUED + costs.reading
    if name.startswith("sum over layers"):
        readings = readings_of_search(images, costs.validation)
        return (costs.supernet + readings * costs.reading) / VALUED
    return costs.scores.get(name)


def agreement_lines(band: Band, values: dict[str, Floats], costs: Costs, images: int) -> Iterator[str]:
    """Yield the table of how well each value ranks the networks."""
    found = agreement(band.truth, values)
    yield "| value | tau | more than the proxy | more than blocks | core-seconds a network |"
    yield "| --- | --- | --- | --- | --- |"
    for name in values:
        taken = seconds_of(name, costs, images)
        cells = [_tau(found, name)]
        cells += [_more(found, name, other) for other in ("proxy", "blocks")]
        yield f"| {name} | {' | '.join(cells)} | {'' if taken is None else f'{taken:,.1f}'} |"
    yield f"| a second long training | {kendall(*band.seeds):.3f} | | | |"
    seeds = [name for name in values if name.startswith("supernet")]
    if len(seeds) > 1:
        yield ""
        yield f"Two supernets agree at {kendall(values[seeds[0]], values[seeds[1]]):.3f}."


def _tau(found: Agreement, name: str) -> str:
    low, high = found.interval(name)
    return f"{found.tau[name]:.3f} [{low:.3f}, {high:.3f}]"


def _more(found: Agreement, name: str, other: str) -> str:
    if name == other or other not in found.tau:
        return ""
    mean, low, high = found.difference(name, other)
    return f"{mean:+.3f} [{low:+.3f}, {high:+.3f}]"


def halved(curves: Floats, rung: int) -> Floats:
    """Return values by which successive halving ranks networks: the better half at a rung goes on to the end.

    Args:
        curves: Accuracy of each network after each epoch, [n, epochs].
        rung: Epochs after which the worse half ends.
    """
    early = curves[:, rung - 1]
    goes_on = early >= np.median(early)
    return np.where(goes_on, 1.0 + curves[:, -1], early)


def delivered(band: Band, curves: Floats, rung: int | None, each: float) -> float:
    """Return the mean true accuracy of the best of as many random networks as `SEARCHED` core-seconds train.

    Args:
        band: The networks.
        curves: Their accuracies after each epoch of a recipe, [n, epochs].
        rung: Epochs after which the worse half ends; None for no such end.
        each: Core-seconds of a network, half of them ended early.
    """
    rng, found = np.random.default_rng(0), []
    count = int(np.clip(SEARCHED / each, 1, len(curves)))
    for _ in range(_DRAWS):
        drawn = rng.choice(len(curves), count, replace=False)
        values = curves[drawn, -1] if rung is None else halved(curves[drawn], rung)
        found.append(band.truth[drawn[np.argmax(values)]])
    return float(np.mean(found))


def proxy_lines(band: Band, costs: Costs, images: int, batch_size: int) -> Iterator[str]:
    """Yield the table of the recipes that vary the proxy, each alone and with the worse half ended early."""
    values: dict[str, Floats] = {}
    taken: dict[str, float] = {}
    best: dict[str, float] = {}
    kinds = recipes(batch_size)
    for name, recipe in {**kinds["proxy"], **kinds["short"]}.items():
        curves = band.curves(name)
        if curves is None:
            continue
        whole = f"{recipe.epochs} x {recipe.epoch_images:,}"
        values[whole] = curves[:, -1]
        taken[whole] = costs.training(recipe, recipe.epochs, images)
        best[whole] = delivered(band, curves, None, taken[whole])
        for rung in range(1, recipe.epochs // 2 + 1):
            label = f"{whole}, half of them after {rung}"
            values[label] = halved(curves, rung)
            first = costs.training(recipe, rung, images)
            taken[label] = first + (taken[whole] - first) / 2
            best[label] = delivered(band, curves, rung, taken[label])
    if not values:
        return
    found = agreement(band.truth, values)
    default = f"{PROXY.epochs} x {PROXY.epoch_images:,}"
    yield (
        f"| epochs x images | core-seconds a network | tau | more than {default} | tau a 100 s "
        f"| true accuracy of the best of as many random ones as {SEARCHED:,} core-seconds train |"
    )
    yield "| --- | --- | --- | --- | --- | --- |"
    for name in sorted(values, key=lambda name: taken[name]):
        more = _more(found, name, default)
        yield (
            f"| {name} | {taken[name]:,.0f} | {_tau(found, name)} | {more} "
            f"| {100 * found.tau[name] / taken[name]:.2f} | {best[name]:.2%} |"
        )


def main() -> None:
    """Measure what is missing, and file everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("trainings", type=Path, help="state of band_trainings")
    parser.add_argument("supernets", type=Path, help="state of band_supernets")
    parser.add_argument("costs", type=Path, help="scores and core-seconds, measured where missing")
    parser.add_argument("--networks", type=int, default=NETWORKS)
    parser.add_argument("--images", type=Path, default=IMAGES)
    given = parser.parse_args()
    splits = open_images(str(given.images), seed=0, cache=None)
    trainings = json.loads(given.trainings.read_text(encoding="utf-8"))
    none: State = {"trainings": {}}
    supernets = json.loads(given.supernets.read_text()) if given.supernets.exists() else none
    band, found = Band(trainings, given.networks), networks(given.networks)
    state = measured(given.costs, splits, found)
    images, costs = len(splits.train), costs_of(state, len(splits.validation))
    device = next(iter(trainings["trainings"].values()))["device"]
    batch_size = trainings["settings"]["batch_size"]
    about = [
        f"{len(band.numbers)} networks of {SPACE} drawn uniformly at 4 to 5M MACs. Kendall's tau-b with the",
        f"mean test accuracy of two trainings of 300,000 images each (batches of {batch_size}, on {device});",
        "95 % intervals by bootstrap over networks, differences paired. The test images are in no value.",
    ]
    command = "python -m tests.benchmarks.band_agreement TRAININGS.json SUPERNETS.json COSTS.json"
    lines = list(agreement_lines(band, values_of(band, found, supernets, state), costs, images))
    spread = (
        f"The supernet's training is spread over {VALUED} networks; core-seconds are of the machine below."
    )
    file_result("band_agreement", command=command, seed="0 and 1", lines=[*about, "", *lines, "", spread])
    lines = list(proxy_lines(band, costs, images, batch_size))
    if lines:
        file_result("band_proxies", command=command, seed=SHORT_SEED, lines=[*about, "", *lines])


if __name__ == "__main__":
    main()
