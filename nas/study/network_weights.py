"""Finds the trained weights of a network that was named by a file or as a published one."""

from nas.storage.optuna_storage import existing_storage, exists
from nas.study.network_lookup import find_network, is_study, is_there
from nas.study.results import result_of
from nas.study.study import find, is_comparison, names_of_searches
from search_spaces.errors import StudyError
from search_spaces.published import references


def is_lone_network(text: str | None, url: str) -> bool:
    """Return whether a text names a network that is no search's: published, a file or an export folder.

    A study of this name comes first, whatever files lie beside it.

    Args:
        text: What was given; None for the latest search.
        url: Database URL.
    """
    if text is None or not (text in references() or is_there(text)):
        return False
    return not is_study(text, url)


def trained_as(text: str, url: str) -> str:
    """Return the latest training of a network that is no search's, as ``STUDY#12``.

    Args:
        text: What names it.
        url: Database URL.

    Raises:
        StudyError: if it has not been trained.
    """
    fingerprint = find_network(text, url).architecture.fingerprint
    storage = existing_storage(url) if exists(url) else None
    for name in reversed(names_of_searches(storage) if storage is not None else []):
        study = find(existing_storage(url), name)
        if not is_comparison(study.user_attrs):
            continue
        for network in result_of(study).networks:
            if network.architecture.fingerprint == fingerprint and network.state == "complete":
                return f"{name}#{network.trial}"
    raise StudyError(
        f"'{text}' has no trained weights in this storage: expected one that was trained. Train it, for "
        f"example nas retrain {text} --data DATA."
    )
