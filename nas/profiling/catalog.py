"""Lists what comes with this package: published networks and search spaces, with their costs."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from search_spaces.budget import Budget
from search_spaces.catalog import SPACES
from search_spaces.costs import Costs
from search_spaces.counting import count
from search_spaces.errors import BudgetError
from search_spaces.pricing import prices
from search_spaces.published import reference, references
from search_spaces.published_results import PublishedResult, published_results
from search_spaces.space import SearchSpace


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedNetwork:
    """A published network, which commands take by its name.

    Attributes:
        name: Name, ``family_variant_resolution``.
        family: Family of networks.
        resolution: Side of its images in pixels.
        costs: Exact costs of the deployed form.
        published: What it reached on ImageNet-1k by its recipes, the authors' first.
    """

    name: str
    family: str
    resolution: int
    costs: Costs
    published: tuple[PublishedResult, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the fields by name."""
        record = {"name": self.name, "family": self.family, "resolution": self.resolution}
        results = [result.to_json() for result in self.published]
        return {**record, "costs": dict(self.costs), "published": results}


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogSpace:
    """A search space of the catalog.

    Attributes:
        name: Name of the space.
        networks: Number of distinct networks.
        resolution: Smallest and largest side of the images in pixels.
        macs: Smallest and largest MACs of a network.
        params: Smallest and largest number of parameters.
        mixers: Mixers that its networks choose from; empty if its blocks have none.
        blocks: Blocks of its stages.
    """

    name: str
    networks: int
    resolution: tuple[int, int]
    macs: tuple[int, int]
    params: tuple[int, int]
    mixers: tuple[str, ...]
    blocks: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the fields by name."""
        return asdict(self)


def published_networks(
    budgets: Sequence[Budget], *, num_classes: int, in_channels: int
) -> tuple[PublishedNetwork, ...]:
    """Return the published networks that fit all budgets, by family, those with fewer MACs first.

    Args:
        budgets: Budgets of counted costs.
        num_classes: Number of classes, at least 2.
        in_channels: Image channels, 1 for greyscale or 3 for colour.

    Raises:
        BudgetError: if a budget is one on latency.
    """
    timed = next((budget for budget in budgets if not budget.counted), None)
    if timed is not None:
        raise BudgetError(
            f"Cannot compare published networks with {timed}: expected a budget that can be counted, for "
            f"example 300M-MACs. Measure a network with nas measure NETWORK --on {timed.target}."
        )
    found = [_priced(name, num_classes, in_channels) for name in references()]
    fitting = [n for n in found if all(b.excess(n.costs[b.resource]) <= 0 for b in budgets)]
    return tuple(sorted(fitting, key=lambda network: (network.family, network.costs.macs)))


def catalog_spaces(*, num_classes: int, in_channels: int) -> tuple[CatalogSpace, ...]:
    """Return the spaces of the catalog, those with the smallest networks first.

    Args:
        num_classes: Number of classes, at least 2.
        in_channels: Image channels, 1 for greyscale or 3 for colour.
    """
    spaces = [_described(SPACES[name], num_classes, in_channels) for name in SPACES]
    return tuple(sorted(spaces, key=lambda space: space.macs))


def _priced(name: str, num_classes: int, in_channels: int) -> PublishedNetwork:
    architecture = reference(name)
    return PublishedNetwork(
        name=name,
        family=name.rsplit("_", 2)[0],  # names are family_variant_resolution
        resolution=architecture.resolution,
        costs=count(architecture, num_classes=num_classes, in_channels=in_channels, deploy=True),
        published=published_results(name),
    )


def _described(space: SearchSpace, num_classes: int, in_channels: int) -> CatalogSpace:
    table = prices(space.codes, num_classes=num_classes, in_channels=in_channels)
    mixers = [block.mixer for forms in space.codes.forms for block in forms.blocks if block.mixer is not None]
    return CatalogSpace(
        name=space.name,
        networks=space.size,
        resolution=(min(space.resolution), max(space.resolution)),
        macs=table.extremes("macs"),
        params=table.extremes("params"),
        mixers=tuple(dict.fromkeys(map(str, mixers))),
        blocks=tuple(dict.fromkeys(block for stage in space.stages for block in stage.blocks)),
    )
