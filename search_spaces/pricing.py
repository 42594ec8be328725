"""`Prices`: computes the costs of many networks of a space at once, from one table of its blocks.

Every network of a space is a stem, blocks from the menus of its stages and a head. Each distinct
block is listed once for each width, with all resolutions and options as arrays; a network's cost is
then a sum, or a maximum, of looked-up numbers.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from search_spaces.budget import Budget
from search_spaces.costs import COSTS, Costs, cost_names
from search_spaces.network_codes import NetworkCodes
from search_spaces.space_listing import list_space
from search_spaces.tape import Tape

Ints: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Stage:
    """The cost of the first and of each further block, [resolutions, widths, items]."""

    first: Ints
    rest: Ints


class Prices:
    """What the networks of one space take, for one kind of image and number of classes.

    Args:
        codes: The networks of the space.
        num_classes: Class scores of the head.
        in_channels: Channels of an image.
        deploy: Whether networks are priced after re-parameterisation, as budgets ask.
    """

    def __init__(
        self, codes: NetworkCodes, *, num_classes: int, in_channels: int, deploy: bool = True
    ) -> None:
        self.codes: Final = codes
        self.num_classes: Final = num_classes
        self.in_channels: Final = in_channels
        space = codes.space
        shape = (len(space.resolution), len(space.width))
        names = cost_names()
        self._ends = {name: np.zeros((2, *shape), np.int64) for name in names}  # stem, head
        self._stages = [
            {name: _Stage(*(np.zeros((*shape, len(menu)), np.int64) for _ in range(2))) for name in names}
            for menu in codes.menus
        ]
        for width in range(len(space.width)):
            self._fill(width, num_classes, in_channels, deploy=deploy)

    def of(self, codes: Ints, resource: str) -> Ints:
        """Return one cost of each network, [n].

        Args:
            codes: Rows of codes, [n, 4 + stages].
            resource: A file in search_spaces/costs.
        """
        sums = COSTS[resource].joins == "sum"
        r, w, conv, attention = codes[:, :4].T
        stem, head = self._ends[resource]
        total = stem[r, w] + head[r, w] if sums else np.maximum(stem[r, w], head[r, w])
        for s, tables in enumerate(self._stages):
            item = codes[:, 4 + s]
            first, rest = tables[resource].first[r, w, item], tables[resource].rest[r, w, item]
            depth = self.codes.depths[s][conv, attention, item]
            if sums:
                total = total + first + (depth - 1) * rest
            else:
                total = np.maximum(total, np.maximum(first, np.where(depth > 1, rest, 0)))
        return total

    def costs(self, codes: Ints) -> list[Costs]:
        """Return all costs of each network, [n]."""
        columns = {name: self.of(codes, name) for name in cost_names()}
        return [Costs(**{name: int(columns[name][i]) for name in cost_names()}) for i in range(len(codes))]

    def excess(self, codes: Ints, budgets: Iterable[Budget]) -> NDArray[np.float64]:
        """Return by what share each network exceeds each known budget, [n, budgets]; <= 0 fits."""
        columns = [
            self.of(codes, b.resource) * (b.bytes_per_element / 4) / b.limit - 1.0
            for b in budgets
            if b.counted
        ]
        return np.stack(columns, axis=1) if columns else np.zeros((len(codes), 0))

    def by_stage(self, factors: Ints, resource: str) -> tuple[Ints, list[Ints]]:
        """Return one cost of stem and head, [g], and of each stage with each menu item, [g, items].

        Args:
            factors: Codes of the global factors, [g, 4].
            resource: A file in search_spaces/costs; says whether the parts add up or the largest counts.
        """
        sums = COSTS[resource].joins == "sum"
        r, w, conv, attention = factors.T
        stem, head = self._ends[resource]
        ends = stem[r, w] + head[r, w] if sums else np.maximum(stem[r, w], head[r, w])
        stages = []
        for depths, tables in zip(self.codes.depths, self._stages, strict=True):
            first, rest = tables[resource].first[r, w], tables[resource].rest[r, w]  # [g, items]
            depth = depths[conv, attention]
            further = (depth - 1) * rest if sums else np.where(depth > 1, rest, 0)
            stages.append(first + further if sums else np.maximum(first, further))
        return ends, stages

    def extremes(self, resource: str) -> tuple[int, int]:
        """Return the least and the most that a network of the space takes of one resource."""
        sums = COSTS[resource].joins == "sum"
        stem, head = self._ends[resource]
        low = high = (stem + head if sums else np.maximum(stem, head))[:, :, None, None]
        for depths, tables in zip(self.codes.depths, self._stages, strict=True):
            first, rest = tables[resource].first, tables[resource].rest  # [r, w, items]
            if sums:
                block = first[:, :, None, None] + (depths - 1) * rest[:, :, None, None]
                low, high = low + block.min(axis=-1), high + block.max(axis=-1)
            else:
                block = np.maximum(first[:, :, None, None], np.where(depths > 1, rest[:, :, None, None], 0))
                low, high = (
                    np.maximum(low, block.min(axis=-1)),
                    np.maximum(high, block.max(axis=-1)),
                )
        return int(low.min()), int(high.max())

    def _fill(self, width: int, num_classes: int, in_channels: int, *, deploy: bool) -> None:
        """Price the stem, every block and the head at one width, all resolutions at once."""
        listed = list_space(
            self.codes, width, num_classes=num_classes, in_channels=in_channels, deploy=deploy
        )
        for end, tape in enumerate((listed.stem, listed.head)):
            for name in cost_names():
                self._ends[name][end, :, width] = self._cost(name, tape, 1)[:, 0]
        for group in listed.items:
            for name in cost_names():
                table = self._stages[group.stage][name]
                first = self._cost(name, group.first.tape, len(group.items))
                rest = self._cost(name, group.rest.tape, len(group.items))
                if group.inside and COSTS[name].joins == "sum":
                    rest = rest - first  # the block with two of what is inside it, less that with one
                table.first[:, width, group.items] = first
                table.rest[:, width, group.items] = rest

    def _cost(self, name: str, tape: Tape, items: int) -> Ints:
        """Return one cost of the layers on a tape, [resolutions, items]."""
        return np.broadcast_to(np.asarray(COSTS[name].of(tape)), (len(self.codes.space.resolution), items))


@lru_cache(maxsize=8)
def prices(codes: NetworkCodes, *, num_classes: int, in_channels: int = 3, deploy: bool = True) -> Prices:
    """Return the price table of a space, made once for each kind of image."""
    return Prices(codes, num_classes=num_classes, in_channels=in_channels, deploy=deploy)
