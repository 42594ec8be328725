"""`EquivalentCodes`: finds the one row of codes that stands for a network, and counts distinct networks.

Its resolution, its skeleton with stem and head channels, and each stage's channels and blocks identify a
network. Several codes may describe it: a depth factor that changes no stage, attention in the last of one
block or in all of them, a stage that is narrower by its own factor or by that on all channels. Of these the
first in the order of the factors stands for all.
"""

import itertools
from collections.abc import Sequence
from functools import cached_property
from typing import Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from search_spaces.encoding import StageForms

Ints: TypeAlias = NDArray[np.int64]


class Context(NamedTuple):
    """One choice of the factors that blocks and channels depend on, as indices."""

    width: int
    conv: int
    attention: int
    skeleton: int


class EquivalentCodes:
    """The classes of rows of codes that describe the same network.

    Args:
        forms: What each stage may be.
        channels: A number for the channels of each stage and those inside its blocks, at each width factor,
            [widths, factors of the stage].
        skeletons: Which skeleton stands at each width and choice of it, the same number for the same,
            [widths, choices].
        offset: Number of codes in front of those of the stages.
    """

    def __init__(
        self, forms: Sequence[StageForms], channels: Sequence[Ints], skeletons: Ints, offset: int
    ) -> None:
        self._forms: Final = tuple(forms)
        self._skeletons: Final = skeletons
        self._offset: Final = offset
        self._groups: Final = [
            _Group(forms, channels, np.argwhere(skeletons == number)) for number in range(skeletons.max() + 1)
        ]

    def canonical(self, codes: Ints) -> Ints:
        """Return the rows of codes that stand for the networks of some rows, [n, codes]."""
        codes = codes.copy()
        skeleton = codes[:, 4] if self._offset > 4 else np.zeros(len(codes), np.int64)
        number = self._skeletons[codes[:, 1], skeleton]
        for at, group in enumerate(self._groups):
            rows = np.flatnonzero(number == at)
            if len(rows):
                codes[rows] = self._of_group(group, codes[rows])
        return codes

    @property
    def size(self) -> int:
        """The number of distinct networks at one resolution."""
        return sum(group.size for group in self._groups)

    def _of_group(self, group: "_Group", codes: Ints) -> Ints:
        ids = group.ids(codes, self._offset)
        waiting = np.arange(len(codes))
        for number, context in enumerate(group.contexts):
            fits = waiting
            items: list[Ints] = []
            for table, stage_ids in zip(group.items, ids, strict=True):
                item = table[number, stage_ids[fits]]
                there = item >= 0
                fits, items = fits[there], [known[there] for known in items] + [item[there]]
            codes[fits, 1:4] = context[:3]
            if self._offset > 4:
                codes[fits, 4] = context.skeleton
            codes[fits, self._offset :] = np.stack(items, axis=1) if items else 0
            if len(fits):
                waiting = np.setdiff1d(waiting, fits, assume_unique=True)
            if not len(waiting):
                break
        return codes


class _Group:
    """Networks of one skeleton, stem and head.

    Args:
        forms: What each stage may be.
        channels: The channels of each stage at each width factor, [widths, factors of the stage].
        places: Indices of a width and a choice of the skeleton that give it, [places, 2].
    """

    def __init__(self, forms: Sequence[StageForms], channels: Sequence[Ints], places: Ints) -> None:
        self._forms, self._channels = forms, channels
        _, conv, attention = np.indices((1, *forms[0].form.shape[:2])).reshape(3, -1)
        depths = list(zip(conv.tolist(), attention.tolist(), strict=True))
        self.contexts: Final = sorted(
            Context(w, c, a, k) for (w, k), (c, a) in itertools.product(places.tolist(), depths)
        )

    @cached_property
    def items(self) -> list[Ints]:
        """For each stage, the first menu item with an identity in each context, or -1, [contexts, ids]."""
        return [self._items(stage) for stage in range(len(self._forms))]

    def ids(self, codes: Ints, offset: int) -> list[Ints]:
        """Return a number for the channels and blocks of each stage of rows of codes, stages x [n]."""
        found = []
        for stage, forms in enumerate(self._forms):
            item = codes[:, offset + stage]
            form = forms.form[codes[:, 2], codes[:, 3], item]
            found.append(self._ranks[stage][codes[:, 1], forms.width[item]] * len(forms.sequences) + form)
        return found

    @cached_property
    def _ranks(self) -> list[Ints]:
        """For each stage, the number of its channels among those of the group, [widths, factors]."""
        widths = sorted({context.width for context in self.contexts})
        found = []
        for channels in self._channels:
            known = np.unique(channels[widths])
            found.append(np.searchsorted(known, channels))
        return found

    def _items(self, stage: int) -> Ints:
        forms, ranks = self._forms[stage], self._ranks[stage]
        known = 1 + max(int(ranks[context.width].max()) for context in self.contexts)
        table = np.full((len(self.contexts), known * len(forms.sequences)), -1, np.int64)
        items = np.arange(len(forms.width))[::-1]  # of several the first is written last
        for number, (width, conv, attention, _) in enumerate(self.contexts):
            ids = ranks[width, forms.width] * len(forms.sequences) + forms.form[conv, attention]
            table[number, ids[items]] = items
        return table

    @cached_property
    def size(self) -> int:
        """The number of distinct networks of the group: of sequences of identities that share a context."""
        counts = {(1 << len(self.contexts)) - 1: 1}
        for table in self.items:
            masks, times = np.unique(table.T >= 0, axis=0, return_counts=True)
            bits = [int("".join("1" if there else "0" for there in mask), 2) for mask in masks]
            grown: dict[int, int] = {}
            for alive, networks in counts.items():
                for mask, number in zip(bits, times.tolist(), strict=True):
                    if alive & mask:
                        grown[alive & mask] = grown.get(alive & mask, 0) + networks * number
            counts = grown
        return sum(counts.values())
