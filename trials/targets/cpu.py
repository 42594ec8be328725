"""Target ``cpu``: the processor of this host, with ONNX Runtime.

Options: ``threads`` (default 1) and ``dtype`` (``fp32``, or ``int8``, quantised after training with
one scale per channel).
"""

from collections.abc import Mapping
from typing import Any, Final

from torch import nn
from typing_extensions import override

from search_spaces.errors import TargetError
from trials.device_lock import measuring
from trials.latency.latency import Condition, Latency
from trials.latency.layer_times import LayerTimes, layer_times
from trials.latency.module_costs import module_costs
from trials.latency.onnx_model import onnx_model, reference_model
from trials.latency.onnx_profiler import time_layers
from trials.latency.onnx_timing import check_runtime, conditions, time_onnx
from trials.latency.roofline_probes import peak_macs, peak_model, stream_model
from trials.targets import Job, Target


class Cpu(Target):
    """Times networks on this host while no training runs."""

    defaults: Mapping[str, Condition] = {"threads": 1, "dtype": "fp32"}

    @override
    def time(self, network: nn.Module, job: Job) -> Latency:
        threads, dtype = _checked(job)
        model = onnx_model(network, resolution=job.resolution, in_channels=job.in_channels, dtype=dtype)
        with measuring(job.lock) as waited_s:
            found = conditions(threads=threads) | {"dtype": dtype, "resolution": job.resolution}
            timing = time_onnx(
                model,
                reference_model(dtype),
                threads=threads,
                seconds=job.seconds,
                nominal_ms=job.nominal_ms,
                figure=job.figure,
            )
        return Latency.of(timing, found | {"waited_s": round(waited_s, 3)})

    @override
    def layers(self, network: nn.Module, job: Job) -> LayerTimes:
        threads, dtype = _checked(job)
        shape = {"resolution": job.resolution, "in_channels": job.in_channels}
        model, modules = onnx_model(network, **shape, dtype=dtype), module_costs(network, **shape)
        roofs = peak_model(dtype), stream_model()
        with measuring(job.lock):
            found = conditions(threads=threads) | {"dtype": dtype, "resolution": job.resolution}
            profile = time_layers(model, *roofs, threads=threads, seconds=job.seconds)
        return layer_times(profile, modules, peak_macs(), found)

    @override
    def probe(self, job: Job) -> Mapping[str, Condition]:
        threads, dtype = _checked(job)
        return conditions(threads=threads) | {"dtype": dtype}


def _checked(job: Job) -> tuple[int, str]:
    options: Mapping[str, Any] = job.options
    try:
        check_runtime(threads=options["threads"])
    except ValueError as error:
        raise TargetError(f"The target 'cpu' cannot run with {error}.") from error
    return options["threads"], options["dtype"]


TARGET: Final = Cpu()
