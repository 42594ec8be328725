"""Chooses the recipe of a search where none is named."""

from typing import Final

PROXY: Final = "proxy"
FINE_TUNE: Final = "fine_tune"


def search_recipe(named: str | None, weights: str | None) -> str:
    """Return the name of a search's recipe: the named one, else by what its networks begin with."""
    return named or (PROXY if weights is None else FINE_TUNE)
