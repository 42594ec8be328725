"""How busy a GPU is while it trains, as its driver tells it."""

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Final

import pynvml
import torch

_EVERY_S: Final = 1.0


def gpu_use() -> float:
    """Return the share of the last moment in which this process's GPU computed, in [0, 1].

    Raises:
        RuntimeError: if the driver does not tell.
    """
    try:
        return torch.cuda.utilization() / 100
    except pynvml.NVMLError as error:
        raise RuntimeError(f"the driver does not tell how busy the GPU is: {error}") from error


class DeviceUse:
    """Asks for the use of a device every second while its ``with`` block runs.

    Args:
        reading: Returns the use at the moment, in [0, 1]; raises RuntimeError where it is not told.
        every_s: Seconds between two readings.
    """

    def __init__(self, reading: Callable[[], float] = gpu_use, *, every_s: float = _EVERY_S) -> None:
        self._reading = reading
        self._every_s = every_s
        self._lock = threading.Lock()
        self._readings: list[float] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._read, name="device-use", daemon=True)

    def mean(self) -> float | None:
        """Return the mean use since it was last asked for, in [0, 1]; None where nothing was told."""
        with self._lock:
            readings, self._readings = self._readings, []
        return round(sum(readings) / len(readings), 3) if readings else None

    def __enter__(self) -> "DeviceUse":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _read(self) -> None:
        while not self._ended.wait(self._every_s):
            try:
                use = self._reading()
            except RuntimeError:  # the driver does not tell, and will not later
                return
            with self._lock:
                self._readings.append(use)
