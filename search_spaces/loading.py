"""Finds a search space by name."""

from search_spaces.catalog import SPACES
from search_spaces.space import SearchSpace


def load(name: str) -> SearchSpace:
    """Return the space that a file in search_spaces/catalog, or ``module:NAME``, holds.

    Raises:
        UnknownNameError: if there is none; offers the nearest name.
    """
    return SPACES[name]
