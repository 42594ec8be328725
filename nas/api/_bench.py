"""How samplers compare on tables of trained networks."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import optuna

from nas.samplers import SAMPLERS
from nas.tabular.plot import regret_figure
from nas.tabular.regret import summary
from nas.tabular.replay import Runs, compare
from nas.tabular.table import load as load_table
from search_spaces.budget import Budget
from search_spaces.errors import InvalidValueError


def bench(
    table: str | Path | None,
    *,
    budget: Sequence[str] = (),
    sampler: Sequence[str] = (),
    trials: int = 30,
    seeds: int = 10,
    workers: int = 1,
    plot: str | Path | None = None,
    told: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Return how samplers compare on a table of trained networks; see `nas.tabular.regret.summary`.

    Args:
        table: A nas-table, or NAS-Bench-Macro's JSON file.
        budget: On costs of the table; each is a task, and regret is averaged over tasks.
        sampler: Names on the shelf; all of them if empty. The others are compared with the first.
        trials: Trainings of each search.
        seeds: Searches of each sampler, with the seeds 0, 1, ...
        workers: Trainings at the same time.
        plot: Where the regret curves are written as HTML.
        told: Called with a line after each sampler and task.

    Raises:
        UserError: if something given cannot be used, or no network of the table fits.
    """
    if table is None:
        raise InvalidValueError(
            "No table was given: expected a file, for example --table nas-bench-macro_cifar10.json."
        )
    for name, value in (("trials", trials), ("seeds", seeds), ("workers", workers)):
        if value < 1:
            raise InvalidValueError(f"Cannot use --{name} {value}: expected at least 1.")
    found = load_table(Path(table))
    budgets = [Budget.parse(text) for text in budget]
    tasks = [found.task(b.limit, b.resource) for b in budgets] or [found.task()]
    names = list(sampler) or ["factor_gp", *(name for name in SAMPLERS if name != "factor_gp")]
    for name in names:
        SAMPLERS[name]  # before an hour of the others: is there one?

    def done(task: str, name: str, runs: Runs) -> None:
        if told is not None:
            told(f"{task:<28} {name:<12} regret {runs.regret[:, -1].mean():.3f} after {trials}")

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    results = compare(tasks, names, range(seeds), trials, workers, done)
    if plot is not None:
        regret_figure(results, f"{found.name}, {seeds} seeds").write_html(plot, include_plotlyjs=True)
    after = sorted({k for k in (10, 20, 30, 50, 100, trials) if k <= trials})
    return {"version": 1, **summary(results, names[0], after)}
