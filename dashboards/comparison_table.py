"""Terminal table that compares searches side by side."""

from collections.abc import Callable, Sequence

from dashboards.fitted_table import Column, FittedTable
from dashboards.result import SearchResult, TrialResult, alike
from search_spaces.units import format_accuracy, format_bytes, format_count, format_seconds


def comparison_table(results: Sequence[SearchResult]) -> FittedTable:
    """Return a table with one column per search; the last row compares each with the first search."""
    names = [Column(result.study, breaks=True) for result in results]
    table = FittedTable([Column("", left=True), *names], title="Side by side")
    for name, cell in _LINES:
        table.add_row(name, *(cell(result) for result in results))
    first = results[0]
    table.add_row("vs. the first", "", *(_against(result, first) for result in results[1:]))
    return table


def _of_best(cell: Callable[[TrialResult], str]) -> Callable[[SearchResult], str]:
    return lambda result: "-" if result.best is None else cell(result.best)


def _accuracy(network: TrialResult) -> str:
    return format_accuracy(network.accuracy or 0.0, network.standard_error)


def _latency(network: TrialResult) -> str:
    return ", ".join(f"{ms:.3g} ms {target}" for target, ms in (network.latency_ms or {}).items()) or "-"


_LINES: tuple[tuple[str, Callable[[SearchResult], str]], ...] = (
    ("budget", lambda r: " and ".join(map(str, r.budgets))),
    ("data", lambda r: r.data.rpartition("/")[2]),
    ("space", lambda r: r.space),
    ("sampler, seed", lambda r: f"{r.sampler}, {r.seed}"),
    ("trained", lambda r: str(r.trained)),
    ("stopped early", lambda r: str(sum(n.state == "pruned" and n.epochs > 0 for n in r.networks))),
    ("training", lambda r: format_seconds(sum(n.seconds for n in r.networks))),
    ("best", _of_best(lambda n: f"#{n.trial}")),
    ("accuracy", _of_best(_accuracy)),
    ("MACs", _of_best(lambda n: format_count(n.costs["macs"]))),
    ("params", _of_best(lambda n: format_count(n.costs["params"]))),
    ("peak", _of_best(lambda n: format_bytes(n.costs["peak"]))),
    ("latency", _of_best(_latency)),
)


def _against(result: SearchResult, first: SearchResult) -> str:
    """Return the accuracy difference between the best networks of two searches, and its significance."""
    if result.best is None or first.best is None:
        return "-"
    if (result.data, result.metric) != (first.data, first.metric):
        return "not comparable: other data or metric"
    difference = (result.best.accuracy or 0.0) - (first.best.accuracy or 0.0)
    chance = " (not significant)" if alike(result.best, first.best) else ""
    return f"{100 * difference:+.2f} points{chance}"
