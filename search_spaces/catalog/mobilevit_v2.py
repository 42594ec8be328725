"""Photographs at 128 to 288 pixels: MobileViTv2, scaled by its four global factors.

The networks of Mehta & Rastegari, 2022, https://arxiv.org/abs/2206.02680. Resolution, width, the depth of
inverted residuals and the depth of ViT blocks, which is the number of transformers inside, are the factors of
Meng & Chen, 2024, https://arxiv.org/abs/2406.04820. At 256 pixels and depth factors of 1 the space holds the
published networks of all seven widths. 12 million networks of 20M to 30G MACs at 1000 classes, a sixth of
them below 300M.
"""

from search_spaces.architecture import options_of
from search_spaces.mobilevit_stages import residual, transformers
from search_spaces.space import SearchSpace
from search_spaces.stage_choices import StageSpace


def _transformers(channels: int, depth: int) -> StageSpace:
    return transformers("mobilevit_v2", channels, channels // 2, depth, "separable_attention")


SPACE = SearchSpace(
    name="mobilevit_v2",
    resolution=(128, 160, 192, 224, 256, 288),
    width=(0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1.0, 1.25, 1.5, 1.75, 2.0),
    conv_depth=(0.5, 1.0, 1.5, 2.0),
    attention_depth=(0.25, 0.5, 0.75, 1.0, 1.25, 1.5),
    divisor=8,
    options=options_of({"stem_channels": 32, "stem_stride": 2, "head_channels": 0}),
    stages=(
        residual(64, 1, 1),
        residual(128, 2, 2),
        residual(256, 1, 2),
        _transformers(256, 2),
        residual(384, 1, 2),
        _transformers(384, 4),
        residual(512, 1, 2),
        _transformers(512, 3),
    ),
)
