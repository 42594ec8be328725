"""Writes LiteRT files of a network, runs them, and notes what they take on this machine."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor

from nas.exports.exported_network import ExportedNetwork
from search_spaces.errors import ExportError, TargetError
from trials.device_lock import measuring
from trials.latency import litert_model
from trials.latency.host_lock import host_lock
from trials.latency.runtimes import LiteRT
from trials.latency_measurement import SECONDS

_THREADS: Final = 1
_INT8_SHARE: Final = 4  # bytes of an fp32 activation for one of int8


def converted(exported: ExportedNetwork, dtype: str) -> bytes:
    """Return the LiteRT file of the re-parameterised network, int8 calibrated on its calibration images.

    Raises:
        ExportError: if the extra is not installed, or LiteRT lacks an operator of the network.
    """
    try:
        return litert_model.litert_model(
            exported.deployed,
            resolution=exported.architecture.resolution,
            in_channels=exported.in_channels,
            dtype=dtype,
            images=exported.calibration if dtype == "int8" else None,
        )
    except TargetError as error:
        raise ExportError(f"Cannot export '{exported.name}' as LiteRT. {error}") from error


def scores_of(exported: ExportedNetwork, file: bytes, images: Tensor) -> Tensor:
    """Return what a LiteRT file makes of images, [n, c, r, r] -> [n, classes].

    Raises:
        ExportError: if the runtime lacks an operator of the file, or cannot compute one for an image.
    """
    from trials.latency import litert_timing  # noqa: PLC0415 -- needs the extra

    last = images.permute(0, 2, 3, 1).contiguous().numpy()  # [n, r, r, c]
    with _computing(exported):
        return torch.from_numpy(litert_timing.outputs(litert_timing.opened(file), last))


@contextmanager
def _computing(exported: ExportedNetwork) -> Iterator[None]:
    """Turn what the runtime cannot compute into an error for the user."""
    try:
        yield
    except ValueError as error:
        raise ExportError(
            f"Cannot export '{exported.name}' as LiteRT: its runtime says {error} Expected a network that it "
            f"computes; export it without --litert, or in fp32."
        ) from error


def write_record(exported: ExportedNetwork, file: bytes, dtype: str, path: Path, **more: Any) -> None:
    """Write a JSON file with the latency of a LiteRT file, and its arena beside the exact peak."""
    from trials.latency import litert_timing  # noqa: PLC0415 -- needs the extra

    runtime = LiteRT()
    with measuring(host_lock()), _computing(exported):
        timing = runtime.time(file, runtime.reference(dtype), threads=_THREADS, seconds=SECONDS)
        conditions = runtime.conditions(_THREADS)
    record = {
        "version": 1,
        "runtime": f"LiteRT {conditions['version']}, CPU, {_THREADS} thread, batch 1",
        "latency_ms": timing.median_ms,
        "arena_bytes": litert_timing.arena_bytes(file),
        "peak_bytes": exported.costs.peak // (_INT8_SHARE if dtype == "int8" else 1),
        **more,
    }
    path.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
