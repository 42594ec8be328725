"""GhostNetV2 1.0 (Tang et al., 2022, https://arxiv.org/abs/2211.12905).

Table 7 of GhostNet (Han et al., 2020, https://arxiv.org/abs/1911.11907), with attention in all blocks but the
first two.
"""

from typing import Final

from search_spaces.architecture import Architecture, Option, Stage, options_of

# Kernel, channels of the widened map, channels, gated, stride.
_BLOCKS: Final = (
    (3, 16, 16, False, 1),
    (3, 48, 24, False, 2),
    (3, 72, 24, False, 1),
    (5, 72, 40, True, 2),
    (5, 120, 40, True, 1),
    (3, 240, 80, False, 2),
    (3, 200, 80, False, 1),
    (3, 184, 80, False, 1),
    (3, 184, 80, False, 1),
    (3, 480, 112, True, 1),
    (3, 672, 112, True, 1),
    (5, 672, 160, True, 2),
    (5, 960, 160, False, 1),
    (5, 960, 160, True, 1),
    (5, 960, 160, False, 1),
    (5, 960, 160, True, 1),
)
_STEM: Final = 16
_PLAIN: Final = 2  # first blocks, without attention


def _network() -> Architecture:
    stages, width = [], _STEM
    for number, (kernel, hidden, channels, gated, stride) in enumerate(_BLOCKS):
        expansion = hidden / width
        options: dict[str, Option] = {
            "kernel": kernel,
            "expansion": int(expansion) if expansion.is_integer() else expansion,
            "squeeze_excite": gated,
            "dfc": number >= _PLAIN,
        }
        stages.append(
            Stage(
                block="ghost_bottleneck",
                channels=channels,
                depth=1,
                stride=stride,
                options=options_of(options),
            )
        )
        width = channels
    head: dict[str, Option] = {
        "stem_channels": _STEM,
        "head_channels": 960,
        "head_hidden": 1280,
        "activation": "relu",
    }
    return Architecture(network="pyramid", resolution=224, stages=tuple(stages), options=options_of(head))


FAMILY: Final = {"ghostnet_v2_1.0_224": _network()}
