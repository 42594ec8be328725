"""`SearchSpace`: global factors and the choices of each stage, as a fixed number of slots.

The slots are ``resolution``, ``width``, ``conv_depth``, ``attention_depth``, options of the skeleton such as
``stem_stride``, and, for each stage, ``stage1.width``, ``stage1.block``, ``stage1.mixer``, ``stage1.kernel``
and so on. A slot that a block and its mixer do not take is inactive and holds its first value, and a factor
that changes nothing holds the lowest value that gives the same network: every network of the space has
exactly one encoding.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search_spaces.architecture import Architecture, Option, Options, options_of
from search_spaces.budget import Budget
from search_spaces.choice import GLOBALS, Choice
from search_spaces.errors import ArchitectureError, SpaceError
from search_spaces.network_codes import NetworkCodes
from search_spaces.pricing import prices
from search_spaces.sampling import fitting_codes, uniform_codes
from search_spaces.space_checks import (
    check_depths,
    check_factors,
    check_options,
    check_strides,
    check_widths,
)
from search_spaces.stage_choices import StageSpace


@dataclass(frozen=True, kw_only=True, eq=False)
class SearchSpace:
    """A finite set of architectures with one encoding each.

    Attributes:
        name: Its name in studies and messages.
        resolution: Sides of the square images in pixels.
        width: Factors on all channels.
        conv_depth: Factors on the depth of stages with a convolutional mixer.
        attention_depth: Factors on the depth of stages with an attention mixer.
        stages: The stages from the stem to the head.
        network: The skeleton, a file in search_spaces/networks.
        options: Options of the skeleton; its channels are given at width 1.
        skeleton: Options of the skeleton that are a choice, with their values.
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
    skeleton: Mapping[str, tuple[Option, ...]] = field(default_factory=dict)
    divisor: int = 16

    def __post_init__(self) -> None:
        if not self.stages:
            raise SpaceError(f"The space '{self.name}' got no stages: expected at least one.")
        check_options(self.network, (*self.options, *((name, None) for name in self.skeleton)))
        factors = {name: getattr(self, name) for name in GLOBALS}
        check_factors(self.name, {**factors, **self.skeleton})
        for chosen in self.codes.skeletons:
            options = options_of({**dict(self.options), **dict(chosen)})
            check_strides(self.name, self.network, options, self.stages, self.resolution[0])
        check_widths(self.name, self.width, self.stages, self.options, self.divisor)
        depths = {"conv": self.conv_depth, "attention": self.attention_depth}
        check_depths(self.name, self.stages, self.codes.menus, depths)

    @property
    def choices(self) -> tuple[Choice, ...]:
        """All slots, in the order of an encoding."""
        return self.codes.choices

    @cached_property
    def codes(self) -> NetworkCodes:
        """The encoding of its networks as rows of whole numbers."""
        return NetworkCodes(self)

    @property
    def size(self) -> int:
        """The number of distinct architectures."""
        return self.codes.size

    def architecture(self, params: Mapping[str, Any]) -> Architecture:
        """Return the network that the slot values describe.

        Raises:
            ArchitectureError: if a slot is missing or has a value that it cannot take.
        """
        return self.codes.architecture(params)

    def params(self, architecture: Architecture) -> dict[str, Option]:
        """Return the slot values of an architecture, canonical.

        Raises:
            ArchitectureError: if the space does not hold it.
        """
        return self.codes.params(architecture)

    def contains(self, architecture: Architecture) -> bool:
        """Return whether the space holds this network."""
        try:
            self.codes.code_of(architecture)
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
            rng: Random generator.
            budgets: Limits on the costs of its deploy form; those on latency are ignored.
            num_classes: Class scores of its head, which count.
            in_channels: Channels of an image, which count.

        Raises:
            NothingFitsError: if no network fits; says what the smallest needs.
        """
        if not any(budget.counted for budget in budgets):
            return self.codes.at(uniform_codes(self.codes, rng, 1)[0])
        table = prices(self.codes, num_classes=num_classes, in_channels=in_channels)
        return self.codes.at(fitting_codes(table, rng, 1, budgets)[0])

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
