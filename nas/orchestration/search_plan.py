"""A search that can begin: everything that was asked for, read, checked and priced."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from optuna.pruners import BasePruner, NopPruner
from optuna.samplers import BaseSampler

from nas.ask_tell.successive_halving import RungHalving
from nas.bayesopt.space_problem import problem_of
from nas.evaluators import Work
from nas.files.local_paths import image_cache
from nas.resources import Slots
from nas.samplers import SAMPLERS
from nas.study import trial_attributes
from nas.study.earlier_studies import Record, transfer_source
from nas.study.expected_values import ExpectedValues
from nas.study.int8_values import int8_drop
from nas.study.reproduce_command import Request
from nas.study.settings import Settings
from search_spaces.architecture import Architecture
from search_spaces.budget import Budget
from search_spaces.pricing import Prices, prices
from search_spaces.sampling import share_that_fits
from search_spaces.space import SearchSpace
from trials.images.splits import Splits
from trials.latency.latency import Condition
from trials.pretrained.donor import Donor
from trials.training.recipe import Recipe


@dataclass(frozen=True, kw_only=True)
class SearchPlan:
    """A search that can begin.

    Attributes:
        settings: What defines it.
        name: Name of its study.
        url: Database URL of its storage.
        folder: Path or URL of the study's checkpoints and weights.
        trials: Number of trained networks after which it ends.
        hours: Hours after which it ends; None for no limit.
        space: Search space.
        budgets: The most that networks may take.
        recipe: Training recipe.
        splits: The images.
        slots: Resources of the trainings that run side by side.
        possible_slots: How many could run, where the study goes on with fewer, as it was begun; else None.
        seeds: Networks that are tried before the sampler's own.
        published: Published networks, or the donor's, at the size of the budgets, by name, that are tried
            after those.
        keep_checkpoints: Number of the best networks that keep their weights.
        log_to: Where epochs are written besides the study, one of `search_input.LOGS`, or None.
        earlier: What it learns from other studies, as `nas.study.earlier_studies` keeps it.
        work: What its evaluator does before the trainings; None for nothing.
        request: What was typed, for those who do it again.
        reproducible: Whether every run makes the same proposals; None for the default.
        conditions: What the devices of the budgets said about themselves, by target.
        teacher_lines: What the teacher of the recipe is asked, in lines for the user.
        donor: The trained weights of which every network inherits; None for random weights.
    """

    settings: Settings
    name: str
    url: str
    folder: str
    trials: int
    hours: float | None
    space: SearchSpace
    budgets: tuple[Budget, ...]
    recipe: Recipe
    splits: Splits
    slots: Slots
    request: Request
    seeds: tuple[Architecture, ...] = ()
    published: Mapping[str, Architecture] = field(default_factory=dict)
    keep_checkpoints: int = 10
    log_to: str | None = None
    earlier: tuple[Record, ...] = ()
    work: Work | None = None
    reproducible: bool | None = None
    conditions: Mapping[str, Mapping[str, Condition]] = field(default_factory=dict)
    teacher_lines: tuple[str, ...] = ()
    donor: Donor | None = None
    possible_slots: int | None = None

    @property
    def image_cache(self) -> Path:
        """Where the decoded images lie, for all workers of this machine and all studies."""
        return image_cache(self.folder)

    @property
    def later_resolutions(self) -> tuple[int, ...]:
        """The resolutions at which the images are decoded only when a network takes them, in pixels."""
        if not self.settings.resized_once:
            return ()
        return tuple(side for side in self.space.resolution if self.splits.size != (side, side))

    @property
    def targets(self) -> tuple[str, ...]:
        """The devices on which a budget asks for a latency."""
        return tuple(dict.fromkeys(str(b.target) for b in self.budgets if not b.counted))

    @cached_property
    def prices(self) -> Prices:
        """The space with the costs of its networks, in the form that is deployed."""
        return prices(
            self.space.codes, num_classes=len(self.splits.classes), in_channels=self.splits.channels
        )

    @cached_property
    def share_that_fits(self) -> float:
        """The share of the space's networks that fit the budgets, in [0, 1]."""
        return share_that_fits(self.prices, np.random.default_rng(0), self.budgets)

    @property
    def images(self) -> dict[str, Any]:
        """The classes, channels, mean and standard deviation of the images, for exports."""
        return {
            "classes": list(self.splits.classes),
            "channels": self.splits.channels,
            "mean": list(self.splits.mean),
            "std": list(self.splits.std),
        }

    def sampler(self, expected: ExpectedValues | None = None) -> BaseSampler:
        """Return the sampler that proposes networks.

        Args:
            expected: What an evaluator expects of networks; None for nothing.
        """
        problem = problem_of(self.prices, self.budgets, seed=self.settings.seed)
        problem = replace(problem, failure_counts=trial_attributes.network_failed, drop_of=int8_drop)
        read = () if expected is None else (expected.record(self.name, self.space),)
        earlier = tuple(transfer_source(record, self.prices) for record in (*self.earlier, *read))
        problem = replace(problem, evidence=(*problem.evidence, *earlier))
        return SAMPLERS[self.settings.sampler](problem)

    @property
    def first_rung(self) -> int | None:
        """The first epoch after which trainings are stopped early, None if none are."""
        return self.recipe.rungs[0] if len(self.recipe.rungs) > 1 else None

    def pruner(self, *, in_order: bool = False) -> BasePruner:
        """Return the pruner that stops trainings early at the recipe's rungs."""
        if self.first_rung is None:
            return NopPruner()
        return RungHalving(self.recipe.rungs[:-1], self.recipe.reduction, in_order=in_order)
