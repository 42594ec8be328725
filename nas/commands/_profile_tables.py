"""Prints the tables of ``nas profile``: what fits a budget, and what short trainings and scores say."""

import math
from typing import Final

import numpy as np

from dashboards.fitted_table import Column, FittedTable
from dashboards.tables import terminal
from nas.profiling.network_scores import ScoreProfile
from nas.profiling.proxy_fidelity import ProxyProfile
from nas.profiling.space_profile import QUANTILES, SpaceProfile
from search_spaces.budget import unconsidered
from search_spaces.costs import format_cost, label_of
from search_spaces.units import counted, format_count, format_seconds

_LEAST_DIFFERENCE: Final = 1.96 * 2**0.5  # standard errors between two networks, at the 95 % level


def print_profile(profile: SpaceProfile) -> None:
    """Print the quantiles of each cost; under budgets also which share fits, of all and by factor value."""
    console = terminal()
    said = f"{profile.space}: {format_count(profile.size)} networks"
    if profile.budgets:
        said += f", {_share(profile.share, 2)} fit {' and '.join(profile.budgets)}"
    elif not profile.unconsidered:
        said += "; --budget shows how many fit"
    console.print(said, markup=False, soft_wrap=True)
    if profile.unconsidered:
        console.print(unconsidered(profile.unconsidered), markup=False, soft_wrap=True)
    console.print(_costs(profile), soft_wrap=True)
    if profile.budgets:
        console.print(_factors(profile), soft_wrap=True)


def print_proxy(profile: ProxyProfile) -> None:
    """Print Kendall's tau of a short training, and the accuracies and times of both trainings."""
    console = terminal()
    last, converged_by = f"its last epoch, {profile.recipe}", f"converged, {profile.full}"
    table = FittedTable(
        [Column("", left=True), Column(last), Column(converged_by)], title="Kendall's tau ± standard error"
    )
    for epoch, converged in profile.converged.items():
        within = profile.rungs.get(epoch)
        table.add_row(
            f"{profile.recipe}, epoch {epoch}", "" if within is None else _tau(within), _tau(converged)
        )
    console.print(table, soft_wrap=True)
    for name, (low, middle, high), seconds in (
        (profile.recipe, profile.proxy_accuracy, profile.proxy_seconds),
        (profile.full, profile.full_accuracy, profile.full_seconds),
    ):
        console.print(
            f"{name:<10}accuracy {low:.2%} to {high:.2%}, median {middle:.2%}; "
            f"{format_seconds(seconds)} a network",
            markup=False,
        )
    console.print(
        f"{counted(profile.networks, 'network')} of {profile.space} on {profile.data}, "
        f"{profile.failed} failed; the "
        f"standard error of an accuracy is {100 * profile.standard_error:.2f} points: two networks have "
        f"to differ by {100 * _LEAST_DIFFERENCE * profile.standard_error:.2f} points to be ranked at the "
        "95 % level.",
        markup=False,
        soft_wrap=True,
    )


def print_scores(profile: ScoreProfile) -> None:
    """Print the spread of each score and count over the networks, and Kendall's tau between them."""
    console = terminal()
    budgets = " and ".join(profile.budgets) or "no budget"
    console.print(
        f"{counted(len(profile.networks), 'network')} of {profile.space} near {budgets}, "
        "with random weights on "
        f"{profile.data}",
        markup=False,
        soft_wrap=True,
    )
    agreement = profile.agreement
    against = list(next(iter(agreement.values())))
    table = FittedTable(
        [
            Column("", left=True),
            *(Column(name, rank=1) for name in ("lowest", "median", "highest")),
            *(Column(name.removeprefix("log_").replace("macs", "MACs"), rank=2) for name in against),
        ],
        title="spread, and Kendall's tau with",
    )
    for name, values in profile.columns.items():
        spread = (values.min(), float(np.median(values)), values.max())
        table.add_row(
            name,
            *(f"{value:.4g}" for value in spread),
            *("-" if math.isnan(tau) else f"{tau:.2f}" for tau in agreement[name].values()),
        )
    console.print(table, soft_wrap=True)
    for reason in dict.fromkeys(reason for one in profile.found for reason in one.undefined.values()):
        console.print(reason, markup=False, soft_wrap=True)
    console.print(
        "naswot and swap mostly measure the number of activations, zico and deepmad that of blocks; see "
        "docs/scores.md for what scores are worth.",
        markup=False,
        soft_wrap=True,
    )


def _tau(agreement: tuple[float, float]) -> str:
    value, error = agreement
    if math.isnan(value):
        return "-"
    return f"{value:.2f}" if math.isnan(error) else f"{value:.2f} ± {error:.2f}"


def _costs(profile: SpaceProfile) -> FittedTable:
    marks = [f"{q:.0%}" for q in QUANTILES]
    table = FittedTable(
        [
            Column("", left=True),
            Column("smallest", rank=2),
            *(Column(mark, rank=4) for mark in marks),
            Column("largest", rank=3),
            *(Column(f"{mark} of those that fit", rank=1) for mark in marks if profile.budgets),
        ],
        title="costs of networks",
    )
    for name, cost in profile.costs.items():
        values = (cost.smallest, *cost.everywhere, cost.largest, *(cost.fitting if profile.budgets else ()))
        table.add_row(label_of(name), *(format_cost(name, value) for value in values))
    return table


def _factors(profile: SpaceProfile) -> FittedTable:
    table = FittedTable(
        [Column("", left=True), Column("value: share", left=True)], title="share that fits, by factor"
    )
    for factor, shares in profile.factors.items():
        table.add_row(factor, [f"{value}: {_share(share, 0)}" for value, share in shares.items()])
    return table


def _share(share: float, digits: int) -> str:
    """Return a share in [0, 1] in per cent; a small one as one network in so many."""
    if 0 < share < 0.001:
        return f"1 in {format_count(round(1 / share))}"
    return f"{share:.{digits}%}"
