"""A search in Optuna's storage: begun, found again, and never mistaken for another."""

import difflib
import warnings
from collections.abc import Mapping
from typing import Any, Final, Protocol, runtime_checkable

import optuna
from optuna.pruners import BasePruner
from optuna.samplers import BaseSampler
from optuna.storages import BaseStorage, RDBStorage

from nas.storage.database import without_password
from nas.study.settings import Settings, space_digest
from search_spaces.errors import StudyError, UserError
from search_spaces.loading import load
from search_spaces.space import SearchSpace
from search_spaces.space_record import from_record, to_record

_SETTINGS: Final = "nas:settings"
_CONSTRAINT_NAMES: Final = "nas:constraint_names"
_IMAGES: Final = "nas:images"
FOLDER: Final = "nas:folder"
_SPACE: Final = "nas:space"


@runtime_checkable
class Attributed(Protocol):
    """A study, or the outline of one as a storage lists them."""

    @property
    def user_attrs(self) -> dict[str, Any]:
        """What was written beside it."""


def begin(
    storage: BaseStorage,
    name: str,
    settings: Settings,
    *,
    sampler: BaseSampler,
    pruner: BasePruner,
    images: dict[str, Any],
    folder: str,
) -> optuna.Study:
    """Return the study called `name`, new or found again.

    Args:
        storage: Where it lies or will lie.
        name: What it is called.
        settings: What defines the search.
        sampler: Who proposes.
        pruner: Who stops early.
        images: Class names, channels, mean and standard deviation, kept for exports.
        folder: Where checkpoints lie; a study found again keeps its own.

    Raises:
        StudyError: if it exists and is about something else; names the difference.
    """
    study = optuna.create_study(
        storage=storage,
        study_name=name,
        direction="maximize",
        sampler=sampler,
        pruner=pruner,
        load_if_exists=True,
    )
    if _SETTINGS not in study.user_attrs:
        if study.get_trials(deepcopy=False):
            raise StudyError(
                f"The study '{name}' was not made by nas search: expected one of its own. "
                f"Choose another name with --study."
            )
        with warnings.catch_warnings():  # it calls itself experimental, and the dashboard wants it
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            study.set_metric_names([settings.metric])
        study.set_user_attr(_CONSTRAINT_NAMES, [budget.text for budget in settings.budgets])
        study.set_user_attr(_IMAGES, images)
        study.set_user_attr(FOLDER, folder)
        study.set_user_attr(_SETTINGS, settings.to_json())  # last: now it is whole
        return study
    difference = settings_of(study).difference(settings)
    if difference is not None:
        raise StudyError(
            f"The study '{name}' exists and is another search: {difference}. "
            f"Ask for the same again, or begin another with --study NAME."
        )
    study.set_user_attr(_SETTINGS, settings.to_json())  # the same images may have moved
    return study


def find(storage: RDBStorage, name: str | None) -> optuna.Study:
    """Return the study called `name`, or the latest one.

    Raises:
        StudyError: if there is none; offers the nearest name.
    """
    summaries = optuna.get_all_study_summaries(storage=storage)
    ours = [s for s in summaries if is_ours(s.user_attrs)]
    if not ours:
        raise StudyError(
            f"No search in {without_password(storage.url)} yet: expected one made by nas search. "
            f"Begin with: nas search --budget 300M-MACs"
        )
    if name is None:
        return optuna.load_study(study_name=ours[-1].study_name, storage=storage)
    if name not in {s.study_name for s in ours}:
        near = difflib.get_close_matches(name, [s.study_name for s in ours], n=1)
        hint = f" Did you mean '{near[0]}'?" if near else ""
        raise StudyError(
            f"No study is called '{name}' in {without_password(storage.url)}.{hint} "
            f"Known: {', '.join(s.study_name for s in ours)}."
        )
    return optuna.load_study(study_name=name, storage=storage)


def is_ours(user_attrs: Mapping[str, Any]) -> bool:
    """Return whether the attributes are of a study that nas search began."""
    return _SETTINGS in user_attrs


def settings_of(study: Attributed) -> Settings:
    """Return what defines a study that nas search began."""
    return Settings.from_json(study.user_attrs[_SETTINGS])


def keep_space(study: optuna.Study, space: SearchSpace) -> None:
    """Write down what a study searches, for those who read it without the file of the space."""
    if _SPACE not in study.user_attrs:
        study.set_user_attr(_SPACE, to_record(space))


def space_of(study: optuna.Study) -> SearchSpace:
    """Return what a study searches.

    Raises:
        StudyError: if the space has changed since and the study has not kept it.
    """
    if _SPACE in study.user_attrs:
        return from_record(study.user_attrs[_SPACE])
    settings = settings_of(study)
    try:
        space = load(settings.space)
    except UserError:
        space = None
    if space is None or space_digest(space) != settings.space_digest:
        raise StudyError(
            f"The study '{study.study_name}' searched a space '{settings.space}' that is not in the catalog "
            f"as it was: expected one that the study keeps. Type the command that began the study again."
        )
    return space


def images_of(study: optuna.Study) -> dict[str, Any]:
    """Return what is known of the study's images: classes, channels, mean, std."""
    return dict(study.user_attrs[_IMAGES])


def folder_of(study: Attributed) -> str:
    """Return where the study's checkpoints, weights and log lie."""
    return str(study.user_attrs[FOLDER])


def url_of(study: optuna.Study) -> str | None:
    """Return the URL of a study's database, None for a study in memory."""
    storage = study._storage  # noqa: SLF001 -- Optuna has no public way
    backend = getattr(storage, "_backend", storage)
    return str(backend.url) if isinstance(backend, RDBStorage) else None
