"""Plans a search: reads, checks and prices everything that was asked for, before anything is trained."""

from collections.abc import Mapping, Sequence
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
from nas.files.locating import files_at, usable_location
from nas.files.ownership import check_unused
from nas.files.paths import location_of
from nas.orchestration.deployed_form import deployed_as_before
from nas.orchestration.donor_source import absolute_source, donor_from, normalised_as
from nas.orchestration.evaluator_choice import planned_work
from nas.orchestration.search_input import first_network
from nas.orchestration.search_recipe import begun_by_proxy, recipe_begun
from nas.orchestration.search_request import read_request
from nas.orchestration.space_choice import begun_before, edition_begun, resized_as_before, space_for
from nas.orchestration.starting_networks import starting_networks
from nas.orchestration.teacher_choice import teacher_lines, typed
from nas.resources import Slots
from nas.samplers import SAMPLERS
from nas.storage.optuna_storage import check_usable, storage_url
from nas.study import trial_attributes
from nas.study.earlier_studies import Record, read_transfer, transfer_source
from nas.study.expected_values import ExpectedValues
from nas.study.int8_values import int8_drop
from nas.study.naming import checked_name
from nas.study.reproduce_command import Request
from nas.study.settings import Settings
from search_spaces.architecture import Architecture
from search_spaces.budget import Budget
from search_spaces.catalog_fit import check_fits
from search_spaces.pricing import Prices, prices
from search_spaces.sampling import share_that_fits
from search_spaces.space import SearchSpace
from search_spaces.space_record import space_digest
from trials.datasets import open_images
from trials.images.image_cache import emptied_on_error
from trials.images.splits import Splits
from trials.latency.latency import Condition
from trials.latency_measurement import probe
from trials.pretrained.donor import Donor
from trials.training.flips import noted_flips
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


def plan_search(
    *,
    budget: Sequence[str],
    space: str | None,
    data: str,
    trials: int,
    hours: float | None,
    study: str | None,
    storage: str | None,
    sampler: str,
    recipe: str | None,
    seed: int,
    slots: Slots,
    storage_path: str,
    seed_with: Sequence[str] = (),
    learn_from: Sequence[str] = (),
    evaluator: str = "train",
    supernet: str | None = None,
    teacher: str | None = None,
    weights: str | None = None,
    local: bool = True,
    metric: str = "accuracy",
    keep_checkpoints: int = 10,
    log_to: str | None = None,
    reproducible: bool | None = None,
    deploy_dtype: str | None = None,
) -> SearchPlan:
    """Return the search that the arguments describe; but for the slots they are those of `nas.search`.

    Nothing is created but decoded images, and these are removed again if the search is impossible.

    Raises:
        UserError: if any of them cannot be read or used, a target does not answer, or nothing fits.
    """
    url = storage_url(storage)
    request = read_request(
        budget=budget, space=space, trials=trials, hours=hours, study=study, url=url, sampler=sampler,
        recipe=recipe, seed=seed, storage_path=storage_path, learn_from=learn_from, evaluator=evaluator,
        teacher=teacher, weights=weights, metric=metric, keep_checkpoints=keep_checkpoints, log_to=log_to,
        deploy_dtype=deploy_dtype,
    )  # fmt: skip
    budgets, training, named = request.budgets, request.recipe, request.space
    check_usable(url)
    location, conditions = location_of(data), {target: probe(target) for target in request.targets}
    donor = None if weights is None else donor_from(weights, url)
    home = usable_location(storage_path)
    cache = image_cache(f"{home}/study")
    with emptied_on_error(cache):
        splits = open_images(location, seed=seed, cache=cache, report_line=lambda _: None)
        training, splits = noted_flips(training, splits)
        splits = normalised_as(splits, donor)
        chosen = named or space_for(splits, budgets, donor, supernet=supernet, url=url)
        settings = Settings(
            space=chosen.name,
            space_digest=space_digest(chosen),
            budgets=budgets,
            data=location,
            data_fingerprint=splits.fingerprint,
            recipe=training.to_json(),
            sampler=sampler,
            seed=seed,
            metric=metric,
            learn_from=tuple(learn_from),
            resized_once=True,
            evaluator=evaluator,
            supernet=supernet,
            teacher=typed(teacher),
            weights=None if weights is None else absolute_source(weights),
            weights_digest=None if donor is None else donor.digest,
            deploy_dtype=request.deploy_dtype,
        )
        if named is None and donor is None:
            settings, chosen = begun_before(settings, chosen, splits, budgets, url, study)
        settings, training = begun_by_proxy(settings, training, recipe, teacher, url, study)
        name = checked_name(study if study is not None else settings.default_name())
        around = named is None and donor is not None
        settings, training = recipe_begun(settings, training, recipe or training.name, teacher, url, name)
        settings, chosen = edition_begun(settings, chosen, url, name, around=around)
        settings = deployed_as_before(resized_as_before(settings, url, name), url, name, deploy_dtype)
        plan = SearchPlan(
            settings=settings,
            name=name,
            url=url,
            folder=f"{home}/{name}",
            trials=trials,
            hours=hours,
            space=chosen,
            budgets=budgets,
            recipe=training,
            splits=splits,
            slots=slots,
            keep_checkpoints=keep_checkpoints,
            log_to=log_to,
            reproducible=reproducible,
            request=Request.of(
                space=space,
                recipe=recipe or training.name,
                seed_with=seed_with,
                learn_from=learn_from,
                trials=trials,
                hours=hours,
            ),
            conditions=conditions,
            teacher_lines=teacher_lines(training, splits),  # before any training: does it fit the images?
            donor=donor,
        )
        check_fits(plan.prices, budgets)
        check_unused(files_at(plan.folder, name, url), name, url)
        if learn_from:
            plan = replace(plan, earlier=read_transfer(plan.url, name, learn_from, plan.prices))
        named_first = tuple(first_network(text, plan.url, plan.prices, plan.budgets) for text in seed_with)
        published = starting_networks(
            plan.space, plan.prices, budgets, sampler, max(splits.size), donor=donor if around else None
        )
        work = planned_work(
            plan.settings,
            plan.space,
            plan.prices,
            training,
            splits,
            slots,
            name=name,
            url=url,
            cache=plan.image_cache,
            trials=trials,
            local=local,
        )
        return replace(plan, seeds=named_first, published=published, work=work)
