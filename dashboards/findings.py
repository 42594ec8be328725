"""What pages are made of: a search with everything around it that a reader wants to know."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from dashboards.explanation import Explanation
from dashboards.result import SearchResult, TrialResult
from search_spaces.architecture import Architecture
from search_spaces.counting import Part, count_parts


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A published network in the terms of the search, without weights.

    Attributes:
        name: For example ``mobilenet_v2_1.0_224``.
        costs: By name, with the head and stem that the search's images need.
    """

    name: str
    costs: dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """The best accuracy that uniform sampling has after 1, 2, ... trained networks.

    Attributes:
        name: Where it comes from, in words.
        best: Expected, in [0, 1].
        low: Lower end of its 95 % interval; None for one search that really ran.
        high: Upper end.
    """

    name: str
    best: tuple[float, ...]
    low: tuple[float, ...] | None = None
    high: tuple[float, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """A search with everything that pages show of it.

    Attributes:
        result: The search so far.
        num_classes: Classes of its images.
        in_channels: Their channels.
        recipe: How its networks are trained, by field.
        commands: What gives the same search and its winner again.
        versions: Of the libraries at hand, by name.
        made: When this was gathered, as people read it.
        references: Published networks near its budget.
        baselines: What uniform sampling reaches.
        explanation: Why its networks are as accurate as they are, None for too few of them.
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

    def parts(self, network: TrialResult) -> tuple[Part, ...]:
        """Return the stem, stages and head of one of its networks with what each takes when deployed."""
        return _parts(network.architecture, self.num_classes, self.in_channels)


@lru_cache(maxsize=2**13)
def _parts(architecture: Architecture, num_classes: int, in_channels: int) -> tuple[Part, ...]:
    return count_parts(architecture, num_classes=num_classes, in_channels=in_channels, deploy=True)
