"""Target ``cpu``: the processor of this host, with ONNX Runtime or LiteRT.

Options: ``threads`` (default 1), ``dtype`` (``fp32``, or ``int8``, quantised after training with one scale
per channel) and ``runtime`` (``onnxruntime``, or ``litert``, which needs the extra of that name).
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
from trials.latency.onnx_model import check_dtype, onnx_model
from trials.latency.onnx_profiler import time_layers
from trials.latency.roofline_probes import peak_macs, peak_model, stream_model
from trials.latency.runtimes import DEFAULT, Runtime, runtime_called
from trials.targets import Job, Target, check_layers, runtime_errors

_MEND: Final = "Expected operations that the runtime has; leave what needs others out of the space."


class Cpu(Target):
    """Times networks on this host while no training runs."""

    defaults: Mapping[str, Condition] = {"threads": 1, "dtype": "fp32", "runtime": DEFAULT}

    @override
    def time(self, network: nn.Module, job: Job) -> Latency:
        runtime, threads, dtype = _checked(job)
        shape = {"resolution": job.resolution, "in_channels": job.in_channels}
        model, reference = runtime.model(network, **shape, dtype=dtype), runtime.reference(dtype)
        how: dict[str, Any] = {"threads": threads, "seconds": job.seconds, "nominal_ms": job.nominal_ms}
        with measuring(job.lock) as waited_s:
            found = runtime.conditions(threads) | {"dtype": dtype, "resolution": job.resolution}
            with runtime_errors("cpu", _MEND):
                timing = runtime.time(model, reference, **how, figure=job.figure)
        return Latency.of(timing, found | {"waited_s": round(waited_s, 3)})

    @override
    def layers(self, network: nn.Module, job: Job) -> LayerTimes:
        runtime, threads, dtype = _checked(job)
        check_layers(job)
        shape = {"resolution": job.resolution, "in_channels": job.in_channels}
        model, modules = onnx_model(network, **shape, dtype=dtype), module_costs(network, **shape)
        roofs = peak_model(dtype), stream_model()
        with measuring(job.lock):
            found = runtime.conditions(threads) | {"dtype": dtype, "resolution": job.resolution}
            with runtime_errors("cpu", _MEND):
                profile = time_layers(model, *roofs, threads=threads, seconds=job.seconds)
        return layer_times(profile, modules, peak_macs(), found)

    @override
    def probe(self, job: Job) -> Mapping[str, Condition]:
        runtime, threads, dtype = _checked(job)
        return runtime.conditions(threads) | {"dtype": dtype}


def _checked(job: Job) -> tuple[Runtime, int, str]:
    options: Mapping[str, Any] = job.options
    runtime = runtime_called(options["runtime"])
    check_dtype(options["dtype"])
    try:
        runtime.check(options["threads"])
    except ValueError as error:
        raise TargetError(f"The target 'cpu' cannot run with {error}.") from error
    return runtime, options["threads"], options["dtype"]


TARGET: Final = Cpu()
