"""Plans a comparison: which networks are trained on which images, checked before anything is trained."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import optuna

from nas.comparison.begun_comparison import begun_as, in_deployed_form
from nas.comparison.entrant import Entrant
from nas.comparison.entrants import entrants_of
from nas.comparison.own_weights import own_weights
from nas.comparison.request import Request, Shape
from nas.files.local_paths import image_cache
from nas.files.locating import files_at, usable_location
from nas.files.ownership import check_unused
from nas.files.paths import location_of
from nas.orchestration.teacher_choice import taught, teacher_lines, typed
from nas.storage.optuna_storage import check_usable, existing_storage, exists
from nas.study.naming import shortened
from nas.study.network_lookup import find_network, is_network, is_study
from nas.study.reproduce_command import compare_command, lone_retrain_command
from nas.study.results import split_network
from nas.study.settings import Settings
from nas.study.study import (
    find,
    is_comparison,
    names_of_searches,
    settings_of,
)
from search_spaces.errors import InvalidValueError, StudyError
from trials.datasets import open_images
from trials.images.image_cache import emptied_on_error
from trials.images.splits import Splits
from trials.pretrained.donor import Donor
from trials.recipes import load_recipe
from trials.training.flips import settled_flips
from trials.training.recipe import Recipe

SPACE: Final = "comparison"
"""What stands for the space and the sampler in the settings of a comparison, which has neither."""
OWN: Final = "own"
"""What stands for the source of weights where each network begins with its own."""


@dataclass(frozen=True, kw_only=True)
class ComparisonPlan:
    """A comparison that can begin.

    Attributes:
        settings: What defines its study: images, recipe, metric, seed.
        name: Name of that study.
        url: Database URL of its storage.
        folder: Path or URL of its checkpoints and weights.
        search: Name of the search whose network is the first; None without one.
        entrants: The network that others are compared with, then these.
        donors: Trained weights that networks begin with, by digest; none for random ones.
        left_out: Why published families are missing, by name.
        seeds: Number of seeds from which each network is trained.
        recipe: Training recipe.
        splits: The images.
        final: Whether networks are evaluated on the test images too.
        command: Command that makes the comparison again.
    """

    settings: Settings
    name: str
    url: str
    folder: str
    search: str | None
    entrants: tuple[Entrant, ...]
    donors: Mapping[str, Donor]
    left_out: Mapping[str, str]
    seeds: int
    recipe: Recipe
    splits: Splits
    final: bool
    command: str

    @property
    def shape(self) -> Shape:
        """Class scores of the networks and channels of the images."""
        return Shape(num_classes=len(self.splits.classes), in_channels=self.splits.channels)

    @property
    def image_cache(self) -> Path:
        """Where the decoded images lie."""
        return image_cache(self.folder)


def plan_comparison(request: Request, say: Callable[[str], None]) -> ComparisonPlan:
    """Return the comparison that a request describes.

    Args:
        request: What was asked for.
        say: Shows a line; called once the comparison can begin, so that an error is said alone.

    Raises:
        UserError: if something cannot be read or used, or there is nothing to compare with.
    """
    notes: list[str] = []
    if request.seeds < 1:
        raise InvalidValueError(f"Cannot train from {request.seeds} seeds: expected --seeds of at least 1.")
    recipe = taught(load_recipe(request.recipe_name), request.teacher, request.url)
    check_usable(request.url)
    search = _search(request)
    home = usable_location(request.storage_path)
    data, seed = _images(request, search)
    cache = image_cache(f"{home}/study")
    with emptied_on_error(cache):
        splits = open_images(data, seed=seed, cache=cache, report_line=lambda _: None)
        recipe, flips = settled_flips(recipe, splits)
        notes += [flips] if flips else []
        notes += teacher_lines(recipe, splits)  # before any training: does it fit the images?
        searched = None if search is None else settings_of(search)
        settings = Settings(
            space=SPACE,
            space_digest="",
            budgets=() if searched is None else searched.budgets,
            data=data,
            data_fingerprint=splits.fingerprint,
            recipe=recipe.to_json(),
            sampler=SPACE,
            seed=seed,
            metric="accuracy" if searched is None else searched.metric,
            resized_once=True,
            weights=OWN if request.weights else None,
        )
        _check_images(search, splits)
        name, settings, recipe = in_deployed_form(request, search, settings, recipe, notes.append)
        begun = begun_as(request, name, settings, recipe)
        if begun is None:  # nas retrain NETWORK has no --study to tell two apart by
            name = shortened(f"{name}-{settings.digest}")
            begun = begun_as(request, name, settings, recipe) or (settings, recipe)
        settings, recipe = begun
        check_unused(files_at(f"{home}/{name}", name, request.url), name, request.url)
        entrants, left_out = entrants_of(request, search, settings, splits, notes.append)
        donors: Mapping[str, Donor] = {}
        if request.weights:
            named = search is None or bool(request.others)
            own = own_weights(entrants, splits, request.url, chosen=named, say=notes.append)
            entrants, donors, left_out = own.entrants, own.donors, {**left_out, **own.left_out}
    for note in notes:
        say(note)
    return ComparisonPlan(
        settings=settings,
        name=name,
        url=request.url,
        folder=f"{home}/{name}",
        search=None if search is None else search.study_name,
        entrants=entrants,
        donors=donors,
        left_out=left_out,
        seeds=request.seeds,
        recipe=recipe,
        splits=splits,
        final=request.final,
        command=_command(request, search, data),
    )


def _command(request: Request, search: optuna.Study | None, data: str) -> str:
    """Return the command that makes a comparison again, or trains a network of its own again."""
    networks = request.networks or (() if search is None else (search.study_name,))
    images, teacher = data if search is None else None, typed(request.teacher, request.url)
    if request.alone:
        return lone_retrain_command(networks[0], recipe=request.recipe_name, data=images, teacher=teacher)
    return compare_command(
        networks,
        request.others,
        recipe=request.recipe_name,
        weights=request.weights,
        seeds=request.seeds,
        data=images,
        rule=request.rule,
        teacher=teacher,
        study=request.study,
        final=request.final,
        deploy_dtype=request.deploy_dtype,
    )


def _search(request: Request) -> optuna.Study | None:
    """Return the search whose network is compared; None where networks alone were named.

    Raises:
        StudyError: if it is no search.
    """
    if len(request.networks) > 1:
        return None
    text = request.networks[0] if request.networks else None
    if text is not None and is_network(text):
        return None
    name, _ = split_network(text)
    if text is not None and name is not None and not is_study(text, request.url):
        find_network(text, request.url)  # raises, with what may have been meant
    study = find(existing_storage(request.url), name)
    if is_comparison(study.user_attrs):
        if text is not None and "#" in text:
            return None
        raise StudyError(
            f"'{study.study_name}' is a comparison itself: expected a search, for example the one that it is "
            f"about, or networks. Its own are {study.study_name}#0 and so on."
        )
    return study


def _images(request: Request, search: optuna.Study | None) -> tuple[str, int]:
    """Return the place of the images and the seed of their split.

    Raises:
        InvalidValueError: if other images than those of the search were asked for.
    """
    if search is None:
        named = _first_study(request) if request.data is None else None
        return (location_of(request.data or "digits"), 0) if named is None else (named.data, named.seed)
    if request.data is not None:
        raise InvalidValueError(
            f"Cannot use --data with the search '{search.study_name}': its networks are compared on its own "
            f"images. Leave --data out, or name two networks, for example {search.study_name}#0 and another."
        )
    settings = settings_of(search)
    return settings.data, settings.seed


def _first_study(request: Request) -> Settings | None:
    """Return the settings of the first study of which a network was named; None where there is none."""
    if not exists(request.url):
        return None
    storage = existing_storage(request.url)
    known = names_of_searches(storage)
    for text in (*request.networks, *request.others):
        if is_network(text):
            continue
        name, _ = split_network(text)
        if name in known:
            return settings_of(find(storage, name))
    return None


def _check_images(search: optuna.Study | None, splits: Splits) -> None:
    """Raise StudyError if the images have changed since the search."""
    if search is not None and settings_of(search).data_fingerprint != splits.fingerprint:
        raise StudyError(
            f"The images '{settings_of(search).data}' are not those that '{search.study_name}' was begun "
            f"with: expected the same. Compare its network by name, for example nas compare "
            f"{search.study_name}#0 NETWORK --data DATA."
        )
