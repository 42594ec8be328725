"""Measures the latency of a network, or of each of its layers, on a target given by its name."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from torch import nn

from search_spaces.errors import TargetError, did_you_mean
from trials.latency.host_lock import host_lock
from trials.latency.latency import Condition, Latency
from trials.latency.layer_times import LayerTimes
from trials.latency.onnx_model import deployed
from trials.latency.timing_protocol import QUICKEST
from trials.target_names import TARGETS_FILE, find_target
from trials.targets import TARGETS, Job, TargetSpec


class MissingFigureError(TargetError):
    """A target that answers, but does not report the figure that is asked for, whatever the network."""


SECONDS: Final = 0.8
"""Default duration of a measurement, in seconds; enough for a network of a few milliseconds."""


def measure(
    network: nn.Module,
    *,
    resolution: int,
    in_channels: int,
    target: str = "cpu",
    seconds: float = SECONDS,
    nominal_ms: float | None = None,
    figure: str = QUICKEST,
    targets_file: Path = TARGETS_FILE,
    lock: Path | None = None,
) -> Latency:
    """Return the latency of a network at batch 1, after re-parameterisation for inference.

    Args:
        network: Network, [b, in_channels, r, r] -> [b, classes]; not changed.
        resolution: Side of the square images in pixels, r.
        in_channels: Number of channels of an image.
        target: ``cpu``, ``cpu:threads=2,dtype=int8``, ``ssh://user@host``, or a name in `targets_file`.
        seconds: Approximate duration; up to four times as long if the interval is wide at first.
        nominal_ms: Latency of the reference network on this target without disturbance, in milliseconds
            (`reference_ms` of earlier measurements); makes measurements of different hours comparable.
        figure: Which of `trials.latency.latency.FIGURES` is wanted; the latency holds all that were measured.
        targets_file: File of the user's named targets; need not exist.
        lock: Lock file, see `trials.device_lock`; None for that of this host.

    Raises:
        UnknownNameError: if there is no target of this name.
        MissingFigureError: if the target does not report the figure.
        TargetError: if the target does not answer or cannot run the network.
    """
    spec = find_target(target, targets_file)
    job = replace(_job(spec, resolution, in_channels, seconds, nominal_ms, lock), figure=figure)
    latency = TARGETS[spec.kind].time(deployed(network), job)
    if latency.figure(figure) is None:
        raise MissingFigureError(
            f"The target '{spec.name}' reports no {figure} of the wall clock with its interval: expected "
            f"times_ms of its command, or {figure}_ms, {figure}_low_ms and {figure}_high_ms. Let it print "
            f"them, or give a budget such as 12ms@{spec.name}."
        )
    return replace(latency, conditions={"target": spec.name, **latency.conditions})


def measure_layers(
    network: nn.Module,
    *,
    resolution: int,
    in_channels: int,
    target: str = "cpu",
    targets_file: Path = TARGETS_FILE,
) -> LayerTimes:
    """Return the time of each layer, and the peak rates of the device.

    Args:
        network: See `measure`.
        resolution: See `measure`.
        in_channels: See `measure`.
        target: Target that runs ONNX Runtime.
        targets_file: See `measure`.

    Raises:
        UnknownNameError: if there is no target of this name.
        TargetError: if the target does not answer, cannot run the network or cannot time its layers.
    """
    spec = find_target(target, targets_file)
    job = _job(spec, resolution, in_channels, SECONDS, None, None)
    times = TARGETS[spec.kind].layers(deployed(network), job)
    return replace(times, conditions={"target": spec.name, **times.conditions})


def probe(target: str, *, targets_file: Path = TARGETS_FILE) -> dict[str, Condition]:
    """Return the conditions of a target: its name, device, runtime and version, among others.

    Raises:
        UnknownNameError: if there is no target of this name.
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
        lock=host_lock() if lock is None else lock,
    )


def _options(spec: TargetSpec, defaults: Mapping[str, Condition]) -> dict[str, Condition]:
    """Return all options of a kind of target, checked and converted to the types of their defaults."""
    options = dict(defaults)
    for name, value in spec.options:
        if name not in defaults:
            raise TargetError(
                f"The target '{spec.name}' got the option '{name}': expected one of "
                f"{', '.join(sorted(defaults)) or 'none'}.{did_you_mean(name, defaults)}"
            )
        try:
            options[name] = _converted(defaults[name], value)
        except ValueError as error:
            raise TargetError(
                f"The target '{spec.name}' got {name}={value}: expected {_type_name(defaults[name])}, "
                f"for example {defaults[name]}."
            ) from error
    return options


def _type_name(default: Condition) -> str:
    return {int: "a whole number", float: "a number"}.get(type(default), "text")


def _converted(default: Condition, value: Condition) -> Condition:
    """Return a value, which may be text, converted to the type of the default."""
    if isinstance(default, int):
        return int(str(value))
    return float(str(value)) if isinstance(default, float) else str(value)
