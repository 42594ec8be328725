"""Published networks in the terms of search spaces, without weights; one family a file.

A file binds ``FAMILY``, architectures by name, ``family_variant_resolution``. They seed searches, are the
baselines of plots, and hold the counts of this project against the published ones.
"""

from collections.abc import Mapping
from functools import cache
from typing import Final, TypeAlias

from search_spaces.architecture import Architecture
from search_spaces.errors import UnknownNameError
from search_spaces.shelf import Shelf

Family: TypeAlias = Mapping[str, Architecture]

FAMILIES: Final[Shelf[Family]] = Shelf(__name__, "FAMILY", "family of published networks")


def references() -> list[str]:
    """Return the names of all published networks, sorted."""
    return sorted(_all())


def reference(name: str) -> Architecture:
    """Return a published network by its name, for example ``mobilenet_v2_1.0_224``.

    Raises:
        UnknownNameError: if there is none; offers the nearest name.
    """
    known = _all()
    if name not in known:
        raise UnknownNameError.of("published network", name, known)
    return known[name]


@cache
def _all() -> Family:
    return {name: network for family in FAMILIES.values() for name, network in family.items()}
