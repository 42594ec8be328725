"""ConvNeXt-Atto, InceptionNeXt-Atto and FasterNet-T0: the smallest published networks that read patches.

Liu et al., 2022, https://arxiv.org/abs/2201.03545, at the size of timm (Wightman,
https://github.com/huggingface/pytorch-image-models); Yu et al., 2023, https://arxiv.org/abs/2303.16900; Chen
et al., 2023, https://arxiv.org/abs/2303.03667.
"""

from collections.abc import Mapping
from typing import Final, TypeAlias

from search_spaces.architecture import Architecture, Option, Stage, options_of

_Choices: TypeAlias = Mapping[str, Option]

_CHANNELS: Final = (40, 80, 160, 320)


def _network(
    block: str,
    depths: tuple[int, ...],
    choices: tuple[Mapping[str, Option], ...],
    options: Mapping[str, Option],
) -> Architecture:
    stages = tuple(
        Stage(block=block, channels=c, depth=d, stride=2 if i else 1, options=options_of(choice))
        for i, (c, d, choice) in enumerate(zip(_CHANNELS, depths, choices, strict=True))
    )
    return Architecture(
        network="patchified",
        resolution=224,
        stages=stages,
        options=options_of({**options, "stem_channels": 40}),
    )


_CONV: Final[_Choices] = {"mixer": "depthwise", "kernel": 7, "normed": False, "norm": "layer", "expansion": 4}
_INCEPTION: Final[_Choices] = {
    "mixer": "inception_depthwise",
    "band": 9,
    "branch": 4,
    "norm": "batch",
    "expansion": 4,
}
_NARROW: Final[_Choices] = {**_INCEPTION, "expansion": 3}
_PARTIAL: Final[_Choices] = {"mixer": "partial_conv", "part": 4, "expansion": 2}

FAMILY: Final = {
    "convnext_atto_224": _network("convnext", (2, 2, 6, 2), (_CONV,) * 4, {"norm": "layer"}),
    "inceptionnext_atto_224": _network(
        "convnext",
        (2, 2, 6, 2),
        (_INCEPTION, _INCEPTION, _INCEPTION, _NARROW),
        {"norm": "batch", "head_hidden": 960},
    ),
    "fasternet_t0_224": _network(
        "fasternet",
        (1, 2, 8, 2),
        (_PARTIAL,) * 4,
        {"norm": "batch", "bias": False, "head_hidden": 1280, "head_norm": False},
    ),
}
