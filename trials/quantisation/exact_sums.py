"""Has ONNX Runtime add int8 products exactly on every CPU, so that accuracies hold for other devices."""

from pathlib import Path
from typing import Any, Final

import onnx
import onnxruntime

from trials.latency.onnx_timing import CPU

_EXACT: Final = "session.x64quantprecision"


def exact_session(model: Path | bytes, options: Any) -> Any:
    """Return a session on the CPU that computes what an int8 file says.

    On x86 CPUs with AVX2 or AVX512 and without VNNI, ONNX Runtime's kernels clip sums of two products at 16
    bits, which costs accuracy there alone. With this option they do not, and are slower: it is for outputs,
    not for latencies. Source: "When and why do I need to try U8U8?" in
    https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html

    Args:
        model: ONNX file, or its content.
        options: Options of the session.
    """
    content = model.read_bytes() if isinstance(model, Path) else model
    options.add_session_config_entry(_EXACT, "1")
    return onnxruntime.InferenceSession(_with_weights_apart(content), options, providers=[CPU])


def _with_weights_apart(content: bytes) -> bytes:
    """Return an ONNX file in which no two layers share int8 weights.

    ONNX Runtime 1.31 converts the weights of each layer to uint8 under a name made of theirs, and refuses a
    file where that name comes twice.
    """
    model = onnx.load_from_string(content)
    graph = model.graph
    weights = {
        tensor.name: tensor for tensor in graph.initializer if tensor.data_type == onnx.TensorProto.INT8
    }
    dequantised = {
        node.output[0]: node
        for node in graph.node
        if node.op_type == "DequantizeLinear" and node.input[0] in weights
    }
    taken: set[str] = set()
    copies: list[onnx.NodeProto] = []
    for node in graph.node:
        for place, name in enumerate(node.input):
            if (source := dequantised.get(name)) is None:
                continue
            if source.input[0] in taken:
                copies.append(_copied(graph, source, weights, f"_copy_{len(copies)}"))
                node.input[place] = copies[-1].output[0]
            taken.add(source.input[0])
    if not copies:
        return content
    nodes = [*copies, *graph.node]  # copies read constants alone, so they may come first
    del graph.node[:]
    graph.node.extend(nodes)
    return model.SerializeToString()


def _copied(
    graph: onnx.GraphProto, node: onnx.NodeProto, weights: dict[str, onnx.TensorProto], ending: str
) -> onnx.NodeProto:
    """Return a copy of a node with copies of its int8 constants, which the graph gets, under new names."""
    copy = onnx.NodeProto()
    copy.CopyFrom(node)
    copy.name, copy.output[0] = f"{node.name}{ending}", f"{node.output[0]}{ending}"
    for place, name in enumerate(node.input):
        if name in weights:
            copy.input[place] = f"{name}{ending}"
            graph.initializer.add().CopyFrom(weights[name])
            graph.initializer[-1].name = copy.input[place]
    return copy
