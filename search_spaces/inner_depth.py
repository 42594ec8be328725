"""`Inside`: what the global factors of a space set inside one block, as in MobileViT its transformers.

Meng & Chen, 2024, https://arxiv.org/abs/2406.04820, scale a MobileViT by the depth of its ViT blocks. Such a
stage is one block whatever its depth: the depth factor sets how many transformers it holds, and the width
factor how many channels these have, always in as many heads.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from search_spaces.architecture import Option, Options, Stage, options_of
from search_spaces.blocks import BLOCKS
from search_spaces.channel_rounding import widened
from search_spaces.errors import SpaceError
from search_spaces.mixers import MIXERS
from search_spaces.options import keywords, parts_inside, repeated_of

BLOCKS_COUNT: Final = "blocks"
"""What depth counts unless a stage says otherwise."""
INNER_CHANNELS: Final = "inner_channels"
HEAD_CHANNELS: Final = "head_channels"


@dataclass(frozen=True, slots=True, kw_only=True)
class Inside:
    """What the factors of a space set inside the blocks of a stage.

    Attributes:
        repeats: Option of the block that depth counts, empty where depth counts blocks.
        channels: Channels inside the block at width 1, 0 where its options say.
        heads: Heads of its mixer at every width, 0 where its options say.
    """

    repeats: str = ""
    channels: int = 0
    heads: int = 0

    def built(self, stage: Stage, *, width: float, divisor: int) -> Stage:
        """Return a stage of a network.

        Args:
            stage: The stage without what is set here, with its own channels; its depth counts as the space's.
            width: Width factor of the channels inside.
            divisor: Channels are rounded to multiples of it.
        """
        (options, *_) = blocks = self.repeated(stage.options, stage.depth)
        return self.widened(replace(stage, depth=len(blocks), options=options), width=width, divisor=divisor)

    def repeated(self, options: Options, depth: int) -> tuple[Options, ...]:
        """Return the options of each block of a stage, without the channels inside.

        Args:
            options: Options of each block without what is set here.
            depth: Depth of the stage, counted as the space's.
        """
        return (options_of({**dict(options), self.repeats: depth}),) if self.repeats else (options,) * depth

    def widened(self, stage: Stage, *, width: float, divisor: int) -> Stage:
        """Return a stage with the channels inside its blocks.

        Args:
            stage: The stage without them.
            width: Width factor of the channels inside.
            divisor: Channels are rounded to multiples of it.
        """
        if not self.channels:
            return stage
        inner = self.channels_at(width, divisor)
        given: dict[str, Option] = {**dict(stage.options), INNER_CHANNELS: inner}
        if self.heads_of(stage.mixer):
            given[HEAD_CHANNELS] = inner // self.heads
        return replace(stage, options=options_of(given))

    def channels_at(self, width: float, divisor: int) -> int:
        """Return the channels inside at a width factor, 0 where the options of the block say."""
        if not self.channels:
            return 0
        return widened(self.channels, width, math.lcm(divisor, max(self.heads, 1)))

    def stripped(self, stage: Stage) -> Stage:
        """Return a stage of a network without what is set here, its depth counted as the space's."""
        depth = self.depth_of(stage)
        options = tuple(option for option in self.narrowed(stage).options if option[0] != self.repeats)
        return replace(stage, depth=depth, options=options)

    def narrowed(self, stage: Stage) -> Stage:
        """Return a stage of a network without the channels inside its blocks that are set here."""
        names = {INNER_CHANNELS} if self.channels else set()
        names |= {HEAD_CHANNELS} if self.heads_of(stage.mixer) else set()
        return replace(stage, options=tuple(option for option in stage.options if option[0] not in names))

    def depth_of(self, stage: Stage) -> int:
        """Return the depth of a stage of a network, counted as the space's."""
        return parts_inside(stage) if self.repeats else stage.depth

    def heads_of(self, mixer: str | None) -> int:
        """Return the heads that a mixer has at every width, 0 for one without."""
        return self.heads if mixer is not None and HEAD_CHANNELS in keywords(MIXERS[mixer]) else 0


def check_inside(
    block: str, options: Iterable[str], mixers: Iterable[str], *, depth_of: str, channels: int, heads: int
) -> None:
    """Raise unless a stage says in one way what is inside its blocks.

    Args:
        block: Name of its block.
        options: Names of the options that it offers.
        mixers: Names of the mixers that it offers.
        depth_of: What its depth counts.
        channels: Channels inside its blocks at width 1, 0 where its options say.
        heads: Heads of its mixers, 0 where their options say.

    Raises:
        SpaceError: says what the block lacks, or what is said twice.
    """
    counted = [BLOCKS_COUNT, *filter(None, [repeated_of(block)])]
    if depth_of not in counted:
        raise SpaceError(
            f"A stage of the block '{block}' counts its depth in '{depth_of}': expected "
            f"{' or '.join(counted)}.",
            at=("depth_of",),
        )
    if channels and INNER_CHANNELS not in keywords(BLOCKS[block]):
        raise SpaceError(
            f"A stage of the block '{block}' got {channels} inner channels, which this block does not have: "
            f"leave inner_channels out.",
            at=(INNER_CHANNELS,),
        )
    if heads and not (channels and any(HEAD_CHANNELS in keywords(MIXERS[mixer]) for mixer in mixers)):
        raise SpaceError(
            f"A stage of the block '{block}' got {heads} heads: expected inner_channels beside them, and a "
            f"mixer that takes {HEAD_CHANNELS}.",
            at=("heads",),
        )
    twice = {
        *([depth_of] if depth_of != BLOCKS_COUNT else []),
        *([INNER_CHANNELS] if channels else []),
        *([HEAD_CHANNELS] if heads else []),
    }
    for name in options:
        if name.rpartition(".")[2] in twice:
            raise SpaceError(
                f"A stage of the block '{block}' got the option '{name}' and sets it otherwise too: "
                f"expected depth_of, inner_channels and heads, or options, not both.",
                at=("options", name),
            )
