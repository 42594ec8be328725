"""Checks what a search begins with and learns from: studies of the user's own, and networks known by name.

The search itself sees the studies of its user alone (`nas.storage.user_view`), so names need no user here.
"""

from collections.abc import Sequence
from typing import Final

from nas.service.command_options import Network
from nas.service.job import study_of
from nas.service.search_options import Allowed, SearchOptions, check_data
from nas.service.user_files import names_of_user
from nas.storage.optuna_storage import existing_storage, exists
from nas.study.network_lookup import is_there
from nas.study.results import split_network
from search_spaces.architecture import Architecture
from search_spaces.errors import InvalidValueError, UnknownNameError
from search_spaces.published import references

_OWN_STUDY: Final = "study of yours"


def check_sources(options: SearchOptions, allowed: Allowed, url: str, user: str) -> None:
    """Check the studies and networks that the options of a search name.

    Args:
        options: The options.
        allowed: What users may name.
        url: URL of the database.
        user: Who submits the search.

    Raises:
        UserError: if there is no such study or network of the user, or it may be a file of the server.
    """
    studies = [*options.learn_from, *([] if options.supernet is None else [options.supernet])]
    networks = [
        *(("seed_with", one) for one in options.seed_with),
        *((name, one) for name in ("weights", "teacher") if (one := getattr(options, name)) is not None),
    ]
    if not (studies or networks):
        return
    own = _own_studies(url, user)
    for study in studies:
        if study not in own:
            raise UnknownNameError.of(_OWN_STUDY, study, own)
    for name, network in networks:
        _check_network(name, network, allowed, own)


def _own_studies(url: str, user: str) -> list[str]:
    """Return the names of a user's searches, without that of the user."""
    names = names_of_user(existing_storage(url), user) if exists(url) else []
    return [name.removeprefix(study_of(user, "")) for name in names]


def _check_network(name: str, network: Network, allowed: Allowed, own: Sequence[str]) -> None:
    if isinstance(network, dict):
        check_data(network, "network", allowed)
        Architecture.from_json(network)
        return
    if network in references() or network in allowed.names:
        return
    study, _ = split_network(network)
    if study is None or is_there(network):
        raise InvalidValueError(
            f"Cannot use '{network}' as {name}: expected a published network or STUDY#NUMBER of yours; files "
            f"are not sent. Name one of these."
        )
    if study not in own:
        raise UnknownNameError.of(f"published network or {_OWN_STUDY}", study, own)
