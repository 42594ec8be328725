"""Exact counts of networks as sources of evidence: which of them predict values is learnt from the trials."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from nas.bayesopt.problem import Params, Source
from search_spaces.graph_counts import count_names, graph_counts
from search_spaces.pricing import Prices

_WHERE_SIZES_VARY: Final = "log_macs"
"""Count that values are expected to rise with in a space that varies resolution or width: of the networks
within a budget mostly those are good that use it. More blocks at equal MACs make a smaller or narrower
network there, and were found to be worse (``docs/scores.md``).
"""
_ELSEWHERE: Final = "blocks"
"""The same in other spaces, as NAS-Bench-Macro: a block more at equal MACs is a cheaper block elsewhere."""

Table = Callable[[Sequence[Params]], Mapping[str, NDArray[Any]]]


def count_sources(names: Sequence[str], table: Table, varied: Iterable[str]) -> tuple[Source, ...]:
    """Return one source for each count.

    Args:
        names: Names of the counts.
        table: Function from `n` points to all counts by name, ``[n]`` each.
        varied: Names of the parameters that have several values, such as ``resolution`` or ``stage2.width``.
    """
    shared = _Latest(table)
    rising = rising_counts(varied)
    return tuple(
        Source(name=name, expects=partial(shared.column, name), rises=name in rising) for name in names
    )


def rising_counts(varied: Iterable[str]) -> frozenset[str]:
    """Return the counts that values are expected to rise with in a space that varies these parameters."""
    sized = any(name.rpartition(".")[2] in {"resolution", "width"} for name in varied)
    return frozenset({_WHERE_SIZES_VARY if sized else _ELSEWHERE})


def counts_of_space(prices: Prices) -> tuple[Source, ...]:
    """Return the counts of a priced space's networks, see `search_spaces.graph_counts`."""
    codes = prices.codes

    def table(points: Sequence[Params]) -> Mapping[str, NDArray[Any]]:
        rows = codes.of(points)
        return graph_counts(codes, rows, num_classes=prices.num_classes, in_channels=prices.in_channels)

    varied = [choice.name for choice in codes.choices if len(choice.values) > 1]
    return count_sources(count_names(len(codes.space.stages)), table, varied)


class _Latest:
    """Keeps the counts of the points asked for last: each source of them asks for the same ones in turn."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._latest: tuple[Sequence[Params], Mapping[str, NDArray[Any]]] | None = None

    def column(self, name: str, points: Sequence[Params]) -> NDArray[np.float64]:
        latest = self._latest
        if latest is None or latest[0] is not points:
            latest = self._latest = (points, self._table(points))
        return np.asarray(latest[1][name], dtype=np.float64)
