"""Small images (digits, CIFAR; 8 to 64 pixels): convolution and attention at 16 to 96 pixels.

79 billion networks of 0.5M to 2.7G MACs, an eighth of them below 5M, a tenth above 300M. The stem keeps the
full resolution, so that a 32 x 32 image reaches the last stage as 2 x 2.

Its choices are those that earned their place on CIFAR-10 at equal MACs (``space_choices.md`` and
``stage_patterns.md`` in ``tests/benchmarks/results``): MOAT's block gains four points at 5M and at 20M MACs,
cycling dilations gain a little, and attention in all blocks of a stage loses four where in its last block or
in every second it loses nothing. Widths by stage, other MLPs, other ways to shrink and other stems earned
none.
"""

from typing import Any, Final

from search_spaces.architecture import Option, options_of
from search_spaces.space import SearchSpace
from search_spaces.stage_choices import StageSpace

_CONV: Final[dict[str, tuple[Option, ...]]] = {
    "mixer": ("depthwise",),
    "kernel": (3, 5, 7),
    "expansion": (2, 3, 4, 6),
}
_HYBRID: Final[dict[str, Any]] = {
    "stride": 2,
    "block": ("metaformer", "moat"),
    "patterns": {"attend": ("none", "last", "alternate"), "dilations": ("one", "cycle")},
    "options": {**_CONV, "attention_mixer": ("separable_attention", "attention")},
}

SPACE = SearchSpace(
    name="hybrid_small",
    resolution=(16, 20, 24, 28, 32, 40, 48, 56, 64, 80, 96),
    width=(0.25, 0.375, 0.5, 0.75, 1.0, 1.5, 2.0),
    conv_depth=(0.5, 1.0, 1.5, 2.0),
    attention_depth=(0.5, 1.0, 1.5, 2.0),
    options=options_of({"stem_channels": 32, "stem_stride": 1, "head_channels": 256}),
    stages=(
        StageSpace(channels=32, depth=(1,), stride=2, options=_CONV),
        StageSpace(channels=64, depth=(2,), **_HYBRID),
        StageSpace(channels=128, depth=(4,), **_HYBRID),
        StageSpace(channels=192, depth=(2,), **_HYBRID),
    ),
)
