"""First edition of `mobile_small`, for studies begun in it: inverted residuals, shaped like EfficientNet-B0.

The stages of Tan & Le, 2019, https://arxiv.org/abs/1905.11946, from a seventh of their width on: the space
holds EfficientNet-B0 itself at many sizes. The stem strides, and images of 32 x 32 are enlarged, by a factor
that is searched. 137 million networks of 241k to 144M MACs, half of them below 5M.
"""

from typing import Final

from search_spaces.architecture import Option, options_of
from search_spaces.space import SearchSpace
from search_spaces.stage_choices import StageSpace

_BLOCK: Final[dict[str, tuple[Option, ...]]] = {
    "kernel": (3, 5),
    "expansion": (3, 4, 6),
    "gate": ("none", "squeeze_excite"),
}

SPACE = SearchSpace(
    name="mobile_small_1",
    resolution=(32, 40, 48, 56, 64, 72, 80, 88, 96, 112),
    width=(0.15, 0.2, 0.25, 0.28, 0.32, 0.36, 0.4, 0.5, 0.6, 0.75, 1.0),
    conv_depth=(0.4, 0.5, 0.75, 1.0, 1.25),
    divisor=8,
    options=options_of({"stem_channels": 32, "stem_stride": 2, "head_channels": 1280}),
    stages=(
        StageSpace(
            channels=16,
            block="inverted_residual",
            options={"kernel": (3,), "expansion": (1,), "gate": ("squeeze_excite",)},
        ),
        StageSpace(channels=24, depth=(2,), stride=2, block="inverted_residual", options=_BLOCK),
        StageSpace(channels=40, depth=(2,), stride=2, block="inverted_residual", options=_BLOCK),
        StageSpace(channels=80, depth=(3,), stride=2, block="inverted_residual", options=_BLOCK),
        StageSpace(channels=112, depth=(3,), block="inverted_residual", options=_BLOCK),
        StageSpace(channels=192, depth=(4,), stride=2, block="inverted_residual", options=_BLOCK),
        StageSpace(
            channels=320,
            block="inverted_residual",
            options={"kernel": (3,), "expansion": (6,), "gate": ("squeeze_excite",)},
        ),
    ),
)
