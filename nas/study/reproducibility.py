"""Stores whether every run of a search makes the same proposals, and for how many trainings at a time."""

from typing import Final

import optuna

from search_spaces.errors import StudyError

_KEY: Final = "nas:reproducible"


def agreed_slots(study: optuna.Study, wanted: bool | None, *, default: bool, slots: int) -> int | None:
    """Return the trainings side by side that a search is reproducible for, None if it is not.

    Args:
        study: The search.
        wanted: What was asked for; None to go on as the search began.
        default: What holds for a search that begins now, if nothing was asked for.
        slots: Trainings side by side now.

    Raises:
        StudyError: if a search that began otherwise is to be reproducible from here on.
    """
    stored: dict[str, int] | None = study.user_attrs.get(_KEY)
    begins = stored is None and not study.get_trials(deepcopy=False)
    if begins:
        stored = {"slots": slots if (default if wanted is None else wanted) else 0}
    elif wanted and not (stored and stored["slots"]):
        raise StudyError(
            f"The study '{study.study_name}' began without --reproducible: expected the same. Leave it out, "
            f"or begin another study with --study NAME."
        )
    elif wanted is False and stored:
        stored = {"slots": 0}
    if stored is not None and stored != study.user_attrs.get(_KEY):
        study.set_user_attr(_KEY, stored)
    return (stored or {"slots": 0})["slots"] or None


def is_reproducible(study: optuna.Study) -> bool | None:
    """Return whether a search is reproducible; None for one that an earlier version began."""
    stored: dict[str, int] | None = study.user_attrs.get(_KEY)
    return None if stored is None else stored["slots"] > 0
