"""What the depth of ViT blocks, as a factor of its own, tells the factor GP of `mobilevit_small`.

Run ``python -m tests.benchmarks.vit_depth_factor [--networks N]``. Networks are drawn uniformly among those
of the space between 3M and 5M MACs and trained on CIFAR-10 by one short recipe, both fixed before the first
of them was trained. Each finished training is stored at once, and the command goes on where it was
interrupted.

Then each network is left out in turn, and the surrogate of a search predicts it from the others: with all
factors, and with one of them withheld. It always knows how far each network is below the budget, as it does
in a search. Beside it stand a process on MACs alone, on parameters alone, on the count of blocks that do
something, and the mean. At last the study is scaled to other budgets by its own front, as `nas scale` does.
"""

import argparse
import tempfile
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from optuna.storages import get_storage

import search_spaces
from nas.bayesopt.feasible_region import Region, region_of
from nas.bayesopt.space_problem import problem_of
from nas.scaling.family import base_of, family
from nas.storage.optuna_storage import open_storage
from nas.study.network_lookup import find_network
from nas.surrogates.factor_features import Factor
from nas.surrogates.factor_gp import FactorGP, Inputs
from search_spaces.architecture import Architecture
from search_spaces.budget import Budget
from search_spaces.graph_counts import graph_counts
from search_spaces.options import parts_inside
from search_spaces.pricing import prices
from tests.benchmarks.cifar10 import CLASSES, cifar_recipe
from tests.benchmarks.filing import RESULTS, file_result
from tests.benchmarks.truth_trainings import Training, place_asked_for, trained_and_kept, where_trained
from tests.nas.explained import studied

Floats = NDArray[np.float64]

NAME: Final = "vit_depth_factor"
STATE: Final = RESULTS / f"{NAME}.json"
SPACE, BUDGET, LEAST_MACS = "mobilevit_small", "5M-MACs", 3_000_000
FAMILY: Final = ("2M-MACs", "5M-MACs", "20M-MACs", "80M-MACs")
GLOBALS: Final = {
    "resolution": "resolution",
    "width": "width",
    "conv_depth": "depth of inverted residuals",
    "attention_depth": "depth of ViT blocks",
}
RECIPE: Final = cifar_recipe("short", 3, 8_000, 2e-3, 64)
_STEPS: Final = 25  # most iterations of each fit
_RESAMPLES: Final = 4_000


def networks(count: int) -> list[Architecture]:
    """Return the networks of the study, the same at every call."""
    space, rng = search_spaces.load(SPACE), np.random.default_rng(0)
    found: dict[Architecture, None] = {}
    while len(found) < count:
        drawn = space.sample(rng, budgets=[Budget.parse(BUDGET)], num_classes=CLASSES)
        if search_spaces.count(drawn, num_classes=CLASSES, deploy=True).macs >= LEAST_MACS:
            found[drawn] = None
    return list(found)


class Study:
    """The networks trained so far as the surrogate of a search sees them.

    Args:
        architectures: The networks.
        values: Accuracy of each, in [0, 1], ``[n]``.
    """

    def __init__(self, architectures: Sequence[Architecture], values: Sequence[float]) -> None:
        space = search_spaces.load(SPACE)
        table = prices(space.codes, num_classes=CLASSES)
        self.values: Final = np.array(values)
        self.region: Final[Region] = region_of(problem_of(table, [Budget.parse(BUDGET)], seed=0))
        self.rows: Final = self.region.grid.encode([space.params(a) for a in architectures])
        codes = np.array([space.codes.code_of(a) for a in architectures])
        blocks = graph_counts(space, codes, num_classes=CLASSES)["blocks"]
        self.alone: Final[dict[str, Floats]] = {
            "MACs alone": np.log(table.of(codes, "macs").astype(np.float64)),
            "parameters alone": np.log(table.of(codes, "params").astype(np.float64)),
            "blocks alone": np.asarray(blocks, dtype=np.float64),
        }

    def errors(self, without: str | None = None) -> Floats:
        """Return the error of each network, predicted from the others by its factors, ``[n]``."""
        kept = [j for j, column in enumerate(self.region.grid.columns) if column.name != without]
        factors = [
            Factor(
                group=repr(column.distribution),
                levels=0 if column.smooth else column.levels,
                positions=column.positions if column.ordered else None,
            )
            for column in (self.region.grid.columns[j] for j in kept)
        ]
        drawn = self.region.draw(np.random.default_rng(np.random.SeedSequence([0])), 512)
        surrogate = FactorGP(factors, self.region.features(drawn))
        return self._left_out(surrogate, self.rows[:, kept], self.region.features(self.rows))

    def errors_alone(self, feature: Floats | None) -> Floats:
        """Return the same for a process on one number for each network, or on none, ``[n]``."""
        nothing = np.zeros((len(self.values), 0))
        features = nothing if feature is None else feature[:, None]
        return self._left_out(FactorGP([], features), nothing, features)

    def _left_out(self, surrogate: FactorGP, rows: Floats, features: Floats) -> Floats:
        points = Inputs(rows, features, np.ones(len(self.values)))
        found = []
        for row in range(len(self.values)):
            others = np.arange(len(self.values)) != row
            posterior = surrogate.fitted(points[others], self.values[others], None, _STEPS)
            found.append(posterior.predict(points[[row]])[0][0] - self.values[row])
        return np.array(found)


def rms(errors: Floats) -> Floats:
    """Return the root of the mean squared error over the last axis."""
    return np.asarray(np.sqrt((errors**2).mean(axis=-1)))


def lines_of(state: dict[str, Any]) -> list[str]:
    """Return the table of errors of the networks trained so far."""
    kept = list(state.values())
    study = Study(
        [Architecture.from_json(found["network"]) for found in kept], [found["test"] for found in kept]
    )
    errors = {"all factors": study.errors()}
    errors |= {f"without {words}": study.errors(name) for name, words in GLOBALS.items()}
    errors |= {name: study.errors_alone(feature) for name, feature in study.alone.items()}
    errors["mean"] = study.errors_alone(None)
    picks = np.random.default_rng(0).integers(len(kept), size=(_RESAMPLES, len(kept)))
    lines = [
        f"{len(kept)} networks of `{SPACE}` between {LEAST_MACS / 1e6:.0f}M and {BUDGET}, drawn uniformly, "
        f"each trained once on {RECIPE.epochs} x {RECIPE.epoch_images:,} images of CIFAR-10. Test accuracy "
        f"{study.values.min():.1%} to {study.values.max():.1%}, standard deviation "
        f"{100 * study.values.std():.2f} points.",
        "",
        "Leave-one-out error of the factor GP, every hyper-parameter fitted without the network left out; in "
        "points of test accuracy. The difference is paired, with a 95 % interval by resampling "
        "networks: above 0, the factors together are nearer.",
        "",
        "| model | error | more than with all factors |",
        "| --- | --- | --- |",
    ]
    for name, found in errors.items():
        more = 100 * (rms(found[picks]) - rms(errors["all factors"][picks]))
        low, high = np.quantile(more, [0.025, 0.975])
        centre = 100 * float(rms(found) - rms(errors["all factors"]))
        difference = "" if name == "all factors" else f"{centre:+.2f} [{low:+.2f}, {high:+.2f}]"
        lines.append(f"| {name} | {100 * float(rms(found)):.2f} | {difference} |")
    return [*lines, "", *family_lines(kept), "", where_trained(state)]


def family_lines(found: Sequence[dict[str, Any]]) -> list[str]:
    """Return the table of what the networks, as a study, are scaled to by its own front."""
    space = search_spaces.load(SPACE)
    table = prices(space.codes, num_classes=CLASSES)
    codes = np.array([space.codes.code_of(Architecture.from_json(one["network"])) for one in found])
    values = iter([one["test"] for one in found])
    with tempfile.TemporaryDirectory() as folder:
        storage = get_storage(open_storage(f"sqlite:///{folder}/nas.db"))
        study = studied(storage, table, lambda *_: next(values), budget=BUDGET, codes=codes)
        network = find_network(study.study_name, f"sqlite:///{folder}/nas.db")
        made = family(network, base_of(network, study), [Budget.parse(text) for text in FAMILY], "front")
    lines = [
        "The family of the best of them by `--rule front`:",
        "",
        "| budget | uses of it | side | channels | inverted residuals | transformers |",
        "| --- " * 6 + "|",
    ]
    for text, member in zip(FAMILY, made, strict=True):
        stages = member.architecture.stages
        convolutions = sum(stage.depth for stage in stages if not stage.mixer)
        lines.append(
            f"| {text} | {member.share:.1%} | {member.architecture.resolution} "
            f"| {', '.join(str(stage.channels) for stage in stages)} | {convolutions} "
            f"| {sum(parts_inside(stage) for stage in stages if stage.mixer)} |"
        )
        assert member.share <= 1, text
    return lines


def main() -> None:
    """Train what is not yet in the file of results, then file the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--networks", type=int, default=48)
    given, place = place_asked_for(parser, NAME)
    trainings = [
        Training(key=str(number), network=network, recipe=RECIPE, seed=0)
        for number, network in enumerate(networks(given.networks))
    ]
    state = trained_and_kept(trainings, place, STATE)
    torch.set_num_threads(1)
    file_result(NAME, command=f"python -m tests.benchmarks.{NAME}", seed=0, lines=lines_of(state))


if __name__ == "__main__":
    main()
