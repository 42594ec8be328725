"""Follows a running search: a table that refreshes in a terminal, new lines in a pipe."""

import time
from collections.abc import Callable, Iterator

from rich.console import Console

from dashboards.result import SearchResult, TrialResult
from dashboards.tables import networks_table
from search_spaces.units import counted, format_accuracy, format_count

PAUSE_S = 5.0


def changes(
    load: Callable[[], SearchResult], *, pause_s: float = PAUSE_S, sleep: Callable[[float], None] = time.sleep
) -> Iterator[SearchResult]:
    """Yield a search now, and again whenever it has changed.

    Args:
        load: Function that returns the search as it is now.
        pause_s: Seconds between two calls of `load`.
        sleep: Function that waits for a number of seconds.
    """
    shown: SearchResult | None = None
    while True:
        result = load()
        if result != shown:
            yield result
            shown = result
        sleep(pause_s)


def follow(results: Iterator[SearchResult], console: Console) -> None:
    """Print each result: the whole table in a terminal, only new lines in a pipe.

    Args:
        results: Search results as `changes` yields them.
        console: Output console.
    """
    printed: set[tuple[int, str, int]] = set()
    for result in results:
        if console.is_terminal:
            console.clear()
            console.print(networks_table(result), soft_wrap=True)
            running = [n for n in result.networks if n.state == "running"]
            idle = result.state is not None and result.state.state != "running"
            now = f"the search was {result.state}" if idle else f"{len(running)} running"
            console.print(f"{result.trained} trained, {now}; Ctrl-C stops watching", highlight=False)
            continue
        for network in sorted(result.networks, key=lambda n: n.trial):
            key = (network.trial, network.state, network.epochs)
            if key not in printed:
                printed.add(key)
                console.print(
                    _line(network, result.metric_name), highlight=False, markup=False, soft_wrap=True
                )


def _line(network: TrialResult, metric: str) -> str:
    accuracy = ""
    if network.accuracy is not None:
        reached = format_accuracy(network.accuracy, network.standard_error)
        accuracy = f"{metric} {reached} after {counted(network.epochs, 'epoch')}"
    cells = [
        f"#{network.trial:<4} {network.state:<9} {format_count(network.costs['macs']):>6} MACs",
        accuracy,
    ]
    return "  ".join([*cells, network.reason or ""]).rstrip()
