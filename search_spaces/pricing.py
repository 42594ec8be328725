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

from search_spaces.architecture import Architecture
from search_spaces.budget import Budget
from search_spaces.costs import COSTS, Costs, cost_names
from search_spaces.counting import block_tape, head_tape, stage_layers, stem_tape
from search_spaces.network_codes import NetworkCodes
from search_spaces.options import structural_options
from search_spaces.stage_choices import MenuItem
from search_spaces.tape import Map, Tape

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
        codes, space = self.codes, self.codes.space
        sides = np.array(space.resolution, dtype=np.int64)[:, None]  # [r, 1]
        anything = Architecture(
            network=space.network,
            resolution=space.resolution[0],
            stages=tuple(menu[0].stage for menu in codes.menus),
            options=codes.network_options(space.width[width]),
        )
        stem, x = stem_tape(anything, Map(in_channels, sides, sides))
        self._put_end(0, width, stem)
        for s, menu in enumerate(codes.menus):
            channels = codes.channels_at(s, space.width[width])
            y = x
            for members in _alike(menu):
                y = self._put_items(s, width, x, channels, members, deploy=deploy)
            x = y
        self._put_end(1, width, head_tape(anything, x, num_classes))

    def _put_end(self, end: int, width: int, tape: Tape) -> None:
        for name in cost_names():
            cost = np.asarray(COSTS[name].of(tape))
            self._ends[name][end, :, width] = np.broadcast_to(cost, (len(self.codes.space.resolution), 1))[
                :, 0
            ]

    def _put_items(
        self, s: int, width: int, x: Map, channels: int, members: list[int], *, deploy: bool
    ) -> Map:
        """Price menu items that differ in whole numbers only, and return the map they make."""
        menu = self.codes.menus[s]
        stage = menu[members[0]].stage
        varying = [
            (name, np.array([dict(menu[i].stage.options)[name] for i in members], np.int64)[None])
            for name in _varying(menu[members[0]])
        ]  # each [1, items]
        layers = stage_layers(stage, deploy=deploy, arrays=varying)
        first, y = block_tape(layers, x, channels, stage.stride)
        rest, _ = block_tape(layers, y, channels, 1)
        shape = (len(self.codes.space.resolution), len(members))
        for name in cost_names():
            of = COSTS[name].of
            tables = self._stages[s][name]
            tables.first[:, width, members] = np.broadcast_to(np.asarray(of(first)), shape)
            tables.rest[:, width, members] = np.broadcast_to(np.asarray(of(rest)), shape)
        return y


def _varying(item: MenuItem) -> list[str]:
    """Return the options that a listing takes as arrays: whole numbers that change no structure."""
    structural = structural_options(item.stage)
    return [k for k, v in item.stage.options if type(v) is int and k not in structural]


def _alike(menu: tuple[MenuItem, ...]) -> list[list[int]]:
    """Return the menu items in groups that differ in whole numbers only."""
    groups: dict[tuple[object, ...], list[int]] = {}
    for i, item in enumerate(menu):
        varying = _varying(item)
        fixed = tuple(option for option in item.stage.options if option[0] not in varying)
        groups.setdefault((item.stage.block, fixed, tuple(varying)), []).append(i)
    return list(groups.values())


@lru_cache(maxsize=8)
def prices(codes: NetworkCodes, *, num_classes: int, in_channels: int = 3, deploy: bool = True) -> Prices:
    """Return the price table of a space, made once for each kind of image."""
    return Prices(codes, num_classes=num_classes, in_channels=in_channels, deploy=deploy)
