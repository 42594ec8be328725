"""What timm and the Hugging Face Hub read: ``config.json`` and a file that registers the network."""

import json
from pathlib import Path
from typing import Any, Final

from typing_extensions import override

from nas.exports.codegen.ruff_format import formatted
from nas.exports.exported_network import ExportedNetwork
from nas.exports.formats import Exporter

_REGISTRATION: Final = '''"""Registers {name} with timm: once this file is imported, timm builds the network.

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
    def write(self, delivery: ExportedNetwork, folder: Path) -> None:
        config, registration = (folder / file for file in self.files(delivery.name))
        config.write_text(json.dumps(_config(delivery), indent=2) + "\n", encoding="utf-8")
        source = _REGISTRATION.format(
            name=delivery.name,
            cfg="".join(f"{key!r}: {value!r}," for key, value in _pretrained_cfg(delivery).items()),
            num_classes=delivery.num_classes,
            in_channels=delivery.in_channels,
            side=delivery.architecture.resolution,
            stages=len(delivery.architecture.stages),
        )
        registration.write_text(formatted(source), encoding="utf-8")


def _config(delivery: ExportedNetwork) -> dict[str, Any]:
    """Return the description of a model as timm puts it on the Hugging Face Hub."""
    return {
        "architecture": delivery.name,
        "num_classes": delivery.num_classes,
        "num_features": delivery.num_features,
        "pretrained_cfg": {**_pretrained_cfg(delivery), "num_classes": delivery.num_classes},
        "label_names": list(delivery.classes),
        "nas": {
            "version": 1,
            "architecture": json.loads(delivery.architecture.to_json()),
            "provenance": dict(delivery.provenance),
            "deploy": delivery.deploy,
        },
    }


def _pretrained_cfg(delivery: ExportedNetwork) -> dict[str, Any]:
    """Return how images are prepared and where the first and last layer are, as timm calls it."""
    known = {
        "input_size": delivery.shape,
        "fixed_input_size": False,
        "interpolation": "bilinear",
        "crop_pct": 1.0,
        "mean": delivery.mean,
        "std": delivery.std,
        "num_classes": delivery.num_classes,
        "classifier": "head",
    }
    # timm adapts the first layer only from and to three channels.
    return {**known, "first_conv": "stem.0"} if delivery.in_channels == 3 else known


EXPORTER = Timm()
