"""Photographs at 128 to 288 pixels: MobileViT, scaled by its four global factors.

The networks of Mehta & Rastegari, 2021, https://arxiv.org/abs/2110.02178, around MobileViT-XS, which the
space holds at factors of 1. Resolution, width, the depth of inverted residuals and the depth of ViT blocks,
which is the number of transformers inside, are the factors of Meng & Chen, 2024,
https://arxiv.org/abs/2406.04820. Transformers have four heads at every width. 9 million networks of 33M to
6.8G MACs at 1000 classes, a quarter of them below 300M.
"""

from search_spaces.architecture import options_of
from search_spaces.mobilevit_stages import residual, transformers
from search_spaces.space import SearchSpace
from search_spaces.stage_choices import StageSpace


def _transformers(channels: int, inner_channels: int, depth: int) -> StageSpace:
    return transformers("mobilevit_v1", channels, inner_channels, depth, "attention", heads=4)


SPACE = SearchSpace(
    name="mobilevit",
    resolution=(128, 160, 192, 224, 256, 288),
    width=(0.5, 0.625, 0.75, 0.875, 1.0, 1.25, 1.5, 1.75),
    conv_depth=(0.5, 1.0, 1.5, 2.0),
    attention_depth=(0.25, 0.5, 0.75, 1.0, 1.25, 1.5),
    divisor=8,
    options=options_of({"stem_channels": 16, "stem_stride": 2, "head_channels": 384}),
    stages=(
        residual(32, 1, 1),
        residual(48, 3, 2),
        residual(64, 1, 2),
        _transformers(64, 96, 2),
        residual(80, 1, 2),
        _transformers(80, 120, 4),
        residual(96, 1, 2),
        _transformers(96, 144, 3),
    ),
)
