"""Implements ``nas.networks`` and ``nas.spaces``: published networks and search spaces of this package."""

from collections.abc import Sequence

from nas.api._numbers import check_images
from nas.api._process_state import process_left_as_found
from nas.profiling.catalog import CatalogSpace, PublishedNetwork, catalog_spaces, published_networks
from search_spaces.budget import Budget


@process_left_as_found()
def networks(
    *, fits: str | Sequence[str] = (), classes: int = 1000, channels: int = 3
) -> tuple[PublishedNetwork, ...]:
    """Return the published networks with their costs, by family, those with fewer MACs first.

    Args:
        fits: Budgets of counted costs that the returned networks meet, for example ``"300M-MACs"``.
        classes: Number of classes, at least 2.
        channels: Image channels, 1 for greyscale or 3 for colour.

    Raises:
        BudgetError: if a budget cannot be read, or is one on latency.
        InvalidValueError: if `classes` or `channels` cannot be counted.
    """
    check_images(classes=classes, channels=channels)
    budgets = [Budget.parse(text) for text in ([fits] if isinstance(fits, str) else fits)]
    return published_networks(budgets, num_classes=classes, in_channels=channels)


@process_left_as_found()
def spaces(*, classes: int = 10, channels: int = 3) -> tuple[CatalogSpace, ...]:
    """Return the search spaces of the catalog, those with the smallest networks first.

    Args:
        classes: Number of classes, at least 2.
        channels: Image channels, 1 for greyscale or 3 for colour.

    Raises:
        InvalidValueError: if `classes` or `channels` cannot be counted.
    """
    check_images(classes=classes, channels=channels)
    return catalog_spaces(num_classes=classes, in_channels=channels)
