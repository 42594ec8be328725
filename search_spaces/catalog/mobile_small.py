"""Small images within small budgets: inverted residuals, whose stages choose their own width and depth.

The stages of Tan & Le, 2019, https://arxiv.org/abs/1905.11946, from an eighth of their width on. The stem and
the stage after it keep every pixel, so that images of 32 x 32 end as maps of 4 x 4: ten published families,
scaled to 5M MACs on CIFAR-10, are more accurate so than on images enlarged for their own strides
(``tests/benchmarks/results/truth_cuda.md``). 1.2 trillion networks of
87k to 857M MACs, nearly a quarter of them below 5M.
"""

from typing import Final

from search_spaces.architecture import Option, options_of
from search_spaces.space import SearchSpace
from search_spaces.stage_choices import StageSpace

_EARLY: Final[dict[str, tuple[Option, ...]]] = {
    "kernel": (3, 5),
    "expansion": (2, 3, 4, 6),
    "gate": ("none", "squeeze_excite"),
}
_LATE: Final[dict[str, tuple[Option, ...]]] = {**_EARLY, "expansion": (3, 4, 6)}
_WIDTHS: Final = (0.7, 1.0, 1.4)

SPACE = SearchSpace(
    name="mobile_small",
    resolution=(16, 20, 24, 28, 32, 40, 48, 56, 64),
    width=(0.12, 0.15, 0.18, 0.22, 0.26, 0.32, 0.4, 0.5, 0.65, 0.8, 1.0),
    conv_depth=(1.0,),
    divisor=8,
    options=options_of({"stem_channels": 32, "head_channels": 1280}),
    skeleton={"stem_stride": (1, 2)},
    stages=(
        StageSpace(
            channels=16,
            block="inverted_residual",
            options={"kernel": (3,), "expansion": (1,), "gate": ("squeeze_excite",)},
        ),
        StageSpace(channels=24, depth=(1, 2), width=_WIDTHS, block="inverted_residual", options=_EARLY),
        StageSpace(
            channels=40, depth=(1, 2), stride=2, width=_WIDTHS, block="inverted_residual", options=_EARLY
        ),
        StageSpace(
            channels=80, depth=(1, 2, 3), stride=2, width=_WIDTHS, block="inverted_residual", options=_LATE
        ),
        StageSpace(channels=112, depth=(1, 2, 3), width=_WIDTHS, block="inverted_residual", options=_LATE),
        StageSpace(
            channels=192,
            depth=(1, 2, 3, 4),
            stride=2,
            width=_WIDTHS,
            block="inverted_residual",
            options=_LATE,
        ),
        StageSpace(
            channels=320,
            block="inverted_residual",
            options={"kernel": (3,), "expansion": (6,), "gate": ("squeeze_excite",)},
        ),
    ),
)
