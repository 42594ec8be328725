"""A search space: global factors and choices for each stage, as a fixed number of slots.

The slots are ``resolution``, ``width``, ``conv_depth``, ``attention_depth`` and, for each stage,
``stage1.mixer``, ``stage1.kernel`` and so on. A slot that a mixer does not take is inactive and holds
its first value, and a depth factor that changes nothing holds the lowest value that gives the same
depths: every network of the space has exactly one encoding.

Inside, a network is a row of `codes`, [4 + stages]: the index of each global factor, then of an item
on the menu of each stage, which lists every distinct block that the stage may repeat.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from search_spaces.architecture import Architecture, Option, Options, Stage
from search_spaces.budget import Budget
from search_spaces.choice import Choice
from search_spaces.encoding import canonical_codes, count_networks, depth_table, slot_table
from search_spaces.errors import ArchitectureError, SpaceError
from search_spaces.menu import MenuItem, StageSpace, menu_of, same_block, stage_slots
from search_spaces.offering import check_depths, check_factors, check_options, check_strides
from search_spaces.widening import check_widths, widened, widened_options

GLOBALS: Final = ("resolution", "width", "conv_depth", "attention_depth")


@dataclass(frozen=True, kw_only=True, eq=False)
class SearchSpace:
    """A finite set of architectures with one encoding each.

    Attributes:
        name: What it is called in studies and messages.
        resolution: Sides of the square images in pixels.
        width: Factors on all channels.
        conv_depth: Factors on the depth of stages with a convolutional mixer.
        attention_depth: Factors on the depth of stages with an attention mixer.
        stages: From the stem to the head.
        network: The skeleton, a file in search_spaces/networks.
        options: Choices of the skeleton; its channels are given at width 1.
        divisor: Channels are rounded to multiples of it.
    """

    name: str
    resolution: tuple[int, ...]
    width: tuple[float, ...] = (1.0,)
    conv_depth: tuple[float, ...] = (1.0,)
    attention_depth: tuple[float, ...] = (1.0,)
    stages: tuple[StageSpace, ...]
    network: str = "pyramid"
    options: Options = ()
    divisor: int = 16

    def __post_init__(self) -> None:
        if not self.stages:
            raise SpaceError(f"The space '{self.name}' got no stages: expected at least one.")
        check_options(self.network, self.options)
        check_factors(self.name, {name: getattr(self, name) for name in GLOBALS})
        check_strides(self.name, self.network, self.options, self.stages, self.resolution[0])
        channels = [stage.channels for stage in self.stages]
        check_widths(self.name, self.width, channels, self.options, self.divisor)
        factors = {"conv": self.conv_depth, "attention": self.attention_depth}
        check_depths(self.name, self.stages, self.menus, factors)

    @cached_property
    def choices(self) -> tuple[Choice, ...]:
        """All slots, in the order of an encoding."""
        found = [Choice(name=name, values=tuple(getattr(self, name))) for name in GLOBALS]
        for number, space in enumerate(self.stages, start=1):
            found += [
                Choice(name=f"stage{number}.{name}", values=values)
                for name, values in stage_slots(space).items()
            ]
        return tuple(found)

    @cached_property
    def menus(self) -> tuple[tuple[MenuItem, ...], ...]:
        """The distinct blocks that each stage may repeat."""
        return tuple(menu_of(space) for space in self.stages)

    @cached_property
    def radices(self) -> NDArray[np.int64]:
        """How many values each code has, [4 + stages]."""
        sizes = [len(getattr(self, name)) for name in GLOBALS] + [len(menu) for menu in self.menus]
        return np.array(sizes, dtype=np.int64)

    @cached_property
    def size(self) -> int:
        """The number of distinct architectures."""
        networks = count_networks(self.menus, self.conv_depth, self.attention_depth)
        return networks * len(self.resolution) * len(self.width)

    @cached_property
    def depths(self) -> tuple[NDArray[np.int64], ...]:
        """The blocks of each menu item, [conv factors, attention factors, items] for each stage."""
        return tuple(depth_table(menu, self.conv_depth, self.attention_depth) for menu in self.menus)

    def architecture(self, params: Mapping[str, Any]) -> Architecture:
        """Return the network that the slot values describe.

        Raises:
            ArchitectureError: if a slot is missing or has a value that it cannot take.
        """
        return self.at(self.codes([params])[0])

    def params(self, architecture: Architecture) -> dict[str, Option]:
        """Return the slot values of an architecture, canonical.

        Raises:
            ArchitectureError: if the space does not hold it.
        """
        return self.slots(self.code_of(architecture))

    def contains(self, architecture: Architecture) -> bool:
        """Return whether the space holds this network."""
        try:
            self.code_of(architecture)
        except ArchitectureError:
            return False
        return True

    def encode(self, architecture: Architecture) -> NDArray[np.int64]:
        """Return the index of the value in each slot, [slots], canonical."""
        values = self.params(architecture)
        return np.array([c.values.index(values[c.name]) for c in self.choices], dtype=np.int64)

    def decode(self, encoding: Sequence[int] | NDArray[np.int64]) -> Architecture:
        """Return the network with the given index of the value in each slot, [slots]."""
        values = {c.name: c.values[int(i)] for c, i in zip(self.choices, encoding, strict=True)}
        return self.architecture(values)

    def sample(
        self,
        rng: np.random.Generator,
        *,
        budgets: Sequence[Budget] = (),
        num_classes: int = 1000,
        in_channels: int = 3,
    ) -> Architecture:
        """Return a network drawn uniformly from the distinct ones that fit all known budgets.

        Args:
            rng: Where the randomness comes from.
            budgets: What it may take in its deploy form; latencies are not known here.
            num_classes: Class scores of its head, which count.
            in_channels: Channels of an image, which count.

        Raises:
            NothingFitsError: if no network fits; says what the smallest needs.
        """
        # Both modules price and draw from spaces, so they stand above this one.
        from search_spaces.pricing import prices  # noqa: PLC0415
        from search_spaces.sampling import fitting_codes, uniform_codes  # noqa: PLC0415

        if not any(budget.known for budget in budgets):
            return self.at(uniform_codes(self, rng, 1)[0])
        table = prices(self, num_classes=num_classes, in_channels=in_channels)
        return self.at(fitting_codes(table, rng, 1, budgets)[0])

    def neighbours(self, architecture: Architecture) -> list[Architecture]:
        """Return the distinct networks that differ in the value of one slot."""
        here = self.params(architecture)
        found = {
            self.architecture({**here, choice.name: value}): None
            for choice in self.choices
            for value in choice.values
            if value != here[choice.name]
        }
        return [other for other in found if other != architecture]

    def crossover(self, first: Architecture, second: Architecture, rng: np.random.Generator) -> Architecture:
        """Return a network with each slot's value from one of two parents."""
        a, b = self.params(first), self.params(second)
        return self.architecture({k: (a if rng.random() < 0.5 else b)[k] for k in a})

    def at(self, codes: NDArray[np.int64]) -> Architecture:
        """Return the network of one row of codes, [4 + stages]."""
        resolution, width, conv, attention = (int(c) for c in codes[:4])
        factor = self.width[width]
        stages = tuple(
            Stage(
                block=menu[int(i)].stage.block,
                channels=widened(menu[int(i)].stage.channels, factor, self.divisor),
                depth=int(depths[conv, attention, int(i)]),
                stride=menu[int(i)].stage.stride,
                options=menu[int(i)].stage.options,
            )
            for i, menu, depths in zip(codes[4:], self.menus, self.depths, strict=True)
        )
        return Architecture(
            network=self.network,
            resolution=self.resolution[resolution],
            stages=stages,
            options=self.network_options(factor),
        )

    def slots(self, codes: NDArray[np.int64]) -> dict[str, Option]:
        """Return the slot values of one row of codes, [4 + stages]."""
        values: list[Option] = [getattr(self, g)[int(i)] for g, i in zip(GLOBALS, codes, strict=False)]
        for i, menu in zip(codes[4:], self.menus, strict=True):
            values += menu[int(i)].slots
        return {choice.name: value for choice, value in zip(self.choices, values, strict=True)}

    def codes(self, points: Sequence[Mapping[str, Any]]) -> NDArray[np.int64]:
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
        absent = ArchitectureError(
            f"The space '{self.name}' does not hold the architecture {architecture.fingerprint}: "
            f"expected values that its choices list."
        )
        if architecture.resolution not in self.resolution or len(architecture.stages) != len(self.stages):
            raise absent
        channels = tuple(s.channels for s in architecture.stages)
        widths = [tuple(widened(s.channels, w, self.divisor) for s in self.stages) for w in self.width]
        if channels not in widths:
            raise absent
        w = widths.index(channels)
        items = []
        for stage, menu in zip(architecture.stages, self.menus, strict=True):
            matching = [i for i, item in enumerate(menu) if same_block(item.stage, stage)]
            if not matching:
                raise absent
            items.append(matching)
        resolution = self.resolution.index(architecture.resolution)
        for conv in range(len(self.conv_depth)):
            for attention in range(len(self.attention_depth)):
                picked = [
                    next((i for i in matching if table[conv, attention, i] == stage.depth), None)
                    for matching, table, stage in zip(items, self.depths, architecture.stages, strict=True)
                ]
                if None not in picked:
                    codes = np.array([resolution, w, conv, attention, *picked], dtype=np.int64)
                    if self.at(codes) != architecture:
                        raise absent
                    return self.canonical(codes[None])[0]
        raise absent

    def network_options(self, width: float) -> Options:
        """Return the options of the skeleton at a width factor."""
        return widened_options(self.network, self.options, width, self.divisor)

    def channels_at(self, stage: int, width: float) -> int:
        """Return the output channels of a stage, counted from 0, at a width factor."""
        return widened(self.stages[stage].channels, width, self.divisor)

    @cached_property
    def _value_indices(self) -> tuple[dict[Option, int], ...]:
        return tuple({v: i for i, v in enumerate(choice.values)} for choice in self.choices)

    @cached_property
    def _menu_tables(self) -> tuple[NDArray[np.int64], ...]:
        """For each stage, the menu item of every combination of its slot indices."""
        return tuple(slot_table(stage, menu) for stage, menu in zip(self.stages, self.menus, strict=True))
