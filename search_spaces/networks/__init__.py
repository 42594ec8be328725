"""Network skeletons: stem, stages and head that blocks are put into, one file each.

A file binds ``NETWORK``, a class that satisfies `Skeleton` and imports only torch; an entry point of the
group ``search_spaces.networks`` adds one from another package. The contract tests check every file.

Letters mean the same everywhere: b batch, c channels, h w height and width, r resolution, n positions or
points, d features of an encoding, m objectives.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias, runtime_checkable

from search_spaces.shelf import Shelf
from search_spaces.tape import Map

if TYPE_CHECKING:
    from torch import nn

StageSpec: TypeAlias = tuple[Callable[..., "nn.Module"], int, int, int]
"""A factory ``(in_channels, out_channels, stride=...) -> module``, channels, depth and stride of a stage."""


@runtime_checkable
class Skeleton(Protocol):
    """A class of modules, [b, in_channels, r, r] -> [b, num_classes], that also lists its own layers."""

    def __call__(
        self, stages: Sequence[StageSpec], *args: Any, num_classes: int, in_channels: int, **options: Any
    ) -> "nn.Module":
        """Return a module; further choices are keyword-only, with a default."""

    @property
    def stem_layers(self) -> Callable[..., Map]:
        """A static method ``stem_layers(tape, x, *, ...)`` that writes what runs before the stages.

        It takes those options of the class that it needs, and ``deploy`` where the form after
        re-parameterisation differs, writes on a `search_spaces.tape.Tape` and returns the map that enters the
        first stage.
        """

    @property
    def head_layers(self) -> Callable[..., Map]:
        """A static method ``head_layers(tape, x, *, num_classes, ...)``: the same behind the stages."""


NETWORKS: Final[Shelf[Skeleton]] = Shelf(__name__, "NETWORK", "network", Skeleton)
