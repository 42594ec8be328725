"""Reads the trials of a study into arrays: points, values, fidelities, constraints, running trials."""

import math
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, TrialState

from nas.bayesopt.feasible_region import Region
from nas.bayesopt.grid import Grid, Rows
from nas.bayesopt.trial_points import row_of

_CURVES: Final = frozenset({TrialState.COMPLETE, TrialState.PRUNED, TrialState.RUNNING})
"""States of trials whose learning curves are read."""

_NEVER_FINAL: Final = 0.99  # maximum fidelity of a training that was stopped early
_CURVE_POINTS: Final = 3  # maximum number of values read from a trial's learning curve, the last ones


@dataclass(frozen=True)
class History:
    """Trials of a study that lie in the space, with all objectives to be maximised.

    Attributes:
        rows: Points with a value, ``[n, d]``; a trial with a learning curve has several rows, also while it
            is running.
        values: Observed values, ``[n, m]``, finite; minimised objectives are negated.
        fidelity: Share of a full training after which each value was observed, ``[n]``, in (0, 1].
        trials: Number of the trial of each row, ``[n]``.
        measured_rows: Points with measured constraints, ``[c, d]``, including running trials.
        measured: Measured constraints, ``[c, k]``, infinite values included; NaN where a trial lacks one.
        failed: Points of trials that failed because of their point, or were pruned without a value and
            without constraints, ``[f, d]``; not those that another trial has trained or is training.
        trained: Points of trials that have not failed but ended with a value, ``[t, d]``.
        pending: Points in training, ``[p, d]``.
        seen: Points of every trial, as bytes of their canonical rows; without failures that say nothing of
            their point, and without trials that have other parameters besides.
        finished: Numbers of the finished trials, in the space or not.
        n_finished: Number of finished trials in the space with a value or a constraint.
        drops: What deployment takes off each row's network, ``[n]``, which its values are without; NaN where
            its values are those of the form in training. None where no network is valued as deployed.
    """

    rows: Rows
    values: NDArray[np.float64]
    fidelity: NDArray[np.float64]
    trials: NDArray[np.int64]
    measured_rows: Rows
    measured: NDArray[np.float64]
    failed: Rows
    trained: Rows
    pending: Rows
    seen: frozenset[bytes]
    finished: frozenset[int]
    n_finished: int
    drops: NDArray[np.float64] | None = None


class Histories:
    """Reads studies of one space; data of finished trials is cached.

    Args:
        region: Feasible region of the space.
        failure_counts: Function from a failed trial to whether its point is to blame: it is then not proposed
            again, and points like it are less. By default each failure counts.
        drop_of: Function from a trial to what deployment takes off its value; None if it was not valued as
            deployed. By default no trial was.
        running: Whether trainings that go on are read up to where they are; otherwise only their points are.
    """

    def __init__(
        self,
        region: Region,
        failure_counts: Callable[[FrozenTrial], bool] | None = None,
        drop_of: Callable[[FrozenTrial], float | None] | None = None,
        *,
        running: bool = False,
    ) -> None:
        self._running: Final = running
        self._region: Final = region
        self._drop_of: Final = drop_of or _no_drop
        self._failure_counts: Final = failure_counts or _always
        self._known: dict[int, tuple[FrozenTrial, _TrialData | None]] = {}

    def read(self, study: Study, me: FrozenTrial) -> History:
        """Return the history of `study`, without the trial `me`."""
        grid = self._region.grid
        signs = np.array([1.0 if d == StudyDirection.MAXIMIZE else -1.0 for d in study.directions])
        trials = self._others(study, me)
        in_space = self._in_space(trials)
        ended_well = [t for t in in_space if t.ended and not t.failed]
        steps = _steps(in_space)
        stops = frozenset(t.last_step for t in in_space if t.trial.state == TrialState.PRUNED)
        read = in_space if self._running else [data for data in in_space if data.ended]
        observed = [(data, data.observations(signs, steps, stops)) for data in read]
        seen_values = [
            (data.row, value, fidelity, data)
            for data, observations in observed
            for value, fidelity in observations
        ]
        drops = np.array([np.nan if d.drop is None else d.drop for *_, d in seen_values], dtype=np.float64)
        values = np.array([v for _, v, _, _ in seen_values]).reshape(len(seen_values), len(signs))
        measured = [data for data in in_space if data.measured]
        trained = {data.key: data.row for data in ended_well if data.trained}
        others = trained.keys() | {data.key for data in in_space if not data.ended}
        failed = {t.key: t.row for t in in_space if t.failed and t.key not in others}
        return History(
            rows=_stack([row for row, _, _, _ in seen_values], grid),
            values=_finite(values),
            fidelity=np.array([f for _, _, f, _ in seen_values], dtype=np.float64),
            trials=np.array([data.trial.number for *_, data in seen_values], dtype=np.int64),
            measured_rows=_stack([data.row for data in measured], grid),
            measured=_by_name([data.measured for data in measured]),
            failed=_stack(list(failed.values()), grid),
            trained=_stack(list(trained.values()), grid),
            pending=_stack([data.row for data in in_space if not data.ended], grid),
            seen=frozenset(data.key for data in in_space if not data.has_more),
            finished=frozenset(trial.number for trial in trials if trial.state.is_finished()),
            n_finished=sum(data.trained or bool(data.measured) for data in ended_well),
            drops=None if np.isnan(drops).all() else drops,
        )

    def announced(self, study: Study, me: FrozenTrial, earlier: History) -> Rows:
        """Return the points, ``[a, d]``, that other trials have announced since `earlier` was read."""
        rows = [
            row
            for trial in self._others(study, me)
            if trial.number not in earlier.finished and (row := row_of(self._region.grid, trial)) is not None
        ]
        known = {row.tobytes() for row in earlier.pending}
        canonical = self._region.canonical(_stack(rows, self._region.grid))
        return _stack([row for row in canonical if row.tobytes() not in known], self._region.grid)

    def _others(self, study: Study, me: FrozenTrial) -> list[FrozenTrial]:
        """Return the trials besides `me`, without failures that say nothing of their point."""
        return [
            trial
            for trial in study.get_trials(deepcopy=False)
            if trial.number != me.number and (trial.state != TrialState.FAIL or self._failure_counts(trial))
        ]

    def _in_space(self, trials: Sequence[FrozenTrial]) -> list["_TrialData"]:
        """Return the data of those trials that lie in the space."""
        # By identity: a storage returns a finished trial as the same object each time, and it never changes.
        known = {id(t): k for t in trials if (k := self._known.get(id(t))) is not None and k[0] is t}
        fresh = [trial for trial in trials if id(trial) not in known]
        rows = [row_of(self._region.grid, trial) for trial in fresh]
        inside = [(t, row) for t, row in zip(fresh, rows, strict=True) if row is not None]
        canonical = self._region.canonical(_stack([row for _, row in inside], self._region.grid))
        pairs = zip(inside, canonical, strict=True)
        names = self._region.parameters
        new = {id(t): _TrialData(t, row, names, self._drop_of(t)) for (t, _), row in pairs}
        known |= {id(t): (t, new.get(id(t))) for t in fresh}
        self._known = {id(t): known[id(t)] for t in trials if t.state.is_finished()}
        return [data for t in trials if (data := known[id(t)][1]) is not None]


class _TrialData:
    """Data of one trial.

    Args:
        trial: Trial that lies in the space.
        row: Canonical row of its point.
        names: Names of the parameters of the space.
        drop: What deployment takes off its value; None if it was not valued as deployed.

    Attributes:
        key: Row as bytes.
        ended: Whether it is finished.
        failed: Whether it failed, or was pruned without a value and without constraints.
        last_step: Last reported step; -1 without one.
        measured: Measured constraints by name; NaN counts as infinite.
        trained: Whether it has a value that is a number.
        has_more: Whether it has parameters outside of the space that have several values: its point may be
            tried again with other values of those.
        goes_on: Whether its value is not the last one that it reported, so that it ended later.
    """

    def __init__(
        self, trial: FrozenTrial, row: NDArray[np.float64], names: Set[str], drop: float | None = None
    ) -> None:
        self.trial, self.row, self.key, self.drop = trial, row, row.tobytes(), drop
        self.ended = trial.state.is_finished()
        self.has_more = any(not d.single() for name, d in trial.distributions.items() if name not in names)
        self.last_step = -1 if trial.last_step is None else trial.last_step
        numbers = {name: float(value) for name, value in trial.constraints.items()}
        self.measured = {name: np.inf if np.isnan(value) else value for name, value in numbers.items()}
        complete = trial.state == TrialState.COMPLETE
        self.trained = complete or any(map(math.isfinite, trial.intermediate_values.values()))
        nothing = not self.trained and not self.measured
        self.failed = trial.state == TrialState.FAIL or (trial.state == TrialState.PRUNED and nothing)
        last = trial.intermediate_values.get(self.last_step)
        self.goes_on = complete and drop is None and last is not None and trial.values != [last]
        self._observed: tuple[tuple[int, frozenset[int]], list[_Observation]] | None = None

    def observations(
        self, signs: NDArray[np.float64], steps: int, stops: frozenset[int]
    ) -> list["_Observation"]:
        """Return its values, to be maximised, each with its fidelity.

        Args:
            signs: 1 for each objective that is maximised, -1 for each that is minimised.
            steps: Number of steps of a full training.
            stops: Steps after which trainings were stopped. Of one that was not, what it reached there is
                read: there it can be compared.
        """
        key = (steps, stops)
        if self._observed is None or self._observed[0] != key:
            found = _observations(self.trial, len(signs), steps, stops, self.drop or 0.0)
            self._observed = (key, [(signs * np.asarray(value), fidelity) for value, fidelity in found])
        return self._observed[1]


def _no_drop(_: FrozenTrial) -> None:
    return None


def _always(_: FrozenTrial) -> bool:
    return True


_Observation: TypeAlias = tuple[NDArray[np.float64], float]


def _steps(in_space: Sequence[_TrialData]) -> int:
    """Return the number of steps of a full training; 0 without learning curves."""
    complete = [t for t in in_space if t.trial.state == TrialState.COMPLETE and t.last_step >= 0]
    if complete:
        return max(t.last_step for t in complete) + 1 + any(t.goes_on for t in complete)
    # No training is complete: the longest one counts as full.
    return max((t.last_step + 1 for t in in_space if not t.failed), default=0)


def _observations(
    trial: FrozenTrial, n_objectives: int, steps: int, stops: frozenset[int], drop: float = 0.0
) -> list[tuple[Sequence[float], float]]:
    """Return the values of a trial, each with its fidelity; `drop` is taken off those of its curve."""
    found: list[tuple[Sequence[float], float]] = []
    if trial.state == TrialState.COMPLETE and trial.values is not None:
        last = trial.intermediate_values.get(trial.last_step) if trial.last_step is not None else None
        # Studies of earlier versions have the value of the curve's end in spite of a drop.
        found.append(([last - drop] if last is not None and trial.values == [last] else trial.values, 1.0))
    if n_objectives > 1 or trial.state not in _CURVES or not steps:
        return found
    curve = {s: v - drop for s, v in trial.intermediate_values.items() if np.isfinite(v) and s >= 0}
    if trial.state != TrialState.PRUNED:  # its values at the steps where others were stopped
        curve = {s: v for s, v in curve.items() if s in stops and s + 1 < steps}
    early = [
        ([curve[step]], min((step + 1) / steps, _NEVER_FINAL)) for step in sorted(curve)[-_CURVE_POINTS:]
    ]
    return [*found, *early]


def _by_name(measured: Sequence[Mapping[str, float]]) -> NDArray[np.float64]:
    """Return a table of constraints, ``[trials, names]``, the names in the order in which they appear."""
    places: dict[str, int] = {}
    for constraints in measured:
        for name in constraints:
            places.setdefault(name, len(places))
    table = np.full((len(measured), len(places)), np.nan)
    for line, constraints in zip(table, measured, strict=True):
        for name, value in constraints.items():
            line[places[name]] = value
    return table


def _stack(rows: list[NDArray[np.float64]], grid: Grid) -> Rows:
    return np.array(rows, dtype=np.float64).reshape(len(rows), len(grid.columns))


def _finite(table: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return `table` with infinities replaced by values just beyond the finite ones of their column."""
    table = table.copy()
    for column in table.T:
        finite = column[np.isfinite(column)]
        low, high = (finite.min(), finite.max()) if len(finite) else (0.0, 0.0)
        spread = max(high - low, 1.0)
        column[column == np.inf] = high + 0.1 * spread
        column[column == -np.inf] = low - 0.1 * spread
    return table
