"""`LargerNetworks`: enlarges a network along what nests, so that its weights hold those of many others."""

import numpy as np
from numpy.typing import NDArray

from search_spaces.architecture import Option, Stage
from search_spaces.choice import GLOBALS
from search_spaces.elastic.sharing import StageSharing, nested_options
from search_spaces.pricing import Prices
from search_spaces.space import SearchSpace
from search_spaces.weight_bits import bits_of


class LargerNetworks:
    """Networks of a space that hold a smaller one.

    Args:
        space: The space.
        prices: Prices of the space for one kind of image.
    """

    def __init__(self, space: SearchSpace, prices: Prices) -> None:
        self._codes, self._prices = space.codes, prices
        codes = space.codes
        self._stages = [
            StageSharing(menu, forms.blocks, int(channels.max()))
            for menu, forms, channels in zip(codes.menus, codes.forms, codes.channels, strict=True)
        ]
        self._larger: dict[tuple[int, int], list[int]] = {}

    def largest_above(self, codes: NDArray[np.int64], most: int) -> NDArray[np.int64]:
        """Return a network of at most so many MACs that cannot be enlarged further.

        Args:
            codes: The network to start from, one row of codes, [codes].
            most: Most MACs.
        """
        current = int(self._prices.of(codes[None], "macs")[0])
        while True:
            candidates = self._one_step_larger(codes)
            macs = self._prices.of(candidates, "macs") if len(candidates) else np.empty(0, np.int64)
            fitting = np.flatnonzero((macs > current) & (macs <= most))
            if not len(fitting):
                return self._codes.canonical(codes[None])[0]
            best = fitting[macs[fitting].argmax()]
            codes, current = candidates[best], int(macs[best])

    def _one_step_larger(self, codes: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the networks with one choice larger, [n, codes]."""
        rows = []
        for column, code in enumerate(codes.tolist()):
            if column < len(GLOBALS):
                larger = [code + 1] if code + 1 < self._codes.radices[column] else []
            elif column < self._codes.offset:
                larger = []  # each skeleton has weights of its own
            else:
                larger = self._items_above(column - self._codes.offset, code)
            for value in larger:
                row = codes.copy()
                row[column] = value
                rows.append(row)
        return np.array(rows, dtype=np.int64).reshape(-1, len(codes))

    def _items_above(self, stage: int, item: int) -> list[int]:
        """Return the blocks of a stage that hold one of them, counted from 0."""
        found = self._larger.get((stage, item))
        if found is None:
            menu, sharing = self._codes.menus[stage], self._stages[stage]
            here, groups = menu[item].stage, sharing.groups(menu[item].stage)
            found = [
                other
                for other, candidate in enumerate(menu)
                if other != item
                and candidate.width >= menu[item].width
                and _deep_enough(candidate.stage, here)
                and sharing.groups(candidate.stage) == groups
                and all(
                    bits_of(large.options) == bits_of(small.options)
                    and _holds(nested_options(large), nested_options(small))
                    for large, small in zip(candidate.stage.runs, here.runs, strict=True)
                )
            ]
            self._larger[stage, item] = found
        return found


def _deep_enough(large: Stage, small: Stage) -> bool:
    """Return whether a stage has the blocks of another in front; only one of equal blocks may have more."""
    if large.overrides:
        return [run.depth for run in large.runs] == [run.depth for run in small.runs]
    return large.depth >= small.depth


def _holds(large: dict[str, Option], small: dict[str, Option]) -> bool:
    """Return whether each option is at least as large; one that is no number has to be the same."""
    for name, value in small.items():
        other = large[name]
        if isinstance(value, int | float) and isinstance(other, int | float):
            if other < value:
                return False
        elif other != value:
            return False
    return True
