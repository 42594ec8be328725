"""Implements ``nas.bench``: compares samplers on a table of trained networks."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import optuna

from nas.api._numbers import check_at_least
from nas.api._process_state import process_left_as_found
from nas.files.staging import output_file, staged_file
from nas.samplers import SAMPLERS
from nas.tabular.plot import regret_figure
from nas.tabular.regret import summary
from nas.tabular.replay import Runs, compare
from nas.tabular.table import load as load_table
from search_spaces.budget import Budget
from search_spaces.errors import InvalidValueError

_DOING: Final = "write the regret curves to"


@process_left_as_found()
def bench(
    table: str | Path | None,
    *,
    budget: Sequence[str] = (),
    sampler: Sequence[str] = (),
    trials: int = 30,
    seeds: int = 10,
    workers: int = 1,
    plot: str | Path | None = None,
    report_line: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Compare samplers on a table of trained networks; return `nas.tabular.regret.summary`.

    Args:
        table: File of a nas-table, or the JSON file of NAS-Bench-Macro.
        budget: Limits on costs of the table; each is a task, and regret is averaged over tasks.
        sampler: Names of samplers, the baseline first; all samplers if empty.
        trials: Networks that each search trains, at least 1.
        seeds: Searches by each sampler, with the seeds 0, 1, ...; at least 1.
        workers: Networks trained at the same time, at least 1.
        plot: HTML file for the regret curves.
        report_line: Called with one line after each sampler and task.

    Raises:
        UserError: if something given cannot be used, or no network of the table fits.
    """
    if table is None:
        raise InvalidValueError(
            "No table was given: expected a file, for example --table nas-bench-macro_cifar10.json."
        )
    for name, value in (("trials", trials), ("seeds", seeds), ("workers", workers)):
        check_at_least(f"--{name}", value, 1)
    curves = None if plot is None else output_file(plot, _DOING)
    trained = load_table(Path(table))
    budgets = [Budget.parse(text) for text in budget]
    tasks = [trained.task(b.limit, b.resource) for b in budgets] or [trained.task()]
    names = list(sampler) or ["factor_gp", *(name for name in SAMPLERS if name != "factor_gp")]
    for name in names:
        SAMPLERS[name]  # an unknown name is an error before the others run for an hour

    def done(task: str, name: str, runs: Runs) -> None:
        if report_line is not None:
            report_line(f"{task:<28} {name:<12} regret {runs.regret[:, -1].mean():.3f} after {trials}")

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    results = compare(tasks, names, range(seeds), trials, workers, done)
    if curves is not None:
        with staged_file(curves, _DOING) as draft:
            figure = regret_figure(results, f"{trained.name}, {seeds} seeds")
            figure.write_html(draft, include_plotlyjs=True)
    horizons = sorted({k for k in (10, 20, 30, 50, 100, trials) if k <= trials})
    return {"version": 1, **summary(results, names[0], horizons)}
