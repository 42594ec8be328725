"""Opens the ``weights.safetensors`` of a trial, or an export folder, as a teacher."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from safetensors import SafetensorError
from safetensors.torch import load

import search_spaces
from search_spaces.errors import RecipeError, UserError, reason_of
from trials.teachers.onnx_file import opened_onnx
from trials.teachers.opened_teacher import OpenedTeacher, weights_digest

SUFFIX: Final = ".safetensors"


def opened_weights(path: Path) -> OpenedTeacher:
    """Return the network in a safetensors file that a trial or a retraining has written.

    Raises:
        RecipeError: if the file cannot be read or holds no such network.
    """
    try:
        content = path.read_bytes()
        metadata = json.loads(_metadata(content)["network"])
        return _built(
            str(path),
            content,
            architecture=metadata["architecture"],
            classes=tuple(metadata["classes"]),
            mean=metadata["mean"],
            std=metadata["std"],
        )
    except (OSError, KeyError, TypeError, ValueError, RuntimeError, SafetensorError, UserError) as error:
        raise RecipeError(
            f"Cannot use the teacher '{path}': expected the weights.safetensors of a trial "
            f"({reason_of(error)}). Name an .onnx file, an export folder, STUDY#12 or module:function."
        ) from error


def opened_export(folder: Path) -> OpenedTeacher:
    """Return the network in a folder that ``nas export`` has written.

    Raises:
        RecipeError: if it holds no ``config.json`` and weights of an export.
    """
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        given, file = config["pretrained_cfg"], folder / config["architecture"]
        if config["nas"].get("deploy"):  # its weights are of a form for inference alone
            return opened_onnx(file.with_name(f"{file.name}.onnx"))
        return _built(
            str(folder),
            file.with_name(f"{file.name}{SUFFIX}").read_bytes(),
            architecture=config["nas"]["architecture"],
            classes=tuple(config["label_names"]),
            num_classes=config["num_classes"],
            mean=given["mean"],
            std=given["std"],
        )
    except (OSError, KeyError, TypeError, ValueError, RuntimeError, SafetensorError, UserError) as error:
        raise RecipeError(
            f"Cannot use the folder '{folder}' as a teacher: expected the config.json and weights of nas "
            f"export ({reason_of(error)}). Name an .onnx file, STUDY#12 or module:function."
        ) from error


def _built(
    name: str,
    content: bytes,
    *,
    architecture: Mapping[str, Any],
    classes: tuple[str, ...],
    mean: list[float],
    std: list[float],
    num_classes: int | None = None,
) -> OpenedTeacher:
    found = search_spaces.Architecture.from_json(json.dumps(architecture))
    count = len(classes) if num_classes is None else num_classes
    network = search_spaces.build(found, num_classes=count, in_channels=len(mean))
    network.load_state_dict(load(content))
    return OpenedTeacher(
        name=name,
        digest=hashlib.sha256(f"{found.fingerprint} {weights_digest(network)}".encode()).hexdigest(),
        scores=network,
        classes=classes or None,
        num_classes=count,
        channels=len(mean),
        resolution=found.resolution,
        mean=tuple(mean),
        std=tuple(std),
        network=network,
    )


def _metadata(content: bytes) -> dict[str, str]:
    """Return the texts in the header of a safetensors file: 8 bytes of length, then JSON."""
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    return dict(header.get("__metadata__") or {})
