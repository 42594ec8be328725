"""Export format timm: registration of the network with timm, and ``config.json`` for the HF Hub."""

import ast
import json
from pathlib import Path
from typing import Any

from typing_extensions import override

from nas.exports.codegen.module_source import check_name, class_name, reductions
from nas.exports.codegen.ruff_format import formatted
from nas.exports.exported_network import ExportedNetwork
from nas.exports.formats import Exporter
from nas.exports.formats._timm_template import REGISTRATION


class Timm(Exporter):
    """Writes ``config.json`` and ``timm_<name>.py``."""

    @override
    def files(self, name: str) -> tuple[str, ...]:
        return "config.json", f"timm_{name}.py"

    @override
    def write(self, exported: ExportedNetwork, folder: Path) -> None:
        config, registration = (folder / file for file in self.files(exported.name))
        config.write_text(json.dumps(_config(exported), indent=2) + "\n", encoding="utf-8")
        source = REGISTRATION.format(
            name=exported.name,
            class_name=class_name(exported),
            cfg="".join(f"{key!r}: {value!r}," for key, value in _pretrained_cfg(exported).items()),
            num_classes=exported.num_classes,
            in_channels=exported.in_channels,
            map_channels=exported.map_channels,
            num_features=exported.num_features,
            side=exported.architecture.resolution,
            stages=len(exported.architecture.stages),
            deploying="\n        self.switch_to_deploy()" if exported.deploy and exported.deploys else "",
            **_neck(exported.pooled_at),
        )
        check_name(exported.name, _imported(source))
        registration.write_text(formatted(source), encoding="utf-8")


def _imported(source: str) -> set[str]:
    """Return the names that a file imports from elsewhere than the network's own file."""
    imports = [node for node in ast.parse(source).body if isinstance(node, ast.Import | ast.ImportFrom)]
    return {alias.asname or alias.name for node in imports for alias in node.names}


def _neck(pooled_at: int | None) -> dict[str, str]:
    """Return the source that runs the neck before and behind the pooling."""
    if pooled_at is None:
        return {"before": "            x = self.neck(x)", "behind": ""}
    before, behind = (
        f"{indent}for layer in list(self.neck){layers}:\n{indent}    x = layer(x)\n"
        for indent, layers in ((" " * 12, f"[:{pooled_at}]"), (" " * 8, f"[{pooled_at + 1}:]"))
    )
    return {"before": before, "behind": behind}


def _config(exported: ExportedNetwork) -> dict[str, Any]:
    """Return the model configuration as timm stores it on the Hugging Face Hub."""
    return {
        "architecture": exported.name,
        "num_classes": exported.num_classes,
        "num_features": exported.map_channels,
        "global_pool": "avg",
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
    strides = reductions(exported)
    side = -(-exported.architecture.resolution // strides[-1])
    return {
        "input_size": exported.shape,
        "fixed_input_size": False,
        "interpolation": "bilinear",
        "crop_pct": 1.0,
        "crop_mode": "squash",
        "mean": exported.mean,
        "std": exported.std,
        "num_classes": exported.num_classes,
        "pool_size": (side, side),
        "first_conv": "stem.0",
        "classifier": "head",
    }


EXPORTER = Timm()
