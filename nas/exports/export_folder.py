"""Hands a trained network over: a folder that needs nothing of ours, whole or not at all."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from nas.exports.exported_network import ExportedNetwork
from nas.exports.formats import EXPORTERS, default_forms
from nas.exports.module_names import check_name
from nas.exports.staging import check_folder, staged_folder
from search_spaces.architecture import Architecture
from search_spaces.errors import ExportError
from search_spaces.paths import expanded


def export_network(
    architecture: Architecture,
    *,
    folder: Path,
    name: str,
    weights: Mapping[str, Tensor] | Path,
    num_classes: int,
    mean: Sequence[float],
    std: Sequence[float],
    in_channels: int = 3,
    classes: Sequence[str] = (),
    provenance: Mapping[str, str] | None = None,
    sha256: str | None = None,
    front_networks: Sequence[Mapping[str, str]] = (),
    recipe: Mapping[str, Any] | None = None,
    deploy: bool = False,
    calibration: Tensor | None = None,
    held_out: tuple[Tensor, Tensor] | None = None,
    forms: Sequence[str] | None = None,
    into: bool = False,
    force: bool = False,
) -> tuple[Path, ...]:
    """Write a trained network into a folder, and return the files.

    Everything is written beside the folder and checked there, and then moved into place: a folder is
    never half-written, and files of other people in it are never touched.

    Args:
        architecture: What the network is.
        folder: Where its files go; made if it is missing.
        name: Of its files and of the function that builds it.
        weights: Its parameters and buffers by name, or a safetensors file of them.
        num_classes: Scores for each image.
        mean: Of each channel, subtracted from pixels in [0, 1].
        std: Of each channel, what they are divided by afterwards.
        in_channels: Channels of an image.
        classes: What the scores stand for, in order.
        provenance: Where it comes from, by topic, for example budget, study, version, command.
        sha256: What the weights file must hash to, hexadecimal.
        front_networks: Other networks of its front, each by topic, for the card.
        recipe: How it was trained, a `trials.training.recipe.Recipe` by field name; `training_script` needs
            it.
        deploy: Whether to deliver the form for inference only.
        calibration: Some training images after preprocessing, [n, c, r, r]; `onnx_int8` needs them.
        held_out: Other images after preprocessing, [n, c, r, r], and their labels, [n]; `onnx_int8` tells
            its accuracy on them.
        forms: What is written, files in nas/exports/formats; by default `torch_module` alone with `into`,
            else all but `onnx_int8`, and `training_script` if there is a recipe.
        into: Whether the folder may hold other files, as a repository does.
        force: Whether files of the same names may be replaced.

    Raises:
        ExportError: if the name, the folder or the weights cannot be used, or what was written differs.
        UnknownNameError: if a form is on no shelf.
    """
    folder = expanded(folder).resolve()
    chosen = forms or _usual(into=into, scripted=recipe is not None)
    exporters = [EXPORTERS[form] for form in chosen]
    files = check_target(folder, name, chosen, into=into, force=force)
    delivery = ExportedNetwork(
        name=name,
        architecture=architecture,
        weights=weights if isinstance(weights, Mapping) else read_weights(weights, sha256),
        num_classes=num_classes,
        in_channels=in_channels,
        mean=tuple(mean),
        std=tuple(std),
        classes=tuple(classes),
        provenance=dict(provenance or {}),
        front_networks=tuple(front_networks),
        recipe=recipe,
        deploy=deploy,
        calibration=calibration,
        held_out=held_out,
    )
    with staged_folder(folder) as stage:
        for exporter in exporters:
            exporter.write(delivery, stage)
    for file in _stale(name, files):
        (folder / file).unlink(missing_ok=True)
    return tuple(folder / file for file in files)


def check_target(
    folder: Path, name: str, forms: Sequence[str], *, into: bool, force: bool
) -> tuple[str, ...]:
    """Return the names of the files that forms of a network called `name` would put into a folder.

    Raises:
        ExportError: if the name or the folder cannot be used.
    """
    exporters = [EXPORTERS[form] for form in forms]
    check_name(name, exporters)
    files = tuple(file for exporter in exporters for file in exporter.files(name))
    check_folder(expanded(folder).resolve(), files, into=into, force=force)
    return files


def _usual(*, into: bool, scripted: bool) -> list[str]:
    """Return what is written unless asked otherwise."""
    if into:
        return ["torch_module"]
    return [form for form in default_forms() if scripted or form != "training_script"]


def _stale(name: str, files: Sequence[str]) -> list[str]:
    """Return files of an earlier export that hold other weights now, if they bear its name."""
    known = [file for exporter in EXPORTERS.values() for file in exporter.files(name)]
    return [file for file in known if name in file and file not in files]


def read_weights(weights: Path, sha256: str | None) -> dict[str, Tensor]:
    """Return parameters and buffers by name.

    Args:
        weights: A safetensors file of them.
        sha256: What it must hash to, hexadecimal; None if that is not known.

    Raises:
        ExportError: if it cannot be read, or is another one.
    """
    try:
        found = hashlib.sha256(weights.read_bytes()).hexdigest()
        if sha256 is not None and found != sha256.lower():
            raise ExportError(
                f"Cannot export '{weights}': its SHA-256 is {found[:16]}..., expected {sha256[:16]}...: it "
                f"is damaged or of another training. Train the network again with nas retrain."
            )
        return load_file(weights)
    except (OSError, SafetensorError) as error:
        raise ExportError(
            f"Cannot read the weights '{weights}': {error}. Expected a safetensors file."
        ) from error
