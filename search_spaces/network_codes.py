"""`NetworkCodes`: encodes the networks of a space as rows of integers, and decodes them.

A network is a row of codes, [4 + stages]: the index of each global factor, then of an item on the menu of
each stage, which lists every distinct block that the stage may repeat.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Final, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from search_spaces.architecture import Architecture, Option, Options, Stage
from search_spaces.channel_rounding import widened, widened_options
from search_spaces.choice import Choice
from search_spaces.encoding import canonical_codes, count_networks, depth_table, slot_table
from search_spaces.errors import ArchitectureError
from search_spaces.networks import NETWORKS
from search_spaces.options import keywords
from search_spaces.stage_choices import MenuItem, StageSpace, menu_of, stage_slots

GLOBALS: Final = ("resolution", "width", "conv_depth", "attention_depth")


@runtime_checkable
class Description(Protocol):
    """What defines a space; see `search_spaces.space.SearchSpace`, which has these fields."""

    @property
    def name(self) -> str: ...
    @property
    def resolution(self) -> tuple[int, ...]: ...
    @property
    def width(self) -> tuple[float, ...]: ...
    @property
    def conv_depth(self) -> tuple[float, ...]: ...
    @property
    def attention_depth(self) -> tuple[float, ...]: ...
    @property
    def stages(self) -> tuple[StageSpace, ...]: ...
    @property
    def network(self) -> str: ...
    @property
    def options(self) -> Options: ...
    @property
    def divisor(self) -> int: ...


class NetworkCodes:
    """The encoding of a space: from slot values to codes to architectures, and back.

    Args:
        space: The space whose networks are encoded.
    """

    def __init__(self, space: Description) -> None:
        self.space: Final = space

    @property
    def name(self) -> str:
        """What the space is called."""
        return self.space.name

    @cached_property
    def choices(self) -> tuple[Choice, ...]:
        """All slots, in the order of an encoding."""
        found = [Choice(name=name, values=tuple(getattr(self.space, name))) for name in GLOBALS]
        for number, space in enumerate(self.space.stages, start=1):
            found += [
                Choice(name=f"stage{number}.{name}", values=values)
                for name, values in stage_slots(space).items()
            ]
        return tuple(found)

    @cached_property
    def menus(self) -> tuple[tuple[MenuItem, ...], ...]:
        """The distinct blocks that each stage may repeat."""
        return tuple(menu_of(space) for space in self.space.stages)

    @cached_property
    def radices(self) -> NDArray[np.int64]:
        """How many values each code has, [4 + stages]."""
        sizes = [len(getattr(self.space, name)) for name in GLOBALS] + [len(menu) for menu in self.menus]
        return np.array(sizes, dtype=np.int64)

    @cached_property
    def size(self) -> int:
        """The number of distinct architectures."""
        networks = count_networks(self.menus, self.space.conv_depth, self.space.attention_depth)
        return networks * len(self.space.resolution) * len(self.space.width)

    @cached_property
    def depths(self) -> tuple[NDArray[np.int64], ...]:
        """The blocks of each menu item, [conv factors, attention factors, items] for each stage."""
        return tuple(
            depth_table(menu, self.space.conv_depth, self.space.attention_depth) for menu in self.menus
        )

    def architecture(self, params: Mapping[str, Any]) -> Architecture:
        """Return the network that the slot values describe.

        Raises:
            ArchitectureError: if a slot is missing or has a value that it cannot take.
        """
        return self.at(self.of([params])[0])

    def params(self, architecture: Architecture) -> dict[str, Option]:
        """Return the slot values of an architecture, canonical.

        Raises:
            ArchitectureError: if the space does not hold it.
        """
        return self.slots(self.code_of(architecture))

    def at(self, codes: NDArray[np.int64]) -> Architecture:
        """Return the network of one row of codes, [4 + stages]."""
        resolution, width, conv, attention = (int(c) for c in codes[:4])
        factor = self.space.width[width]
        stages = tuple(
            self.stage_of(menu[int(i)], factor, int(depths[conv, attention, int(i)]))
            for i, menu, depths in zip(codes[4:], self.menus, self.depths, strict=True)
        )
        return Architecture(
            network=self.space.network,
            resolution=self.space.resolution[resolution],
            stages=stages,
            options=self.network_options(factor),
        )

    def slots(self, codes: NDArray[np.int64]) -> dict[str, Option]:
        """Return the slot values of one row of codes, [4 + stages]."""
        values: list[Option] = [getattr(self.space, g)[int(i)] for g, i in zip(GLOBALS, codes, strict=False)]
        for i, menu in zip(codes[4:], self.menus, strict=True):
            values += menu[int(i)].slots
        return {choice.name: value for choice, value in zip(self.choices, values, strict=True)}

    def of(self, points: Sequence[Mapping[str, Any]]) -> NDArray[np.int64]:
        """Return the canonical codes of slot values, [n, 4 + stages].

        Raises:
            ArchitectureError: if a slot is missing or has a value that it cannot take.
        """
        rows = np.empty((len(points), len(self.radices)), dtype=np.int64)
        for row, params in zip(rows, points, strict=True):
            try:
                picked = [
                    index[params[choice.name]]
                    for choice, index in zip(self.choices, self._value_indices, strict=True)
                ]
            except (KeyError, TypeError) as error:
                raise ArchitectureError(
                    f"The space '{self.name}' has no network with {error}: expected a known value "
                    f"for each of {', '.join(c.name for c in self.choices)}."
                ) from error
            row[:4] = picked[:4]
            start = 4
            for s, table in enumerate(self._menu_tables):
                row[4 + s] = table[tuple(picked[start : start + table.ndim])]
                start += table.ndim
        return self.canonical(rows)

    def canonical(self, codes: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the codes with each depth factor at the lowest value that gives the same depths.

        Args:
            codes: Rows of codes, [n, 4 + stages].
        """
        return canonical_codes(codes, self.depths)

    def code_of(self, architecture: Architecture) -> NDArray[np.int64]:
        """Return the codes of an architecture, [4 + stages].

        Raises:
            ArchitectureError: if the space does not hold it.
        """
        space = self.space
        absent = ArchitectureError(
            f"The space '{self.name}' does not hold the architecture {architecture.fingerprint}: "
            f"expected values that its choices list."
        )
        if architecture.resolution not in space.resolution or len(architecture.stages) != len(space.stages):
            raise absent
        channels = tuple(s.channels for s in architecture.stages)
        widths = [tuple(widened(s.channels, w, space.divisor) for s in space.stages) for w in space.width]
        alike = [
            w for w, found in enumerate(widths) if found == channels and self._has_skeleton(w, architecture)
        ]
        if not alike:
            raise absent
        w = alike[0]
        items = []
        for stage, menu in zip(architecture.stages, self.menus, strict=True):
            matching = [
                i
                for i, item in enumerate(menu)
                if item.repeated_by(stage, width=space.width[w], divisor=space.divisor)
            ]
            if not matching:
                raise absent
            items.append(matching)
        found = [
            menu[matching[0]].depth_of(stage)
            for menu, matching, stage in zip(self.menus, items, architecture.stages, strict=True)
        ]
        resolution = space.resolution.index(architecture.resolution)
        for conv in range(len(space.conv_depth)):
            for attention in range(len(space.attention_depth)):
                picked = [
                    next((i for i in matching if table[conv, attention, i] == depth), None)
                    for matching, table, depth in zip(items, self.depths, found, strict=True)
                ]
                if None not in picked:
                    codes = np.array([resolution, w, conv, attention, *picked], dtype=np.int64)
                    return self.canonical(codes[None])[0]
        raise absent

    def _has_skeleton(self, width: int, architecture: Architecture) -> bool:
        """Return whether an architecture has the skeleton of a width, whichever defaults are written out."""
        if architecture.network != self.space.network:
            return False
        defaults = keywords(NETWORKS[architecture.network])
        own = self.network_options(self.space.width[width])
        return {**defaults, **dict(own)} == {**defaults, **dict(architecture.options)}

    def network_options(self, width: float) -> Options:
        """Return the options of the skeleton at a width factor."""
        return widened_options(self.space.network, self.space.options, width, self.space.divisor)

    def stage_of(self, item: MenuItem, width: float, depth: int) -> Stage:
        """Return the stage of a network with a block of a menu, at a width factor and a depth."""
        channels = widened(item.stage.channels, width, self.space.divisor)
        return item.built(width=width, divisor=self.space.divisor, channels=channels, depth=depth)

    def channels_at(self, stage: int, width: float) -> int:
        """Return the output channels of a stage, counted from 0, at a width factor."""
        return widened(self.space.stages[stage].channels, width, self.space.divisor)

    @cached_property
    def _value_indices(self) -> tuple[dict[Option, int], ...]:
        return tuple({v: i for i, v in enumerate(choice.values)} for choice in self.choices)

    @cached_property
    def _menu_tables(self) -> tuple[NDArray[np.int64], ...]:
        """For each stage, the menu item of every combination of its slot indices."""
        return tuple(
            slot_table(stage, menu) for stage, menu in zip(self.space.stages, self.menus, strict=True)
        )
