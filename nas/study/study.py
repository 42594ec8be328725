"""Begins a study in Optuna's storage or finds it again, and reads what is stored beside it."""

import difflib
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol, runtime_checkable

import optuna
from optuna.pruners import BasePruner
from optuna.samplers import BaseSampler
from optuna.storages import BaseStorage, RDBStorage
from optuna.study import StudyDirection

from nas.storage.encoding import encoding_of, fits_encoding
from nas.storage.optuna_internals import database_url
from nas.storage.optuna_storage import existing_storage, exists, no_search_in
from nas.storage.secrets import without_password
from nas.study.places import begin_places, given_identity, with_places, with_portable_places
from nas.study.settings import Settings
from search_spaces.errors import StudyError, UserError
from search_spaces.loading import load
from search_spaces.space import SearchSpace
from search_spaces.space_record import from_record, space_digest, to_record

SETTINGS: Final = "nas:settings"
_CONSTRAINT_NAMES: Final = "nas:constraint_names"
_IMAGES: Final = "nas:images"
_SPACE: Final = "nas:space"
EARLIER: Final = "nas:earlier"
"""Attribute with the networks of the studies that a search learns from."""
COMPARISON: Final = "nas:comparison"
"""Attribute that only comparisons have: the search that they are about, and their command."""


@runtime_checkable
class Attributed(Protocol):
    """A study, or the summary of one as a storage lists them."""

    @property
    def user_attrs(self) -> dict[str, Any]:
        """Attributes that were written beside it."""


@dataclass(frozen=True, slots=True)
class Outline:
    """User attributes of a study, read once, for functions that need no more of it."""

    user_attrs: dict[str, Any]


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
    """Return the study called `name`, new or found again; nothing of one that is found again is changed.

    Args:
        storage: Storage of the study.
        name: Name of the study.
        settings: What defines the search.
        sampler: Proposes networks.
        pruner: Stops trainings early.
        images: Class names, channels, mean and standard deviation, for exports.
        folder: Absolute path or URL of the checkpoints; a study found again keeps its own.

    Raises:
        StudyError: if it exists and is about something else; names the difference.
    """
    _check_maker(storage, name)
    study = optuna.create_study(
        storage=storage,
        study_name=name,
        direction="maximize",
        sampler=sampler,
        pruner=pruner,
        load_if_exists=True,
    )
    if SETTINGS not in study.user_attrs:
        with warnings.catch_warnings():  # Optuna calls it experimental, and the dashboard needs it
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            study.set_metric_names([settings.metric])
        study.set_user_attr(_CONSTRAINT_NAMES, [budget.text for budget in settings.budgets])
        study.set_user_attr(_IMAGES, images)
        begin_places(study, folder)
        keep_settings(study, settings)  # last: the study is complete now
        return study
    difference = settings_of(study).difference(settings)
    if difference is not None:
        raise StudyError(
            f"The study '{name}' exists and is another search: {difference}. "
            f"Ask for the same again, or begin another with --study NAME."
        )
    return study


def _check_maker(storage: BaseStorage, name: str) -> None:
    """Check that a study of this name is of nas search, or empty and made to maximise one value.

    Raises:
        StudyError: if another program uses it.
    """
    if name not in optuna.get_all_study_names(storage=storage):
        _check_encoding(storage, name)
        return
    study = optuna.load_study(study_name=name, storage=storage)
    if is_ours(study.user_attrs):
        return
    if study.get_trials(deepcopy=False) or study.directions != [StudyDirection.MAXIMIZE]:
        raise StudyError(
            f"Study '{name}' was created by another program: expected a new name, a study of nas search, or "
            f"one without trials that maximises one value. Choose another name with --study."
        )


def _check_encoding(storage: BaseStorage, name: str) -> None:
    """Check that the database can hold a name.

    Raises:
        StudyError: if its encoding lacks a character of the name.
    """
    encoding = encoding_of(storage)
    if encoding is not None and not fits_encoding(name, encoding):
        raise StudyError(
            f"Cannot call a study '{name}' in a database with the encoding '{encoding}': expected characters "
            f"that it has, or a database with the encoding UTF8. Choose another name with --study."
        )


def find(storage: RDBStorage, name: str | None) -> optuna.Study:
    """Return the study called `name`, or the latest search.

    Raises:
        StudyError: if there is none; offers the nearest name.
    """
    summaries = optuna.get_all_study_summaries(storage=storage)
    ours = [s for s in summaries if is_ours(s.user_attrs)]
    if not ours:
        raise no_search_in(storage.url)
    if name is None:
        searches = [s for s in ours if not is_comparison(s.user_attrs)]
        if not searches:
            raise no_search_in(storage.url)
        return optuna.load_study(study_name=searches[-1].study_name, storage=storage)
    if name in {s.study_name for s in summaries} - {s.study_name for s in ours}:
        raise StudyError(
            f"The study '{name}' was made by another program: expected one of nas search. Known: "
            f"{', '.join(s.study_name for s in ours)}."
        )
    if name not in {s.study_name for s in ours}:
        near = difflib.get_close_matches(name, [s.study_name for s in ours], n=1)
        hint = f" Did you mean '{near[0]}'?" if near else ""
        raise StudyError(
            f"No study is called '{name}' in {without_password(storage.url)}.{hint} "
            f"Known: {', '.join(s.study_name for s in ours)}."
        )
    return optuna.load_study(study_name=name, storage=storage)


def known_settings(url: str, name: str) -> Settings | None:
    """Return what defines a search that a storage holds, None where it holds none of this name.

    Args:
        url: Database URL; a file that is not there yet is not made.
        name: Name of the study.
    """
    if not exists(url):
        return None
    try:
        study = optuna.load_study(study_name=name, storage=existing_storage(url))
    except KeyError:
        return None
    return settings_of(study) if is_ours(study.user_attrs) else None


def names_of_searches(storage: BaseStorage) -> list[str]:
    """Return the names of the studies of nas search in a storage, oldest first."""
    return [s.study_name for s in optuna.get_all_study_summaries(storage=storage) if is_ours(s.user_attrs)]


def is_ours(user_attrs: Mapping[str, Any]) -> bool:
    """Return whether the attributes are of a study that nas search began."""
    return SETTINGS in user_attrs


def is_comparison(user_attrs: Mapping[str, Any]) -> bool:
    """Return whether the attributes are of a study that nas compare began."""
    return COMPARISON in user_attrs


def mark_comparison(study: optuna.Study, search: optuna.Study | None, command: str) -> None:
    """Store that a study is a comparison, with which search, and the command that does it again."""
    of = None if search is None else {"study": search.study_name, "id": given_identity(search)}
    record = {"version": 1, "of": of, "command": command}
    if study.user_attrs.get(COMPARISON) != record:
        study.set_user_attr(COMPARISON, record)


def compared_search(user_attrs: Mapping[str, Any]) -> str | None:
    """Return the identity of the search that a comparison is about; None for another study or without one."""
    of = user_attrs.get(COMPARISON, {}).get("of")
    return None if of is None else str(of["id"])


def comparison_subject(user_attrs: Mapping[str, Any]) -> str | None:
    """Return the search that a comparison is about as it was called then, "" for none; None for a search."""
    if not is_comparison(user_attrs):
        return None
    of = user_attrs[COMPARISON].get("of")
    return "" if of is None else str(of["study"])


def compare_command_of(user_attrs: Mapping[str, Any]) -> str | None:
    """Return the command that makes a comparison again; None for another study."""
    command = user_attrs.get(COMPARISON, {}).get("command")
    return None if command is None else str(command)


def settings_of(study: Attributed) -> Settings:
    """Return what defines a study that nas search began.

    The paths of a study are where they are now, those of a summary as they are stored.
    """
    attrs = study.user_attrs
    settings = Settings.from_json(attrs[SETTINGS])
    return with_places(settings, attrs, database_url(study)) if isinstance(study, optuna.Study) else settings


def keep_settings(study: optuna.Study, settings: Settings) -> None:
    """Store what defines a study, with the paths that its images and its teacher have now."""
    study.set_user_attr(SETTINGS, with_portable_places(settings, database_url(study)).to_json())


def keep_space(study: optuna.Study, space: SearchSpace) -> None:
    """Store the search space with the study, for readers who do not have the file of the space."""
    if _SPACE not in study.user_attrs:
        study.set_user_attr(_SPACE, to_record(space))


def space_of(study: optuna.Study) -> SearchSpace:
    """Return the search space of a study.

    Raises:
        StudyError: if the space has changed since and the study has not kept it.
    """
    if _SPACE in study.user_attrs:
        return from_record(study.user_attrs[_SPACE])
    if is_comparison(study.user_attrs):
        raise StudyError(
            f"'{study.study_name}' compares networks of no common search space: expected a search. Name the "
            f"search that nas studies lists beside it."
        )
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


def images_of(study: Attributed) -> dict[str, Any]:
    """Return the classes, channels, mean and standard deviation of the study's images."""
    return dict(study.user_attrs[_IMAGES])
