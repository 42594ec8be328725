"""`Members`: finds an architecture among the networks of a space."""

from functools import cached_property
from typing import Final, Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from search_spaces.architecture import Architecture, Options, Stage
from search_spaces.encoding import FormLookup, StageForms
from search_spaces.errors import ArchitectureError
from search_spaces.networks import NETWORKS
from search_spaces.options import keywords
from search_spaces.space_description import Description
from search_spaces.stage_choices import same_block

Ints: TypeAlias = NDArray[np.int64]


@runtime_checkable
class Encoding(Protocol):
    """What is needed of the encoding of a space; see `search_spaces.network_codes.NetworkCodes`."""

    @property
    def name(self) -> str:
        """What the space is called."""

    @property
    def space(self) -> Description:
        """The space."""

    @property
    def forms(self) -> tuple[StageForms, ...]:
        """What each stage may be."""

    @property
    def channels(self) -> tuple[Ints, ...]:
        """The channels of each stage, [widths, factors of the stage]."""

    @property
    def skeletons(self) -> tuple[Options, ...]:
        """The chosen options of the skeleton, by its code."""

    def stage_of(self, stage: int, form: int, width: int, own: int) -> Stage:
        """Return a stage of a network."""

    def network_options(self, width: float, skeleton: int = 0) -> Options:
        """Return the options of the skeleton."""


class Members:
    """The networks of a space.

    Args:
        codes: Their encoding.
    """

    def __init__(self, codes: Encoding) -> None:
        self._codes: Final = codes

    def code_of(self, architecture: Architecture) -> Ints:
        """Return a row of codes of an architecture, [codes], whichever defaults its options write out.

        Raises:
            ArchitectureError: if the space does not hold it.
        """
        found = self._rows(architecture)
        if found is None:
            raise ArchitectureError(
                f"The space '{self._codes.name}' does not hold the architecture {architecture.fingerprint}: "
                f"expected values that its choices list."
            )
        return found

    def _rows(self, architecture: Architecture) -> Ints | None:
        space, stages = self._codes.space, architecture.stages
        if architecture.resolution not in space.resolution or len(stages) != len(space.stages):
            return None
        found = [lookup.form_of(stage) for lookup, stage in zip(self._lookups, stages, strict=True)]
        forms = [form for form in found if form is not None]
        if len(forms) < len(found):
            return None
        for width, skeleton in np.ndindex(len(space.width), len(self._codes.skeletons)):
            if not self._has_skeleton(width, skeleton, architecture):
                continue
            for conv, attention in np.ndindex(len(space.conv_depth), len(space.attention_depth)):
                items = [
                    self._items_of(number, form, stage, (width, conv, attention))
                    for number, (form, stage) in enumerate(zip(forms, stages, strict=True))
                ]
                if all(map(len, items)):
                    row = [space.resolution.index(architecture.resolution), width, conv, attention]
                    row += [skeleton] if space.skeleton else []
                    return np.array([*row, *(item[0] for item in items)], dtype=np.int64)
        return None

    def _items_of(self, number: int, form: int, stage: Stage, factors: tuple[int, int, int]) -> Ints:
        """Return the menu items that stand for a stage of a network at a width and depth factors."""
        codes, (width, conv, attention) = self._codes, factors
        forms = codes.forms[number]
        wide = codes.channels[number][width, forms.width] == stage.channels
        items = np.flatnonzero((forms.form[conv, attention] == form) & wide)
        if codes.space.stages[number].inside is None:
            return items
        own = forms.width[items]
        there = [same_block(codes.stage_of(number, form, width, int(one)), stage) for one in own]
        return items[np.array(there, dtype=bool)]

    def _has_skeleton(self, width: int, number: int, architecture: Architecture) -> bool:
        """Return whether an architecture has the skeleton of a width, whichever defaults are written out."""
        space = self._codes.space
        if architecture.network != space.network:
            return False
        defaults = keywords(NETWORKS[architecture.network])
        own = self._codes.network_options(space.width[width], number)
        return {**defaults, **dict(own)} == {**defaults, **dict(architecture.options)}

    @cached_property
    def _lookups(self) -> tuple[FormLookup, ...]:
        forms, stages = self._codes.forms, self._codes.space.stages
        return tuple(FormLookup(one, stage.inside) for one, stage in zip(forms, stages, strict=True))
