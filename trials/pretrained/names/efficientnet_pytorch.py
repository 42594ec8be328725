"""Names of the packages ``efficientnet-pytorch`` and ``efficientnet-lite-pytorch``."""

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from typing_extensions import override

from search_spaces.architecture import Option
from trials.pretrained.names import Naming, Part

_ROLES: Final = {
    "expand": "_expand_conv",
    "expand_norm": "_bn0",
    "depthwise": "_depthwise_conv",
    "depthwise_norm": "_bn1",
    "reduce": "_se_reduce",
    "gate": "_se_expand",
    "project": "_project_conv",
    "project_norm": "_bn2",
}
_ENDS: Final = {
    "stem": "_conv_stem",
    "stem_norm": "_bn0",
    "final": "_conv_head",
    "final_norm": "_bn1",
    "head": "_fc",
}


class EfficientNetPyTorch(Naming):
    """Blocks numbered through the network; weights of TensorFlow, whose batch norms add 1e-3."""

    families = ("efficientnet_",)
    library = "efficientnet-pytorch"

    @override
    def recognises(self, keys: Collection[str]) -> bool:
        return "_conv_stem.weight" in keys

    @override
    def overrides(self, reference: str, name: str) -> Mapping[str, Option]:
        return {"padding": "same", "norm_eps": 1e-3}

    @override
    def paths(self, parts: Sequence[Part], keys: Collection[str]) -> dict[str, str]:
        return {
            part.path: _ENDS[part.role] if part.block is None else f"_blocks.{part.block}.{_ROLES[part.role]}"
            for part in parts
        }


NAMES = EfficientNetPyTorch()
