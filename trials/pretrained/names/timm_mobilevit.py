"""Names of timm's ``MobileViT`` and ``MobileViTv2``."""

import re
from collections.abc import Collection, Sequence
from typing import Final

from typing_extensions import override

from trials.pretrained.names import Naming, Part

_BLOCK: Final = re.compile(r"stages\.(\d+)\.(\d+)\.")
_ROLES: Final = {
    "expand": "conv1_1x1.conv",
    "expand_norm": "conv1_1x1.bn",
    "depthwise": "conv2_kxk.conv",
    "depthwise_norm": "conv2_kxk.bn",
    "project": "conv3_1x1.conv",
    "project_norm": "conv3_1x1.bn",
}
_ENDS: Final = {
    "stem": "stem.conv",
    "stem_norm": "stem.bn",
    "final": "final_conv.conv",
    "final_norm": "final_conv.bn",
    "head": "head.fc",
}
_INSIDE: Final = {
    "near.0": "conv_kxk.conv",
    "near.1": "conv_kxk.bn",
    "near.3": "conv_1x1",
    "widen": "conv_1x1",
    "norm": "norm",
    "project.0": "conv_proj.conv",
    "project.1": "conv_proj.bn",
    "fuse.0": "conv_fusion.conv",
    "fuse.1": "conv_fusion.bn",
}
_TRANSFORMER: Final = re.compile(r"far\.(\d+)\.(.+)")
_IN_TRANSFORMER: Final = {"norm": "norm1", "mlp.0": "norm2", "mlp.1": "mlp.fc1", "mlp.3": "mlp.fc2"}


class TimmMobileViT(Naming):
    """Blocks numbered by stage, both kinds of blocks in one stage."""

    families = ("mobilevit_",)
    library = "timm"

    @override
    def recognises(self, keys: Collection[str]) -> bool:
        return "stages.0.0.conv1_1x1.conv.weight" in keys

    @override
    def paths(self, parts: Sequence[Part], keys: Collection[str]) -> dict[str, str]:
        blocks = sorted({(int(m[1]), int(m[2])) for m in map(_BLOCK.match, keys) if m})
        second = any("qkv_proj" in key for key in keys)
        attention = {
            "mix.qkv": "attn.qkv_proj" if second else "attn.qkv",
            "mix.project": "attn.out_proj" if second else "attn.proj",
        }
        found = {}
        for part in parts:
            if part.block is None:
                found[part.path] = _ENDS[part.role]
                continue
            inner = _TRANSFORMER.fullmatch(part.role)
            if inner is None:
                name = {**_ROLES, **_INSIDE}[part.role]
            else:
                name = f"transformer.{inner[1]}.{({**_IN_TRANSFORMER, **attention})[inner[2]]}"
            found[part.path] = "stages.{}.{}.{}".format(*blocks[part.block], name)
        return found


NAMES = TimmMobileViT()
