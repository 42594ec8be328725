"""Where in a stage attention stands: in no block, in the last, in every second, in all.

AlterNet ends stages with attention and lets the two take turns (Park & Kim, 2022,
https://arxiv.org/abs/2202.06709); Next-ViT puts one transformer block at the end of each stage (Li et al.,
2022, https://arxiv.org/abs/2207.05501); MOAT and CoAtNet attend in all blocks of the later stages (Yang et
al., 2022, https://arxiv.org/abs/2210.01820; Dai et al., 2021, https://arxiv.org/abs/2106.04803).
"""

from collections.abc import Sequence

from search_spaces.architecture import Option
from search_spaces.patterns import Pattern, Slots


def _apply(value: str, blocks: Sequence[dict[str, Option]], slots: Slots) -> None:
    last = len(blocks) - 1
    for number, block in enumerate(blocks):
        attends = {"none": False, "last": number == last, "alternate": number % 2 == 1, "all": True}[value]
        block["mixer"] = slots["attention_mixer" if attends else "mixer"]


PATTERN = Pattern(
    values=("none", "last", "alternate", "all"),
    apply=_apply,
    kinds={"attention_mixer": "attention"},
    mixer_kind="conv",
    takes={},
    rank=0,
)
