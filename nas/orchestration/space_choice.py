"""Chooses the space of a search that names none."""

from collections.abc import Sequence

from nas.storage.optuna_storage import existing_storage
from nas.study.study import find, space_of
from search_spaces.budget import Budget
from search_spaces.catalog_fit import default_space
from search_spaces.errors import StudyError
from search_spaces.loading import load
from search_spaces.space import SearchSpace
from search_spaces.surroundings import space_around
from trials.images.splits import Splits
from trials.pretrained.donor import Donor


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
    name = default_space(
        max(splits.size), budgets, num_classes=len(splits.classes), in_channels=splits.channels
    )
    return load(name)


def _space_of(supernet: str, url: str) -> SearchSpace | None:
    try:
        return space_of(find(existing_storage(url), supernet))
    except StudyError:  # deleted since: a search that has read it goes on, another one is refused later
        return None
