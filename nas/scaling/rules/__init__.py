"""Scaling rules: how resolution, depth and width change when a network is scaled, one file each.

A file binds ``RULE``, a function from the base network (`Base`) and the ratio of target to present MACs
to `ScalingFactors`; an entry point of the group ``nas.scaling.rules`` adds one from another
package. The width is only a first guess: it is solved for by counting. A rule that is not defined for a
network raises `RuleError`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from nas.scaling.scaled_architecture import ScalingFactors
from search_spaces.architecture import Architecture
from search_spaces.errors import UserError
from search_spaces.shelf import Shelf


class RuleError(UserError, ValueError):
    """A scaling rule is not defined for the network that it is applied to."""


Evaluator: TypeAlias = Callable[[Sequence[ScalingFactors]], list[float]]
"""Predicts or measures the accuracy of the base network scaled by each of some factors, in [0, 1]."""


@dataclass(frozen=True, kw_only=True)
class Base:
    """Base network of a family.

    Attributes:
        name: Name of the network.
        architecture: Architecture of the network.
        macs: MACs of the network.
        front: Function from log MACs to the scaling factors of a study's best networks; None without a study.
        evaluator: Evaluator of scaling factors; None without a study or training.
    """

    name: str
    architecture: Architecture
    macs: float
    front: Callable[[float], ScalingFactors] | None = None
    evaluator: Evaluator | None = None


Rule: TypeAlias = Callable[[Base, float], ScalingFactors]

RULES: Final[Shelf[Rule]] = Shelf(__name__, "RULE", "scaling rule")
