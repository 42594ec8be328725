"""Names of torchvision's ``MobileNetV2``, ``MobileNetV3`` and ``EfficientNet``."""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Final

from typing_extensions import override

from search_spaces.architecture import Option
from trials.pretrained.names import Naming, Part

_ORDER: Final = ("expand", "depthwise", "squeeze", "project")
_SQUEEZE: Final = {"reduce": "fc1", "gate": "fc2"}


class Torchvision(Naming):
    """One list of features: the stem, the blocks, in EfficientNet by stage, and the last convolution."""

    families = ("efficientnet_", "mobilenet_v2_", "mobilenet_v3_")
    library = "torchvision"

    @override
    def recognises(self, keys: Collection[str]) -> bool:
        return "features.0.0.weight" in keys

    @override
    def overrides(self, reference: str, name: str) -> Mapping[str, Option]:
        return {"norm_eps": 1e-3} if reference.startswith("mobilenet_v3_") else {}

    @override
    def paths(self, parts: Sequence[Part], keys: Collection[str]) -> dict[str, str]:
        second = "features.1.conv.0.0.weight" in keys
        by_stage = any(re.match(r"features\.\d+\.\d+\.block\.", key) for key in keys)
        last = max(int(key.split(".")[1]) for key in keys if key.startswith("features."))
        linear = sorted({int(m[1]) for m in (re.match(r"classifier\.(\d+)\.", key) for key in keys) if m})
        ends = {
            "stem": "features.0.0",
            "stem_norm": "features.0.1",
            "final": f"features.{last}.0",
            "final_norm": f"features.{last}.1",
            "hidden": f"classifier.{linear[0]}",
            "head": f"classifier.{linear[-1]}",
        }
        found = {}
        for part in parts:
            if part.block is None or part.stage is None:
                found[part.path] = ends[part.role]
                continue
            number = int(part.path.split(".")[2])
            start = (
                f"features.{part.stage + 1}.{number}.block"
                if by_stage
                else f"features.{part.block + 1}.{'conv' if second else 'block'}"
            )
            found[part.path] = f"{start}.{_second(part) if second else _later(part)}"
        return found


def _second(part: Part) -> str:
    """Return the name inside a block of MobileNetV2, whose last convolution and norm are not grouped."""
    role, _, norm = part.role.partition("_")
    if role == "project":
        return str(1 + part.expands + bool(norm))
    return f"{0 if role == 'expand' else int(part.expands)}.{1 if norm else 0}"


def _later(part: Part) -> str:
    """Return the name inside a block of MobileNetV3 or EfficientNet."""
    order = [
        role for role in _ORDER if (role != "expand" or part.expands) and (role != "squeeze" or part.gated)
    ]
    if part.role in _SQUEEZE:
        return f"{order.index('squeeze')}.{_SQUEEZE[part.role]}"
    role, _, norm = part.role.partition("_")
    return f"{order.index(role)}.{1 if norm else 0}"


NAMES = Torchvision()
