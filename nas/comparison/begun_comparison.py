"""Names the study of a comparison, and goes on with it as it was begun."""

import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import optuna

from nas.comparison.request import Request
from nas.orchestration.begun_study import recipe_begun
from nas.orchestration.deployed_form import FP32, deploy_dtype_of, trained_for
from nas.storage.optuna_storage import existing_storage
from nas.study.naming import checked_name, shortened
from nas.study.places import identity_of
from nas.study.settings import Settings
from nas.study.study import compared_search, known_settings, settings_of
from trials.training.recipe import Recipe


def in_deployed_form(
    request: Request,
    search: optuna.Study | None,
    settings: Settings,
    recipe: Recipe,
    say: Callable[[str], None],
) -> tuple[str, Settings, Recipe]:
    """Return the name of the study, with settings and recipe for networks as they are deployed.

    A comparison that an earlier version began in fp32 goes on in fp32 unless another form is asked for.
    """
    searched = FP32 if search is None else settings_of(search).deploy_dtype
    form = searched if request.deploy_dtype is None else deploy_dtype_of(request.deploy_dtype, ())
    name = checked_name(_name(request, search, settings))
    if form == FP32:
        return name, settings, recipe
    known = known_settings(request.url, name)
    if known is not None and known.deploy_dtype == FP32 and request.deploy_dtype is None:
        say(f"'{name}' was begun in fp32 and goes on so; --deploy-dtype {form} compares in {form}.")
        return name, settings, recipe
    aware = trained_for(recipe, form)
    settings = replace(settings, recipe=aware.to_json(), deploy_dtype=form)
    return checked_name(_name(request, search, settings)), settings, aware


def begun_as(
    request: Request, name: str, settings: Settings, recipe: Recipe
) -> tuple[Settings, Recipe] | None:
    """Return settings and recipe of a study as it was begun; None if a lone network's has others."""
    known = known_settings(request.url, name)
    found = recipe_begun(
        settings,
        recipe,
        known,
        named=request.recipe_name,
        teacher=request.teacher,
        url=request.url,
        adapted=partial(trained_for, deploy_dtype=settings.deploy_dtype),
    )
    differs = known is not None and known.difference(found[0]) is not None
    return None if differs and request.alone and request.study is None else found


def _name(request: Request, search: optuna.Study | None, settings: Settings) -> str:
    """Return the name of the study: that of an earlier comparison with the search, where there is one."""
    if request.study is not None:
        return request.study
    if search is None:
        return settings.default_name()
    storage, identity = existing_storage(request.url), identity_of(search)
    for other in optuna.get_all_study_summaries(storage=storage):
        if identity is not None and compared_search(other.user_attrs) == identity:
            study = optuna.load_study(study_name=other.study_name, storage=storage)
            if settings_of(study).difference(settings) is None:
                return other.study_name
    recipe = re.sub(r"[^A-Za-z0-9.]+", "-", str(settings.recipe["name"])).strip("-")
    own = "-own-weights" if settings.weights else ""
    form = "" if settings.deploy_dtype == FP32 else f"-{settings.deploy_dtype}"
    return shortened(f"{search.study_name}-compared-{recipe}{own}{form}")
