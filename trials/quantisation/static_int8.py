"""Quantises ONNX files to int8 after training: weights per channel, activations by calibration images.

Weights are int8, symmetric, with one scale for each output channel; activations are uint8 between the least
and the largest value that calibration images gave (Krishnamoorthi, 2018, https://arxiv.org/abs/1806.08342).
Convolutions of some blocks may have weights of 4 bits instead, see `trials.latency.int4_weights`.
"""

import logging
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import onnx
from jaxtyping import Float
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process
from torch import Tensor

from trials.latency.int4_weights import four_bit_convolutions, pack_weights, round_weights


def quantise(
    plain: Path, quantised: Path, images: Float[Tensor, "n c r r"], four_bit_blocks: Sequence[str] = ()
) -> None:
    """Write the int8 form of an ONNX file.

    Args:
        plain: File in fp32, whose input is ``images``.
        quantised: File to write.
        images: Preprocessed training images, by which activations are calibrated.
        four_bit_blocks: Modules whose convolutions have weights of 4 bits, for example ``stages.0.1``.

    Raises:
        ValueError: if weights of such a block are not found again in the optimised file.
    """
    with TemporaryDirectory(dir=quantised.parent) as scratch:
        ready = Path(scratch, "ready.onnx")
        logging.disable(logging.WARNING)  # warnings about biases, which have no channel to scale
        try:
            _prepare(plain, ready)
            packed = round_weights(ready, four_bit_blocks) if four_bit_blocks else {}
            if len(packed) != four_bit_convolutions(plain, four_bit_blocks):
                raise ValueError("ONNX Runtime has renamed weights that are to have 4 bits")
            quantize_static(
                str(ready),
                str(quantised),
                _Calibration(images),
                quant_format=QuantFormat.QDQ,
                per_channel=True,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
            )
            if packed:
                pack_weights(quantised, packed)
        finally:
            logging.disable(logging.NOTSET)


def _prepare(plain: Path, ready: Path) -> None:
    """Write a graph with the shapes of its tensors, and with names that the quantiser can tell apart."""
    try:
        quant_pre_process(str(plain), str(ready))
    except Exception:  # its symbolic shapes lack Expand to a computed shape (onnxruntime 1.31), ONNX's do not
        quant_pre_process(str(plain), str(ready), skip_symbolic_shape=True)
    model = onnx.load(str(ready))
    if renamed := _renamed(model.graph):
        for constant in model.graph.initializer:
            constant.name = renamed.get(constant.name, constant.name)
        for node in model.graph.node:
            node.input[:] = [renamed.get(name, name) for name in node.input]
        onnx.save(model, str(ready))


def _renamed(graph: onnx.GraphProto) -> dict[str, str]:
    """Return new names of constants whose name and more digits are the name of another tensor.

    The quantiser numbers its copies of a bias that several layers share: of ``val_5`` it makes ``val_51``,
    which another tensor may be called.
    """
    names = {name for node in graph.node for name in (*node.input, *node.output)}
    begun = {name[:length] for name in names for length in range(len(name)) if name[length:].isdecimal()}
    return {one.name: f"{one.name}_shared" for one in graph.initializer if one.name in begun}


class _Calibration(CalibrationDataReader):
    """Calibration data reader that returns one image at a time, [1, c, r, r]."""

    def __init__(self, images: Tensor) -> None:
        self.images = iter(images.split(1))

    def get_next(self) -> dict[str, Any] | None:
        image = next(self.images, None)
        return None if image is None else {"images": image.numpy()}
