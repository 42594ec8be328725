"""Names of timm's ``StarNet``."""

from collections.abc import Collection, Sequence
from typing import Final

from typing_extensions import override

from trials.pretrained.names import Naming, Part

_ENDS: Final = {"stem": "stem.0.conv", "stem_norm": "stem.0.bn", "final_norm": "norm", "head": "head"}
_INSIDE: Final = {
    "near.0": "dwconv.conv",
    "near.1": "dwconv.bn",
    "gate": "f1.conv",
    "widen": "f2.conv",
    "narrow.0": "g.conv",
    "narrow.1": "g.bn",
    "far": "dwconv2.conv",
}
_DOWN: Final = {"down.0": "conv", "down.1": "bn"}


class TimmStarNet(Naming):
    """Blocks numbered by stage from 1, what strides being number 0."""

    families = ("starnet_",)
    library = "timm"

    @override
    def recognises(self, keys: Collection[str]) -> bool:
        return "stages.0.1.dwconv2.conv.weight" in keys

    @override
    def paths(self, parts: Sequence[Part], keys: Collection[str]) -> dict[str, str]:
        found = {}
        for part in parts:
            if part.block is None:
                found[part.path] = _ENDS[part.role]
            elif part.role in _DOWN:
                found[part.path] = f"stages.{part.stage}.0.{_DOWN[part.role]}"
            else:
                number = int(part.path.split(".")[2]) + 1
                found[part.path] = f"stages.{part.stage}.{number}.{_INSIDE[part.role]}"
        return found


NAMES = TimmStarNet()
