"""Records of our tables as plain data: latency measurements, exports."""

from dataclasses import dataclass
from datetime import datetime

from search_spaces.architecture import Architecture
from trials.latency.latency import Latency


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One latency measurement of one network.

    Attributes:
        architecture: Measured network.
        num_classes: Number of classes of its head.
        in_channels: Channels of its input images.
        latency: Result of the measurement.
        measured_at: Time of the measurement, with a time zone; read back in UTC.
    """

    architecture: Architecture
    num_classes: int
    in_channels: int
    latency: Latency
    measured_at: datetime


@dataclass(frozen=True, slots=True)
class InSetting:
    """A latency of a network with the setting of its measurement.

    Attributes:
        setting: Key of the setting, see `nas.storage.store.setting_key`.
        measured_at: Time of the measurement, UTC.
        latency: Result of the measurement.
    """

    setting: str
    measured_at: datetime
    latency: Latency


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """One exported network.

    Attributes:
        architecture: Exported network.
        study: Name of the study that found it.
        trial: Number of its trial in the study.
        name: Name of the exported module.
        folder: Folder of the exported files.
        exported_at: Time of the export, with a time zone; read back in UTC.
    """

    architecture: Architecture
    study: str
    trial: int
    name: str
    folder: str
    exported_at: datetime
