"""Plans a search: reads, checks and prices everything that was asked for, before anything is trained."""

from dataclasses import replace

from nas.files.local_paths import image_cache
from nas.files.locating import files_at, usable_location
from nas.files.ownership import check_unused
from nas.files.paths import location_of
from nas.orchestration.begun_study import Asked, as_begun, donor_begun
from nas.orchestration.donor_source import absolute_source, donor_from, normalised_as, unseen
from nas.orchestration.evaluator_choice import planned_work
from nas.orchestration.search_input import first_network
from nas.orchestration.search_plan import SearchPlan
from nas.orchestration.search_request import ReadRequest, SearchRequest, read_request
from nas.orchestration.space_choice import space_for
from nas.orchestration.starting_networks import starting_networks
from nas.orchestration.teacher_choice import teacher_lines, typed
from nas.resources import Slots
from nas.storage.optuna_storage import check_usable
from nas.storage.user_view import stored_name
from nas.study.earlier_studies import read_transfer
from nas.study.reproduce_command import Request
from nas.study.settings import Settings
from search_spaces.catalog_fit import check_fits
from search_spaces.space import SearchSpace
from search_spaces.space_record import space_digest
from trials.datasets import open_images
from trials.images.image_cache import emptied_on_error
from trials.images.splits import Splits
from trials.latency_measurement import probe
from trials.pretrained.donor import Donor
from trials.training.flips import noted_flips
from trials.training.recipe import Recipe


def plan_search(request: SearchRequest, slots: Slots, *, local: bool = True) -> SearchPlan:
    """Return the search that was asked for.

    Nothing is created but decoded images, and these are removed again if the search is impossible.

    Args:
        request: What was asked for.
        slots: Resources of the trainings that run side by side.
        local: Whether they run on this machine.

    Raises:
        UserError: if any option cannot be read or used, a target does not answer, or nothing fits.
    """
    read, url = read_request(request), request.url
    check_usable(url)
    location, conditions = location_of(request.data), {target: probe(target) for target in read.targets}
    donor = None if request.weights is None else donor_from(request.weights, url)
    home = usable_location(request.storage_path)
    cache = image_cache(f"{home}/study")
    with emptied_on_error(cache):
        splits = open_images(location, seed=request.seed, cache=cache, report_line=lambda _: None)
        donor = None if donor is None else unseen(donor, url, splits.fingerprint)
        recipe, images = noted_flips(read.recipe, splits)
        splits, name, asked = _named(request, read, recipe, location, images, donor)
        if (before := donor_begun(asked.settings, name, url)) is not None:
            donor = before
            splits, name, asked = _named(request, read, recipe, location, images, donor)
        plan = SearchPlan(
            settings=asked.settings,
            name=name,
            url=url,
            folder=f"{home}/{stored_name(name)}",
            trials=request.trials,
            hours=request.hours,
            space=asked.space,
            budgets=read.budgets,
            recipe=asked.recipe,
            splits=splits,
            slots=slots,
            keep_checkpoints=request.keep_checkpoints,
            log_to=request.log_to,
            reproducible=request.reproducible,
            request=Request.of(
                space=request.space,
                recipe=request.recipe or asked.recipe.name,
                seed_with=request.seed_with,
                learn_from=request.learn_from,
                trials=request.trials,
                hours=request.hours,
            ),
            conditions=conditions,
            teacher_lines=teacher_lines(asked.recipe, splits),  # before any training: does it fit the images?
            donor=donor,
        )
        check_fits(plan.prices, plan.budgets)
        check_unused(files_at(plan.folder, name, url), name, url)
        return _with_beginnings(plan, request, local=local)


def _named(
    request: SearchRequest,
    read: ReadRequest,
    recipe: Recipe,
    location: str,
    images: Splits,
    donor: Donor | None,
) -> tuple[Splits, str, Asked]:
    """Return the images as a search normalises them, the name of its study, and what it is."""
    splits = normalised_as(images, donor)
    space = read.space or space_for(splits, read.budgets, donor, supernet=request.supernet, url=request.url)
    settings = _settings(request, read, space, recipe, location, splits, donor)
    name, asked = as_begun(Asked(settings=settings, space=space, recipe=recipe), request, splits)
    return splits, name, asked


def _settings(
    request: SearchRequest,
    read: ReadRequest,
    space: SearchSpace,
    recipe: Recipe,
    location: str,
    splits: Splits,
    donor: Donor | None,
) -> Settings:
    """Return what defines a search that begins now."""
    return Settings(
        space=space.name,
        space_digest=space_digest(space),
        budgets=read.budgets,
        data=location,
        data_fingerprint=splits.fingerprint,
        recipe=recipe.to_json(),
        sampler=request.sampler,
        seed=request.seed,
        metric=request.metric,
        learn_from=tuple(request.learn_from),
        resized_once=True,
        evaluator=request.evaluator,
        supernet=request.supernet,
        teacher=typed(request.teacher, request.url),
        weights=None if request.weights is None else absolute_source(request.weights, request.url),
        weights_digest=None if donor is None else donor.digest,
        deploy_dtype=read.deploy_dtype,
    )


def _with_beginnings(plan: SearchPlan, request: SearchRequest, *, local: bool) -> SearchPlan:
    """Return a plan with what it learns from, the networks it begins with and its evaluator's work."""
    if request.learn_from:
        plan = replace(plan, earlier=read_transfer(plan.url, plan.name, request.learn_from, plan.prices))
    return replace(
        plan,
        seeds=tuple(first_network(text, plan.url, plan.prices, plan.budgets) for text in request.seed_with),
        published=starting_networks(
            plan.space,
            plan.prices,
            plan.budgets,
            request.sampler,
            max(plan.splits.size),
            donor=plan.donor if request.around_a_donor else None,
        ),
        work=planned_work(
            plan.settings,
            plan.space,
            plan.prices,
            plan.recipe,
            plan.splits,
            plan.slots,
            name=plan.name,
            url=plan.url,
            cache=plan.image_cache,
            trials=plan.trials,
            local=local,
        ),
    )
