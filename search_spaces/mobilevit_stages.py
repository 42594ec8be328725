"""Stages of the MobileViT spaces: inverted residuals, and one block with transformers inside."""

from typing import Final

from search_spaces.architecture import Option
from search_spaces.stage_choices import StageSpace

_RESIDUAL: Final[dict[str, tuple[Option, ...]]] = {"kernel": (3, 5), "expansion": (2, 3, 4)}


def residual(channels: int, depth: int, stride: int) -> StageSpace:
    """Return a stage of inverted residuals that choose kernel and expansion.

    Args:
        channels: Output channels at width 1.
        depth: Number of blocks at depth factor 1.
        stride: Stride of the first block.
    """
    return StageSpace(
        channels=channels, depth=(depth,), stride=stride, block="inverted_residual", options=_RESIDUAL
    )


def transformers(
    block: str, channels: int, inner_channels: int, depth: int, *mixers: str, heads: int = 0
) -> StageSpace:
    """Return a stage of one MobileViT block, whose depth is the number of transformers inside.

    Args:
        block: Its block.
        channels: Output channels at width 1.
        inner_channels: Channels of the transformers at width 1.
        depth: Number of transformers at depth factor 1.
        mixers: Their mixers.
        heads: Heads of the mixers at every width; 0 where their options say.
    """
    return StageSpace(
        channels=channels,
        depth=(depth,),
        block=block,
        depth_of="transformers",
        inner_channels=inner_channels,
        heads=heads,
        options={"mixer": mixers},
    )
