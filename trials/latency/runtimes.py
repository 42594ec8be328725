"""The runtimes that a target may run networks with, ONNX Runtime and LiteRT, by the name in ``runtime``."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Final

from torch import nn
from typing_extensions import override

from search_spaces.errors import TargetError
from trials.latency import litert_model, onnx_model, onnx_timing
from trials.latency.timing_protocol import Timing


class Runtime(ABC):
    """Writes networks in the format of a runtime, and times them with it on this machine."""

    suffix: ClassVar[str]
    """End of the names of its files."""

    package: ClassVar[str]
    """Package on the Python index that another machine needs to run them."""

    @abstractmethod
    def model(self, network: nn.Module, *, resolution: int, in_channels: int, dtype: str) -> bytes:
        """Return the file of a network with the input of one image.

        Raises:
            TargetError: if the dtype is unknown or the network cannot be written.
        """

    @abstractmethod
    def reference(self, dtype: str) -> bytes:
        """Return the file of the reference network, see `trials.latency.onnx_model.ReferenceNetwork`."""

    @abstractmethod
    def check(self, threads: int) -> None:
        """Check that this machine can run networks on so many threads.

        Raises:
            TargetError: if the runtime is not installed.
            ValueError: if there are fewer cores than threads.
        """

    @abstractmethod
    def conditions(self, threads: int) -> dict[str, Any]:
        """Return the conditions of a measurement on this machine."""

    @abstractmethod
    def time(self, model: bytes, reference: bytes, **how: Any) -> Timing:
        """Return the time of one run of `model`; the arguments are those of `trials.latency.onnx_timing`.

        Raises:
            ValueError: if the runtime cannot run the model.
        """


class OnnxRuntime(Runtime):
    """ONNX Runtime on the CPU."""

    suffix = ".onnx"
    package = "onnxruntime"

    @override
    def model(self, network: nn.Module, *, resolution: int, in_channels: int, dtype: str) -> bytes:
        return onnx_model.onnx_model(network, resolution=resolution, in_channels=in_channels, dtype=dtype)

    @override
    def reference(self, dtype: str) -> bytes:
        return onnx_model.reference_model(dtype)

    @override
    def check(self, threads: int) -> None:
        onnx_timing.check_runtime(threads=threads)

    @override
    def conditions(self, threads: int) -> dict[str, Any]:
        return onnx_timing.conditions(threads=threads)

    @override
    def time(self, model: bytes, reference: bytes, **how: Any) -> Timing:
        return onnx_timing.time_onnx(model, reference, **how)


class LiteRT(Runtime):
    """LiteRT on the CPU, with its kernels for processors (XNNPACK)."""

    suffix = ".tflite"
    package = "ai-edge-litert"

    @override
    def model(self, network: nn.Module, *, resolution: int, in_channels: int, dtype: str) -> bytes:
        return litert_model.litert_model(network, resolution=resolution, in_channels=in_channels, dtype=dtype)

    @override
    def reference(self, dtype: str) -> bytes:
        return litert_model.reference_litert(dtype)

    @override
    def check(self, threads: int) -> None:
        litert_model.check_installed()
        _litert_timing().check_threads(threads)

    @override
    def conditions(self, threads: int) -> dict[str, Any]:
        found: dict[str, Any] = _litert_timing().conditions(threads=threads)
        return found

    @override
    def time(self, model: bytes, reference: bytes, **how: Any) -> Timing:
        timing: Timing = _litert_timing().time_litert(model, reference, **how)
        return timing


def _litert_timing() -> Any:
    from trials.latency import litert_timing  # noqa: PLC0415 -- needs the extra

    return litert_timing


RUNTIMES: Final[Mapping[str, Runtime]] = {"onnxruntime": OnnxRuntime(), "litert": LiteRT()}
DEFAULT: Final = "onnxruntime"


def runtime_called(name: str) -> Runtime:
    """Return the runtime with a name.

    Raises:
        TargetError: if there is none.
    """
    if name not in RUNTIMES:
        raise TargetError(f"The runtime '{name}' is unknown: expected one of {', '.join(RUNTIMES)}.")
    return RUNTIMES[name]
