"""Has ONNX Runtime add int8 products exactly on every CPU, so that accuracies hold for other devices."""

import logging
from pathlib import Path
from typing import Any, Final

import onnxruntime
from onnxruntime.capi.onnxruntime_pybind11_state import Fail

from trials.latency.onnx_timing import CPU

_EXACT: Final = "session.x64quantprecision"
_log: Final = logging.getLogger(__name__)


def exact_session(model: Path | bytes, options: Any) -> Any:
    """Return a session on the CPU that computes what an int8 file says.

    On x86 CPUs with AVX2 or AVX512 and without VNNI, ONNX Runtime's kernels clip sums of two products at 16
    bits, which costs accuracy there alone. With this option they do not, and are slower: it is for outputs,
    not for latencies. Source: "When and why do I need to try U8U8?" in
    https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html

    Some files ONNX Runtime 1.31 cannot convert for it: it would add a constant twice. They are run with the
    kernels of that CPU, and a warning says so.

    Args:
        model: ONNX file, or its content.
        options: Options of the session.
    """
    source = str(model) if isinstance(model, Path) else model
    options.add_session_config_entry(_EXACT, "1")
    options.log_severity_level = 4  # what fails is raised, too
    try:
        return onnxruntime.InferenceSession(source, options, providers=[CPU])
    except Fail:
        options.add_session_config_entry(_EXACT, "0")
        session = onnxruntime.InferenceSession(source, options, providers=[CPU])
    _log.warning("int8 sums are those of this CPU, which clips them: see docs/int8.md")
    return session
