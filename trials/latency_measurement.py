"""Measures how long a network takes on a target that is named as people name it."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from torch import nn

from search_spaces.errors import TargetError
from trials.device_lock import host_lock_path
from trials.latency.latency import Condition, Latency
from trials.latency.layer_times import LayerTimes
from trials.latency.onnx_model import deployed
from trials.target_names import TARGETS_FILE, find_target
from trials.targets import TARGETS, Job, TargetSpec

SECONDS: Final = 0.8
"""How long a measurement takes on a device that runs a network in a few milliseconds."""


def measure(
    network: nn.Module,
    *,
    resolution: int,
    in_channels: int,
    target: str = "cpu",
    seconds: float = SECONDS,
    nominal_ms: float | None = None,
    targets_file: Path = TARGETS_FILE,
    lock: Path | None = None,
) -> Latency:
    """Return how long a network takes to classify one image, once re-parameterised for inference.

    Args:
        network: [b, in_channels, r, r] -> [b, classes]; left as it is.
        resolution: Side of the square images in pixels, r.
        in_channels: Channels of an image.
        target: ``cpu``, ``cpu:threads=2,dtype=int8``, ``ssh://user@host``, or a name in `targets_file`.
        seconds: About how long to measure; doubled or tripled where the figure is not stable at once.
        nominal_ms: What the reference network takes on this target undisturbed (`reference_ms` of
            earlier measurements); makes measurements of different hours comparable.
        targets_file: The user's named targets; it need not exist.
        lock: See `trials.device_lock`; None for the one of this host.

    Raises:
        UnknownNameError: if no target is called so.
        TargetError: if the target is away or cannot run the network.
    """
    spec = find_target(target, targets_file)
    job = _job(spec, resolution, in_channels, seconds, nominal_ms, lock)
    found = TARGETS[spec.kind].time(deployed(network), job)
    return replace(found, conditions={"target": spec.name, **found.conditions})


def measure_layers(
    network: nn.Module,
    *,
    resolution: int,
    in_channels: int,
    target: str = "cpu",
    targets_file: Path = TARGETS_FILE,
) -> LayerTimes:
    """Return how long each layer takes, and what the device could do at best.

    Args:
        network: See `measure`.
        resolution: See `measure`.
        in_channels: See `measure`.
        target: One that runs ONNX Runtime.
        targets_file: See `measure`.

    Raises:
        UnknownNameError: if no target is called so.
        TargetError: if the target is away, cannot run the network or cannot tell its layers apart.
    """
    spec = find_target(target, targets_file)
    job = _job(spec, resolution, in_channels, SECONDS, None, None)
    found = TARGETS[spec.kind].layers(deployed(network), job)
    return replace(found, conditions={"target": spec.name, **found.conditions})


def probe(target: str, *, targets_file: Path = TARGETS_FILE) -> dict[str, Condition]:
    """Return what answers at a target: its name, device, runtime and version, among others.

    Raises:
        UnknownNameError: if no target is called so.
        TargetError: if it does not answer.
    """
    spec = find_target(target, targets_file)
    return {"target": spec.name, **TARGETS[spec.kind].probe(_job(spec, 32, 3, SECONDS, None, None))}


def _job(
    spec: TargetSpec,
    resolution: int,
    in_channels: int,
    seconds: float,
    nominal_ms: float | None,
    lock: Path | None,
) -> Job:
    return Job(
        address=spec.address,
        options=_options(spec, TARGETS[spec.kind].defaults),
        resolution=resolution,
        in_channels=in_channels,
        seconds=seconds,
        nominal_ms=nominal_ms,
        lock=host_lock_path() if lock is None else lock,
    )


def _options(spec: TargetSpec, defaults: Mapping[str, Condition]) -> dict[str, Condition]:
    """Return every option of a kind of target, checked, in the type of its default."""
    options = dict(defaults)
    for name, value in spec.options:
        if name not in defaults:
            raise TargetError(
                f"The target '{spec.name}' got the option '{name}': expected one of "
                f"{', '.join(sorted(defaults)) or 'none'}."
            )
        try:
            options[name] = _like(defaults[name], value)
        except ValueError as error:
            raise TargetError(
                f"The target '{spec.name}' got {name}={value}: expected {_kind(defaults[name])}, "
                f"for example {defaults[name]}."
            ) from error
    return options


def _kind(default: Condition) -> str:
    return {int: "a whole number", float: "a number"}.get(type(default), "text")


def _like(default: Condition, value: Condition) -> Condition:
    """Return a value, which may be text, in the type of the default."""
    if isinstance(default, int):
        return int(str(value))
    return float(str(value)) if isinstance(default, float) else str(value)
