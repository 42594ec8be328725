"""Latency targets: kinds of devices that run and time a network, one file each.

A file binds ``TARGET``. Contract: a target measures with `trials.latency.timing_protocol`, or passes on the
result of a program that measures; latencies are in milliseconds at batch 1, with their conditions; every
failure is a `TargetError` of one line, within a time limit.
"""

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from torch import nn

from search_spaces.errors import TargetError, UserError
from search_spaces.shelf import Shelf
from trials.latency.latency import Condition, Latency
from trials.latency.layer_times import LayerTimes
from trials.latency.runtime_reason import reason_of
from trials.latency.timing_protocol import QUICKEST


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetSpec:
    """One device: its kind, address and options.

    Attributes:
        name: Name in a budget, for example ``cpu``, or ``pixel`` from a targets.yaml.
        kind: Name of a file in trials/targets.
        address: Address such as ``user@host:port``, or the command that reaches it; empty for this host.
        options: Options that differ from the defaults of the kind, sorted by name.
    """

    name: str
    kind: str
    address: str = ""
    options: tuple[tuple[str, Condition], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Description of one measurement.

    Attributes:
        address: Address of the device, see `TargetSpec`.
        options: All options of the kind of target, by name.
        resolution: Side of the square images in pixels.
        in_channels: Number of channels of an image.
        seconds: Approximate duration of the measurement.
        nominal_ms: Time of the reference network on the undisturbed device; None if it is unknown.
        lock: Lock file that keeps measurements and trainings on this host apart.
        figure: Whose interval is to be narrow, one of `trials.latency.latency.FIGURES`.
    """

    address: str
    options: Mapping[str, Condition]
    resolution: int
    in_channels: int
    seconds: float
    nominal_ms: float | None
    lock: Path
    figure: str = QUICKEST


class Target(ABC):
    """A kind of device."""

    defaults: Mapping[str, Condition] = {}
    """Options with their defaults; a value has the type of its default."""

    addressed: bool = False
    """Whether it needs an address, so that its name alone is no target."""

    @abstractmethod
    def time(self, network: nn.Module, job: Job) -> Latency:
        """Return the latency of `network`, [1, c, r, r] -> [1, classes], in its inference form.

        Raises:
            TargetError: if the device does not answer, cannot run the network or returns invalid output.
        """

    @abstractmethod
    def probe(self, job: Job) -> Mapping[str, Condition]:
        """Return the conditions there: at least ``device``, ``runtime`` and ``version``.

        Raises:
            TargetError: if the device does not answer.
        """

    def layers(self, network: nn.Module, job: Job) -> LayerTimes:
        """Return the time of each layer, for a device that can measure it.

        Raises:
            TargetError: if the device does not answer, cannot run the network or cannot time layers.
        """
        del network
        raise TargetError(
            f"The target '{job.address or type(self).__name__.lower()}' times a network, not its layers: "
            f"expected a target that runs ONNX Runtime, such as cpu or ssh://user@host."
        )


@contextlib.contextmanager
def runtime_errors(target: str, mend: str) -> Iterator[None]:
    """Turn what a runtime raises, each of its own kind, into an error of one line.

    Args:
        target: Kind of the target, for the message.
        mend: What was expected and what to do next, as sentences.

    Raises:
        TargetError: in place of any error that is not for the user already.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        reason = reason_of(error)
        raise TargetError(f"The target '{target}' cannot run the network: {reason}. {mend}") from error


def check_layers(job: Job) -> None:
    """Check that the runtime of a job can time layers.

    Raises:
        TargetError: if it cannot.
    """
    if job.options["runtime"] != "onnxruntime":
        raise TargetError(
            f"The runtime '{job.options['runtime']}' times a network, not its layers: expected a target with "
            f"runtime=onnxruntime."
        )


TARGETS: Final = Shelf[Target](__name__, "TARGET", "target", Target)
