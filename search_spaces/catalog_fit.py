"""Chooses the catalog space for images and budgets, and says in which spaces networks fit."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from search_spaces.budget import Budget
from search_spaces.catalog import SPACES
from search_spaces.catalog_editions import current_names
from search_spaces.errors import NothingFitsError
from search_spaces.pricing import Prices, prices
from search_spaces.sampling import check_satisfiable, share_that_fits

_SMALL_IMAGES: Final = 64  # pixels; above this the images lose too much at the resolutions for small ones
_LEAST_SHOWN: Final = 0.001
_MANY: Final = 0.05
"""Share of a space that lies near the budgets, at least, where it suits them."""
_TRAINS_BEST: Final = "hybrid_small"
"""Space whose networks are the most accurate of those for images of their size, at equal MACs."""
_OF_ALL_KINDS: Final = ("hybrid", "hybrid_small")
"""Spaces of convolutions and attention."""
_ONE_FAMILY: Final = frozenset({"mobilevit", "mobilevit_small", "mobilevit_v2"})
"""Spaces around one published family: whoever wants that family names them."""
_PHOTOGRAPHS: Final = 128  # pixels that the largest resolution of a space for photographs has at least


def default_space(
    side: int,
    budgets: Sequence[Budget],
    *,
    num_classes: int,
    in_channels: int,
    among: Iterable[str] | None = None,
    by_number: bool = False,
) -> str:
    """Return the catalog space for images and budgets.

    For small images that is `hybrid_small`, whose networks train best (``docs/spaces.md``), where many of it
    lie near the budgets, that is above half of one of them. Else it is the space in which most networks
    lie there. A space of which hardly anything does is taken only where there is no other, and a space for
    images of another size only where nothing fits in those for this size.

    Args:
        side: Longer side of the images in pixels.
        budgets: All hold at once; latencies are not known here.
        num_classes: Class scores of the networks.
        in_channels: Channels of the images.
        among: Names of spaces to choose from; None for all that are not around one family.
        by_number: Whether the number of networks alone decides, as in earlier versions.
    """
    names = tuple(_unasked() if among is None else among)
    suited, others = (list(filter(wanted, names)) for wanted in (_suits(side), _not(_suits(side))))
    if not any(budget.counted for budget in budgets):
        return space_by_size(side)
    for group in (suited, others):
        found = {name: _fitting(_priced(name, num_classes, in_channels), budgets) for name in group}
        if group is suited and _TRAINS_BEST in found and found[_TRAINS_BEST][0] and not by_number:
            return _TRAINS_BEST
        ranked = sorted(found, key=lambda name: (found[name], name), reverse=True)
        if ranked and found[ranked[0]][1:] > (0.0, 0.0):
            return ranked[0]
    return space_by_size(side)


def space_by_size(side: int) -> str:
    """Return the catalog space of most kinds of networks for images of a size, whatever the budgets."""
    return next(filter(_suits(side), _OF_ALL_KINDS))


def fitting_spaces(
    budgets: Sequence[Budget], *, num_classes: int, in_channels: int, besides: str | None = None
) -> dict[str, float]:
    """Return the catalog spaces in which networks fit, with the share that does, the largest share first.

    Args:
        budgets: All hold at once; latencies are not known here.
        num_classes: Class scores of the networks.
        in_channels: Channels of the images.
        besides: Name of a space to leave out.
    """
    shares = {
        name: share_that_fits(
            _priced(name, num_classes, in_channels), np.random.default_rng(0), budgets, draws=4_000
        )
        for name in current_names()
        if name != besides
    }
    return {name: share for name, share in sorted(shares.items(), key=lambda pair: -pair[1]) if share > 0}


def check_fits(table: Prices, budgets: Sequence[Budget]) -> None:
    """Raise unless a network of a space meets all known budgets together.

    Raises:
        NothingFitsError: says what the smallest network needs, and in which spaces of the catalog some fit.
    """
    try:
        check_satisfiable(table, budgets)
    except NothingFitsError as error:
        shares = fitting_spaces(
            budgets,
            num_classes=table.num_classes,
            in_channels=table.in_channels,
            besides=table.codes.name,
        )
        if not shares:
            raise
        raise NothingFitsError(f"{error} Networks fit in {in_words(shares)}.") from error


def in_words(shares: dict[str, float]) -> str:
    """Return spaces as options of a command with the shares that fit: ``--space hybrid (12% of it fits)``."""
    return " or ".join(
        f"--space {name} ({share_in_words(share)} of it fits)" for name, share in shares.items()
    )


def share_in_words(share: float) -> str:
    """Return a share in [0, 1] in per cent, for example ``78.2%``."""
    return f"{share:.1%}" if share >= _LEAST_SHOWN or share == 0 else f"less than {_LEAST_SHOWN:.1%}"


def _unasked() -> list[str]:
    """Return the spaces that are chosen without their names."""
    return [name for name in current_names() if name not in _ONE_FAMILY]


def _suits(side: int) -> Callable[[str], bool]:
    """Return whether a space, by its name, is for images of a size."""
    if side <= _SMALL_IMAGES:
        return lambda name: SPACES[name].resolution[0] <= _SMALL_IMAGES
    return lambda name: SPACES[name].resolution[-1] >= _PHOTOGRAPHS


def _not(wanted: Callable[[str], bool]) -> Callable[[str], bool]:
    return lambda name: not wanted(name)


def _priced(name: str, num_classes: int, in_channels: int) -> Prices:
    return prices(SPACES[name].codes, num_classes=num_classes, in_channels=in_channels)


def _fitting(table: Prices, budgets: Iterable[Budget]) -> tuple[bool, float, float]:
    """Return whether many of a space fit near the budgets, how many fit there, and how many at all."""
    known = [budget for budget in budgets if budget.counted]
    halved = [replace(budget, limit=budget.limit / 2) for budget in known]
    fit, far = (share_that_fits(table, np.random.default_rng(0), bs) for bs in (known, halved))
    return fit - far >= _MANY, (fit - far) * table.codes.size, fit * table.codes.size
