"""Holds weights of convolutions of ONNX files in 4 bits, as the blocks that a network marks have them.

ONNX Runtime has products of 4 bits for matrices alone. A convolution's weights are therefore a matrix
[out, k] of int4 that DequantizeLinear with blocks (opset 21) and Reshape turn into floats in each run: the
file gets smaller, the convolution computes in floats, of activations as int8 rounds them.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from search_spaces.weight_bits import LARGEST, SHARING

_FUSED: Final = re.compile(r"^(Conv\w+Fusion_W_)+")  # what ONNX Runtime puts before a weight that it scales
_SMALLEST: Final = 1e-12  # scale
_OPSET: Final = 21  # the first whose DequantizeLinear has int4 and blocks
_IR: Final = 10
_CHANGED: Final = frozenset({"GroupNormalization"})  # of what torch writes, all that opset 21 reads otherwise


class Int4Weights(NamedTuple):
    """Weights of a convolution in 4 bits.

    Attributes:
        values: From -7 to 7, [out, k].
        scales: Of each block of a row, [out, blocks].
        shape: Shape of the weights, [out, in, height, width].
    """

    values: NDArray[np.int8]
    scales: NDArray[np.float32]
    shape: tuple[int, ...]

    @property
    def floats(self) -> NDArray[np.float32]:
        """The weights as they are computed with, [out, in, height, width]."""
        each = np.repeat(self.scales, SHARING, axis=1)[:, : self.values.shape[1]]
        return (self.values * each).astype(np.float32).reshape(self.shape)


def round_weights(file: Path, blocks: Sequence[str]) -> dict[str, Int4Weights]:
    """Round weights in an ONNX file in fp32 to 4 bits, and return them by name.

    Args:
        file: The file, which is written anew.
        blocks: Modules whose convolutions have such weights, for example ``stages.0.1``.
    """
    model = onnx.load(file)
    weights = {tensor.name: tensor for tensor in model.graph.initializer}
    found: dict[str, Int4Weights] = {}
    for node in model.graph.node:
        if node.op_type == "Conv" and node.input[1] in weights and _is_of(node, blocks):
            tensor = weights[node.input[1]]
            found[tensor.name] = _rounded(numpy_helper.to_array(tensor))
            tensor.CopyFrom(numpy_helper.from_array(found[tensor.name].floats, tensor.name))
    onnx.save(model, file)
    return found


def pack_weights(file: Path, weights: dict[str, Int4Weights]) -> None:
    """Replace weights of an ONNX file in int8 by those of 4 bits that they hold.

    Args:
        file: What ONNX Runtime's quantiser made of the file of `round_weights`; written anew.
        weights: What that returned.
    """
    model = onnx.load(file)
    graph = model.graph
    outputs = {f"{name}_DequantizeLinear_Output": name for name in weights}
    nodes: list[onnx.NodeProto] = []
    for node in graph.node:
        name = outputs.get(node.output[0])
        nodes += [node] if name is None else _unpacking(name, node.output[0])
    del graph.node[:]
    graph.node.extend(nodes)
    read = {name for node in nodes for name in node.input}
    kept = [tensor for tensor in graph.initializer if tensor.name in read]
    del graph.initializer[:]
    graph.initializer.extend(kept)
    for name, one in weights.items():
        graph.initializer.extend(_tensors(name, one))
    _raise_opset(model)
    onnx.save(model, file)


def four_bit_convolutions(file: Path, blocks: Sequence[str]) -> int:
    """Return how many weights of convolutions an ONNX file has in some modules."""
    graph = onnx.load(file).graph
    return len({node.input[1] for node in graph.node if node.op_type == "Conv" and _is_of(node, blocks)})


def _is_of(node: onnx.NodeProto, blocks: Sequence[str]) -> bool:
    """Return whether a convolution is of one of some modules, whichever exporter of torch has written it."""
    path = node.name.split("/")  # of the tracing exporter: /stages/stages.0/stages.0.1/conv/Conv
    weight = _FUSED.sub("", node.input[1])
    return any(weight.startswith(f"{block}.") or block in path for block in blocks)


def _rounded(weight: NDArray[np.float32]) -> Int4Weights:
    rows = weight.reshape(len(weight), -1)
    count = -(-rows.shape[1] // SHARING)
    padded = np.pad(rows, ((0, 0), (0, count * SHARING - rows.shape[1]))).reshape(len(rows), count, SHARING)
    scales = np.maximum(np.abs(padded).max(axis=2) / LARGEST, _SMALLEST).astype(np.float32)
    values = np.clip(np.rint(padded / scales[..., None]), -LARGEST, LARGEST).astype(np.int8)
    return Int4Weights(values.reshape(len(rows), -1)[:, : rows.shape[1]], scales, weight.shape)


def _unpacking(name: str, output: str) -> list[onnx.NodeProto]:
    """Return the operations that make weights of 4 bits floats."""
    rows = f"{name}_int4_rows"
    given = [f"{name}_int4", f"{name}_int4_scale"]
    return [
        helper.make_node("DequantizeLinear", given, [rows], name=rows, axis=1, block_size=SHARING),
        helper.make_node("Reshape", [rows, f"{name}_int4_shape"], [output], name=f"{name}_int4_reshape"),
    ]


def _tensors(name: str, weights: Int4Weights) -> list[onnx.TensorProto]:
    flat = np.append(weights.values.ravel(), np.zeros(weights.values.size % 2, np.int8)) & 15
    packed = (flat[::2] | (flat[1::2] << 4)).astype(np.uint8)
    return [
        helper.make_tensor(
            f"{name}_int4", onnx.TensorProto.INT4, weights.values.shape, packed.tobytes(), raw=True
        ),
        numpy_helper.from_array(weights.scales, f"{name}_int4_scale"),
        numpy_helper.from_array(np.array(weights.shape, np.int64), f"{name}_int4_shape"),
    ]


def _raise_opset(model: onnx.ModelProto) -> None:
    """Set the opset to one that has int4.

    Raises:
        ValueError: if the model has an operation that this opset reads otherwise.
    """
    changed = sorted(_CHANGED & {node.op_type for node in model.graph.node})
    if changed:
        raise ValueError(f"{changed[0]} differs between opsets: expected a network without it for 4 bits")
    for opset in model.opset_import:
        if opset.domain in {"", "ai.onnx"}:
            opset.version = max(opset.version, _OPSET)
    model.ir_version = max(model.ir_version, _IR)
