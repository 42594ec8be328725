"""Monitors GPU utilisation during a training, as the driver reports it."""

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Final

import pynvml
import torch

_EVERY_S: Final = 1.0


def gpu_utilisation() -> float:
    """Return the current utilisation of this process's GPU, in [0, 1].

    Raises:
        RuntimeError: if the driver does not report it.
    """
    try:
        return torch.cuda.utilization() / 100
    except pynvml.NVMLError as error:
        raise RuntimeError(f"the driver does not report the utilisation of the GPU: {error}") from error


class GpuUtilisationMonitor:
    """Reads the utilisation of a GPU every second while its ``with`` block runs.

    Args:
        reading: Returns the current utilisation, in [0, 1]; raises RuntimeError if it is not available.
        every_s: Seconds between two readings, above 0.
    """

    def __init__(self, reading: Callable[[], float] = gpu_utilisation, *, every_s: float = _EVERY_S) -> None:
        self._reading = reading
        self._every_s = every_s
        self._lock = threading.Lock()
        self._readings: list[float] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._read, name="gpu-utilisation", daemon=True)

    def mean(self) -> float | None:
        """Return the mean utilisation since the last call, in [0, 1]; None if there was no reading."""
        with self._lock:
            readings, self._readings = self._readings, []
        return round(sum(readings) / len(readings), 3) if readings else None

    def __enter__(self) -> "GpuUtilisationMonitor":
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
                utilisation = self._reading()
            except RuntimeError:  # the driver does not report it, and will not later
                return
            with self._lock:
                self._readings.append(utilisation)
