"""MobileViTv2 at seven widths (Mehta & Rastegari, 2022, https://arxiv.org/abs/2206.02680).

As configured in its code (https://github.com/apple/ml-cvnets, config/mobilevit_v2.py): patches of 2 x 2,
transformers of half the channels, no convolution before pooling.
"""

from typing import Final

from search_spaces.architecture import Architecture, Option, Stage, options_of

_WIDTHS: Final = ("0.5", "0.75", "1.0", "1.25", "1.5", "1.75", "2.0")


def _network(width: float) -> Architecture:
    levels = [int(channels * width) for channels in (64, 128, 256, 384, 512)]
    stages = [_residual(levels[0], 1, 1), _residual(levels[1], 2, 2)]
    for channels, transformers in zip(levels[2:], (2, 4, 3), strict=True):
        stages += [_residual(channels, 1, 2), _transformer(channels, transformers)]
    options = options_of({"stem_channels": int(32 * width), "head_channels": 0})
    return Architecture(network="pyramid", resolution=256, stages=tuple(stages), options=options)


def _residual(channels: int, depth: int, stride: int) -> Stage:
    options = options_of({"expansion": 2, "kernel": 3})
    return Stage(block="inverted_residual", channels=channels, depth=depth, stride=stride, options=options)


def _transformer(channels: int, transformers: int) -> Stage:
    options: dict[str, Option] = {
        "mixer": "separable_attention",
        "inner_channels": channels // 2,
        "transformers": transformers,
    }
    return Stage(block="mobilevit_v2", channels=channels, depth=1, options=options_of(options))


FAMILY: Final = {f"mobilevit_v2_{width}_256": _network(float(width)) for width in _WIDTHS}
