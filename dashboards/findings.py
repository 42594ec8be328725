"""Data classes for pages: a search with its recipe, commands, references, baselines and explanation."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from dashboards.comparison import Comparison
from dashboards.explanation import Explanation
from dashboards.latency_table import NetworkLatency
from dashboards.result import SearchResult, TrialResult
from search_spaces.architecture import Architecture
from search_spaces.counting import Part, count_parts
from search_spaces.published_results import PublishedResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A published network in the terms of the search, without weights.

    Attributes:
        name: Name of the network, for example ``mobilenet_v2_1.0_224``.
        costs: Costs by name, with the stem and head that the search's images need.
        published: What it reached on ImageNet-1k, which is no accuracy on the search's images; None where no
            source is known.
    """

    name: str
    costs: dict[str, int]
    published: PublishedResult | None = None

    @property
    def imagenet(self) -> str:
        """What it reached on ImageNet-1k and how, in a few words; empty where that is not known."""
        found = self.published
        return "" if found is None else f"{found.top1:.1f}% ({found.recipe})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """Best accuracy of uniform sampling after 1, 2, ... trained networks.

    Attributes:
        name: Source of the baseline, for legends.
        best: Expected best accuracy, in [0, 1].
        low: Lower end of the 95 % interval; None for a single search that really ran.
        high: Upper end of the 95 % interval.
    """

    name: str
    best: tuple[float, ...]
    low: tuple[float, ...] | None = None
    high: tuple[float, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """Search with everything that pages show of it.

    Attributes:
        result: The search so far.
        num_classes: Number of classes of the images.
        in_channels: Number of channels of the images.
        recipe: Training recipe, by field name.
        commands: Command lines that do the search again and export its best network.
        versions: Versions of the installed libraries, by name.
        made: Date and time of these findings, as text.
        references: Published networks of similar cost.
        baselines: Best accuracies of uniform sampling.
        explanation: Effects of the factors on accuracy; None if there are too few networks.
        latencies: What is known of the networks under each budget on latency.
        comparisons: Networks that were trained alike, among them those of the search.
    """

    result: SearchResult
    num_classes: int
    in_channels: int
    recipe: dict[str, Any]
    commands: tuple[str, ...]
    versions: dict[str, str]
    made: str
    references: tuple[Reference, ...] = ()
    baselines: tuple[Baseline, ...] = ()
    explanation: Explanation | None = None
    latencies: tuple[NetworkLatency, ...] = ()
    comparisons: tuple[Comparison, ...] = ()

    def parts(self, network: TrialResult) -> tuple[Part, ...]:
        """Return the stem, stages and head of a network with their costs in deployed form."""
        return _parts(network.architecture, self.num_classes, self.in_channels)


@lru_cache(maxsize=2**13)
def _parts(architecture: Architecture, num_classes: int, in_channels: int) -> tuple[Part, ...]:
    return count_parts(architecture, num_classes=num_classes, in_channels=in_channels, deploy=True)
