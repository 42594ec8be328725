"""`StepNetworks`: draws the networks that each step of a supernet's training trains."""

from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from search_spaces.architecture import Architecture
from search_spaces.band_sampling import MacsBand
from search_spaces.elastic.larger import LargerNetworks
from search_spaces.pricing import prices
from search_spaces.sampling import uniform_codes
from search_spaces.space import SearchSpace
from trials.supernet.recipe import SupernetRecipe
from trials.training.seeding import stream_seed

Band: TypeAlias = tuple[int, int]
"""Least and most MACs of the networks that the supernet is for."""

_ENDS: Final = 64  # largest and smallest networks that take turns: each choice stands in some of them
_SIZED: Final = 1_024


@dataclass(frozen=True, slots=True)
class Step:
    """The networks of one step.

    Attributes:
        largest: The one that is trained on the labels from the start; None for rules without one.
        others: The others.
    """

    largest: Architecture | None
    others: tuple[Architecture, ...]


class StepNetworks:
    """The networks of all steps of one training; those of an epoch depend on nothing but its number.

    Args:
        space: Space of the networks.
        recipe: Recipe with the rule.
        band: Least and most MACs that matter; None for the whole space.
        num_classes: Class scores of the head, which count.
        in_channels: Channels of an image, which count.
        seed: Seed of the draws, at least 0.

    Raises:
        NothingFitsError: if no network lies in the band.
    """

    def __init__(
        self,
        space: SearchSpace,
        recipe: SupernetRecipe,
        band: Band | None,
        *,
        num_classes: int,
        in_channels: int,
        seed: int,
    ) -> None:
        self._codes, self._recipe, self._seed = space.codes, recipe, seed
        self._prices = table = prices(space.codes, num_classes=num_classes, in_channels=in_channels)
        least, most = table.extremes("macs")
        low, high = band or (least, most)
        self._ends: tuple[list[Architecture], list[Architecture]] | None = None
        self._band = (
            None if band is None and recipe.rule in {"single_path", "fair"} else MacsBand(table, low, high)
        )
        if recipe.rule in {"sandwich", "sorted"}:
            reach = int(min(recipe.reach * high, most))
            rng = np.random.default_rng(stream_seed(seed, "ends"))
            large = MacsBand(table, least, reach).draw(rng, _ENDS, window=-1)
            larger = LargerNetworks(space, table)
            large = np.stack([larger.largest_above(row, reach) for row in large])
            small = MacsBand(table, low, high).draw(rng, _ENDS, window=0)
            self._ends = (self._at(large), self._at(small))

    def of_epoch(self, epoch: int, steps: int) -> list[Step]:
        """Return the networks of each step of an epoch, numbered from 1."""
        drawn = self._recipe.drawn
        codes = self._drawn(epoch, steps, steps * drawn)
        found = []
        for step in range(steps):
            others = tuple(self._at(codes[step * drawn : (step + 1) * drawn]))
            number = (epoch - 1) * steps + step
            if self._ends is None:
                found.append(Step(None, others))
            else:
                largest, smallest = (end[number % len(end)] for end in self._ends)
                found.append(Step(largest, (smallest, *others)))
        return found

    def sizes(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the MACs and activations of networks that steps train, the largest ones among them, [n]."""
        rng = np.random.default_rng(0)
        band = self._band
        codes = [uniform_codes(self._codes, rng, _SIZED) if band is None else band.draw(rng, _SIZED)]
        if self._ends is not None:
            codes += [self._codes.code_of(network)[None] for network in self._ends[0]]
        drawn = np.concatenate(codes)
        return self._prices.of(drawn, "macs"), self._prices.of(drawn, "activations")

    def mean_macs(self, count: int) -> dict[str, float | None]:
        """Return the mean MACs of the networks of a step by their part in it.

        Args:
            count: Number of drawn networks that stand for all, at least 1.

        Returns:
            Means of ``largest`` and ``smallest``, None for rules without them, and of ``drawn``.
        """
        rng, macs = np.random.default_rng(0), self._prices
        codes = uniform_codes(self._codes, rng, count) if self._band is None else self._band.draw(rng, count)
        ends: dict[str, float | None] = {"largest": None, "smallest": None}
        if self._ends is not None:
            for name, end in zip(ends, self._ends, strict=True):
                rows = np.stack([self._codes.code_of(network) for network in end])
                ends[name] = float(macs.of(rows, "macs").mean())
        return {**ends, "drawn": float(macs.of(codes, "macs").mean())}

    def _drawn(self, epoch: int, steps: int, count: int) -> NDArray[np.int64]:
        rng = np.random.default_rng(stream_seed(self._seed, "networks", epoch))
        if self._recipe.rule == "fair":
            return self._in_turns((epoch - 1) * steps * self._recipe.drawn, count)
        if self._band is None:
            return uniform_codes(self._codes, rng, count)
        return self._band.draw(rng, count)

    def _in_turns(self, start: int, count: int) -> NDArray[np.int64]:
        """Return rows of codes in which each choice comes once before any comes twice, in random order."""
        columns = []
        for place, choices in enumerate(self._codes.radices.tolist()):
            first, last = start // choices, (start + count - 1) // choices
            turns = [
                np.random.default_rng(stream_seed(self._seed, f"turns of choice {place}", turn)).permutation(
                    choices
                )
                for turn in range(first, last + 1)
            ]
            skipped = start - first * choices
            columns.append(np.concatenate(turns)[skipped : skipped + count])
        return self._codes.canonical(np.stack(columns, axis=1))

    def _at(self, codes: NDArray[np.int64]) -> list[Architecture]:
        return [self._codes.at(row) for row in codes]
