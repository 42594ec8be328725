"""`Prices`: computes the costs of many networks of a space at once, from one table of its blocks.

Every network of a space is a stem, blocks from the menus of its stages and a head. Each distinct
block is listed once for each width and number of channels that may enter it, with all resolutions and options
as arrays; a network's cost is then a sum, or a maximum, of looked-up numbers.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from search_spaces.budget import Budget
from search_spaces.code_places import places
from search_spaces.costs import COSTS, Costs, cost_names
from search_spaces.network_codes import NetworkCodes
from search_spaces.space_listing import list_space
from search_spaces.tape import Tape

Ints: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Stage:
    """The cost of the blocks of a stage.

    Attributes:
        first: As the first block, [resolutions, widths, skeletons, factors in front, own factors, blocks].
        rest: As a further block, [resolutions, widths, skeletons, own factors, blocks].
    """

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
        shape = (len(space.resolution), len(space.width), len(codes.skeletons))
        names = cost_names()
        factors = [1, *(len(stage.width) for stage in space.stages)]
        self._stems = {name: np.zeros(shape, np.int64) for name in names}
        self._heads = {name: np.zeros((*shape, factors[-1]), np.int64) for name in names}
        self._stages = [
            {
                name: _Stage(
                    np.zeros((*shape, before, own, len(forms.blocks)), np.int64),
                    np.zeros((*shape, own, len(forms.blocks)), np.int64),
                )
                for name in names
            }
            for before, own, forms in zip(factors, factors[1:], codes.forms, strict=False)
        ]
        for width, skeleton in np.ndindex(shape[1:]):
            self._fill(width, skeleton, deploy=deploy)

    def of(self, codes: Ints, resource: str) -> Ints:
        """Return one cost of each network, [n].

        Args:
            codes: Rows of codes, [n, codes].
            resource: A file in search_spaces/costs.
        """
        sums = COSTS[resource].joins == "sum"
        found = places(self.codes, codes)
        head = self._heads[resource][(*found.factors, found.stages[-1].own)]
        stem = self._stems[resource][found.factors]
        total = stem + head if sums else np.maximum(stem, head)
        for tables, at in zip(self._stages, found.stages, strict=True):
            table = tables[resource]
            first = table.first[(*found.factors, at.before, at.own, at.first)]
            total = total + first if sums else np.maximum(total, first)
            for block, count in zip(at.rest.T, at.repeats.T, strict=True):
                rest = table.rest[(*found.factors, at.own, block)]
                total = total + count * rest if sums else np.maximum(total, np.where(count > 0, rest, 0))
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
        """Return one cost of stem and head, [g, factors in front], and of each stage with each menu item.

        Args:
            factors: Codes in front of those of the stages, [g, 4 or 5].
            resource: A file in search_spaces/costs; says whether the parts add up or the largest counts.

        Returns:
            The stem and the head behind each width factor of the last stage, and for each stage
            [g, factors in front, items].
        """
        sums = COSTS[resource].joins == "sum"
        r, w, conv, attention = factors[:, :4].T
        k = factors[:, 4] if self.codes.offset > 4 else np.zeros_like(r)
        stem, head = self._stems[resource][r, w, k][:, None], self._heads[resource][r, w, k]
        ends = stem + head if sums else np.maximum(stem, head)
        stages = []
        for forms, tables in zip(self.codes.forms, self._stages, strict=True):
            form = forms.form[conv, attention]  # [g, items]
            own = np.broadcast_to(forms.width, form.shape)
            at = tuple(i[:, None] for i in (r, w, k))
            # numpy puts the axes of index arrays in front of the one that is sliced: [g, items, before]
            first = tables[resource].first[(*at, slice(None), own, forms.first[form])]
            cost = np.moveaxis(first, 2, 1)
            for block, count in zip(
                np.moveaxis(forms.rest[form], 2, 0), np.moveaxis(forms.count[form], 2, 0), strict=True
            ):
                rest = tables[resource].rest[(*at, own, block)][:, None]
                times = count[:, None]
                cost = cost + times * rest if sums else np.maximum(cost, np.where(times > 0, rest, 0))
            stages.append(cost)
        return ends, stages

    def extremes(self, resource: str) -> tuple[int, int]:
        """Return the least and the most that a network of the space takes of one resource."""
        found = [self._extremes_of(r, resource) for r in range(len(self.codes.space.resolution))]
        return min(low for low, _ in found), max(high for _, high in found)

    def _extremes_of(self, resolution: int, resource: str) -> tuple[int, int]:
        """Return the least and the most of one resource at one resolution."""
        sums = COSTS[resource].joins == "sum"
        rest = np.indices(tuple(self.codes.radices[1 : self.codes.offset])).reshape(self.codes.offset - 1, -1)
        factors = np.concatenate([np.full((1, rest.shape[1]), resolution), rest]).T
        ends, stages = self.by_stage(factors, resource)
        low = high = ends  # [g, factors of the last stage], of everything behind it
        for number in reversed(range(len(stages))):
            own = self.codes.forms[number].width
            joined = [
                stages[number] + end[:, None, own] if sums else np.maximum(stages[number], end[:, None, own])
                for end in (low, high)
            ]  # [g, factors in front, items]
            low, high = joined[0].min(axis=2), joined[1].max(axis=2)
        return int(low.min()), int(high.max())

    def _fill(self, width: int, skeleton: int, *, deploy: bool) -> None:
        """Price the stem, every block and the head at one width, all resolutions at once."""
        listed = list_space(
            self.codes,
            width,
            num_classes=self.num_classes,
            in_channels=self.in_channels,
            deploy=deploy,
            skeleton=skeleton,
        )
        for name in cost_names():
            self._stems[name][:, width, skeleton] = self._cost(name, listed.stem, 1)[:, 0]
            for head in listed.heads:
                self._heads[name][:, width, skeleton, head.before] = self._cost(name, head.tape, 1)
        for group in listed.items:
            own = np.array(group.own)[:, None]
            for name in cost_names():
                table = self._stages[group.stage][name]
                for before, block in group.first:
                    cost = self._cost(name, block.tape, len(group.blocks))[:, None, None]
                    at = (np.array(before)[:, None, None], own, np.array(group.blocks))
                    table.first[:, width, skeleton][(slice(None), *at)] = cost
                cost = self._cost(name, group.rest.tape, len(group.blocks))[:, None]
                table.rest[:, width, skeleton][:, own, np.array(group.blocks)] = cost

    def _cost(self, name: str, tape: Tape, blocks: int) -> Ints:
        """Return one cost of the layers on a tape, [resolutions, blocks]."""
        return np.broadcast_to(np.asarray(COSTS[name].of(tape)), (len(self.codes.space.resolution), blocks))


@lru_cache(maxsize=8)
def prices(codes: NetworkCodes, *, num_classes: int, in_channels: int = 3, deploy: bool = True) -> Prices:
    """Return the price table of a space, made once for each kind of image."""
    return Prices(codes, num_classes=num_classes, in_channels=in_channels, deploy=deploy)
