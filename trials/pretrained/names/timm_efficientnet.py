"""Names of timm's ``EfficientNet``, ``MobileNetV2``, ``MobileNetV3`` and ``TinyNet``."""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Final

from typing_extensions import override

from search_spaces.architecture import Option
from trials.pretrained.names import Naming, Part

_BLOCK: Final = re.compile(r"blocks\.(\d+)\.(\d+)\.")
_WIDENED: Final = {
    "expand": "conv_pw",
    "expand_norm": "bn1",
    "depthwise": "conv_dw",
    "depthwise_norm": "bn2",
    "project": "conv_pwl",
    "project_norm": "bn3",
}
_SEPARABLE: Final = {
    "depthwise": "conv_dw",
    "depthwise_norm": "bn1",
    "project": "conv_pw",
    "project_norm": "bn2",
}
_GATE: Final = {"reduce": "se.conv_reduce", "gate": "se.conv_expand"}
_ENDS: Final = {"stem": "conv_stem", "stem_norm": "bn1", "head": "classifier"}


class TimmEfficientNet(Naming):
    """Blocks numbered by stage; MobileNetV3's last convolution of the map is a block of its own."""

    families = ("efficientnet_", "tinynet_", "mobilenet_v2_", "mobilenet_v3_")
    library = "timm"

    @override
    def recognises(self, keys: Collection[str]) -> bool:
        return "conv_stem.weight" in keys and "blocks.0.0.conv_dw.weight" in keys

    @override
    def overrides(self, reference: str, name: str) -> Mapping[str, Option]:
        return {"padding": "same", "norm_eps": 1e-3} if "tf_" in name.lower() else {}

    @override
    def paths(self, parts: Sequence[Part], keys: Collection[str]) -> dict[str, str]:
        blocks = sorted({(int(m[1]), int(m[2])) for m in map(_BLOCK.match, keys) if m})
        hidden = any(part.role == "hidden" for part in parts)
        last = "blocks.{}.{}".format(*blocks[-1])
        ends = {
            **_ENDS,
            "hidden": "conv_head",
            "final": f"{last}.conv" if hidden else "conv_head",
            "final_norm": f"{last}.bn1" if hidden else "bn2",
        }
        found = {}
        for part in parts:
            if part.block is None:
                found[part.path] = ends[part.role]
            else:
                roles = {**(_WIDENED if part.expands else _SEPARABLE), **_GATE}
                found[part.path] = "blocks.{}.{}.{}".format(*blocks[part.block], roles[part.role])
        return found


NAMES = TimmEfficientNet()
