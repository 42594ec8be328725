"""Reads the point of a trial: of one that waits, runs, or has ended, as a row of a grid."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from optuna.trial import FrozenTrial, TrialState

from nas.bayesopt.grid import Grid

POINT: Final = "factor_gp:point"
"""System attribute of a trial: its proposed point, for other workers at once, see `Grid.announced`."""


def row_of(grid: Grid, trial: FrozenTrial) -> NDArray[np.float64] | None:
    """Return the row of a trial; None if it lacks a parameter or lies outside the space."""
    if trial.state == TrialState.WAITING:
        fixed: dict[str, Any] = trial.system_attrs.get("fixed_params", {})
        names = {c.name: c.distribution for c in grid.columns}
        return grid.encode([fixed])[0] if grid.holds(names, fixed) else None
    if grid.holds(trial.distributions, trial.params):
        return grid.encode([trial.params])[0]
    row = grid.announced(trial.system_attrs.get(POINT))
    if row is None or not _agrees(grid, row, trial):
        return None
    return row


def _agrees(grid: Grid, row: NDArray[np.float64], trial: FrozenTrial) -> bool:
    """Return whether a trial has the parameters that it has as announced; not all of them if it has ended."""
    announced = grid.decode(row[None])[0]
    has = [name for name in announced if name in trial.params]
    whole = len(has) == len(announced)
    return not (whole and trial.state.is_finished()) and all(
        trial.params[name] == announced[name] for name in has
    )
