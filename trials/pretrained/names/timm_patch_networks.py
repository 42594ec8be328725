"""Names of timm's ``ConvNeXt``, ``MetaNeXt`` (InceptionNeXt) and ``FasterNet``."""

from collections.abc import Collection, Sequence
from typing import Final

from typing_extensions import override

from trials.pretrained.names import Naming, Part

_BEFORE: Final = {"down.0": "downsample.0", "down.1": "downsample.1"}
_NEXT: Final = {
    "scale": "gamma",
    "mix.conv": "conv_dw",
    "mix.square": "token_mixer.dwconv_hw",
    "mix.wide": "token_mixer.dwconv_w",
    "mix.tall": "token_mixer.dwconv_h",
    "norm": "norm",
    "mlp.0": "mlp.fc1",
    "mlp.2": "mlp.fc2",
}
_FASTER_BEFORE: Final = {"down.0": "downsample.reduction", "down.1": "downsample.norm"}
_FASTER: Final = {
    "mix.conv": "spatial_mixing.partial_conv3",
    "mlp.0": "mlp.0",
    "mlp.1": "mlp.1",
    "mlp.3": "mlp.3",
}


class TimmPatchNetworks(Naming):
    """Blocks numbered by stage, what strides standing before the first of each."""

    families = ("convnext_", "inceptionnext_", "fasternet_")
    library = "timm"

    @override
    def recognises(self, keys: Collection[str]) -> bool:
        stem = "stem.0.weight" in keys or "patch_embed.proj.weight" in keys
        return stem and any(key.startswith("stages.0.blocks.0.") for key in keys)

    @override
    def paths(self, parts: Sequence[Part], keys: Collection[str]) -> dict[str, str]:
        faster = "patch_embed.proj.weight" in keys
        before, inside = (_FASTER_BEFORE, _FASTER) if faster else (_BEFORE, _NEXT)
        if faster:
            ends = {"stem": "patch_embed.proj", "stem_norm": "patch_embed.norm", "hidden": "conv_head"}
            ends["head"] = "classifier"
        else:
            ends = {"stem": "stem.0", "stem_norm": "stem.1", "hidden": "head.fc1", "last_norm": "head.norm"}
            ends["head"] = "head.fc2" if "head.fc2.weight" in keys else "head.fc"
        found = {}
        for part in parts:
            if part.block is None:
                found[part.path] = ends[part.role]
            elif part.role in before:
                found[part.path] = f"stages.{part.stage}.{before[part.role]}"
            else:
                number = part.path.split(".")[2]
                found[part.path] = f"stages.{part.stage}.blocks.{number}.{inside[part.role]}"
        return found


NAMES = TimmPatchNetworks()
