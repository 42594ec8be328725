"""Search algorithm `factor_gp`: Bayesian optimisation with a Gaussian process on architecture factors.

`FactorGPSampler` is a plain Optuna sampler without state of its own: each proposal is a function of
its arguments, the study's history and the number of the trial.
"""

import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any, Final
from zlib import crc32

import numpy as np
import torch
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.study import Study
from optuna.trial import FrozenTrial
from typing_extensions import override

from nas.bayesopt.column import Column
from nas.bayesopt.errors import ProblemError
from nas.bayesopt.feasible_region import Batch, Region
from nas.bayesopt.grid import Grid, Rows
from nas.bayesopt.history import Histories, History
from nas.bayesopt.initial_design import expected_start, next_start
from nas.bayesopt.problem import Params, Problem, Source, TransferSource
from nas.bayesopt.proposer import Fit, Proposer
from nas.bayesopt.study_space import fixed_values, inside, shared_space
from nas.bayesopt.trial_points import POINT
from nas.storage.optuna_internals import storage_of, trial_id_of
from nas.surrogates.torch_threads import torch_threads

_STARTS: Final = 2  # start-up trials before the surrogate proposes
_RETRIES: Final = 8  # maximum number of new proposals if another worker announced such a point
_FIT: Final = "factor_gp:fit"  # system attribute of a trial: hyper-parameters fitted for its proposal


class FactorGPSampler(BaseSampler):
    """Optuna sampler with a surrogate on architecture factors.

    No proposal breaks a known constraint or repeats the point of a trial, as long as there is another point.
    Constraints that are measured during a trial are read from ``trial.constraints``. Values of pruned trials
    enter the surrogate at their fidelity, and so do those of running trials at the steps after which others
    were pruned. Points like those whose trials failed are proposed less.

    Args:
        search_space: Distribution of each parameter by name. Without it, it is read from the study: the
            first trial takes the first choices and lowest numbers, and the guarantee above holds once a
            trial has ended, for the parameters that every trial has with the same distribution.
        seed: Seed of all generators, at least 0; None draws one.
        known_constraints_func: Function from a point to numbers; the point is feasible where all are <= 0.
            Without `search_space` it may read no other parameters than those.
        known_constraints_batch: The same for `n` points, ``[n, k]``; takes precedence.
        n_startup_trials: Number of start-up trials spread over the feasible points;
            2 by default, or 8 for more than 20 parameters, and 2 with a source that expects values.
        factors_batch: Function from `n` points to features ``[n, f]`` of the surrogate.
        canonical: Function from a point to the representative of all points that build the same network.
        draw: Function from a generator and `n` to `n` distinct canonical feasible points, uniform over them.
        transfer_source: Observations of an earlier study; the same as one more source of evidence.
        evidence: Sources of evidence for a single objective: what is expected of a point before it is tried.
            The trust in each is fitted to the values seen; one that does not predict them counts for nothing.
            Without any, values are expected to rise with the known constraints.
            Observations of an earlier study that do not predict its own left-out networks are left out.
        failure_counts: Function from a failed trial to whether its point is to blame; by default it is.
        drop_of: Function from a trial to what deployment takes off its value, None if it was not valued as
            deployed. Values of curves and early stops are reduced by it, or by what is expected of it.

    Raises:
        ProblemError: if `seed` or `n_startup_trials` is negative.
    """

    def __init__(
        self,
        search_space: Mapping[str, BaseDistribution] | None = None,
        seed: int | None = 0,
        known_constraints_func: Callable[[dict[str, Any]], Sequence[float]] | None = None,
        known_constraints_batch: Batch | None = None,
        n_startup_trials: int | None = None,
        *,
        factors_batch: Batch | None = None,
        canonical: Callable[[Params], dict[str, Any]] | None = None,
        draw: Callable[[np.random.Generator, int], list[dict[str, Any]]] | None = None,
        transfer_source: TransferSource | None = None,
        evidence: Sequence[Source | TransferSource] = (),
        failure_counts: Callable[[FrozenTrial], bool] | None = None,
        drop_of: Callable[[FrozenTrial], float | None] | None = None,
    ) -> None:
        self._seed: Final = secrets.randbits(32) if seed is None else seed
        for name, value in {"seed": self._seed, "n_startup_trials": n_startup_trials or 0}.items():
            if value < 0:
                raise ProblemError(f"Cannot use {name}={value}: expected 0 or more.")
        self._space: Final = None if search_space is None else dict(search_space)
        self._constraints: Final = known_constraints_batch or _batched(known_constraints_func)
        self._n_startup_trials: Final = n_startup_trials
        self._factors, self._canonical, self._draw = factors_batch, canonical, draw
        self._sources: Final = (*evidence, *([] if transfer_source is None else [transfer_source]))
        self._failure_counts, self._drop_of = failure_counts, drop_of
        self._latest: tuple[dict[str, BaseDistribution], Params, Proposer, Histories] | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Return what is pickled: all but what is read from studies again."""
        return {**self.__dict__, "_latest": None}

    @override
    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        return {name: d for name, d in self._whole_space(study, trial).items() if not d.single()}

    @override
    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        if not search_space:
            return {}
        # Also where the caller has switched gradients off, as scripts that evaluate networks do.
        with _on_cpu(), torch_threads(1), torch.inference_mode(mode=False), torch.enable_grad():
            point = self._proposed(study, trial, search_space)
        return {name: value for name, value in point.items() if name in search_space}

    def _proposed(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return the next point, and announce it to other workers."""
        space = {**self._whole_space(study, trial), **search_space}
        fixed = fixed_values(study, trial, space, search_space)
        if set(search_space) <= set(fixed):  # enqueued whole, with parameters of its own besides
            return fixed
        pins = inside(space, fixed)
        constants = {name: value for name, value in fixed.items() if name not in pins}
        proposer, histories = self._proposer(space, constants)
        part = proposer.region.part({name: level for name, level in pins.items() if not space[name].single()})
        rng = np.random.default_rng(np.random.SeedSequence([self._seed, trial.number]))
        fit = _latest_fit(study, trial)
        history = histories.read(study, trial)
        row = self._next(rng, proposer, part, history, study, trial, fit)
        for _ in range(_RETRIES):
            _store(study, trial, POINT, proposer.region.grid.announcement(row[0]))
            if row[0].tobytes() in history.seen:
                break  # there is no other point left
            if not proposer.region.grid.has_near(row[0], histories.announced(study, trial, history)):
                break
            # Another worker announced such a point: both propose again, each with its own generator.
            history = histories.read(study, trial)
            row = self._next(rng, proposer, part, history, study, trial, fit)
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
        part: Region,
        history: History,
        study: Study,
        trial: FrozenTrial,
        previous: Fit,
    ) -> Rows:
        """Return the next point, ``[1, d]``, from the start-up design or the surrogate."""
        begun = history.n_finished + len(history.failed) + len(history.pending)
        sources = proposer.sources
        taken = np.concatenate([history.rows, history.measured_rows, history.failed, history.pending])
        if sources is not None and sources.rising.any() and begun < sources.followed:
            row = expected_start(rng, part, sources, taken, history.seen)
            if len(row):
                return row
        n_starts = self._n_startup_trials
        if sources is not None and sources.of_value:
            n_starts = sources.followed
        if n_starts is None:
            n_starts = _STARTS if len(proposer.region.grid.columns) <= 20 else 4 * _STARTS
        if not history.n_finished or begun < n_starts:
            near = not len(history.failed)
            row = next_start(rng, part, taken, history.seen, near=near)
            if len(row):
                return row
            if not history.n_finished:
                return part.draw(rng, 1)
        row, fit = proposer.propose(rng, part, history, previous)
        if fit:
            _store(study, trial, _FIT, fit)
        return row

    def _whole_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        if self._space is not None:
            return dict(self._space)
        return shared_space(study, trial, begun=self._constraints is None)

    def _proposer(
        self, space: dict[str, BaseDistribution], constants: dict[str, Any]
    ) -> tuple[Proposer, Histories]:
        """Return the proposer of a space and the reader of its studies, cached for the same space.

        Args:
            space: Distribution of each parameter.
            constants: Values outside of the space that parameters are fixed at.
        """
        latest = self._latest  # another thread may replace it
        if latest is None or latest[:2] != (space, constants):
            free = {n: d for n, d in space.items() if n not in constants and not d.single()}
            alone = {n: _only(n, d) for n, d in space.items() if d.single()} | constants
            region = Region(
                Grid(free),
                alone,
                self._constraints,
                self._factors,
                self._canonical,
                self._draw if not constants else None,
            )
            proposer = Proposer.of(region, self._seed, self._sources)
            histories = Histories(proposer.region, self._failure_counts, self._drop_of, running=True)
            self._latest = latest = (dict(space), constants, proposer, histories)
        return latest[2:]


def SAMPLER(problem: Problem) -> BaseSampler:  # noqa: N802
    """Return the sampler of `problem`."""
    return FactorGPSampler(
        problem.distributions,
        problem.seed,
        known_constraints_batch=problem.known_constraints_batch,
        factors_batch=problem.factors_batch,
        canonical=problem.canonical,
        draw=problem.draw,
        evidence=problem.evidence,
        failure_counts=problem.failure_counts,
        drop_of=problem.drop_of,
    )


def _batched(function: Callable[[dict[str, Any]], Sequence[float]] | None) -> Batch | None:
    return None if function is None else partial(_each, function)


def _each(
    function: Callable[[dict[str, Any]], Sequence[float]], points: Sequence[Params]
) -> NDArray[np.float64]:
    try:
        return np.array([np.atleast_1d(function(dict(point))) for point in points], np.float64)
    except KeyError as error:
        raise ProblemError(
            f"The known constraints read the parameter {error}: expected one that every trial has with the "
            f"same distribution. Give all parameters as search_space."
        ) from error


def _on_cpu() -> AbstractContextManager[object]:
    """Return a context in which new tensors lie in main memory.

    Where they do anyway it is empty: torch's own slows every operation down.
    """
    return nullcontext() if torch.get_default_device().type == "cpu" else torch.device("cpu")


def _latest_fit(study: Study, trial: FrozenTrial) -> Fit:
    """Return the hyper-parameters last stored before `trial`; empty without any."""
    for other in reversed(study.get_trials(deepcopy=False)):
        if other.number < trial.number and _FIT in other.system_attrs:
            stored: Fit = other.system_attrs[_FIT]
            return stored
    return {}


def _only(name: str, distribution: BaseDistribution) -> Any:
    return Column.of(name, distribution).value(0.0)


def _store(study: Study, trial: FrozenTrial, key: str, value: Any) -> None:
    """Store `value` as a system attribute of a trial that Optuna passes to samplers read-only."""
    storage_of(study).set_trial_system_attr(trial_id_of(study, trial), key, value)
