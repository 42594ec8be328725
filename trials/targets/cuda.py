"""Target ``cuda``: a GPU of this host, with torch; the network is captured as a CUDA graph and replayed.

Options: ``dtype`` (``fp32`` or ``fp16``) and ``index``, the number of the device.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

import torch
from torch import Tensor, nn
from typing_extensions import override

from search_spaces.errors import TargetError
from trials.device_lock import measuring
from trials.latency import host
from trials.latency.latency import Condition, Latency
from trials.latency.onnx_model import ReferenceNetwork
from trials.latency.timing_protocol import Run, time_network
from trials.targets import Job, Target, runtime_errors

_DTYPES: Final = {"fp32": torch.float32, "fp16": torch.float16}
_MEND: Final = (
    "Expected a network that fits into the memory of the device and can be captured as a CUDA graph; close "
    "other programs on it, or leave larger networks out of the space."
)


class Cuda(Target):
    """Times networks on a GPU of this host while no training runs."""

    defaults: Mapping[str, Condition] = {"dtype": "fp32", "index": 0}

    @override
    def time(self, network: nn.Module, job: Job) -> Latency:
        device, dtype = _checked(job)
        images = torch.zeros(1, job.in_channels, job.resolution, job.resolution)
        with (
            measuring(job.lock) as waited_s,
            runtime_errors("cuda", _MEND),
            torch.cuda.device(device),
            torch.no_grad(),
        ):
            conditions = _conditions(job, device) | {"resolution": job.resolution}
            timing = time_network(
                _captured(network, images, device, dtype),
                _captured(ReferenceNetwork(), torch.zeros(1, 3, 32, 32), device, dtype),
                seconds=job.seconds,
                nominal_ms=job.nominal_ms,
                figure=job.figure,
            )
        return Latency.of(timing, conditions | {"waited_s": round(waited_s, 3)})

    @override
    def probe(self, job: Job) -> Mapping[str, Condition]:
        device, _ = _checked(job)
        with runtime_errors("cuda", _MEND):
            return _conditions(job, device)


def _checked(job: Job) -> tuple[torch.device, torch.dtype]:
    dtype, index, count = str(job.options["dtype"]), int(str(job.options["index"])), torch.cuda.device_count()
    if dtype not in _DTYPES:
        raise TargetError(f"The dtype '{dtype}' is not measured on cuda: expected {' or '.join(_DTYPES)}.")
    if not count:
        raise TargetError(
            "The target 'cuda' found no CUDA device: expected one on this host, and its driver."
        )
    if not 0 <= index < count:
        raise TargetError(f"The target 'cuda' got index={index}: expected 0 to {count - 1}.")
    return torch.device("cuda", index), _DTYPES[dtype]


def _captured(network: nn.Module, images: Tensor, device: torch.device, dtype: torch.dtype) -> Run:
    """Return a function that replays the captured network and times each run between two events."""
    network, images = network.to(device, dtype).eval(), images.to(device, dtype)
    graph, side = torch.cuda.CUDAGraph(), torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):  # libraries choose algorithms and allocate memory before the capture
            network(images)
    torch.cuda.current_stream().wait_stream(side)
    with torch.cuda.graph(graph):
        scores = network(images)
    # A replay reads and writes their memory by its address, so that they must live as long as the graph.
    captured = graph, network, images, scores

    def run(count: int) -> Sequence[float]:
        events = [torch.cuda.Event(enable_timing=True) for _ in range(count + 1)]
        events[0].record()
        for event in events[1:]:
            captured[0].replay()
            event.record()
        torch.cuda.synchronize()
        return [before.elapsed_time(after) for before, after in pairwise(events)]

    return run


def _conditions(job: Job, device: torch.device) -> dict[str, Any]:
    return {
        "device": torch.cuda.get_device_name(device),
        "runtime": "torch cuda graph",
        "version": f"{torch.__version__} CUDA {torch.version.cuda}",
        "batch": 1,
        "clock": "events",
        "dtype": job.options["dtype"],
        "governor": None,
        "load": round(host.load(), 2),
    }


TARGET: Final = Cuda()
