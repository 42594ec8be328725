"""Prints searches and studies as terminal tables or as JSON."""

import json
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console

from dashboards.fitted_table import Cell, Column, FittedTable
from dashboards.metric_names import metric_name
from dashboards.result import BY_POSTERIOR, Score, SearchResult, TrialResult, retrained_scores
from search_spaces.costs import format_cost, label_of
from search_spaces.units import format_accuracy, format_bytes

_SHOWN = 10
_PIPE_WIDTH = 160
_COSTS = ("macs", "params", "peak")
_STATES = {"complete": "", "pruned": "stopped early", "fail": "failed"}


def print_search(
    result: SearchResult, *, as_json: bool, finished: bool, console: Console | None = None
) -> None:
    """Print a search with its best networks.

    Args:
        result: The search so far.
        as_json: Whether JSON is printed instead of a table.
        finished: Whether the search just ended, so that the next commands are shown.
        console: Output console; by default standard output.
    """
    console = console or terminal()
    if as_json:
        print_json(result.to_json(), console)
        return
    console.print(networks_table(result), soft_wrap=True)
    if result.best is None:
        console.print(_no_best(result), markup=False, soft_wrap=True)
    lines = [
        _trained(result),
        ("Study", f"{result.study} in {result.storage}"),
        ("Files", result.folder),
    ]
    if (tested := _tested(result)) is not None:
        lines.append(("Tested", tested))
    if result.state is not None and not (finished and result.state.state == "ended"):
        lines.append(("State", str(result.state)))
    if result.supernet is not None:
        lines += zip(("Supernet", ""), result.supernet.lines, strict=True)
    if result.overhead is not None:
        lines.append(("Overhead", f"{result.overhead:.1%} of the slots' time was not spent on training"))
    for name, text in lines:
        console.print(f"{name:<10}{text}", markup=False, soft_wrap=True)
    if finished and result.best is not None:
        study = shlex.quote(result.study)
        console.print(f"\nWatch:    nas dashboard {study}", markup=False, soft_wrap=True)
        console.print(f"Export:   nas export {study} --to my_net", markup=False, soft_wrap=True)


def _tested(result: SearchResult) -> str | None:
    """Return what the weights of the best network reached on test images; None if none were tested."""
    best = result.best
    figures = [
        f"{format_accuracy(s.value, s.standard_error)} {metric_name(s.metric)} by the {s.weights_name}"
        for s in (best.scores if best is not None else ())
        if s.split == "test"
    ]
    if best is None or not figures:
        return None
    times = f"{result.test_reads} {'time' if result.test_reads == 1 else 'times'}"
    return f"#{best.trial}: {'; '.join(figures)}; test images were read {times}"


def print_json(data: Any, console: Console | None = None) -> None:
    """Print plain data as JSON, for programs."""
    (console or terminal()).print(json.dumps(data, indent=2), markup=False, soft_wrap=True)


def networks_table(result: SearchResult, *, most: int = _SHOWN) -> FittedTable:
    """Return a table of the best networks of a search.

    Args:
        result: The search so far.
        most: Maximum number of rows.
    """
    costs, expected, quantised = _shown_costs(result), _expected(result), result.quantised
    budgeted = {budget.resource for budget in result.budgets}
    timed = any(not budget.counted for budget in result.budgets)
    table = FittedTable(
        [
            Column("network", left=True),
            Column(result.value_name),
            *([Column("fp32", rank=3), Column("drop", rank=3)] if quantised else []),
            *([Column("expected", rank=2)] if expected else []),
            Column("epochs", rank=4),
            *(Column(label_of(name), rank=1 if name in budgeted else 5) for name in costs),
            Column("latency", rank=1 if timed else 6),
            Column("", rank=2, left=True, breaks=True),
        ],
        title=_title(result),
        caption=caption(result),
    )
    for network in result.networks[:most]:
        row = _row(network, costs, _training_word(result), expected=expected, quantised=quantised)
        table.add_row(*row, style="bold" if network is result.best else None)
        for score in retrained_scores(network):
            table.add_row(*_retrained_row(score, costs, expected=expected, quantised=quantised))
    return table


def _expected(result: SearchResult) -> bool:
    """Return whether the study stores what is expected of its networks."""
    return any(network.posterior_mean is not None for network in result.networks)


def caption(result: SearchResult) -> str:
    """Return what the figures of a table of networks are, and what their order rests on."""
    figures = f"{result.metric_name}: on validation images ± standard error, by the weights of the search."
    if result.quantised:
        figures += " fp32: before quantisation; drop: points lost by it."
    if _expected(result):
        figures += (
            " expected: of the same weights on unlimited such images, given all networks of the search ± "
            "standard deviation; the order rests on it."
        )
    compared = [f"#{n.trial}" for n in result.networks if n.ranked_by not in {None, BY_POSTERIOR}]
    if compared:
        figures += f" The order among {', '.join(compared)} rests on their retraining by the same recipe."
    return figures


def _title(result: SearchResult) -> str:
    """Return which networks a table shows: those of the budgets of the search, or of a filter."""
    budgets = " and ".join(map(str, result.fits or result.budgets))
    within = f" within {budgets}" if budgets else ""
    return f"{result.study}: {'Pareto front' if result.pareto else 'best networks'}{within}"


def _no_best(result: SearchResult) -> str:
    """Return in words that no network is the best one."""
    if result.fits and not result.networks:
        return f"No network of this search is known to be within {' and '.join(map(str, result.fits))}."
    return "No network that fits has been trained to the end yet."


def _trained(result: SearchResult) -> tuple[str, str]:
    """Return what has been trained so far, as a word and a line."""
    what = f"{result.space} on {result.data}, seed {result.seed}"
    complete = sum(network.state == "complete" for network in result.networks)
    early = sum(network.state == "pruned" and network.epochs > 0 for network in result.networks)
    if complete + early != result.trained:  # networks were left out by a filter
        return "Trained", f"{_networks(result.trained)} of {what}"
    if result.trained == 0:
        begun = sum(network.epochs > 0 for network in result.networks)
        return "Search", f"{what}: " + (
            f"{begun} begun, none at its end" if begun else "nothing trained so far"
        )
    if complete == 0:
        return "Search", f"{what}: {_networks(early)} stopped early, none trained to the end"
    ends = f"{complete} to the end, {early} stopped early" if early else "all to the end"
    none = "" if result.best is not None else "; none of them fits"
    return "Trained", f"{_networks(result.trained)} of {what}: {ends}{none}"


def _networks(count: int) -> str:
    return f"{count} network{'' if count == 1 else 's'}"


def print_studies(studies: Sequence[Mapping[str, Any]], *, console: Console | None = None) -> None:
    """Print the searches of a storage.

    Args:
        studies: Studies by field name, see `nas.administration.study_admin.StudySummary`.
        console: Output console; by default standard output.
    """
    console = console or terminal()
    table = FittedTable(
        [
            Column("study", left=True),
            Column("budget", rank=2, left=True),
            Column("trained", rank=3),
            Column("best", rank=1),
            Column("begun", rank=4),
            Column("disk", rank=5),
            Column("", rank=3, left=True, breaks=True),
        ]
    )
    for study in studies:
        table.add_row(
            study["study"],
            study["budgets"],
            f"{study['trained']}" + (f" + {study['running']}" if study["running"] else ""),
            _best_figure(study),
            (study["begun"] or "-").replace("T", " "),
            format_bytes(study["disk_bytes"]),
            _studies_remark(study),
        )
    console.print(table, soft_wrap=True)


def _best_figure(study: Mapping[str, Any]) -> str:
    if study["accuracy"] is None:
        return "-"
    metric = "" if study["metric"] == "accuracy" else f" {metric_name(study['metric'])}"
    return f"{study['accuracy']:.2%}{metric}"


def _studies_remark(study: Mapping[str, Any]) -> str:
    """Return what a comparison is about, whether a search runs or was interrupted, and its supernet."""
    state, supernet = study.get("state"), study.get("supernet")
    words = [] if study.get("compares") is None else [_comparison(study["compares"])]
    words += [] if state is None or state["state"] == "ended" else [str(state["state"])]
    if supernet is not None:
        words.append(f"supernet of {supernet['study']}" if supernet["study"] else "supernet")
        if supernet["epochs"] < supernet["of_epochs"]:
            words[-1] += f" {supernet['epochs'] / supernet['of_epochs']:.0%} trained"
    return ", ".join(words)


def _comparison(search: str) -> str:
    return f"comparison of {search} with others" if search else "comparison"


def _shown_costs(result: SearchResult) -> list[str]:
    """Return the costs that the table of a search has columns for: three, and those it has budgets on."""
    budgeted = [budget.resource for budget in result.budgets if budget.counted]
    return list(dict.fromkeys([*_COSTS, *budgeted]))


def _training_word(result: SearchResult) -> str:
    """Return what a trial that has not ended is: in training only where the search runs."""
    idle = result.state is not None and result.state.state != "running"
    return "interrupted" if idle else "running"


def _retrained_row(score: Score, costs: Sequence[str], *, expected: bool, quantised: bool) -> list[Cell]:
    """Return the row of a retrained network's other weights, of which the search knows no more."""
    value = format_accuracy(score.value, score.standard_error)
    figures = (
        ["", value, ""] if quantised and score.form is None else [value, *(["", ""] if quantised else [])]
    )
    blank = [""] * (len(costs) + 1)
    return ["", *figures, *([""] if expected else []), str(score.epochs), *blank, score.weights_name]


def _figures(network: TrialResult, *, quantised: bool) -> list[Cell]:
    """Return the value of a network; where others are valued in int8, also that in fp32 and the drop."""
    value = "-"
    if network.accuracy is not None:
        value = format_accuracy(network.accuracy, network.standard_error)
    if not quantised:
        return [value]
    if network.int8_drop is None or network.fp32_accuracy is None:  # stopped before it was quantised
        return ["-", value, "-"]
    error = network.curve[-1].standard_error if network.curve else None
    fp32 = format_accuracy(network.fp32_accuracy, error)
    return [value, fp32, f"{100 * network.int8_drop:.2f}"]


def _row(
    network: TrialResult, costs: Sequence[str], training: str, *, expected: bool, quantised: bool
) -> list[Cell]:
    latencies = [f"{ms:.3g} ms {target}" for target, ms in (network.latency_ms or {}).items()]
    return [
        f"#{network.trial}" if network.name is None else f"#{network.trial} {network.name}",
        *_figures(network, quantised=quantised),
        *([expected_value(network)] if expected else []),
        str(network.epochs),
        *(format_cost(name, network.costs[name]) if name in network.costs else "-" for name in costs),
        [*(f"{latency}," for latency in latencies[:-1]), *latencies[-1:]] or "-",
        _ending(network, training),
    ]


def _ending(network: TrialResult, training: str) -> str:
    """Return why a network is not usable, in words."""
    if not network.epochs and network.state == "pruned":
        return network.reason or "not trained"
    state = {**_STATES, "running": training}.get(network.state, network.state)
    if network.fits:
        return state
    why = f": {network.reason}" if network.state == "complete" and network.reason else ""
    return f"{state} over budget{why}".strip()


def expected_value(network: TrialResult) -> str:
    """Return what is expected of a network given all networks of its search, a dash if it is not stored."""
    if network.posterior_mean is None:
        return "-"
    return format_accuracy(network.posterior_mean, network.posterior_sd)


def terminal() -> Console:
    """Return standard output as a console, wide enough for tables where it is a pipe or a file."""
    console = Console(highlight=False, emoji=False)
    return console if console.is_terminal else Console(highlight=False, emoji=False, width=_PIPE_WIDTH)
