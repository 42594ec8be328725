"""First edition of `hybrid`, for studies begun in it: convolution and attention at 128 to 288 pixels.

After Mehta & Rastegari, 2021, https://arxiv.org/abs/2110.02178, and Meng & Chen, 2024,
https://arxiv.org/abs/2406.04820, who scale resolution, width and the depths of convolution and attention
apart. 11 billion networks of 28M to 8.7G MACs at 1000 classes, a quarter of them below 300M.

Every mixer stands in the same MetaFormer block, so that mixers compare fairly. The first two stages see the
most positions and convolve; from the third on a network may attend. Five mixers are offered; your
own space may offer any other.
"""

from typing import Final

from search_spaces.architecture import Option, options_of
from search_spaces.space import SearchSpace
from search_spaces.stage_choices import StageSpace

_MIXERS: Final = ("depthwise", "inception_depthwise", "dilated_reparam")
_BLOCK: Final[dict[str, tuple[Option, ...]]] = {
    "depthwise.kernel": (3, 5, 7),
    "depthwise.dilation": (1, 2),
    "dilated_reparam.kernel": (7, 9, 13),
    "expansion": (2, 3, 4),
}
_CONV: Final = {"mixer": _MIXERS, **_BLOCK}
_HYBRID: Final = {"mixer": (*_MIXERS, "separable_attention", "attention"), **_BLOCK}

SPACE = SearchSpace(
    name="hybrid_1",
    resolution=(128, 160, 192, 224, 256, 288),
    width=(0.5, 0.75, 1.0, 1.25, 1.5),
    conv_depth=(0.5, 1.0, 1.5, 2.0),
    attention_depth=(0.5, 1.0, 1.5, 2.0),
    options=options_of({"stem_channels": 32, "stem_stride": 2, "head_channels": 640}),
    stages=(
        StageSpace(channels=32, depth=(1,), stride=1, options=_CONV),
        StageSpace(channels=64, depth=(2,), stride=2, options=_CONV),
        StageSpace(channels=96, depth=(2,), stride=2, options=_HYBRID),
        StageSpace(channels=128, depth=(4,), stride=2, options=_HYBRID),
        StageSpace(channels=192, depth=(3,), stride=2, options=_HYBRID),
    ),
)
