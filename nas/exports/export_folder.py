"""Exports one trained network into a folder, after checking every written form against the network."""

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
from nas.exports.target_folder import check_folder
from nas.files.staging import staged_folder
from search_spaces.architecture import Architecture
from search_spaces.errors import ExportError, reason_of
from search_spaces.paths import expanded, printable


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
    held_out_split: str = "validation",
    decoded: tuple[int, int, int] | None = None,
    held_out_digests: Mapping[str, tuple[str, ...]] | None = None,
    trained_on_validation: bool = False,
    with_preprocessing: bool = False,
    forms: Sequence[str] | None = None,
    into: bool = False,
    force: bool = False,
) -> tuple[Path, ...]:
    """Write a trained network into a folder, and return the files.

    The files are written and checked in a temporary folder beside the target and then moved into place. So
    the target is never half-written, and other files in it are never touched. With `force`, files of an
    earlier export of the same name are replaced or deleted.

    Args:
        architecture: Architecture of the network.
        folder: Target folder, created if missing.
        name: Name of the files and of the function that builds the network.
        weights: Parameters and buffers by name, or a safetensors file of them.
        num_classes: Number of classes, at least 1.
        mean: Mean of each channel, subtracted from pixels in [0, 1].
        std: Standard deviation of each channel, by which pixels are then divided.
        in_channels: Number of channels of an image.
        classes: Class names, in the order of the scores.
        provenance: Origin of the network by topic, for example budget, study, versions, command.
        sha256: Expected SHA-256 of the weights file, hexadecimal; None skips the check.
        front_networks: Other networks of the Pareto front, each by topic, for the card.
        recipe: Training recipe, a `trials.training.recipe.Recipe` by field name; `training_script` needs it.
        deploy: Whether the weights are written in the re-parameterised form for inference.
        calibration: Preprocessed training images, [n, c, r, r]; int8 needs them.
        held_out: Preprocessed images that the weights did not learn from, [n, c, r, r], and their labels,
            [n]; int8 forms measure their accuracy on them.
        held_out_split: Name of the split that these images are.
        decoded: Height, width and channels of the images before they are resized; None if unknown.
        held_out_digests: Digests of the validation and test images of the search by split, see
            `nas.exports.held_out`; None if unknown.
        trained_on_validation: Whether the weights have seen the validation images too.
        with_preprocessing: Whether the ONNX file takes uint8 images of any size; needs `decoded`.
        forms: Names of exporters, files in nas/exports/formats; by default `torch_module` alone with `into`,
            else all but the quantised ones and LiteRT, and `training_script` only if there is a recipe.
        into: Whether the folder may hold other files, as in a repository.
        force: Whether files of the same names may be replaced.

    Raises:
        ExportError: if the name, the folder or the weights cannot be used, or a written form differs from
            the network.
        UnknownNameError: if there is no such exporter.
    """
    folder = expanded(folder).resolve()
    chosen = forms or _usual(into=into, scripted=recipe is not None)
    exporters = [EXPORTERS[form] for form in chosen]
    files = check_target(folder, name, chosen, into=into, force=force)
    exported = ExportedNetwork(
        name=name,
        architecture=architecture,
        weights=weights if isinstance(weights, Mapping) else read_weights(weights, sha256),
        num_classes=num_classes,
        in_channels=in_channels,
        mean=tuple(mean),
        std=tuple(std),
        classes=tuple(map(printable, classes)),
        provenance={topic: printable(text) for topic, text in (provenance or {}).items()},
        front_networks=tuple(front_networks),
        recipe=recipe,
        deploy=deploy,
        calibration=calibration,
        held_out=held_out,
        held_out_split=held_out_split,
        decoded=decoded,
        held_out_digests=held_out_digests,
        trained_on_validation=trained_on_validation,
        with_preprocessing=with_preprocessing,
    )
    with staged_folder(folder, "export to") as stage:
        for exporter in exporters:
            exporter.write(exported, stage)
    for file in _stale(name, files) if force else ():
        (folder / file).unlink(missing_ok=True)
    return tuple(folder / file for file in files)


def check_target(
    folder: Path, name: str, forms: Sequence[str], *, into: bool, force: bool
) -> tuple[str, ...]:
    """Return the names of the files that an export would write, after checking that it may.

    Raises:
        ExportError: if the name or the folder cannot be used.
    """
    exporters = [EXPORTERS[form] for form in forms]
    check_name(name, exporters)
    files = tuple(file for exporter in exporters for file in exporter.files(name))
    check_folder(expanded(folder).resolve(), files, into=into, force=force)
    return files


def _usual(*, into: bool, scripted: bool) -> list[str]:
    """Return the default exporters."""
    if into:
        return ["torch_module"]
    return [form for form in default_forms() if scripted or form != "training_script"]


def _stale(name: str, files: Sequence[str]) -> list[str]:
    """Return files of an earlier export of the same name that this export does not replace.

    Those that are called alike whatever the network is may be of another network.
    """
    known = {file for exporter in EXPORTERS.values() for file in exporter.files(name)}
    always = {file for exporter in EXPORTERS.values() for file in exporter.files(f"{name}_other")}
    return sorted(known - always - set(files))


def read_weights(weights: Path, sha256: str | None) -> dict[str, Tensor]:
    """Return parameters and buffers by name.

    Args:
        weights: Safetensors file.
        sha256: Expected SHA-256, hexadecimal; None if unknown.

    Raises:
        ExportError: if the file cannot be read, or its hash differs.
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
            f"Cannot read the weights '{weights}': {reason_of(error)}. Expected a safetensors file."
        ) from error
