"""Chooses the space of a search that names none, and keeps to how a study was begun by an earlier version."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Final

from nas.storage.optuna_storage import existing_storage
from nas.study.settings import Settings
from nas.study.study import find, known_settings, space_of
from search_spaces.budget import Budget
from search_spaces.catalog_editions import edition, is_of_catalog
from search_spaces.catalog_fit import default_space, space_by_size
from search_spaces.errors import StudyError
from search_spaces.loading import load
from search_spaces.space import SearchSpace
from search_spaces.space_record import space_digest
from search_spaces.surroundings import space_around
from trials.images.splits import Splits
from trials.pretrained.donor import Donor

_FIRST_CATALOG: Final = ("hybrid", "hybrid_small", "mobile_cnn")


def space_for(
    splits: Splits,
    budgets: Sequence[Budget],
    donor: Donor | None = None,
    *,
    supernet: str | None = None,
    url: str = "",
) -> SearchSpace:
    """Return the space of a supernet or around a donor, or that which images and budgets choose.

    Args:
        splits: The images.
        budgets: The most that networks may take.
        donor: Network whose weights the search begins with; None for none.
        supernet: Study whose supernet the search uses; None for none.
        url: Database URL of that study.
    """
    shared = None if supernet is None else _space_of(supernet, url)
    if shared is not None:
        return shared
    if donor is not None:
        return space_around(donor.architecture, f"around_{donor.published or donor.architecture.fingerprint}")
    name = default_space(_side(splits), budgets, num_classes=len(splits.classes), in_channels=splits.channels)
    return load(name)


def _space_of(supernet: str, url: str) -> SearchSpace | None:
    try:
        return space_of(find(existing_storage(url), supernet))
    except StudyError:  # deleted since: a search that has read it goes on, another one is refused later
        return None


def begun_before(
    settings: Settings,
    chosen: SearchSpace,
    splits: Splits,
    budgets: Sequence[Budget],
    url: str,
    study: str | None,
) -> tuple[Settings, SearchSpace]:
    """Return settings and space, those of a study that an earlier version began in its own default space.

    Args:
        settings: What is asked for, with the space that images and budgets choose.
        chosen: That space.
        splits: The images.
        budgets: The most that networks may take.
        url: Database URL of the storage.
        study: Name of the study; None for its default name.
    """
    for name in _earlier_defaults(splits, budgets):
        before = load(name)
        if before.name == chosen.name:
            continue
        earlier = replace(settings, space=before.name, space_digest=space_digest(before))
        known = known_settings(url, study if study is not None else earlier.default_name())
        if known is not None and known.space == before.name:
            return earlier, before
    return settings, chosen


def edition_begun(
    settings: Settings, chosen: SearchSpace, url: str, name: str, *, around: bool = False
) -> tuple[Settings, SearchSpace]:
    """Return settings and space, those of the edition of a space in which a study was begun.

    Args:
        settings: What is asked for, with the present edition of a space of the catalog or around a donor.
        chosen: Its space.
        url: Database URL of the storage.
        name: Name of the study.
        around: Whether the space was made around a donor.
    """
    known = known_settings(url, name)
    if known is None or known.space != settings.space or not (around or is_of_catalog(chosen)):
        return settings, chosen
    kept = around and known.space_digest != settings.space_digest
    begun = space_of(find(existing_storage(url), name)) if kept else edition(known.space, known.space_digest)
    return (
        (settings, chosen) if begun is None else (replace(settings, space_digest=known.space_digest), begun)
    )


def _earlier_defaults(splits: Splits, budgets: Sequence[Budget]) -> tuple[str, ...]:
    """Return the spaces that earlier versions chose: by the images alone, by how many networks fit."""
    choose = partial(
        default_space,
        _side(splits),
        budgets,
        num_classes=len(splits.classes),
        in_channels=splits.channels,
        by_number=True,
    )
    return tuple(dict.fromkeys((space_by_size(_side(splits)), choose(among=_FIRST_CATALOG), choose())))


def resized_as_before(settings: Settings, url: str, name: str) -> Settings:
    """Return settings that resize images in as many steps as the study of this name does, if there is one."""
    known = known_settings(url, name)
    return settings if known is None else replace(settings, resized_once=known.resized_once)


def _side(splits: Splits) -> int:
    """Return the longer side of the images in pixels."""
    return max(splits.size)
