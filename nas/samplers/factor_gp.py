"""Proposes what a Gaussian process over architecture factors expects to gain most from.

`FactorGPSampler` is a plain Optuna sampler. Nothing about a search lives in it: each proposal is a
function of its arguments, the study's history and the number of the trial.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from zlib import crc32

import numpy as np
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.study import Study
from optuna.trial import FrozenTrial
from typing_extensions import override

from nas.bayesopt.feasible_region import Batch, Region
from nas.bayesopt.grid import Column, Grid, Rows
from nas.bayesopt.history import POINT, Histories, History
from nas.bayesopt.initial_design import next_start, prior_start
from nas.bayesopt.problem import Params, Problem, TransferSource
from nas.bayesopt.proposer import Fit, Proposer
from nas.bayesopt.transfer_prior import transfer_prior_mean
from nas.storage.optuna_internals import storage_of, trial_id_of
from search_spaces.errors import InvalidValueError

_STARTS: Final = 4  # trials before the surrogate decides
_RETRIES: Final = 8  # proposals made anew because another worker announced the same point
_FIT: Final = "factor_gp:fit"  # system attribute of a trial: what was fitted to propose it
_RECENT: Final = 10  # finished trials that tell what the search space is, where nobody says so


class FactorGPSampler(BaseSampler):
    """Optuna sampler on a surrogate of architecture factors.

    No proposal breaks a known constraint or repeats a point that a trial holds that has not failed,
    as long as there is another. Constraints known only after a trial are read from
    ``trial.constraints``. Values of pruned trials inform it as what they are: early ones.

    Args:
        search_space: Parameter name to distribution. Without it, it is read from the study: the
            first trial takes the first choices and lowest numbers, and what is promised above holds
            from the second trial on.
        seed: Seed of every generator, at least 0.
        known_constraints_func: A point to numbers; the point fits where all are <= 0. Free to call.
        known_constraints_batch: The same for `n` points, ``[n, k]``; used where given.
        n_startup_trials: How many trials are spread over what fits before the surrogate decides;
            4 by default, or 8 for more than 20 parameters.
        factors_batch: `n` points to features ``[n, f]`` that the surrogate learns from.
        canonical: A point to the one that stands for all that build the same network.
        draw: A generator and `n` to `n` distinct canonical points that fit, uniform over them.
        earlier: What another study saw: a prior of the surrogate of one objective, that is maximised. It is
            left out where it does not predict its own networks, and how far it is trusted is learnt.

    Raises:
        InvalidValueError: if `seed` or `n_startup_trials` is negative.
    """

    def __init__(
        self,
        search_space: Mapping[str, BaseDistribution] | None = None,
        seed: int = 0,
        known_constraints_func: Callable[[dict[str, Any]], Sequence[float]] | None = None,
        known_constraints_batch: Batch | None = None,
        n_startup_trials: int | None = None,
        *,
        factors_batch: Batch | None = None,
        canonical: Callable[[Params], dict[str, Any]] | None = None,
        draw: Callable[[np.random.Generator, int], list[dict[str, Any]]] | None = None,
        earlier: TransferSource | None = None,
    ) -> None:
        for name, value in {"seed": seed, "n_startup_trials": n_startup_trials or 0}.items():
            if value < 0:
                raise InvalidValueError(f"Cannot use {name}={value}: expected 0 or more.")
        self._space: Final = None if search_space is None else dict(search_space)
        self._seed: Final = seed
        self._constraints: Final = known_constraints_batch or _batched(known_constraints_func)
        self._n_startup_trials: Final = n_startup_trials
        self._factors, self._canonical, self._draw = factors_batch, canonical, draw
        self._earlier: Final = earlier
        self._latest: tuple[dict[str, BaseDistribution], Params, Proposer, Histories] | None = None

    @override
    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        space = self._space if self._space is not None else _recent_space(study, trial)
        return {name: d for name, d in space.items() if not d.single()}

    @override
    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        if not search_space:
            return {}
        proposer, histories = self._proposer(study, trial, search_space)
        rng = np.random.default_rng(np.random.SeedSequence([self._seed, trial.number]))
        fit = _latest_fit(study, trial)
        history = histories.read(study, trial)
        row = self._next(rng, proposer, history, study, trial, fit)
        for _ in range(_RETRIES):
            _tell(study, trial, POINT, row[0].tolist())
            if row[0].tobytes() in history.seen:
                break  # there is no other point left
            if row[0].tobytes() not in histories.announced(study, trial, history):
                break
            # Another worker announced the same point: both choose again, each by its own generator.
            history = histories.read(study, trial)
            row = self._next(rng, proposer, history, study, trial, fit)
        return proposer.region.grid.decode(row)[0]

    @override
    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        column = Column.of(param_name, param_distribution)
        if self._space is None and trial.number == 0:
            return column.value(0.0)
        entropy = [self._seed, trial.number, crc32(param_name.encode())]
        rng = np.random.default_rng(np.random.SeedSequence(entropy))
        return column.value(float(column.draw(rng, 1)[0]))

    def _next(
        self,
        rng: np.random.Generator,
        proposer: Proposer,
        history: History,
        study: Study,
        trial: FrozenTrial,
        earlier: Fit,
    ) -> Rows:
        """Return the next point, ``[1, d]``: of the start-up design, or the surrogate's."""
        if not history.n_finished and proposer.learnt is not None:
            row = prior_start(rng, proposer.region, proposer.learnt, history.seen)
            if len(row):
                return row
        n_starts = 1 if proposer.learnt is not None else self._n_startup_trials
        if n_starts is None:
            n_starts = _STARTS if len(proposer.region.grid.columns) <= 20 else 2 * _STARTS
        if not history.n_finished or history.n_finished + len(history.pending) < n_starts:
            taken = np.concatenate([history.rows, history.measured_rows, history.pending])
            row = next_start(rng, proposer.region, taken, history.seen)
            if len(row):
                return row
            if not history.n_finished:
                return proposer.region.draw(rng, 1)
        row, fit = proposer.propose(rng, history, earlier)
        if fit:
            _tell(study, trial, _FIT, fit)
        return row

    def _proposer(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> tuple[Proposer, Histories]:
        """Return what chooses the next point of a search space, and what reads its studies."""
        space = self._space if self._space is not None else _recent_space(study, trial)
        constants = {n: _only(n, d) for n, d in space.items() if d.single()}
        if self._latest is None or self._latest[:2] != (search_space, constants):
            grid = Grid(search_space)
            told = transfer_prior_mean(
                grid, constants, self._earlier, self._factors, self._canonical, self._seed
            )
            region = Region(
                grid,
                constants,
                self._constraints,
                self._factors,
                self._canonical,
                self._draw,
                None if told is None else told.expects,
            )
            proposer = Proposer.of(region, self._seed, told)
            self._latest = (dict(search_space), constants, proposer, Histories(region))
        return self._latest[2:]


def SAMPLER(problem: Problem) -> BaseSampler:  # noqa: N802
    """Return the sampler of `problem`."""
    return FactorGPSampler(
        problem.distributions,
        problem.seed,
        known_constraints_batch=problem.known_constraints_batch,
        factors_batch=problem.factors_batch,
        canonical=problem.canonical,
        draw=problem.draw,
        earlier=problem.earlier,
    )


def _batched(function: Callable[[dict[str, Any]], Sequence[float]] | None) -> Batch | None:
    if function is None:
        return None

    def batch(points: Sequence[Params]) -> NDArray[np.float64]:
        return np.array([np.atleast_1d(function(dict(point))) for point in points], np.float64)

    return batch


def _recent_space(study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
    """Return the parameters that all recent trials have, as the last of them was given them."""
    others = [t for t in study.get_trials(deepcopy=False) if t.number != trial.number and t.distributions]
    recent = [t for t in others if t.state.is_finished()][-_RECENT:] or others[:1]
    if not recent:
        return {}
    latest = recent[-1].distributions
    return {name: d for name, d in latest.items() if all(name in t.distributions for t in recent)}


def _latest_fit(study: Study, trial: FrozenTrial) -> Fit:
    """Return the hyper-parameters stored last before `trial`; empty where there are none."""
    for other in reversed(study.get_trials(deepcopy=False)):
        if other.number < trial.number and _FIT in other.system_attrs:
            stored: Fit = other.system_attrs[_FIT]
            return stored
    return {}


def _only(name: str, distribution: BaseDistribution) -> Any:
    return Column.of(name, distribution).value(0.0)


def _tell(study: Study, trial: FrozenTrial, key: str, value: Any) -> None:
    """Store `value` with a trial that Optuna has handed out read-only."""
    storage_of(study).set_trial_system_attr(trial_id_of(study, trial), key, value)
