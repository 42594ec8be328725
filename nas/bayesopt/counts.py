"""Exact counts of networks as sources of evidence: which of them predict values is learnt from the trials."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from nas.bayesopt.problem import Params, Source
from search_spaces.graph_counts import count_names, graph_counts
from search_spaces.pricing import Prices

_RISING: Final = frozenset({"blocks"})
"""Counts that values are expected to rise with: of networks of equal MACs the one with more blocks that do
something is mostly the better one.
"""

Table = Callable[[Sequence[Params]], Mapping[str, NDArray[Any]]]


def count_sources(names: Sequence[str], table: Table) -> tuple[Source, ...]:
    """Return one source for each count.

    Args:
        names: Names of the counts.
        table: Function from `n` points to all counts by name, ``[n]`` each.
    """
    shared = _Latest(table)
    return tuple(
        Source(name=name, expects=partial(shared.column, name), rises=name in _RISING) for name in names
    )


def counts_of_space(prices: Prices) -> tuple[Source, ...]:
    """Return the counts of a priced space's networks, see `search_spaces.graph_counts`."""
    codes = prices.codes

    def table(points: Sequence[Params]) -> Mapping[str, NDArray[Any]]:
        rows = codes.of(points)
        return graph_counts(codes, rows, num_classes=prices.num_classes, in_channels=prices.in_channels)

    return count_sources(count_names(len(codes.space.stages)), table)


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
