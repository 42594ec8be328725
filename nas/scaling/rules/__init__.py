"""Scaling rules: how resolution, depth and width change when a network is scaled, one file each.

A file binds ``RULE``, a function from what is scaled (`Base`) and the budget's share of what the network
takes now to `ScalingFactors`; an entry point of the group ``nas.scaling.rules`` adds one from another
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
    """A rule that is not defined for what it is applied to."""


@dataclass(frozen=True, kw_only=True)
class Base:
    """What is scaled, and what is known of it.

    Attributes:
        name: What it is called.
        architecture: The network.
        macs: What it takes.
        front: Log MACs to the factors on the network that the best ones of a study have; None without one.
        judge: Shapes to the accuracy that each is expected to reach, or reached; None without a study or
            training.
    """

    name: str
    architecture: Architecture
    macs: float
    front: Callable[[float], ScalingFactors] | None = None
    judge: Callable[[Sequence[ScalingFactors]], list[float]] | None = None


Rule: TypeAlias = Callable[[Base, float], ScalingFactors]

RULES: Final[Shelf[Rule]] = Shelf(__name__, "RULE", "scaling rule")
