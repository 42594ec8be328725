"""First edition of `hybrid_small`, for studies begun in it: 24 to 96 pixels, each stage of one mixer.

425 million networks of 2M to 3G MACs, a fifth of them above 300M. The stem keeps the full resolution, so
that a 32 x 32 image reaches the last stage as 2 x 2. Six epochs of digits take one of 200M MACs about a
minute on two CPU cores and to 97 % to 99 % accuracy.
"""

from typing import Final

from search_spaces.architecture import Option, options_of
from search_spaces.space import SearchSpace
from search_spaces.stage_choices import StageSpace

_BLOCK: Final[dict[str, tuple[Option, ...]]] = {
    "kernel": (3, 5, 7),
    "dilation": (1, 2),
    "expansion": (2, 3, 4, 6),
}
_CONV: Final = {"mixer": ("depthwise",), **_BLOCK}
_HYBRID: Final = {"mixer": ("depthwise", "separable_attention", "attention"), **_BLOCK}

SPACE = SearchSpace(
    name="hybrid_small_1",
    resolution=(24, 32, 40, 48, 56, 64, 72, 80, 88, 96),
    width=(0.5, 0.75, 1.0, 1.5, 2.0),
    conv_depth=(0.5, 1.0, 1.5, 2.0),
    attention_depth=(0.5, 1.0, 1.5, 2.0),
    options=options_of({"stem_channels": 32, "stem_stride": 1, "head_channels": 256}),
    stages=(
        StageSpace(channels=32, depth=(1,), stride=2, options=_CONV),
        StageSpace(channels=64, depth=(2,), stride=2, options=_HYBRID),
        StageSpace(channels=128, depth=(4,), stride=2, options=_HYBRID),
        StageSpace(channels=192, depth=(2,), stride=2, options=_HYBRID),
    ),
)
