"""MobileNetV4-Conv-S, -Conv-M and -Hybrid-M (Qin et al., 2024, https://arxiv.org/abs/2404.10518, appendix).

As in timm (https://github.com/huggingface/pytorch-image-models), of whose weights there are some.
"""

from collections.abc import Sequence
from typing import Final, TypeAlias

from search_spaces.architecture import Architecture, Option, Stage, options_of

_Row: TypeAlias = tuple[int, int, int | float, int, int]

# Kernel, channels and stride of the plain convolutions of Conv-S.
_SMALL_CONVS: Final = ((3, 32, 2), (1, 32, 1), (3, 96, 2), (1, 64, 1))
# First kernel, middle kernel, expansion, channels, stride of universal inverted bottlenecks.
_SMALL: Final[tuple[_Row, ...]] = (
    (5, 5, 3, 96, 2),
    *4 * ((0, 3, 2, 96, 1),),
    (3, 0, 4, 96, 1),
    (3, 3, 6, 128, 2),
    (5, 5, 4, 128, 1),
    (0, 5, 4, 128, 1),
    (0, 5, 3, 128, 1),
    *2 * ((0, 3, 4, 128, 1),),
)
_MEDIUM: Final[tuple[_Row, ...]] = (
    (3, 5, 4, 80, 2),
    (3, 3, 2, 80, 1),
    (3, 5, 6, 160, 2),
    *2 * ((3, 3, 4, 160, 1),),
    (3, 5, 4, 160, 1),
    (3, 3, 4, 160, 1),
    (3, 0, 4, 160, 1),
    (0, 0, 2, 160, 1),
    (3, 0, 4, 160, 1),
    (5, 5, 6, 256, 2),
    (5, 5, 4, 256, 1),
    *2 * ((3, 5, 4, 256, 1),),
    (0, 0, 4, 256, 1),
    (3, 0, 4, 256, 1),
    (3, 5, 2, 256, 1),
    (5, 5, 4, 256, 1),
    *2 * ((0, 0, 4, 256, 1),),
    (5, 0, 2, 256, 1),
)
_ATTENTION: Final = "attention"
_HYBRID: Final[tuple[_Row | str, ...]] = (
    (3, 5, 4, 80, 2),
    (3, 3, 2, 80, 1),
    (3, 5, 6, 160, 2),
    (0, 0, 2, 160, 1),
    (3, 3, 4, 160, 1),
    (3, 5, 4, 160, 1),
    _ATTENTION,
    (3, 3, 4, 160, 1),
    _ATTENTION,
    (3, 0, 4, 160, 1),
    _ATTENTION,
    (3, 3, 4, 160, 1),
    _ATTENTION,
    (3, 0, 4, 160, 1),
    (5, 5, 6, 256, 2),
    (5, 5, 4, 256, 1),
    *2 * ((3, 5, 4, 256, 1),),
    (0, 0, 2, 256, 1),
    (3, 5, 2, 256, 1),
    (0, 0, 2, 256, 1),
    (0, 0, 4, 256, 1),
    _ATTENTION,
    (3, 0, 4, 256, 1),
    _ATTENTION,
    (5, 5, 4, 256, 1),
    _ATTENTION,
    (5, 0, 4, 256, 1),
    _ATTENTION,
    (5, 0, 4, 256, 1),
)
_KEYS_APART: Final = {160: 2, 256: 1}  # by channels


def _conv(kernel: int, channels: int, stride: int, expansion: int) -> Stage:
    options: dict[str, Option] = {
        "kernel": kernel,
        "expansion": expansion,
        "activation": "relu",
        "residual": expansion != 1,
    }
    return Stage(
        block="fused_inverted_residual",
        channels=channels,
        depth=1,
        stride=stride,
        options=options_of(options),
    )


def _bottlenecks(rows: Sequence[_Row | str], *, scaled: bool) -> list[Stage]:
    stages: list[Stage] = []
    for row in rows:
        if isinstance(row, str):
            stages.append(_attention(stages[-1].channels))
            continue
        first, middle, expansion, channels, stride = row
        options: dict[str, Option] = {
            "start_kernel": first,
            "middle_kernel": middle,
            "expansion": expansion,
            "activation": "relu",
            "layer_scale": scaled,
        }
        stages.append(
            Stage(
                block="universal_inverted_bottleneck",
                channels=channels,
                depth=1,
                stride=stride,
                options=options_of(options),
            )
        )
    return stages


def _attention(channels: int) -> Stage:
    options: dict[str, Option] = {
        "mixer": "mobile_multi_query_attention",
        "heads": 4,
        "key_channels": 64,
        "key_stride": _KEYS_APART[channels],
    }
    return Stage(block="residual_mixer", channels=channels, depth=1, options=options_of(options))


def _network(stages: Sequence[Stage], resolution: int) -> Architecture:
    options: dict[str, Option] = {
        "stem_channels": 32,
        "head_channels": 960,
        "head_hidden": 1280,
        "head_hidden_norm": True,
        "activation": "relu",
    }
    return Architecture(
        network="pyramid", resolution=resolution, stages=tuple(stages), options=options_of(options)
    )


_FUSED: Final = _conv(3, 48, 2, 4)

FAMILY: Final = {
    "mobilenet_v4_conv_small_224": _network(
        [*(_conv(*row, 1) for row in _SMALL_CONVS), *_bottlenecks(_SMALL, scaled=False)], 224
    ),
    "mobilenet_v4_conv_medium_256": _network([_FUSED, *_bottlenecks(_MEDIUM, scaled=False)], 256),
    "mobilenet_v4_hybrid_medium_256": _network([_FUSED, *_bottlenecks(_HYBRID, scaled=True)], 256),
}
