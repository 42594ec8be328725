"""RepViT-M0.9 and M1.0 (Wang et al., 2023, https://arxiv.org/abs/2307.09283, and its code).

Every second block of a stage has a gate, from the first on; so a stage here is one block.
"""

from typing import Final

from search_spaces.architecture import Architecture, Option, Stage, options_of

# Channels of the first level, depths of the four levels.
_VARIANTS: Final = {
    "m0.9": (48, (2, 2, 14, 2)),
    "m1.0": (56, (2, 2, 14, 2)),
}


def _network(channels: int, depths: tuple[int, ...]) -> Architecture:
    stages = tuple(
        _stage(channels * 2**level, stride=2 if level and not i else 1, gated=i % 2 == 0)
        for level, depth in enumerate(depths)
        for i in range(depth)
    )
    options: dict[str, Option] = {
        "stem_channels": channels,
        "stem_depth": 2,
        "activation": "gelu",
        "last_norm": "classifier",
        "classifiers": 2,
    }
    return Architecture(network="conv_stem", resolution=224, stages=stages, options=options_of(options))


def _stage(channels: int, *, stride: int, gated: bool) -> Stage:
    options = options_of({"kernel": 3, "expansion": 2, "gated": gated})
    return Stage(block="repvit", channels=channels, depth=1, stride=stride, options=options)


FAMILY: Final = {f"repvit_{name}_224": _network(*row) for name, row in _VARIANTS.items()}
