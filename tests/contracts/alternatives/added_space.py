"""A search space of 36 small networks."""

from typing import Final

from search_spaces.architecture import options_of
from search_spaces.space import SearchSpace
from search_spaces.stage_choices import StageSpace

SPACE: Final = SearchSpace(
    name="added_space",
    resolution=(16, 24),
    width=(1.0, 2.0, 3.0),
    options=options_of({"stem_channels": 16, "stem_stride": 1}),
    stages=(
        StageSpace(
            channels=16, stride=2, options={"mixer": ("depthwise",), "kernel": (3, 5), "expansion": (1, 2, 3)}
        ),
    ),
)
