"""Has ONNX Runtime add int8 products exactly on every CPU, so that accuracies hold for other devices."""

from typing import Any, Final

_EXACT: Final = "session.x64quantprecision"


def with_exact_sums(options: Any) -> Any:
    """Return options of a session that computes what its int8 file says.

    On x86 CPUs with AVX2 or AVX512 and without VNNI, ONNX Runtime's kernels clip sums of two products at 16
    bits, which costs accuracy there alone. With this option they do not, and are slower: it is for outputs,
    not for latencies. Source: "When and why do I need to try U8U8?" in
    https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html
    """
    options.add_session_config_entry(_EXACT, "1")
    return options
