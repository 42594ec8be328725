"""StarNet-S1 (Ma et al., 2024, https://arxiv.org/abs/2403.19967, table 3)."""

from typing import Final

from search_spaces.architecture import Architecture, Option, Stage, options_of

# Channels of the first stage, depths.
_VARIANTS: Final = {
    "s1": (24, (2, 2, 8, 3)),
}
_OPTIONS: Final[dict[str, Option]] = {
    "stem_channels": 32,
    "stem_depth": 1,
    "stem_activated": True,
    "activation": "relu6",
    "bias": True,
    "last_norm": "map",
}


def _network(channels: int, depths: tuple[int, ...]) -> Architecture:
    options = options_of({"kernel": 7, "expansion": 4})
    stages = tuple(
        Stage(block="star", channels=channels * 2**i, depth=depth, stride=2, options=options)
        for i, depth in enumerate(depths)
    )
    return Architecture(network="conv_stem", resolution=224, stages=stages, options=options_of(_OPTIONS))


FAMILY: Final = {f"starnet_{name}_224": _network(*row) for name, row in _VARIANTS.items()}
