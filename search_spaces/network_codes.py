"""`NetworkCodes`: encodes the networks of a space as rows of integers, and decodes them.

A network is a row of codes: the index of each global factor, where the skeleton is chosen too that of its
choices, then of an item on the menu of each stage, which lists every distinct stage. `NetworkCodes.offset` is
the number of codes in front of those of the stages: 4, or 5 with choices of the skeleton.
"""

import itertools
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from search_spaces.architecture import Architecture, Option, Options, Stage, options_of
from search_spaces.channel_rounding import widened, widened_options
from search_spaces.choice import GLOBALS, Choice
from search_spaces.encoding import StageForms, slot_table, stage_forms
from search_spaces.equivalent_codes import EquivalentCodes
from search_spaces.errors import ArchitectureError
from search_spaces.members import Members
from search_spaces.space_description import Description
from search_spaces.stage_choices import MenuItem, StageMenu, stage_slots


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
        found += [Choice(name=name, values=values) for name, values in self._chosen.items()]
        for number, space in enumerate(self.space.stages, start=1):
            found += [
                Choice(name=f"stage{number}.{name}", values=values)
                for name, values in stage_slots(space).items()
            ]
        return tuple(found)

    @cached_property
    def _chosen(self) -> dict[str, tuple[Option, ...]]:
        """The values of each option of the skeleton that is chosen, in the order of their names."""
        return dict(sorted(self.space.skeleton.items()))

    @property
    def offset(self) -> int:
        """The number of codes in front of those of the stages."""
        return len(GLOBALS) + bool(self.space.skeleton)

    @cached_property
    def skeletons(self) -> tuple[Options, ...]:
        """The chosen options of the skeleton, by its code; one without any if none is chosen."""
        chosen = self._chosen
        return tuple(
            options_of(dict(zip(chosen, values, strict=True)))
            for values in itertools.product(*chosen.values())
        )

    @cached_property
    def _stage_menus(self) -> tuple[StageMenu, ...]:
        factors = (self.space.conv_depth, self.space.attention_depth)
        return tuple(StageMenu(space, *factors) for space in self.space.stages)

    @cached_property
    def menus(self) -> tuple[tuple[MenuItem, ...], ...]:
        """The distinct stages that each stage may be."""
        return tuple(menu.items for menu in self._stage_menus)

    @cached_property
    def forms(self) -> tuple[StageForms, ...]:
        """The blocks of each menu item under each pair of depth factors, for each stage."""
        factors = (self.space.conv_depth, self.space.attention_depth)
        return tuple(stage_forms(menu, *factors) for menu in self.menus)

    @cached_property
    def channels(self) -> tuple[NDArray[np.int64], ...]:
        """The channels of each stage, [widths, factors of the stage]."""
        space = self.space
        return tuple(
            np.array(
                [[widened(s.channels, w * own, space.divisor) for own in s.width] for w in space.width],
                np.int64,
            )
            for s in space.stages
        )

    @cached_property
    def sizes(self) -> tuple[NDArray[np.int64], ...]:
        """A number for the channels of each stage and inside its blocks, [widths, factors of the stage]."""
        space = self.space
        found = []
        for stage, channels in zip(space.stages, self.channels, strict=True):
            inner = np.zeros_like(channels)
            if stage.inside is not None:
                for width, own in np.ndindex(inner.shape):
                    factor = space.width[width] * stage.width[own]
                    inner[width, own] = stage.inside.channels_at(factor, space.divisor)
            found.append(channels + (inner << 32))
        return tuple(found)

    @cached_property
    def radices(self) -> NDArray[np.int64]:
        """How many values each code has, [codes]."""
        sizes = [len(getattr(self.space, name)) for name in GLOBALS]
        sizes += [len(self.skeletons)] if self.space.skeleton else []
        return np.array([*sizes, *map(len, self.menus)], dtype=np.int64)

    @cached_property
    def size(self) -> int:
        """The number of distinct architectures."""
        return self._equivalent.size * len(self.space.resolution)

    @property
    def depths(self) -> tuple[NDArray[np.int64], ...]:
        """The blocks of each menu item, [conv factors, attention factors, items] for each stage."""
        return tuple(forms.depth for forms in self.forms)

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
        """Return the network of one row of codes, [codes]."""
        resolution, width, conv, attention = (int(c) for c in codes[:4])
        stages = tuple(
            self.stage_of(stage, int(forms.form[conv, attention, i]), width, int(forms.width[i]))
            for stage, (i, forms) in enumerate(zip(codes[self.offset :], self.forms, strict=True))
        )
        return Architecture(
            network=self.space.network,
            resolution=self.space.resolution[resolution],
            stages=stages,
            options=self.network_options(self.space.width[width], self.skeleton_of(codes)),
        )

    def stage_of(self, stage: int, form: int, width: int, own: int) -> Stage:
        """Return a stage of a network.

        Args:
            stage: Its number, counted from 0.
            form: Which of its forms.
            width: Which factor on all channels.
            own: Which factor on its own.
        """
        found = self.forms[stage].stage(form, int(self.channels[stage][width, own]))
        return self.widened_inside(stage, found, width, own)

    def widened_inside(self, stage: int, found: Stage, width: int, own: int) -> Stage:
        """Return a stage, or one block of it, with the channels inside its blocks; see `stage_of`."""
        space = self.space.stages[stage]
        if space.inside is None:
            return found
        factor = self.space.width[width] * space.width[own]
        return space.inside.widened(found, width=factor, divisor=self.space.divisor)

    def skeleton_of(self, codes: NDArray[np.int64]) -> int:
        """Return which choice of the skeleton one row of codes makes, counted from 0."""
        return int(codes[len(GLOBALS)]) if self.space.skeleton else 0

    def slots(self, codes: NDArray[np.int64]) -> dict[str, Option]:
        """Return the slot values of one row of codes, [codes]."""
        values: list[Option] = [getattr(self.space, g)[int(i)] for g, i in zip(GLOBALS, codes, strict=False)]
        chosen = dict(self.skeletons[self.skeleton_of(codes)])
        values += [chosen[name] for name in self._chosen]
        for i, menu in zip(codes[self.offset :], self.menus, strict=True):
            values += menu[int(i)].slots
        return {choice.name: value for choice, value in zip(self.choices, values, strict=True)}

    def of(self, points: Sequence[Mapping[str, Any]]) -> NDArray[np.int64]:
        """Return the canonical codes of slot values, [n, codes].

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
            for column, table in enumerate(self._slot_tables, start=4):
                row[column] = table[tuple(picked[start : start + table.ndim])]
                start += table.ndim
        return self.canonical(rows)

    def canonical(self, codes: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the rows of codes that stand for the networks of some rows, [n, codes].

        Of several rows that describe one network it is the first in the order of the factors, for example the
        one with each depth factor at the lowest value that gives the same depths.
        """
        return self._equivalent.canonical(codes)

    def code_of(self, architecture: Architecture) -> NDArray[np.int64]:
        """Return the codes of an architecture, [codes].

        Raises:
            ArchitectureError: if the space does not hold it.
        """
        return self.canonical(self._members.code_of(architecture)[None])[0]

    def network_options(self, width: float, skeleton: int = 0) -> Options:
        """Return the options of the skeleton at a width factor and one of its choices, counted from 0."""
        space = self.space
        chosen = options_of({**dict(space.options), **dict(self.skeletons[skeleton])})
        return widened_options(space.network, chosen, width, space.divisor)

    @cached_property
    def _equivalent(self) -> EquivalentCodes:
        known: dict[Options, int] = {}
        numbers = [
            [known.setdefault(self.network_options(w, k), len(known)) for k in range(len(self.skeletons))]
            for w in self.space.width
        ]
        return EquivalentCodes(self.forms, self.sizes, np.array(numbers, np.int64), self.offset)

    @cached_property
    def _members(self) -> Members:
        return Members(self)

    @cached_property
    def _value_indices(self) -> tuple[dict[Option, int], ...]:
        return tuple({v: i for i, v in enumerate(choice.values)} for choice in self.choices)

    @cached_property
    def _slot_tables(self) -> tuple[NDArray[np.int64], ...]:
        """The code of every combination of slot indices: of the skeleton if it is chosen, of each stage."""
        chosen = self._chosen
        shape = [len(values) for values in chosen.values()]
        tables = [np.arange(len(self.skeletons)).reshape(shape)] if chosen else []
        tables += [
            slot_table(space, menu.item_of)
            for space, menu in zip(self.space.stages, self._stage_menus, strict=True)
        ]
        return tuple(tables)
