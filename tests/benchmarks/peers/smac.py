"""SMAC3: its random forest, its encoding of costs and its expected improvement, over the networks that fit.

The parts are those of SMAC's facade for hyperparameters, which asks a local search for the maximum; here all
candidates are compared. The initial design is a quarter of 30 trials, as its default, drawn from what fits;
`_RANDOM` of the proposals are random as there.
"""

import tempfile
from functools import cached_property
from typing import ClassVar, Final, final

import numpy as np
from ConfigSpace import (
    CategoricalHyperparameter,
    Configuration,
    ConfigurationSpace,
    UniformFloatHyperparameter,
)
from optuna.samplers import BaseSampler
from smac import HyperparameterOptimizationFacade, Scenario
from smac.runhistory import RunHistory
from smac.runhistory.enumerations import StatusType
from typing_extensions import override

from nas.bayesopt.grid import Rows
from nas.bayesopt.problem import Problem
from tests.benchmarks.peers._ranked_candidates import Floats, RankedCandidates

_RANDOM: Final = 0.2


@final
class Forest(RankedCandidates):
    """Ranks candidates by the expected improvement of a random forest."""

    start: ClassVar[int] = 7

    @override
    def acquisition(
        self, rng: np.random.Generator, rows: Rows, values: Floats, pending: Rows, candidates: Rows
    ) -> Floats:
        if rng.random() < _RANDOM:
            return rng.random(len(candidates))
        facade, seed = HyperparameterOptimizationFacade, int(rng.integers(2**31))
        with tempfile.TemporaryDirectory() as folder:
            scenario = Scenario(self._space, deterministic=True, seed=seed, output_directory=folder)
        history = RunHistory()
        for config, value in zip(self._configurations(rows), values, strict=True):
            history.add(config, cost=-float(value), status=StatusType.SUCCESS, seed=0)
        encoder = facade.get_runhistory_encoder(scenario)
        encoder.runhistory = history
        points, costs = encoder.transform()
        model = facade.get_model(scenario)
        model.train(points, costs)
        improvement = facade.get_acquisition_function(scenario)
        improvement.update(model=model, eta=float(model.predict_marginalized(points)[0].min()))
        scores: Floats = improvement._compute(self._array(candidates))[:, 0]
        return scores

    @cached_property
    def _space(self) -> ConfigurationSpace:
        space = ConfigurationSpace()
        for c in self.region.grid.columns:
            space.add(
                UniformFloatHyperparameter(c.name, 0.0, 1.0)
                if c.ordered
                else CategoricalHyperparameter(c.name, [str(level) for level in range(c.levels)])
            )
        return space

    def _array(self, rows: Rows) -> Floats:
        """Return what SMAC's array of configurations would be; thousands of configurations take seconds."""
        columns = {c.name: (c, levels) for c, levels in zip(self.region.grid.columns, rows.T, strict=True)}
        ordered = [columns[name] for name in self._space]
        return np.stack([c.positions(levels) if c.ordered else levels for c, levels in ordered], axis=1)

    def _configurations(self, rows: Rows) -> list[Configuration]:
        columns = self.region.grid.columns
        values = [
            c.positions(levels).tolist() if c.ordered else [str(int(level)) for level in levels]
            for c, levels in zip(columns, rows.T, strict=True)
        ]
        names = [c.name for c in columns]
        return [
            Configuration(self._space, values=dict(zip(names, point, strict=True)))
            for point in zip(*values, strict=True)
        ]


def SAMPLER(problem: Problem) -> BaseSampler:  # noqa: N802
    """Return the sampler of `problem`."""
    return Forest(problem)
