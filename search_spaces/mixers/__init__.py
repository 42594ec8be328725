"""Mixers: convolutions and attentions that mix the positions of a feature map, one file each.

A file binds ``MIXER``, a class that satisfies `Mixer` and imports only torch, so that an export can take its
source along; an entry point of the group ``search_spaces.mixers`` adds one from another package. The contract
tests check every file.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Protocol, runtime_checkable

from search_spaces.shelf import Shelf
from search_spaces.tape import Map

if TYPE_CHECKING:
    from torch import nn


@runtime_checkable
class Mixer(Protocol):
    """A class of modules, [b, c, h, w] -> [b, c, h, w], that also lists the layers it runs.

    A module whose training and inference forms differ has a method ``switch_to_deploy()``. A class may say
    how its weights are shared among networks (`search_spaces.options.Nesting` and
    `search_spaces.options.Segmented`).
    """

    def __call__(self, channels: int, *args: Any, **options: Any) -> "nn.Module":
        """Return a module; what can be chosen is keyword-only, with a default."""

    @property
    def kind(self) -> str:
        """``conv`` or ``attention``: which depth factor of a space applies."""

    @property
    def layers(self) -> Callable[..., Map]:
        """A static method ``layers(tape, x, *, deploy, ...)`` with the options of the class as keywords.

        It writes what runs on a `search_spaces.tape.Tape` and returns the output map. Sizes are ints or int64
        arrays, but plain values for the options that `search_spaces.options.Structural` names.
        """


MIXERS: Final[Shelf[Mixer]] = Shelf(__name__, "MIXER", "mixer", Mixer)
