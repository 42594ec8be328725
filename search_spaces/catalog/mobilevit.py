"""Photographs at 128 to 288 pixels: MobileViT, scaled by its four global factors.

The networks of Mehta & Rastegari, 2021, https://arxiv.org/abs/2110.02178, around MobileViT-XS, which the
space holds at factors of 1. Resolution, width, the depth of inverted residuals and the depth of ViT blocks,
which is the number of transformers inside, are the factors of Meng & Chen, 2024,
https://arxiv.org/abs/2406.04820. Transformers have four heads at every width. 9 million networks of 33M to
6.8G MACs at 1000 classes, a quarter of them below 300M.
"""

from typing import Final

from search_spaces.architecture import Option, options_of
from search_spaces.space import SearchSpace
from search_spaces.stage_choices import StageSpace

_RESIDUAL: Final[dict[str, tuple[Option, ...]]] = {"kernel": (3, 5), "expansion": (2, 3, 4)}


def _residual(channels: int, depth: int, stride: int) -> StageSpace:
    return StageSpace(
        channels=channels, depth=(depth,), stride=stride, block="inverted_residual", options=_RESIDUAL
    )


def _transformers(channels: int, inner_channels: int, depth: int) -> StageSpace:
    return StageSpace(
        channels=channels,
        depth=(depth,),
        block="mobilevit_v1",
        depth_of="transformers",
        inner_channels=inner_channels,
        heads=4,
        options={"mixer": ("attention",)},
    )


SPACE = SearchSpace(
    name="mobilevit",
    resolution=(128, 160, 192, 224, 256, 288),
    width=(0.5, 0.625, 0.75, 0.875, 1.0, 1.25, 1.5, 1.75),
    conv_depth=(0.5, 1.0, 1.5, 2.0),
    attention_depth=(0.25, 0.5, 0.75, 1.0, 1.25, 1.5),
    divisor=8,
    options=options_of({"stem_channels": 16, "stem_stride": 2, "head_channels": 384}),
    stages=(
        _residual(32, 1, 1),
        _residual(48, 3, 2),
        _residual(64, 1, 2),
        _transformers(64, 96, 2),
        _residual(80, 1, 2),
        _transformers(80, 120, 4),
        _residual(96, 1, 2),
        _transformers(96, 144, 3),
    ),
)
