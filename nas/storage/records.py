"""What our tables hold, as the rest of the project sees it."""

from dataclasses import dataclass
from datetime import datetime

from search_spaces.architecture import Architecture
from trials.latency.latency import Latency


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One latency of one network.

    Attributes:
        architecture: What was measured.
        num_classes: Class scores of its head.
        in_channels: Channels of its images.
        latency: What was found.
        measured_at: When; a moment with a time zone, given back in UTC.
    """

    architecture: Architecture
    num_classes: int
    in_channels: int
    latency: Latency
    measured_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """One network written out for use elsewhere.

    Attributes:
        architecture: Of the network.
        study: In which it was found.
        trial: Its number there.
        name: Of the exported network.
        folder: Where it was written.
        exported_at: When; a moment with a time zone, given back in UTC.
    """

    architecture: Architecture
    study: str
    trial: int
    name: str
    folder: str
    exported_at: datetime
