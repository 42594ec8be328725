"""Program that is sent to another machine and times an ONNX or LiteRT model there (``agent.pyz``).

It times ``network.onnx`` against ``reference.onnx`` (or ``.tflite``) with the protocol of
`trials.latency.timing_protocol`, or its layers if ``peak.onnx`` and ``stream.onnx`` are there too. It is
packed with the few modules it needs, reads one JSON object of options from its arguments and prints one JSON
object: the result, or ``error``. It needs Python 3.10 and the runtime.
"""

import io
import json
import signal
import sys
import zipfile
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from trials.device_lock import host_lock_path, measuring
from trials.latency.runtime_reason import reason_of

_PACKAGE: Final = Path(__file__).parents[1]
_PACKED: Final = (
    "__init__.py",
    "device_lock.py",
    "latency/__init__.py",
    "latency/correlated_interval.py",
    "latency/host.py",
    "latency/litert_timing.py",
    "latency/onnx_profiler.py",
    "latency/onnx_timing.py",
    "latency/pinned_threads.py",
    "latency/runtime_reason.py",
    "latency/timing_agent.py",
    "latency/timing_protocol.py",
    "usable_cores.py",
)
_MAIN: Final = "from trials.latency.timing_agent import main\nmain()\n"


def packed() -> bytes:
    """Return the content of ``agent.pyz``."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("__main__.py", _MAIN)
        for name in _PACKED:
            archive.writestr(f"trials/{name}", (_PACKAGE / name).read_text(encoding="utf-8"))
    return file.getvalue()


def main() -> None:
    """Time the models in the working folder and print the result as JSON."""
    options = json.loads(sys.argv[1])
    signal.alarm(options["time_limit_s"])  # the caller may be gone by then
    sys.stdout.write(json.dumps(_answer(options)) + "\n")


def _answer(options: dict[str, Any]) -> dict[str, Any]:
    """Return the result as JSON: a timing or layers with conditions, conditions alone, or an error."""
    try:
        return _litert(options) if options["runtime"] == "litert" else _onnx(options)
    except ImportError as error:
        return {"error": f"{error} (Python {sys.version.split()[0]}, {sys.executable})"}
    except ValueError as error:
        return {"error": str(error)}
    except Exception as error:
        return {"error": reason_of(error)}


def _litert(options: dict[str, Any]) -> dict[str, Any]:
    from trials.latency import litert_timing, pinned_threads  # noqa: PLC0415 -- a missing ai-edge-litert is reported

    threads = options["threads"]
    pinned_threads.check_threads(threads)
    if not options["seconds"]:
        return {"conditions": litert_timing.conditions(threads=threads)}
    with measuring(host_lock_path()) as waited_s:
        conditions = litert_timing.conditions(threads=threads)
        timing = litert_timing.time_litert(*_models("tflite"), threads=threads, **_how(options))
    return {"timing": asdict(timing), "conditions": conditions | {"waited_s": round(waited_s, 3)}}


def _onnx(options: dict[str, Any]) -> dict[str, Any]:
    from trials.latency import onnx_timing  # noqa: PLC0415 -- a missing onnxruntime is reported

    setting: dict[str, Any] = {"threads": options["threads"], "provider": options["provider"]}
    onnx_timing.check_runtime(**setting)
    if not options["seconds"]:
        return {"conditions": onnx_timing.conditions(**setting)}
    with measuring(host_lock_path()) as waited_s:
        conditions = onnx_timing.conditions(**setting)
        if Path("peak.onnx").exists():
            return {"layers": _layers(setting, options["seconds"]), "conditions": conditions}
        model, reference = _models("onnx")
        timing = onnx_timing.time_onnx(model, reference, **setting, **_how(options))
    return {"timing": asdict(timing), "conditions": conditions | {"waited_s": round(waited_s, 3)}}


def _models(suffix: str) -> tuple[bytes, bytes]:
    """Return the files of the network and of the reference network."""
    return Path(f"network.{suffix}").read_bytes(), Path(f"reference.{suffix}").read_bytes()


def _how(options: dict[str, Any]) -> dict[str, Any]:
    return {name: options[name] for name in ("seconds", "nominal_ms", "figure")}


def _layers(setting: dict[str, Any], seconds: float) -> dict[str, Any]:
    from trials.latency.onnx_profiler import time_layers  # noqa: PLC0415 -- needs onnxruntime

    files = [Path(f"{name}.onnx").read_bytes() for name in ("network", "peak", "stream")]
    return time_layers(*files, **setting, seconds=seconds)
