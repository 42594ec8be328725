"""Keeps what was computed of the rows of one space under the same constraints."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar

from nas.bayesopt.grid import Rows

T = TypeVar("T")

_KEPT: Final = 50_000  # maximum number of rows of which something is kept


@dataclass(slots=True)
class RowCache:
    """What a region has computed of its rows.

    Attributes:
        canonical: Canonical row of each row.
        features: Features of each row.
        n_constraints: Number of features that are known constraints.
        width: Number of features.
        whole: Every distinct feasible row; None where they were not listed.
    """

    canonical: dict[bytes, bytes] = field(default_factory=dict)
    features: dict[bytes, bytes] = field(default_factory=dict)
    n_constraints: int = 0
    width: int = 0
    whole: Rows | None = None


def trimmed(known: dict[bytes, T], needed: Sequence[bytes]) -> dict[bytes, T]:
    """Return `known`, or a new cache with what is needed where it has grown too large.

    Whoever uses it meanwhile in another thread keeps the old one.
    """
    if len(known) <= _KEPT:
        return known
    return {key: known[key] for key in needed if key in known}
