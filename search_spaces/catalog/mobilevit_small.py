"""Small images (digits, CIFAR; 8 to 64 pixels): MobileViTv2 without its early strides, at 24 to 64 pixels.

10 million networks of 0.8M to 730M MACs, a third of them below 20M. The blocks of Mehta & Rastegari, 2022,
https://arxiv.org/abs/2206.02680, with the factors of Meng & Chen, 2024, https://arxiv.org/abs/2406.04820:
resolution, width, the depth of inverted residuals and the depth of ViT blocks, which is the number of
transformers inside. The stem keeps the full resolution: at 32 pixels transformers see maps of 16 x 16, 8 x 8
and 4 x 4.
"""

from search_spaces.architecture import options_of
from search_spaces.mobilevit_stages import residual, transformers
from search_spaces.space import SearchSpace
from search_spaces.stage_choices import StageSpace


def _transformers(channels: int, depth: int) -> StageSpace:
    return transformers(
        "mobilevit_v2", channels, channels // 2, depth, "separable_attention", "attention", heads=4
    )


SPACE = SearchSpace(
    name="mobilevit_small",
    resolution=(24, 32, 40, 48, 56, 64),
    width=(0.25, 0.375, 0.5, 0.75, 1.0, 1.25, 1.5),
    conv_depth=(0.5, 1.0, 1.5, 2.0),
    attention_depth=(0.25, 0.5, 0.75, 1.0, 1.5, 2.0),
    divisor=8,
    options=options_of({"stem_channels": 32, "stem_stride": 1, "head_channels": 256}),
    stages=(
        residual(32, 2, 2),
        residual(64, 1, 1),
        _transformers(64, 2),
        residual(96, 1, 2),
        _transformers(96, 4),
        residual(128, 1, 2),
        _transformers(128, 3),
    ),
)
