"""Blocks: the wiring around a mixer (residual paths, MLPs, strides), one file each.

A file binds ``BLOCK``, a class that satisfies `Block` and imports only torch, so that an export can take its
source along; an entry point of the group ``search_spaces.blocks`` adds one from another package. The contract
tests check every file.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Protocol, runtime_checkable

from search_spaces.shelf import Shelf
from search_spaces.tape import Map

if TYPE_CHECKING:
    from torch import nn


@runtime_checkable
class Block(Protocol):
    """A class of modules that also lists the layers it runs.

    A module maps [b, c_in, h, w] -> [b, c_out, ceil(h / stride), ceil(w / stride)]. A class may say how its
    weights are shared among networks (`search_spaces.options.Nesting` and `search_spaces.options.Segmented`).
    """

    def __call__(
        self, in_channels: int, out_channels: int, *args: Any, stride: int, **options: Any
    ) -> "nn.Module":
        """Return a module; what can be chosen is keyword-only, with a default.

        An option that is named ``mixer`` is a factory ``channels -> module``.
        """

    @property
    def layers(self) -> Callable[..., Map]:
        """A static method ``layers(tape, x, out_channels, *, stride, deploy, ...)``.

        It takes the options of the class as keywords, ``mixer`` being a function ``(tape, x) -> map``, writes
        what runs on a `search_spaces.tape.Tape` and returns the output map. Sizes are ints or int64
        arrays, but plain values for the options that `search_spaces.options.Structural` names.
        """


BLOCKS: Final[Shelf[Block]] = Shelf(__name__, "BLOCK", "block", Block)
