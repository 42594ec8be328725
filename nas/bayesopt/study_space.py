"""Reads from a study which parameters are sampled together, and which of a trial's values are fixed."""

from collections.abc import Mapping, Sequence
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from nas.bayesopt.grid import Grid

Space = dict[str, BaseDistribution]


def shared_space(study: Study, trial: FrozenTrial, *, begun: bool = True) -> Space:
    """Return the parameters that all trials have, each with the one distribution that all give it.

    A parameter whose range depends on another one, or that only some trials have, is not among them. Complete
    trials count; before the first of them pruned ones, then all others, which may have been cut short: of
    those, the one that came farthest.

    Args:
        study: The study.
        trial: The trial that asks, which does not count.
        begun: Whether trials count that have only begun, or failed.
    """
    others = [t for t in study.get_trials(deepcopy=False) if t.number != trial.number]
    for state in (TrialState.COMPLETE, TrialState.PRUNED):
        ended = [t for t in others if t.state == state]
        if ended:
            return _common(ended[-1].distributions, ended, whole=True)
    farthest = max(others if begun else (), key=lambda t: len(t.distributions), default=None)
    return {} if farthest is None else _common(farthest.distributions, others, whole=False)


def fixed_values(study: Study, trial: FrozenTrial, space: Space, searched: Space) -> dict[str, Any]:
    """Return the values of `space` that a trial will have whatever is proposed for those `searched`.

    They were enqueued or suggested before; or another sampler, which is wrapped around the one that asks,
    keeps them to itself, as `optuna.samplers.PartialFixedSampler` does.
    """
    given = {**trial.system_attrs.get("fixed_params", {}), **trial.params}
    found = {name: value for name, value in given.items() if name in space}
    for name, distribution in space.items():
        if name not in searched and name not in found and not distribution.single():
            found[name] = study.sampler.sample_independent(study, trial, name, distribution)
    return found


def inside(space: Space, values: Mapping[str, Any]) -> dict[str, float]:
    """Return the levels of those `values` that lie in their parameter's range."""
    found = {}
    for name, value in values.items():
        one = Grid({name: space[name]})
        if one.holds({name: space[name]}, {name: value}):
            found[name] = one.columns[0].level(value)
    return found


def _common(space: Space, trials: Sequence[FrozenTrial], *, whole: bool) -> Space:
    """Return the parameters of `space` with one distribution in all `trials`, or in those that have them."""
    return {
        name: distribution
        for name, distribution in space.items()
        if all(
            t.distributions[name] == distribution if name in t.distributions else not whole for t in trials
        )
    }
