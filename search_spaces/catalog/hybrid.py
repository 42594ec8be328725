"""Photographs at 128 to 288 pixels: convolution and attention in one pyramid, shaped like MobileViT.

After Mehta & Rastegari, 2021, https://arxiv.org/abs/2110.02178, and Meng & Chen, 2024,
https://arxiv.org/abs/2406.04820, who scale resolution, width and the depths of convolution and attention
apart. 330 billion networks of 27M to 6.8G MACs at 1000 classes, a fifth of them below 300M.

The first two stages see the most positions and convolve; from the third on a network may attend, in the last
block of a stage or in every second, and its blocks may be MOAT's. These choices earned their place on small
images at equal MACs (``space_choices.md`` and ``stage_patterns.md`` in ``tests/benchmarks/results``), others
did not: see `hybrid_small`. Five mixers are offered; your own space may offer any other.
"""

from typing import Any, Final

from search_spaces.architecture import Option, options_of
from search_spaces.space import SearchSpace
from search_spaces.stage_choices import StageSpace

_CONV: Final[dict[str, tuple[Option, ...]]] = {
    "mixer": ("depthwise",),
    "kernel": (3, 5, 7),
    "expansion": (2, 3, 4),
}
_HYBRID: Final[dict[str, Any]] = {
    "stride": 2,
    "block": ("metaformer", "moat"),
    "patterns": {"attend": ("none", "last", "alternate"), "dilations": ("one", "cycle")},
    "options": {
        "mixer": ("depthwise", "inception_depthwise", "dilated_reparam"),
        "depthwise.kernel": (3, 5, 7),
        "attention_mixer": ("separable_attention", "attention"),
        "expansion": (2, 3, 4),
    },
}

SPACE = SearchSpace(
    name="hybrid",
    resolution=(128, 160, 192, 224, 256, 288),
    width=(0.5, 0.75, 1.0, 1.25, 1.5),
    conv_depth=(0.5, 1.0, 1.5, 2.0),
    attention_depth=(0.5, 1.0, 1.5, 2.0),
    options=options_of({"stem_channels": 32, "stem_stride": 2, "head_channels": 640}),
    stages=(
        StageSpace(channels=32, options=_CONV),
        StageSpace(channels=64, depth=(2,), stride=2, options=_CONV),
        StageSpace(channels=96, depth=(2,), **_HYBRID),
        StageSpace(channels=128, depth=(4,), **_HYBRID),
        StageSpace(channels=192, depth=(3,), **_HYBRID),
    ),
)
