"""`Space`: channels of a network that are the same ones in several weights, and how those are found.

Channels that a residual path adds are the same channels, and so are those of a depthwise convolution and of
what it reads.
"""

from dataclasses import dataclass, field
from typing import TypeAlias


@dataclass(eq=False)
class Space:
    """Channels in a fixed number.

    Attributes:
        size: How many.
        fixed: Whether their order matters.
        parts: The spaces that it consists of one after another; empty for one of its own.
    """

    size: int
    fixed: bool = False
    parts: tuple["Space", ...] = ()
    same_as: "Space | None" = field(default=None, repr=False)

    @property
    def root(self) -> "Space":
        """The space that stands for all that are the same."""
        space = self
        while space.same_as is not None:
            space = space.same_as
        return space


Dims: TypeAlias = tuple[Space, ...]


def join(first: Space, second: Space) -> None:
    """Say that two spaces are the same."""
    first, second = first.root, second.root
    if first is second or first.size != second.size:
        if first.size != second.size:
            first.fixed = second.fixed = True
        return
    if first.parts and second.parts:
        if [p.size for p in first.parts] == [p.size for p in second.parts]:
            for a, b in zip(first.parts, second.parts, strict=True):
                join(a, b)
        else:
            first.fixed = True
            for part in (*first.parts, *second.parts):
                part.root.fixed = True
    first.parts = first.parts or second.parts
    first.fixed = first.fixed or second.fixed
    second.same_as = first


def fix(space: Space) -> None:
    """Say that the order of channels matters."""
    space.root.fixed = True
    for part in space.root.parts:
        fix(part)
