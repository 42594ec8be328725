"""EfficientNet-B0 to B3, -Lite0 to 2 (Tan & Le, 2019, https://arxiv.org/abs/1905.11946) and TinyNet-A to E.

TinyNet (Han et al., 2020, https://arxiv.org/abs/2010.14819) shrinks EfficientNet-B0 by the factors of its
code (https://github.com/huawei-noah/Efficient-AI-Backbones, tinynet_pytorch); it rounds depths where
EfficientNet rounds them up, and keeps the widths of stem and head. EfficientNet-Lite0 to 2
(https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite) have no gates, ReLU6, and
stem, head and the depths of the first and last stage of B0; their weights need TensorFlow's padding.
"""

import math
from typing import Final

from search_spaces.architecture import Architecture, Option, Stage, options_of

# Channels, depth, stride, expansion and kernel of each stage of EfficientNet-B0.
_STAGES: Final = (
    (16, 1, 1, 1, 3),
    (24, 2, 2, 6, 3),
    (40, 2, 2, 6, 5),
    (80, 3, 2, 6, 3),
    (112, 3, 1, 6, 5),
    (192, 4, 2, 6, 5),
    (320, 1, 1, 6, 3),
)
# Width, depth, resolution.
_EFFICIENT: Final = {
    "b0": (1.0, 1.0, 224),
    "b1": (1.0, 1.1, 240),
    "b2": (1.1, 1.2, 260),
    "b3": (1.2, 1.4, 300),
}
_LITE: Final = {
    "lite0": (1.0, 1.0, 224),
    "lite1": (1.0, 1.1, 240),
    "lite2": (1.1, 1.2, 260),
}
_TENSORFLOW: Final[dict[str, Option]] = {"activation": "relu6", "padding": "same", "norm_eps": 1e-3}
_TINY: Final = {
    "a": (1.0, 1.2, 192),
    "b": (0.75, 1.1, 188),
    "c": (0.54, 0.85, 184),
    "d": (0.54, 0.695, 152),
    "e": (0.51, 0.60, 106),
}


def _rounded(channels: float) -> int:
    """Return channels as a multiple of 8, at least 90 % of them."""
    rounded = max(8, int(channels + 4) // 8 * 8)
    return rounded if rounded >= 0.9 * channels else rounded + 8


def _network(width: float, depth: float, resolution: int, *, tiny: bool) -> Architecture:
    stages = tuple(
        Stage(
            block="inverted_residual",
            channels=_rounded(channels * width),
            depth=max(1, round(blocks * depth)) if tiny else math.ceil(blocks * depth),
            stride=stride,
            options=options_of({"expansion": expansion, "kernel": kernel, "gate": "squeeze_excite"}),
        )
        for channels, blocks, stride, expansion, kernel in _STAGES
    )
    options = {
        "stem_channels": 32 if tiny else _rounded(32 * width),
        "head_channels": max(1280, _rounded(1280 * width)),
    }
    return Architecture(network="pyramid", resolution=resolution, stages=stages, options=options_of(options))


def _lite(width: float, depth: float, resolution: int) -> Architecture:
    stages = tuple(
        Stage(
            block="inverted_residual",
            channels=_rounded(channels * width),
            depth=blocks if number in {0, len(_STAGES) - 1} else math.ceil(blocks * depth),
            stride=stride,
            options=options_of({"expansion": expansion, "kernel": kernel, **_TENSORFLOW}),
        )
        for number, (channels, blocks, stride, expansion, kernel) in enumerate(_STAGES)
    )
    options: dict[str, Option] = {"stem_channels": 32, "head_channels": 1280, **_TENSORFLOW}
    return Architecture(network="pyramid", resolution=resolution, stages=stages, options=options_of(options))


FAMILY: Final = {
    **{f"efficientnet_{name}_{row[2]}": _network(*row, tiny=False) for name, row in _EFFICIENT.items()},
    **{f"efficientnet_{name}_{row[2]}": _lite(*row) for name, row in _LITE.items()},
    **{f"tinynet_{name}_{row[2]}": _network(*row, tiny=True) for name, row in _TINY.items()},
}
