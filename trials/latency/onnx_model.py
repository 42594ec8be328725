"""Exports a network to ONNX for timing, in fp32 or quantised to int8; holds the reference network."""

import copy
import io
import logging
import tempfile
import warnings
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import nn

from search_spaces.errors import TargetError
from search_spaces.weight_bits import marked_blocks
from trials.latency.int4_weights import pack_weights, round_weights

OPSET: Final = 17
_NEWEST_OPSET: Final = 20  # of the tracing exporter: 4 bits need 21, which reads it alike
DTYPES: Final = ("fp32", "int8")
_CALIBRATION_IMAGES: Final = 4  # of noise: values of weights and scales do not change the speed
REFERENCE_RESOLUTION: Final = 32
"""Side of the images of the reference network, in pixels."""


def deployed(network: nn.Module) -> nn.Module:
    """Return a copy of a network for inference on the CPU, re-parameterised."""
    network = copy.deepcopy(network).cpu().eval()
    modules: list[Any] = list(network.modules())
    for module in modules:
        if hasattr(module, "switch_to_deploy"):
            module.switch_to_deploy()
    return network


def check_dtype(dtype: str) -> None:
    """Check that networks are timed in numbers of this name.

    Raises:
        TargetError: if they are not.
    """
    if dtype not in DTYPES:
        raise TargetError(f"The dtype '{dtype}' is not measured: expected one of {', '.join(DTYPES)}.")


def onnx_model(network: nn.Module, *, resolution: int, in_channels: int, dtype: str = "fp32") -> bytes:
    """Return the ONNX file of a network with the input [1, in_channels, r, r].

    It is written by torch's tracing exporter, which takes 0.2 s instead of 2 s with the newer one; the
    runtime optimises both into the same operators.

    Raises:
        TargetError: if the dtype is unknown, or the network cannot be exported or quantised.
    """
    check_dtype(dtype)
    four_bits = marked_blocks(network) if dtype == "int8" else ()
    opset = _NEWEST_OPSET if four_bits else OPSET
    images = torch.zeros(1, in_channels, resolution, resolution)
    file = io.BytesIO()
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")  # the tracer warns about every constant it folds
            torch.onnx.export(
                network,
                (images,),
                file,  # type: ignore[arg-type]  # an open file is fine with this exporter
                dynamo=False,
                opset_version=opset,
                input_names=["images"],
                output_names=["scores"],
            )
    except Exception as error:  # of torch's exporter and of the network's own code, of several kinds
        raise TargetError(
            f"Cannot export the network to ONNX for timing: {_line(error)}. Expected operations that "
            f"opset {opset} has."
        ) from error
    if dtype == "fp32":
        return file.getvalue()
    try:
        return _quantised(file.getvalue(), tuple(images.shape), four_bits)
    except OSError:
        raise  # of its temporary files: no fault of the network
    except Exception as error:  # of the quantiser and of ONNX Runtime, of several kinds
        raise TargetError(
            f"Cannot quantise the network for timing: {_line(error)}. Expected operators that ONNX Runtime "
            f"quantises; use dtype=fp32, or leave what needs others out of the space."
        ) from error


@cache
def reference_model(dtype: str) -> bytes:
    """Return the small network whose times show the drift of a machine; never changed."""
    return onnx_model(ReferenceNetwork().eval(), resolution=REFERENCE_RESOLUTION, in_channels=3, dtype=dtype)


class ReferenceNetwork(nn.Module):
    """A network of about a millisecond with the usual operations: full, depthwise and 1 x 1 convolutions."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):  # its first weights are drawn, and then replaced
            layers: list[nn.Module] = [nn.Conv2d(3, 64, 3, padding=1), nn.ReLU()]
            for _ in range(3):
                layers += [
                    nn.Conv2d(64, 64, 5, padding=2, groups=64),
                    nn.Conv2d(64, 128, 1),
                    nn.ReLU(),
                    nn.Conv2d(128, 64, 1),
                ]
        self.layers = nn.Sequential(*layers)
        with torch.no_grad():
            for parameter in self.parameters():
                ramp = torch.linspace(-1.0, 1.0, parameter.numel())
                parameter.copy_(ramp.reshape(parameter.shape) / parameter[0].numel() ** 0.5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return 64 numbers for each image, [b, 3, 32, 32] -> [b, 64]."""
        return self.layers(x).mean(dim=(2, 3))


def _quantised(model: bytes, shape: tuple[int, ...], four_bit_blocks: Sequence[str]) -> bytes:
    """Return the model with int8 weights, those of some blocks in 4 bits, and uint8 activations."""
    from onnxruntime import quantization  # noqa: PLC0415 -- half a second that fp32 does not need

    class Noise(quantization.CalibrationDataReader):
        def __init__(self) -> None:
            rng = np.random.default_rng(0)
            self.left = [rng.standard_normal(shape).astype(np.float32) for _ in range(_CALIBRATION_IMAGES)]

        def get_next(self) -> dict[str, Any] | None:
            return {"images": self.left.pop()} if self.left else None

    with tempfile.TemporaryDirectory() as folder:
        plain, prepared, done = (Path(folder) / f"{name}.onnx" for name in ("plain", "prepared", "done"))
        plain.write_bytes(model)
        logging.disable(logging.WARNING)  # advice on pre-processing, through the root logger
        try:
            quantization.quant_pre_process(str(plain), str(prepared), skip_symbolic_shape=True)
            packed = round_weights(prepared, four_bit_blocks) if four_bit_blocks else {}
            quantization.quantize_static(
                str(prepared),
                str(done),
                Noise(),
                quant_format=quantization.QuantFormat.QDQ,
                per_channel=True,
                activation_type=quantization.QuantType.QUInt8,
                weight_type=quantization.QuantType.QInt8,
            )
            if packed:
                pack_weights(done, packed)
        finally:
            logging.disable(logging.NOTSET)
        return done.read_bytes()


def _line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0].rstrip(".") or type(error).__name__
