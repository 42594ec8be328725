"""Tables and sentences of a comparison: networks trained alike, with their differences from the first."""

from collections.abc import Sequence
from typing import Final

from rich.console import Console

from dashboards.comparison import AS_GOOD, BETTER, WORSE, Compared, Comparison, Evaluation
from dashboards.fitted_table import Column, FittedTable
from dashboards.markdown_text import escaped
from dashboards.tables import terminal
from search_spaces.units import format_accuracy, format_count

_NONE: Final = "–"


def title(comparison: Comparison) -> str:
    """Return what is compared, in a few words."""
    return "found against published networks" if comparison.study is not None else "networks trained alike"


def heading(comparison: Comparison) -> str:
    """Return what is compared by what, in one line."""
    count = comparison.test_images or comparison.images
    seeds = "1 seed" if comparison.seeds == 1 else f"{comparison.seeds} seeds"
    form = "" if comparison.form is None else f" in {comparison.form}"
    others = "1 other" if len(comparison.others) == 1 else f"{len(comparison.others)} others"
    return (
        f"{comparison.first.name} (first) and {others}, {seeds}, {comparison.epochs} epochs "
        f"by {comparison.recipe}, {comparison.metric_name}{form} on {count:,} {comparison.split} images"
    )


def columns(comparison: Comparison) -> list[str]:
    """Return the headings of `rows`."""
    figures = [comparison.metric_name, "first ahead by", "first is", "MACs", "params"]
    return ["network", *figures, *(f"ms {target}" for target in targets(comparison)), "from"]


def numbers(comparison: Comparison) -> list[int]:
    """Return the places of the columns that hold figures."""
    return [
        place for place, name in enumerate(columns(comparison)) if name not in {"network", "first is", "from"}
    ]


def targets(comparison: Comparison) -> list[str]:
    """Return the targets on which networks were measured."""
    return sorted({target for network in comparison.networks for target in network.latency_ms})


def rows(comparison: Comparison) -> list[list[str]]:
    """Return a row for each network: value, difference in points with its interval, verdict, costs."""
    return [_row(network, comparison) for network in comparison.networks]


def _row(network: Compared, comparison: Comparison) -> list[str]:
    found, first = _of_split(network, comparison), network is comparison.first
    latencies = [network.latency_ms.get(target) for target in targets(comparison)]
    return [
        network.name,
        _NONE if found is None else format_accuracy(found.value, found.standard_error),
        "" if first else _NONE if found is None or found.difference is None else str(found.difference),
        "" if first else _verdict(network, found, comparison),
        format_count(network.costs["macs"]) + ("" if network.fits is not False else " (over budget)"),
        format_count(network.costs["params"]),
        *(_NONE if ms is None else f"{ms:.3g}" for ms in latencies),
        network.origin,
    ]


def _of_split(network: Compared, comparison: Comparison) -> Evaluation | None:
    return network.validation if comparison.test_images is None else network.test


def _verdict(network: Compared, found: Evaluation | None, comparison: Comparison) -> str:
    if found is None:
        return network.reason or "not trained yet"
    less = "" if found.seeds == comparison.seeds else f" ({found.seeds} of {comparison.seeds} seeds)"
    return f"{found.verdict or _NONE}{less}"


def sentences(comparison: Comparison) -> list[str]:
    """Return what the comparison says, in words: a sentence for each verdict, then what it rests on."""
    first, lines = comparison.first.name, []
    found = [(n, e) for n in comparison.others if (e := _of_split(n, comparison)) is not None]
    for verdict, words in ((BETTER, "is better than"), (AS_GOOD, "is as good as"), (WORSE, "is worse than")):
        names = [
            f"{network.name} ({one.difference} points)"
            for network, one in found
            if one.verdict == verdict and one.difference is not None
        ]
        if names:
            lines.append(f"{first} {words} {_listed(names)}.")
    lines += [_basis(comparison, len(found))] if found else []
    lines += [f"{name} is left out: {reason}" for name, reason in comparison.left_out.items()]
    if comparison.interrupted:
        lines.append("It was interrupted: the same command goes on.")
    return lines


def _basis(comparison: Comparison, differences: int) -> str:
    """Return what intervals mean and what verdicts do not say."""
    together = (
        "The interval holds with 95 %"
        if differences == 1
        else f"The {differences} intervals hold together with 95 %"
    )
    of = "; as good: it holds 0" if differences == 1 else "; as good: one holds 0"
    one = (
        " One seed: this is said of these weights, --seeds 3 says it of the networks."
        if (comparison.of_weights)
        else ""
    )
    chosen = (
        f" The validation images also chose {comparison.first.name}: --final evaluates on test images."
        if comparison.study is not None and comparison.test_images is None
        else ""
    )
    return f"{together}{of}.{one}{chosen}"


def _listed(names: Sequence[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last


def print_comparison(comparison: Comparison, console: Console | None = None) -> None:
    """Print a comparison as a terminal table with what it says in words.

    Args:
        comparison: What was found.
        console: Output console; by default standard output.
    """
    names = columns(comparison)
    ranks = {"from": 3, "params": 2}
    table = FittedTable(
        [
            Column(
                name, left=name in {"network", "from", "first is"}, breaks=place > 0, rank=ranks.get(name, 0)
            )
            for place, name in enumerate(names)
        ],
        title=heading(comparison),
    )
    for row in rows(comparison):
        table.add_row(*row)
    shown = console or terminal()
    shown.print(table, soft_wrap=True)
    for line in sentences(comparison):
        shown.print(line, soft_wrap=True, markup=False, highlight=False)


def markdown(comparison: Comparison) -> list[str]:
    """Return a comparison as lines of Markdown: a table, then what it says in words."""
    names = columns(comparison)
    marks = ["---:" if place in numbers(comparison) else "---" for place in range(len(names))]
    return [
        escaped(heading(comparison)),
        "",
        f"| {' | '.join(names)} |",
        f"| {' | '.join(marks)} |",
        *(f"| {' | '.join(map(escaped, row))} |" for row in rows(comparison)),
        "",
        *map(escaped, sentences(comparison)),
    ]
