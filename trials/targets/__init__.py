"""Targets: kinds of devices that run a network and time it, one file each.

A file binds ``TARGET``. The law of the room: a target times with the protocol of `trials.latency.timing` or
says what it was told by a tool that does; what it returns is in milliseconds at batch 1, with its
conditions; whatever goes wrong is a `TargetError` of one line, within a time limit.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from torch import nn

from search_spaces.errors import TargetError
from search_spaces.shelf import Shelf
from trials.latency.latency import Condition, Latency
from trials.latency.layer_times import LayerTimes


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetSpec:
    """One device: which kind it is and how it is used.

    Attributes:
        name: As a budget writes it, for example ``cpu``, or ``pixel`` from a targets.yaml.
        kind: A file in trials/targets.
        address: Where it is, ``user@host:port``, or the command that reaches it; empty for this host.
        options: What differs from the defaults of the kind, sorted by name.
    """

    name: str
    kind: str
    address: str = ""
    options: tuple[tuple[str, Condition], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """How one network is to be timed.

    Attributes:
        address: Of the device; see `TargetSpec`.
        options: Every option of the kind of target, by name.
        resolution: Side of the square images in pixels.
        in_channels: Channels of an image.
        seconds: About how long the timing may take.
        nominal_ms: What the reference network takes undisturbed; None where it is not known.
        lock: The file that keeps measuring and training on this host apart.
    """

    address: str
    options: Mapping[str, Condition]
    resolution: int
    in_channels: int
    seconds: float
    nominal_ms: float | None
    lock: Path


class Target(ABC):
    """A kind of device."""

    defaults: Mapping[str, Condition] = {}
    """Its options with their defaults; an option is given in the type of its default."""

    @abstractmethod
    def time(self, network: nn.Module, job: Job) -> Latency:
        """Return how long `network` takes, [1, c, r, r] -> [1, classes], in its inference form.

        Raises:
            TargetError: if the device is away, cannot run it or talks nonsense.
        """

    @abstractmethod
    def probe(self, job: Job) -> Mapping[str, Condition]:
        """Return what answers there: at least its ``device``, ``runtime`` and ``version``.

        Raises:
            TargetError: if nothing does.
        """

    def layers(self, network: nn.Module, job: Job) -> LayerTimes:
        """Return how long each layer takes, where the device can tell.

        Raises:
            TargetError: if the device is away, cannot run it or cannot tell.
        """
        del network
        raise TargetError(
            f"The target '{job.address or type(self).__name__.lower()}' tells how long a network takes, not "
            f"its layers: expected one that runs ONNX Runtime, cpu or ssh://user@host."
        )


TARGETS: Final = Shelf[Target](__name__, "TARGET", "target")
