"""Export format timm: registration of the network with timm, and ``config.json`` for the HF Hub."""

import json
from pathlib import Path
from typing import Any, Final

from typing_extensions import override

from nas.exports.codegen.ruff_format import formatted
from nas.exports.exported_network import ExportedNetwork
from nas.exports.formats import Exporter

_REGISTRATION: Final = '''"""Registers {name} with timm, which can create it once this file is imported.

Example:
    timm.create_model("{name}", pretrained=True, num_classes=100)
"""

from pathlib import Path
from typing import Any

from timm.models import build_model_with_cfg, generate_default_cfgs, register_model
from torch import nn

if __package__:
    from .{name} import {name} as build
else:
    from {name} import {name} as build

default_cfgs = generate_default_cfgs(
    {{
        "{name}": {{
            "file": str(Path(__file__).with_name("{name}.safetensors")),
            {cfg}
        }},
    }}
)


def _build(
    num_classes: int = {num_classes},
    in_chans: int = {in_channels},
    drop_rate: float = 0.0,
    global_pool: str = "avg",
) -> nn.Module:
    network = build(num_classes or 1, in_chans)
    network.drop_rate = drop_rate
    if num_classes == 0:
        network.reset_classifier(0, global_pool)
    return network


@register_model
def {name}(pretrained: bool = False, **kwargs: Any) -> nn.Module:
    """Return the network, [b, {in_channels}, {side}, {side}] -> [b, {num_classes}]."""
    feature_cfg = {{"out_indices": tuple(range({stages})), "flatten_sequential": True}}
    return build_model_with_cfg(
        _build, "{name}", pretrained, feature_cfg=feature_cfg, **kwargs
    )
'''


class Timm(Exporter):
    """Writes ``config.json`` and ``timm_<name>.py``."""

    @override
    def files(self, name: str) -> tuple[str, ...]:
        return "config.json", f"timm_{name}.py"

    @override
    def write(self, exported: ExportedNetwork, folder: Path) -> None:
        config, registration = (folder / file for file in self.files(exported.name))
        config.write_text(json.dumps(_config(exported), indent=2) + "\n", encoding="utf-8")
        source = _REGISTRATION.format(
            name=exported.name,
            cfg="".join(f"{key!r}: {value!r}," for key, value in _pretrained_cfg(exported).items()),
            num_classes=exported.num_classes,
            in_channels=exported.in_channels,
            side=exported.architecture.resolution,
            stages=len(exported.architecture.stages),
        )
        registration.write_text(formatted(source), encoding="utf-8")


def _config(exported: ExportedNetwork) -> dict[str, Any]:
    """Return the model configuration as timm stores it on the Hugging Face Hub."""
    return {
        "architecture": exported.name,
        "num_classes": exported.num_classes,
        "num_features": exported.num_features,
        "pretrained_cfg": {**_pretrained_cfg(exported), "num_classes": exported.num_classes},
        "label_names": list(exported.classes),
        "nas": {
            "version": 1,
            "architecture": json.loads(exported.architecture.to_json()),
            "provenance": dict(exported.provenance),
            "deploy": exported.deploy,
        },
    }


def _pretrained_cfg(exported: ExportedNetwork) -> dict[str, Any]:
    """Return timm's pretrained_cfg: preprocessing, and the names of the first and last layer."""
    known = {
        "input_size": exported.shape,
        "fixed_input_size": False,
        "interpolation": "bilinear",
        "crop_pct": 1.0,
        "mean": exported.mean,
        "std": exported.std,
        "num_classes": exported.num_classes,
        "classifier": "head",
    }
    # timm adapts the first layer only from and to three channels.
    return {**known, "first_conv": "stem.0"} if exported.in_channels == 3 else known


EXPORTER = Timm()
