"""SHViT-S1 (Yun & Ro, 2024, https://arxiv.org/abs/2401.16456, table 1)."""

from typing import Final

from search_spaces.architecture import Architecture, Option, Stage, options_of

# Channels, depths, resolution.
_VARIANTS: Final = {
    "s1": ((128, 224, 320), (2, 4, 5), 224),
}


def _network(channels: tuple[int, ...], depths: tuple[int, ...], resolution: int) -> Architecture:
    stages = tuple(
        _stage(c, depth, first=i == 0) for i, (c, depth) in enumerate(zip(channels, depths, strict=True))
    )
    options: dict[str, Option] = {
        "stem_channels": channels[0],
        "stem_depth": 4,
        "activation": "relu",
        "last_norm": "classifier",
    }
    return Architecture(
        network="conv_stem", resolution=resolution, stages=stages, options=options_of(options)
    )


def _stage(channels: int, depth: int, *, first: bool) -> Stage:
    options: dict[str, Option] = {"expansion": 2}
    if not first:  # the first stage only convolves
        options |= {"mixer": "single_head_attention", "key_channels": 16}
    return Stage(
        block="shvit", channels=channels, depth=depth, stride=1 if first else 2, options=options_of(options)
    )


FAMILY: Final = {f"shvit_{name}_{row[2]}": _network(*row) for name, row in _VARIANTS.items()}
