"""Ax as its users run it: its client asks, abandons what breaks a known constraint, and asks again.

After `_TRIES` proposals over the budget the point that fits and is most similar to the first is trained, and
attached as a trial of its own. Numbers are ordered choices or ranges, categories unordered choices.
"""

import logging
from collections.abc import Callable, Mapping
from typing import Any, Final, final

import numpy as np
from ax.api.client import Client
from ax.api.configs import ChoiceParameterConfig, RangeParameterConfig
from ax.utils.common.logger import set_ax_logger_levels
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState
from typing_extensions import override

from nas.bayesopt.column import Column
from nas.bayesopt.grid import Grid, Rows
from nas.bayesopt.history import History
from nas.bayesopt.problem import Problem
from nas.samplers._feasible_sampler import FeasibleSampler

_TRIES: Final = 10
_VALUE: Final = "value"


@final
class AxClient(FeasibleSampler):
    """Asks a client of Ax that lives as long as the study."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self._client: Final = _client(self.region.grid, problem.seed)
        self._client.configure_optimization(objective=_VALUE)
        self._asked: Final[dict[bytes, int]] = {}  # trials of the client by row, not yet in the study
        self._running: Final[dict[int, int]] = {}  # trials of the client by number of the study's

    @override
    def preferred(self, rng: np.random.Generator, study: Study, trial: FrozenTrial, history: History) -> Rows:
        self._tell(study, trial)
        rows = []
        for _ in range(_TRIES):
            [(index, point)] = self._client.get_next_trials(max_trials=1).items()
            row = _encoded(self.region.grid, point)
            rows.append(row)
            key = self.region.canonical(row)[0].tobytes()
            if self.region.fits(self.region.canonical(row)).all() and key not in history.seen:
                self._asked[key] = index
                break
            self._client.mark_trial_abandoned(index)
        return np.concatenate(rows)

    def _tell(self, study: Study, me: FrozenTrial) -> None:
        """Tell the client which trials run and what the ended ones gave."""
        for trial in study.get_trials(deepcopy=False):
            if trial.number == me.number:
                continue
            if trial.number not in self._running:
                row = self.region.canonical(self.region.grid.encode([trial.params]))
                index = self._asked.pop(row[0].tobytes(), None)
                if index is None:
                    index = self._client.attach_trial(parameters=self._decoded(row))
                self._running[trial.number] = index
            index = self._running[trial.number]
            if trial.state == TrialState.COMPLETE and index >= 0:
                self._client.complete_trial(index, raw_data={_VALUE: trial.values[0]})
                self._running[trial.number] = -1

    def _decoded(self, row: Rows) -> dict[str, Any]:
        return {
            c.name: _value(c, float(level)) for c, level in zip(self.region.grid.columns, row[0], strict=True)
        }


def client_of(
    distributions: Mapping[str, BaseDistribution], seed: int
) -> tuple[Client, Callable[[dict[str, Any]], dict[str, Any]]]:
    """Return a client without an objective, and the function from what it asks for to a point."""
    grid = Grid(distributions)
    return _client(grid, seed), lambda point: grid.decode(_encoded(grid, point))[0]


def _client(grid: Grid, seed: int) -> Client:
    set_ax_logger_levels(logging.ERROR)
    client = Client(random_seed=seed)
    client.configure_experiment(parameters=[_parameter(c) for c in grid.columns])
    return client


def _encoded(grid: Grid, point: dict[str, Any]) -> Rows:
    return np.array([[_level(c, point[c.name]) for c in grid.columns]], dtype=np.float64)


def _parameter(column: Column) -> ChoiceParameterConfig | RangeParameterConfig:
    if column.levels == 0:
        return RangeParameterConfig(name=column.name, bounds=(0.0, 1.0), parameter_type="float")
    if column.ordered:
        positions = sorted(_value(column, float(level)) for level in range(column.levels))
        return ChoiceParameterConfig(
            name=column.name, values=positions, parameter_type="float", is_ordered=True
        )
    levels = [str(level) for level in range(column.levels)]
    return ChoiceParameterConfig(name=column.name, values=levels, parameter_type="str", is_ordered=False)


def _value(column: Column, level: float) -> Any:
    """Return what the client calls a level: its place in [0, 1], or the number of a category as text."""
    return round(float(column.positions(np.array([level]))[0]), 9) if column.ordered else str(int(level))


def _level(column: Column, value: Any) -> float:
    return float(column.at(np.array([value]))[0]) if column.ordered else float(value)


def SAMPLER(problem: Problem) -> BaseSampler:  # noqa: N802
    """Return the sampler of `problem`."""
    return AxClient(problem)
