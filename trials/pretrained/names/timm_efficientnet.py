"""Names of timm's ``EfficientNet``, ``MobileNetV2``, ``MobileNetV3`` and ``TinyNet``."""

import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import PurePath
from typing import Final

from typing_extensions import override

from search_spaces.architecture import Option
from trials.pretrained.names import Naming, Part
from trials.pretrained.usual_preprocessing import HALF, Normalisation

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
_IN_A_FILE_NAME: Final = re.compile(r"(?<![a-z0-9])tf_")
_MODEL: Final = re.compile(r"(tf_)?(efficientnet|mobilenetv3)_[a-z0-9_]+(\.[a-z0-9_]+)?")
_LITE: Final = "efficientnet_lite"
_PYTORCH_LITE: Final = "efficientnet_lite0"
"""The only Lite that timm has weights of PyTorch for; those of TensorFlow are called ``tf_`` and the same."""


class TimmEfficientNet(Naming):
    """Blocks numbered by stage; MobileNetV3's last convolution of the map is a block of its own."""

    families = ("efficientnet_", "tinynet_", "mobilenet_v2_", "mobilenet_v3_")
    library = "timm"

    @override
    def recognises(self, keys: Collection[str]) -> bool:
        return "conv_stem.weight" in keys and "blocks.0.0.conv_dw.weight" in keys

    @override
    def overrides(self, reference: str, name: str) -> Mapping[str, Option]:
        return {"padding": "same", "norm_eps": 1e-3} if _of_tensorflow(reference, name) else {}

    @override
    def note(self, reference: str, name: str) -> str:
        if not _of_tensorflow(reference, name):
            return ""
        why = "are called tf_" if _called_tensorflow(name) else "are of EfficientNet-Lite"
        return f"The weights {why}: padding and batch norms are TensorFlow's (padding same, norm_eps 1e-3)."

    @override
    def normalisation(self, reference: str, name: str) -> Normalisation | None:
        half = reference.startswith((_LITE, "mobilenet_v3_")) and _of_tensorflow(reference, name)
        return HALF if half else None

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


def _of_tensorflow(reference: str, name: str) -> bool:
    """Return whether TensorFlow trained weights: by their name, or as timm has no others of their network."""
    if _called_tensorflow(name):
        return True
    pytorch = reference.startswith(_PYTORCH_LITE) and any(_PYTORCH_LITE in one for one in _names(name))
    return reference.startswith(_LITE) and not pytorch


def _called_tensorflow(name: str) -> bool:
    file, *folders = _names(name)
    return bool(_IN_A_FILE_NAME.search(file)) or any(one.startswith("tf_") for one in folders)


def _names(name: str) -> list[str]:
    """Return the name of a file or model, and that of its folder where this is called as a model is.

    In the cache of a hub that is ``models--timm--MODEL/snapshots/REVISION``.
    """
    path = PurePath(name.lower())
    folder = path.parent
    if folder.parent.name == "snapshots":
        folder = PurePath(folder.parent.parent.name.rpartition("--")[2])
    return [path.name, *([folder.name] if _MODEL.fullmatch(folder.name) else [])]


NAMES = TimmEfficientNet()
