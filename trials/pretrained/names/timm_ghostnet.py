"""Names of timm's GhostNetV2."""

import re
from collections.abc import Collection, Sequence
from typing import Final

from typing_extensions import override

from trials.pretrained.names import Naming, Part

_BLOCK: Final = re.compile(r"blocks\.(\d+)\.(\d+)\.")
_GHOST: Final = ("primary_conv.0", "primary_conv.1", "cheap_operation.0", "cheap_operation.1")
# What a block may have there, in the order of ours.
_INSIDE: Final = (
    *(f"ghost1.{name}" for name in _GHOST),
    *(f"ghost1.short_conv.{number}" for number in range(6)),
    "conv_dw",
    "bn_dw",
    "se.conv_reduce",
    "se.conv_expand",
    *(f"ghost2.{name}" for name in _GHOST),
    *(f"shortcut.{number}" for number in range(4)),
)
_ENDS: Final = {"stem": "conv_stem", "stem_norm": "bn1", "hidden": "conv_head", "head": "classifier"}


class TimmGhostNet(Naming):
    """Blocks numbered by stage, where here each is a stage; the last convolution of the map is one too."""

    families = ("ghostnet_",)
    library = "timm"

    @override
    def recognises(self, keys: Collection[str]) -> bool:
        return "blocks.0.0.ghost1.primary_conv.0.weight" in keys

    @override
    def paths(self, parts: Sequence[Part], keys: Collection[str]) -> dict[str, str]:
        places = {(int(m[1]), int(m[2])) for m in map(_BLOCK.match, keys) if m}
        blocks = ["blocks.{}.{}".format(*place) for place in sorted(places)]
        ends = {**_ENDS, "final": f"{blocks[-1]}.conv", "final_norm": f"{blocks[-1]}.bn1"}
        found = {part.path: ends[part.role] for part in parts if part.block is None}
        for number, block in enumerate(blocks[:-1]):
            ours = [part.path for part in parts if part.block == number]
            theirs = [f"{block}.{name}" for name in _INSIDE if f"{block}.{name}.weight" in keys]
            found |= dict(zip(ours, theirs, strict=True))
        return found


NAMES = TimmGhostNet()
