"""Names of timm's MobileNetV4."""

import re
from collections.abc import Collection, Sequence
from typing import Final

from typing_extensions import override

from trials.pretrained.names import Naming, Part

_BLOCK: Final = re.compile(r"blocks\.(\d+)\.(\d+)\.")
# What a block may have there, in the order of ours.
_INSIDE: Final = (
    "conv",
    "conv_exp",
    "bn1",
    "conv_pwl",
    "bn2",
    "dw_start.conv",
    "dw_start.bn",
    "pw_exp.conv",
    "pw_exp.bn",
    "dw_mid.conv",
    "dw_mid.bn",
    "pw_proj.conv",
    "pw_proj.bn",
    "norm",
    "attn.query.proj",
    "attn.key.down_conv",
    "attn.key.norm",
    "attn.key.proj",
    "attn.value.down_conv",
    "attn.value.norm",
    "attn.value.proj",
    "attn.output.proj",
)
_SCALE: Final = "scale"
_ENDS: Final = {
    "stem": "conv_stem",
    "stem_norm": "bn1",
    "hidden": "conv_head",
    "last_norm": "norm_head",
    "head": "classifier",
}


class TimmMobileNetV4(Naming):
    """Blocks numbered by stage, where here each is a stage; the last convolution of the map is one too."""

    families = ("mobilenet_v4_",)
    library = "timm"

    @override
    def recognises(self, keys: Collection[str]) -> bool:
        return "conv_stem.weight" in keys and any(key.endswith(".pw_exp.conv.weight") for key in keys)

    @override
    def paths(self, parts: Sequence[Part], keys: Collection[str]) -> dict[str, str]:
        places = {(int(m[1]), int(m[2])) for m in map(_BLOCK.match, keys) if m}
        blocks = ["blocks.{}.{}".format(*place) for place in sorted(places)]
        ends = {**_ENDS, "final": f"{blocks[-1]}.conv", "final_norm": f"{blocks[-1]}.bn1"}
        found = {part.path: ends[part.role] for part in parts if part.block is None}
        for number, block in enumerate(blocks[:-1]):
            own = [part for part in parts if part.block == number]
            found |= {part.path: f"{block}.layer_scale.gamma" for part in own if part.role == _SCALE}
            ours = [part.path for part in own if part.role != _SCALE]
            theirs = [f"{block}.{name}" for name in _INSIDE if f"{block}.{name}.weight" in keys]
            found |= dict(zip(ours, theirs, strict=True))
        return found


NAMES = TimmMobileNetV4()
