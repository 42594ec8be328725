"""A search that is shown again and again: a table in a terminal, new lines in a pipe."""

import time
from collections.abc import Callable, Iterator

from rich.console import Console

from dashboards.result import SearchResult, TrialResult
from dashboards.tables import networks_table
from search_spaces.units import format_accuracy, format_count

PAUSE_S = 5.0


def changes(
    load: Callable[[], SearchResult], *, pause_s: float = PAUSE_S, sleep: Callable[[float], None] = time.sleep
) -> Iterator[SearchResult]:
    """Yield a search now, and whenever it has changed since.

    Args:
        load: Returns it as it is now.
        pause_s: Between two looks.
        sleep: Waits so many seconds.
    """
    shown: SearchResult | None = None
    while True:
        result = load()
        if result != shown:
            yield result
            shown = result
        sleep(pause_s)


def follow(results: Iterator[SearchResult], console: Console) -> None:
    """Print each of the results: the whole table in a terminal, what is new in a pipe.

    Args:
        results: From `changes`.
        console: Where they are printed.
    """
    told: set[tuple[int, str, int]] = set()
    for result in results:
        if console.is_terminal:
            console.clear()
            console.print(networks_table(result))
            running = [n for n in result.networks if n.state == "running"]
            console.print(f"{result.trained} trained, {len(running)} running; Ctrl-C leaves", highlight=False)
            continue
        for network in sorted(result.networks, key=lambda n: n.trial):
            key = (network.trial, network.state, network.epochs)
            if key not in told:
                told.add(key)
                console.print(_line(network), highlight=False, markup=False, soft_wrap=True)


def _line(network: TrialResult) -> str:
    accuracy = ""
    if network.accuracy is not None:
        reached = format_accuracy(network.accuracy, network.standard_error)
        accuracy = f"{reached} after {network.epochs} epochs"
    cells = [
        f"#{network.trial:<4} {network.state:<9} {format_count(network.costs['macs']):>6} MACs",
        accuracy,
    ]
    return "  ".join([*cells, network.reason or ""]).rstrip()
