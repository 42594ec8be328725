"""Photographs at 96 to 224 pixels: inverted residuals alone, the networks of phones since MobileNetV2.

The stages of Sandler et al., 2018, https://arxiv.org/abs/1801.04381, with the kernels, expansions and gates
that MobileNetV3 (Howard et al., 2019, https://arxiv.org/abs/1905.02244) and EfficientNet (Tan & Le, 2019,
https://arxiv.org/abs/1905.11946) choose among. 2.5 billion networks of 5M to 1.3G MACs at 1000 classes, five
in six of them below 300M.
"""

from typing import Final

from search_spaces.architecture import Option, options_of
from search_spaces.space import SearchSpace
from search_spaces.stage_choices import StageSpace

_EARLY: Final[dict[str, tuple[Option, ...]]] = {"kernel": (3, 5), "expansion": (2, 3, 4, 6)}
_LATE: Final[dict[str, tuple[Option, ...]]] = {
    "kernel": (3, 5, 7),
    "expansion": (3, 4, 6),
    "gate": ("none", "squeeze_excite", "efficient_channel"),
}

SPACE = SearchSpace(
    name="mobile_cnn",
    resolution=(96, 128, 160, 192, 224),
    width=(0.35, 0.5, 0.75, 1.0, 1.25, 1.4),
    conv_depth=(0.5, 0.75, 1.0, 1.25, 1.5),
    divisor=8,
    options=options_of({"stem_channels": 32, "stem_stride": 2, "head_channels": 1280}),
    stages=(
        StageSpace(
            channels=16,
            block="inverted_residual",
            options={"kernel": (3, 5), "expansion": (1,), "gate": ("none", "squeeze_excite")},
        ),
        StageSpace(channels=24, depth=(2,), stride=2, block="inverted_residual", options=_EARLY),
        StageSpace(channels=40, depth=(3,), stride=2, block="inverted_residual", options=_LATE),
        StageSpace(channels=80, depth=(4,), stride=2, block="inverted_residual", options=_LATE),
        StageSpace(channels=112, depth=(3,), block="inverted_residual", options=_LATE),
        StageSpace(channels=192, depth=(4,), stride=2, block="inverted_residual", options=_LATE),
    ),
)
