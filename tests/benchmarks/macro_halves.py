"""Two halves of NAS-Bench-Macro, one to choose by and one to judge by, and networks drawn from them."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tests.benchmarks.macro_table import MacroTable

BAND: Final = (45e6, 50e6)
"""Least and most MACs of the networks that are judged as a search with a budget sees them."""

_STAGES: Final = ((0, 2), (2, 5), (5, 8))
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Halves:
    """Rows of the table: schedules and weights are chosen on one half and judged on the other.

    Attributes:
        choose: Rows of the first half.
        judge: Rows of the second half.
    """

    choose: Rows
    judge: Rows


def same_network(name: str) -> str:
    """Return the string that stands for all that name one network.

    Behind the first layer of a stage, a layer that is left out passes its input on wherever it stands.
    """
    found = ""
    for start, stop in _STAGES:
        rest = name[start + 1 : stop]
        found += name[start] + rest.replace("0", "").ljust(len(rest), "0")
    return found


def halves_of(table: MacroTable, seed: int = 0) -> Halves:
    """Return two random halves; all strings of one network are in the same half."""
    networks = sorted({same_network(name) for name in table.names})
    order = np.random.default_rng(seed).permutation(len(networks))
    first = {networks[i] for i in order[: len(networks) // 2]}
    chosen = np.array([same_network(name) in first for name in table.names])
    return Halves(choose=np.flatnonzero(chosen), judge=np.flatnonzero(~chosen))


def judged_networks(table: MacroTable, count: int = 300) -> dict[str, dict[str, Rows]]:
    """Return the rows that are read: of each half, `count` of all its networks and of those in the band."""
    halves = halves_of(table)
    return {
        half: {"overall": drawn(rows, count), "in band": drawn(in_band(table, rows), count)}
        for half, rows in (("choose", halves.choose), ("judge", halves.judge))
    }


def networks_to_read(table: MacroTable, what: str) -> list[str]:
    """Return strings of networks in the order in which they are read: those that are compared in turns.

    So a reading that is stopped has read as many of each set.

    Args:
        table: The table.
        what: ``choose`` or ``judge`` for those of one half, ``both``, or ``all`` for all others behind them.
    """
    picks = judged_networks(table)
    sets = [rows for half in picks if half == what or what not in picks for rows in picks[half].values()]
    rows = [row for turn in zip(*sets, strict=True) for row in turn]
    if what == "all":
        rows += list(np.random.default_rng(1).permutation(len(table.names)))
    return list(dict.fromkeys(table.names[row] for row in rows))


def drawn(rows: Rows, count: int, seed: int = 0) -> Rows:
    """Return some of the rows, all of them where there are no more."""
    return np.random.default_rng(seed).permutation(rows)[:count]


def in_band(table: MacroTable, rows: Rows) -> Rows:
    """Return the rows whose networks lie in the band."""
    macs = table.macs[rows]
    return rows[(macs >= BAND[0]) & (macs <= BAND[1])]
