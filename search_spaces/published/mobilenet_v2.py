"""MobileNetV2 (Sandler et al., 2018, https://arxiv.org/abs/1801.04381): 22 points of width and resolution.

Table 2 of the paper; the grid is that of Google's checkpoints
(https://github.com/tensorflow/models/tree/master/research/slim/nets/mobilenet).
"""

from typing import Final

from search_spaces.architecture import Architecture, Option, Stage, options_of

# Channels, depth, stride and expansion of each stage.
_STAGES: Final = (
    (16, 1, 1, 1),
    (24, 2, 2, 6),
    (32, 3, 2, 6),
    (64, 4, 2, 6),
    (96, 3, 1, 6),
    (160, 3, 2, 6),
    (320, 1, 1, 6),
)
_SMALL: Final = (224, 192, 160, 128, 96)
_GRID: Final = {1.4: (224,), 1.3: (224,), 1.0: _SMALL, 0.75: _SMALL, 0.5: _SMALL, 0.35: _SMALL}


def _rounded(channels: float) -> int:
    """Return channels as a multiple of 8, at least 90 % of them."""
    rounded = max(8, int(channels + 4) // 8 * 8)
    return rounded if rounded >= 0.9 * channels else rounded + 8


def _network(width: float, resolution: int) -> Architecture:
    stages = tuple(
        Stage(
            block="inverted_residual",
            channels=_rounded(channels * width),
            depth=depth,
            stride=stride,
            options=options_of({"expansion": expansion, "kernel": 3, "activation": "relu6"}),
        )
        for channels, depth, stride, expansion in _STAGES
    )
    options: dict[str, Option] = {
        "stem_channels": _rounded(32 * width),
        "head_channels": max(1280, _rounded(1280 * width)),
        "activation": "relu6",
    }
    return Architecture(network="pyramid", resolution=resolution, stages=stages, options=options_of(options))


FAMILY: Final = {f"mobilenet_v2_{w}_{r}": _network(w, r) for w, sides in _GRID.items() for r in sides}
