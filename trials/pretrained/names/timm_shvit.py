"""Names of timm's ``SHViT``."""

from collections.abc import Collection, Sequence
from typing import Final

from typing_extensions import override

from trials.pretrained.names import Naming, Part

_STEM: Final = {
    "stem": "patch_embed.0.c",
    "stem_norm": "patch_embed.0.bn",
    "stem.3": "patch_embed.2.c",
    "stem.4": "patch_embed.2.bn",
    "stem.6": "patch_embed.4.c",
    "stem.7": "patch_embed.4.bn",
    "stem.9": "patch_embed.6.c",
    "stem.10": "patch_embed.6.bn",
}
_ENDS: Final = {**_STEM, "last_norm": "head.bn", "head": "head.l"}
_NEAR: Final = {"0": "m.c", "1": "m.bn"}
_MLP: Final = {"0": "m.pw1.c", "1": "m.pw1.bn", "3": "m.pw2.c", "4": "m.pw2.bn"}
_MERGE: Final = {
    "0": "conv1.c",
    "1": "conv1.bn",
    "3": "conv2.c",
    "4": "conv2.bn",
    "6.reduce": "se.fc1",
    "6.expand": "se.fc2",
    "7": "conv3.c",
    "8": "conv3.bn",
}
_MIX: Final = {
    "0.norm": "m.pre_norm",
    "0.qkv.0": "m.qkv.c",
    "0.qkv.1": "m.qkv.bn",
    "0.project.1": "m.proj.1.c",
    "0.project.2": "m.proj.1.bn",
}
# Ours and theirs before the first dot that tells, and what stands behind it.
_BLOCK: Final = {"near": ("conv", _NEAR), "mix": ("mixer", _MIX), "mlp": ("ffn", _MLP)}
_DOWN: Final = (_NEAR, _MLP, _MERGE, _NEAR, _MLP)


class TimmSHViT(Naming):
    """Blocks numbered by stage, what strides standing before the first of each."""

    families = ("shvit_",)
    library = "timm"

    @override
    def recognises(self, keys: Collection[str]) -> bool:
        return "stages.0.blocks.0.ffn.m.pw1.c.weight" in keys

    @override
    def paths(self, parts: Sequence[Part], keys: Collection[str]) -> dict[str, str]:
        return {part.path: _path(part) for part in parts}


def _path(part: Part) -> str:
    if part.block is None:
        return _ENDS[part.role]
    first, _, rest = part.role.partition(".")
    if first == "down":
        step, _, rest = rest.partition(".")
        return f"stages.{part.stage}.downsample.{step}.{_DOWN[int(step)][rest]}"
    name, inside = _BLOCK[first]
    return f"stages.{part.stage}.blocks.{part.path.split('.')[2]}.{name}.{inside[rest]}"


NAMES = TimmSHViT()
