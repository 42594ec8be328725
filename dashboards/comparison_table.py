"""Terminal table that compares searches side by side."""

from collections.abc import Callable, Sequence
from typing import Final

from dashboards.difference import difference
from dashboards.fitted_table import Column, FittedTable
from dashboards.result import SearchResult, TrialResult
from dashboards.tables import expected_value
from search_spaces.units import format_accuracy, format_bytes, format_count, format_seconds


def comparison_table(results: Sequence[SearchResult]) -> FittedTable:
    """Return a table with one column per search; the last row compares each with the first search."""
    names = [Column(result.study, breaks=True) for result in results]
    table = FittedTable([Column("", left=True), *names], title="Side by side")
    for name, cell in _LINES:
        if cell is _EXPECTED and not any(r.best is not None and r.best.posterior_mean for r in results):
            continue
        table.add_row(name or _metrics(results), *(cell(result) for result in results))
    first = results[0]
    table.add_row("vs. the first", "", *(_against(result, first) for result in results[1:]))
    return table


def _of_best(cell: Callable[[TrialResult], str]) -> Callable[[SearchResult], str]:
    return lambda result: "-" if result.best is None else cell(result.best)


def _accuracy(network: TrialResult) -> str:
    return format_accuracy(network.accuracy or 0.0, network.standard_error)


def _metrics(results: Sequence[SearchResult]) -> str:
    """Return the metric of the searches, all of them if they differ."""
    return " or ".join(dict.fromkeys(result.value_name for result in results))


def _latency(network: TrialResult) -> str:
    return ", ".join(f"{ms:.3g} ms {target}" for target, ms in (network.latency_ms or {}).items()) or "-"


_EXPECTED: Final = _of_best(expected_value)

_LINES: tuple[tuple[str, Callable[[SearchResult], str]], ...] = (
    ("budget", lambda r: " and ".join(map(str, r.budgets))),
    ("data", lambda r: r.data.rpartition("/")[2]),
    ("space", lambda r: r.space),
    ("sampler, seed", lambda r: f"{r.sampler}, {r.seed}"),
    ("trained", lambda r: str(r.trained)),
    ("stopped early", lambda r: str(sum(n.state == "pruned" and n.epochs > 0 for n in r.networks))),
    ("training", lambda r: format_seconds(sum(n.seconds for n in r.networks))),
    ("best", _of_best(lambda n: f"#{n.trial}")),
    ("", _of_best(_accuracy)),  # headed by the metrics
    ("expected", _EXPECTED),
    ("MACs", _of_best(lambda n: format_count(n.costs["macs"]))),
    ("params", _of_best(lambda n: format_count(n.costs["params"]))),
    ("peak", _of_best(lambda n: format_bytes(n.costs["peak"]))),
    ("latency", _of_best(_latency)),
)


def _against(result: SearchResult, first: SearchResult) -> str:
    """Return how much better the best network is than that of the first search, with a 95 % interval."""
    if result.best is None or first.best is None:
        return "-"
    if (result.data, result.metric) != (first.data, first.metric):
        return "not comparable: other data or metric"
    return f"{difference(result.best, first.best)} points"
