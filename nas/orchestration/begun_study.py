"""Goes on with a study as it was begun: by the editions, default values, teacher and weights of that time."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

from nas.files.locating import files_of
from nas.orchestration.deployed_space import deployed_space
from nas.orchestration.search_recipe import PROXY
from nas.orchestration.search_request import SearchRequest
from nas.orchestration.teacher_choice import taught
from nas.storage.optuna_storage import existing_storage
from nas.study.donor import DONOR_FILE
from nas.study.naming import checked_name
from nas.study.settings import Settings
from nas.study.study import find, known_settings, space_of
from search_spaces.catalog_editions import edition, is_of_catalog
from search_spaces.catalog_fit import default_space, space_by_size
from search_spaces.loading import load
from search_spaces.space import SearchSpace
from search_spaces.space_record import space_digest
from trials.donors import is_source, open_donor
from trials.images.splits import Splits
from trials.pretrained.donor import Donor
from trials.recipes import load_recipe, recipe_editions
from trials.training.recipe import Recipe

_FIRST_CATALOG: Final = ("hybrid", "hybrid_small", "mobile_cnn")


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A search as it is asked for.

    Attributes:
        settings: What defines it.
        space: Its space.
        recipe: Recipe of its trainings.
    """

    settings: Settings
    space: SearchSpace
    recipe: Recipe


def as_begun(asked: Asked, request: SearchRequest, splits: Splits) -> tuple[str, Asked]:
    """Return the name of a search's study, and the search as that study was begun, if it was.

    That is in its default space of that time, in its editions of space and recipe, with images resized in as
    many steps, and with networks valued in its numbers: studies that an earlier version began under budgets
    in int8 value them in fp32. A teacher that is a network of a study has the weights that it had then.

    Args:
        asked: The search, with what is chosen now.
        request: Its options.
        splits: The images.
    """
    if request.space is None and request.weights is None:
        asked = _in_earlier_default_space(asked, request, splits)
    if request.recipe is None and request.weights is not None:
        asked = _by_earlier_default_recipe(asked, request)
    name = checked_name(request.study or asked.settings.default_name())
    known = known_settings(request.url, name)
    if known is None:
        return name, asked
    form = known.deploy_dtype if request.deploy_dtype is None else asked.settings.deploy_dtype
    if form != asked.settings.deploy_dtype:
        asked = _deployed_in(form, asked, request)
    teacher = _teacher_begun(asked.settings, known)
    recipe = asked.recipe if teacher is None else asked.recipe.model_copy(update={"teacher": teacher})
    settings, recipe = recipe_begun(
        replace(
            asked.settings,
            recipe=recipe.to_json(),
            resized_once=known.resized_once,
            deploy_dtype=form,
        ),
        recipe,
        known,
        named=request.recipe or recipe.name,
        teacher=teacher or request.teacher,
        url=request.url,
    )
    space = _space_begun(asked, known, name, request)
    if space is not None:
        settings = replace(settings, space_digest=known.space_digest)
    return name, Asked(settings=settings, space=space or asked.space, recipe=recipe)


def _deployed_in(form: str, asked: Asked, request: SearchRequest) -> Asked:
    """Return a search in its space for networks that are deployed in other numbers."""
    if request.space is None:
        return asked
    targets = tuple(dict.fromkeys(str(b.target) for b in asked.settings.budgets if not b.counted))
    space = deployed_space(load(request.space), form, targets=targets, evaluator=request.evaluator)
    settings = replace(asked.settings, space_digest=space_digest(space), deploy_dtype=form)
    return replace(asked, settings=settings, space=space)


def donor_begun(settings: Settings, name: str, url: str) -> Donor | None:
    """Return the weights with which a study was begun, where they were asked for in the same words as now.

    Those of a network of a study may be others by now: it was trained again, or another one is the best.

    Args:
        settings: What is asked for.
        name: Name of the study.
        url: Database URL of its storage.

    Returns:
        None where they are the same, where other ones are asked for, or where the study has not kept any.
    """
    known = None if settings.weights is None else known_settings(url, name)
    if known is None or settings.weights is None or is_source(settings.weights):
        return None
    if known.weights != settings.weights or known.weights_digest == settings.weights_digest:
        return None
    files = files_of(find(existing_storage(url), name))
    if not files.exists(DONOR_FILE):
        return None
    with files.fetched(DONOR_FILE) as path:
        donor = replace(open_donor(str(path)), source=settings.weights)
    return donor if donor.digest == known.weights_digest else None


def _teacher_begun(settings: Settings, known: Settings) -> str | None:
    """Return the file of the teacher of a study, where it is there and was asked for in the same words."""
    file = known.recipe.get("teacher")
    same = settings.teacher is not None and settings.teacher == known.teacher
    return str(file) if same and file is not None and Path(file).is_file() else None


def _in_earlier_default_space(asked: Asked, request: SearchRequest, splits: Splits) -> Asked:
    """Return the search in the space of its study, where an earlier version began that in its own default."""
    for name in _earlier_defaults(asked, splits):
        before = load(name)
        if before.name == asked.space.name:
            continue
        settings = replace(asked.settings, space=before.name, space_digest=space_digest(before))
        known = known_settings(request.url, request.study or settings.default_name())
        if known is not None and known.space == before.name:
            return replace(asked, settings=settings, space=before)
    return asked


def _by_earlier_default_recipe(asked: Asked, request: SearchRequest) -> Asked:
    """Return the search by the recipe of its study, where an earlier version began that by its default."""
    recipe = taught(load_recipe(PROXY), request.teacher, request.url)
    settings = replace(asked.settings, recipe=recipe.to_json())
    known = known_settings(request.url, request.study or settings.default_name())
    begun = known is not None and known.recipe["name"] == PROXY
    return replace(asked, settings=settings, recipe=recipe) if begun else asked


def recipe_begun(
    settings: Settings,
    recipe: Recipe,
    known: Settings | None,
    *,
    named: str,
    teacher: str | None,
    url: str,
    adapted: Callable[[Recipe], Recipe] = lambda recipe: recipe,
) -> tuple[Settings, Recipe]:
    """Return settings and recipe, those of the edition of a recipe by which a study was begun.

    Studies of earlier versions may hold ``flip: detect``, settled by each training by its images.

    Args:
        settings: What is asked for, with the present edition of a recipe or of what it is based on.
        recipe: That recipe.
        known: What defines the study; None where it is yet to be begun.
        named: Name or file of the recipe.
        teacher: Network to learn from, as it was asked for.
        url: Database URL of the storage.
        adapted: Returns what `recipe` was made of with what was changed in it besides the teacher.
    """
    if known is None or known.recipe == settings.recipe:
        return settings, recipe
    held = {**Recipe.defaults(), **known.recipe}
    for before in (load_recipe(named), *recipe_editions(named)):
        meant = {**Recipe.defaults(), **adapted(taught(before, teacher, url)).to_json()}
        flips = [settings.recipe["flip"], *(["detect"] if before.flip == "detect" else [])]
        if any({**meant, "flip": flip} == held for flip in flips):
            return replace(settings, recipe=known.recipe), Recipe.from_json(known.recipe)
    return settings, recipe


def _space_begun(asked: Asked, known: Settings, name: str, request: SearchRequest) -> SearchSpace | None:
    """Return the edition of the space in which a study was begun, None for the present one."""
    around = request.around_a_donor
    if known.space != asked.settings.space or not (around or is_of_catalog(asked.space)):
        return None
    if around and known.space_digest != asked.settings.space_digest:
        return space_of(find(existing_storage(request.url), name))
    return edition(known.space, known.space_digest)


def _earlier_defaults(asked: Asked, splits: Splits) -> Iterator[str]:
    """Give the spaces that earlier versions chose: by the images alone, by how many networks fit."""
    side = max(splits.size)
    choose = partial(
        default_space,
        side,
        asked.settings.budgets,
        num_classes=len(splits.classes),
        in_channels=splits.channels,
        by_number=True,
    )
    yield from dict.fromkeys((space_by_size(side), choose(among=_FIRST_CATALOG), choose()))
