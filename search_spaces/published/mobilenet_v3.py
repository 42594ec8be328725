"""MobileNetV3-Large and -Small (Howard et al., 2019, https://arxiv.org/abs/1905.02244, tables 1 and 2)."""

from typing import Final

from search_spaces.architecture import Architecture, Option, Stage, options_of

# Kernel, expansion, channels, gated, hard swish (else ReLU), stride of each block.
_LARGE: Final = (
    (3, 1, 16, False, False, 1),
    (3, 4, 24, False, False, 2),
    (3, 3, 24, False, False, 1),
    (5, 3, 40, True, False, 2),
    (5, 3, 40, True, False, 1),
    (5, 3, 40, True, False, 1),
    (3, 6, 80, False, True, 2),
    (3, 2.5, 80, False, True, 1),
    (3, 2.3, 80, False, True, 1),
    (3, 2.3, 80, False, True, 1),
    (3, 6, 112, True, True, 1),
    (3, 6, 112, True, True, 1),
    (5, 6, 160, True, True, 2),
    (5, 6, 160, True, True, 1),
    (5, 6, 160, True, True, 1),
)
_SMALL: Final = (
    (3, 1, 16, True, False, 2),
    (3, 4.5, 24, False, False, 2),
    (3, 3.67, 24, False, False, 1),
    (5, 4, 40, True, True, 2),
    (5, 6, 40, True, True, 1),
    (5, 6, 40, True, True, 1),
    (5, 3, 48, True, True, 1),
    (5, 3, 48, True, True, 1),
    (5, 6, 96, True, True, 2),
    (5, 6, 96, True, True, 1),
    (5, 6, 96, True, True, 1),
)


def _stage(kernel: int, expansion: int | float, channels: int, gated: bool, hard: bool, stride: int) -> Stage:
    options: dict[str, Option] = {
        "kernel": kernel,
        "expansion": expansion,
        "gate": "hard_squeeze_excite" if gated else "none",
        "activation": "hard_swish" if hard else "relu",
    }
    return Stage(
        block="inverted_residual", channels=channels, depth=1, stride=stride, options=options_of(options)
    )


def _network(rows: tuple[tuple[int, int | float, int, bool, bool, int], ...], hidden: int) -> Architecture:
    options: dict[str, Option] = {
        "stem_channels": 16,
        "head_channels": 6 * rows[-1][2],
        "head_hidden": hidden,
        "activation": "hard_swish",
    }
    stages = tuple(_stage(*row) for row in rows)
    return Architecture(network="pyramid", resolution=224, stages=stages, options=options_of(options))


FAMILY: Final = {
    "mobilenet_v3_large_224": _network(_LARGE, 1280),
    "mobilenet_v3_small_224": _network(_SMALL, 1024),
}
