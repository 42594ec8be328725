"""MobileViT-XXS, XS and S (Mehta & Rastegari, 2021, https://arxiv.org/abs/2110.02178, table 4).

As configured in its code (https://github.com/apple/ml-cvnets, config/mobilevit.py): patches of 2 x 2, four
heads, a last convolution of four times the channels.
"""

from typing import Final

from search_spaces.architecture import Architecture, Option, Stage, options_of

# Channels of the five levels, channels of the transformers of the last three, expansion.
_VARIANTS: Final = {
    "xxs": ((16, 24, 48, 64, 80), (64, 80, 96), 2),
    "xs": ((32, 48, 64, 80, 96), (96, 120, 144), 4),
    "s": ((32, 64, 96, 128, 160), (144, 192, 240), 4),
}
_TRANSFORMERS: Final = (2, 4, 3)


def _network(levels: tuple[int, ...], inners: tuple[int, ...], expansion: int) -> Architecture:
    stages = [_residual(levels[0], 1, 1, expansion), _residual(levels[1], 3, 2, expansion)]
    for channels, inner, transformers in zip(levels[2:], inners, _TRANSFORMERS, strict=True):
        stages += [_residual(channels, 1, 2, expansion), _transformer(channels, inner, transformers)]
    options = options_of({"stem_channels": 16, "head_channels": 4 * levels[-1]})
    return Architecture(network="pyramid", resolution=256, stages=tuple(stages), options=options)


def _residual(channels: int, depth: int, stride: int, expansion: int) -> Stage:
    options = options_of({"expansion": expansion, "kernel": 3})
    return Stage(block="inverted_residual", channels=channels, depth=depth, stride=stride, options=options)


def _transformer(channels: int, inner: int, transformers: int) -> Stage:
    options: dict[str, Option] = {
        "mixer": "attention",
        "head_channels": inner // 4,
        "inner_channels": inner,
        "transformers": transformers,
    }
    return Stage(block="mobilevit_v1", channels=channels, depth=1, options=options_of(options))


FAMILY: Final = {f"mobilevit_{name}_256": _network(*row) for name, row in _VARIANTS.items()}
