"""Names of timm's ``RepViT``."""

import re
from collections.abc import Collection, Sequence
from typing import Final

from typing_extensions import override

from trials.pretrained.names import Naming, Part

_BLOCK: Final = re.compile(r"stages\.(\d+)\.blocks\.(\d+)\.")
_ENDS: Final = {
    "stem": "stem.conv1.c",
    "stem_norm": "stem.conv1.bn",
    "stem.3": "stem.conv2.c",
    "stem.4": "stem.conv2.bn",
    "head": "head.head.l",
    "head.norm": "head.head.bn",
    "second_head": "head.head_dist.l",
    "head.second_norm": "head.head_dist.bn",
}
_MIX: Final = {"wide.0": "conv.c", "wide.1": "conv.bn", "point": "conv1", "norm": "bn"}
_MLP: Final = {"body.0": "conv1.c", "body.1": "conv1.bn", "body.3": "conv2.c", "body.4": "conv2.bn"}
_INSIDE: Final = {
    **{f"mix.{ours}": f"token_mixer.{theirs}" for ours, theirs in _MIX.items()},
    **{f"mlp.{ours}": f"channel_mixer.{theirs}" for ours, theirs in _MLP.items()},
    "gate.reduce": "se.fc1",
    "gate.expand": "se.fc2",
}
_DOWN: Final = {
    **{f"down.0.{ours}": f"pre_block.token_mixer.{theirs}" for ours, theirs in _MIX.items()},
    **{f"down.1.{ours}": f"pre_block.channel_mixer.{theirs}" for ours, theirs in _MLP.items()},
    "down.2": "spatial_downsample.c",
    "down.3": "spatial_downsample.bn",
    "down.4": "channel_downsample.c",
    "down.5": "channel_downsample.bn",
    **{f"down.6.{ours}": f"ffn.{theirs}" for ours, theirs in _MLP.items()},
}


class TimmRepViT(Naming):
    """Blocks numbered by stage, where here each is a stage; what strides stands before the first of each."""

    families = ("repvit_",)
    library = "timm"

    @override
    def recognises(self, keys: Collection[str]) -> bool:
        return "stages.0.blocks.0.token_mixer.conv.c.weight" in keys

    @override
    def paths(self, parts: Sequence[Part], keys: Collection[str]) -> dict[str, str]:
        blocks = sorted({(int(m[1]), int(m[2])) for m in map(_BLOCK.match, keys) if m})
        found = {}
        for part in parts:
            if part.block is None:
                found[part.path] = _ENDS[part.role]
                continue
            stage, number = blocks[part.block]
            if part.role in _DOWN:
                found[part.path] = f"stages.{stage}.downsample.{_DOWN[part.role]}"
            else:
                found[part.path] = f"stages.{stage}.blocks.{number}.{_INSIDE[part.role]}"
        return found


NAMES = TimmRepViT()
