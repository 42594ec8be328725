"""Earlier editions of the catalog's spaces: what a name meant before, for studies that were begun then.

A space ``NAME`` of the catalog may change; its first edition stays as the file ``NAME_1``, the second as
``NAME_2``. A study keeps the name and a digest of its space, which say in which edition it was begun.
"""

from collections.abc import Iterator
from dataclasses import replace

from search_spaces.catalog import SPACES
from search_spaces.shelf import without_editions
from search_spaces.space import SearchSpace
from search_spaces.space_record import space_digest


def current_names() -> tuple[str, ...]:
    """Return the names of the catalog's spaces without earlier editions of another."""
    return without_editions(SPACES)


def editions(name: str) -> Iterator[SearchSpace]:
    """Yield what `name` meant in the catalog so far, by that name, the present edition last."""
    number = 1
    while f"{name}_{number}" in SPACES:
        yield replace(SPACES[f"{name}_{number}"], name=name)
        number += 1
    if name in SPACES:
        yield SPACES[name]


def edition(name: str, digest: str) -> SearchSpace | None:
    """Return what `name` meant in the catalog when its digest was `digest`, None if it never had that."""
    return next((space for space in editions(name) if space_digest(space) == digest), None)


def is_of_catalog(space: SearchSpace) -> bool:
    """Return whether a space is one of the catalog, in any edition."""
    return edition(space.name, space_digest(space)) is not None
