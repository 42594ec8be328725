"""Plans a search: reads, checks and prices everything that was asked for, before anything is trained."""

from collections.abc import Sequence
from dataclasses import replace

from nas.files.local_paths import image_cache
from nas.files.locating import files_at, usable_location
from nas.files.ownership import check_unused
from nas.files.paths import location_of
from nas.orchestration.begun_study import (
    Asked,
    as_begun,
    by_earlier_default_recipe,
    in_earlier_default_space,
)
from nas.orchestration.donor_source import absolute_source, donor_from, normalised_as
from nas.orchestration.evaluator_choice import planned_work
from nas.orchestration.search_input import first_network
from nas.orchestration.search_plan import SearchPlan
from nas.orchestration.search_request import read_request
from nas.orchestration.space_choice import space_for
from nas.orchestration.starting_networks import starting_networks
from nas.orchestration.teacher_choice import teacher_lines, typed
from nas.resources import Slots
from nas.storage.optuna_storage import check_usable, storage_url
from nas.study.earlier_studies import read_transfer
from nas.study.naming import checked_name
from nas.study.reproduce_command import Request
from nas.study.settings import Settings
from search_spaces.catalog_fit import check_fits
from search_spaces.space_record import space_digest
from trials.datasets import open_images
from trials.images.image_cache import emptied_on_error
from trials.latency_measurement import probe
from trials.training.flips import noted_flips


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
        asked = Asked(settings=settings, space=chosen, recipe=training)
        if named is None and donor is None:
            asked = in_earlier_default_space(asked, splits, url, study)
        if recipe is None and weights is not None:
            asked = by_earlier_default_recipe(asked, teacher, url, study)
        name = checked_name(study if study is not None else asked.settings.default_name())
        around = named is None and donor is not None
        asked = as_begun(
            asked,
            name,
            url,
            recipe=recipe or asked.recipe.name,
            teacher=teacher,
            around=around,
            deploy_dtype=deploy_dtype,
        )
        plan = SearchPlan(
            settings=asked.settings,
            name=name,
            url=url,
            folder=f"{home}/{name}",
            trials=trials,
            hours=hours,
            space=asked.space,
            budgets=budgets,
            recipe=asked.recipe,
            splits=splits,
            slots=slots,
            keep_checkpoints=keep_checkpoints,
            log_to=log_to,
            reproducible=reproducible,
            request=Request.of(
                space=space,
                recipe=recipe or asked.recipe.name,
                seed_with=seed_with,
                learn_from=learn_from,
                trials=trials,
                hours=hours,
            ),
            conditions=conditions,
            teacher_lines=teacher_lines(asked.recipe, splits),  # before any training: does it fit the images?
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
            plan.recipe,
            splits,
            slots,
            name=name,
            url=url,
            cache=plan.image_cache,
            trials=trials,
            local=local,
        )
        return replace(plan, seeds=named_first, published=published, work=work)
