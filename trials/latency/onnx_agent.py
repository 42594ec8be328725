"""The one file that an ssh target runs: times two ONNX files with the protocol of `trials.latency.timing`.

Where it is sent ``peak.onnx`` and ``stream.onnx`` it times the layers of the network instead.

It is packed as ``agent.pyz`` with the few files it needs, reads one JSON object of options from its
arguments and prints one JSON object: what it found, or ``error``. Python 3.10 and onnxruntime suffice.
"""

import io
import json
import signal
import sys
import zipfile
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

_PACKAGE: Final = Path(__file__).parents[1]
_PACKED: Final = (
    "__init__.py",
    "device_lock.py",
    "latency/__init__.py",
    "latency/host.py",
    "latency/onnx_agent.py",
    "latency/onnx_layers.py",
    "latency/onnx_timing.py",
    "latency/timing.py",
)
_MAIN: Final = "from trials.latency.onnx_agent import main\nmain()\n"


def packed() -> bytes:
    """Return ``agent.pyz``."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("__main__.py", _MAIN)
        for name in _PACKED:
            archive.writestr(f"trials/{name}", (_PACKAGE / name).read_text(encoding="utf-8"))
    return file.getvalue()


def main() -> None:
    """Time ``network.onnx`` against ``reference.onnx`` in the working folder and print what was found."""
    options = json.loads(sys.argv[1])
    signal.alarm(options["time_limit_s"])  # nobody may be listening any more
    sys.stdout.write(json.dumps(_answer(options)) + "\n")


def _answer(options: dict[str, Any]) -> dict[str, Any]:
    try:
        from trials.latency import onnx_timing  # noqa: PLC0415 -- its absence is an answer
    except ImportError as error:
        return {"error": f"{error} (Python {sys.version.split()[0]}, {sys.executable})"}
    from trials.device_lock import host_lock_path, measuring  # noqa: PLC0415

    setting = {"threads": options["threads"], "provider": options["provider"]}
    try:
        onnx_timing.check_runtime(**setting)
    except ValueError as error:
        return {"error": str(error)}
    if not options["seconds"]:
        return {"conditions": onnx_timing.conditions(**setting)}
    with measuring(host_lock_path()) as waited_s:
        conditions = onnx_timing.conditions(**setting)
        if Path("peak.onnx").exists():
            return {"layers": _layers(setting, options["seconds"]), "conditions": conditions}
        timing = onnx_timing.time_onnx(
            Path("network.onnx").read_bytes(),
            Path("reference.onnx").read_bytes(),
            **setting,
            seconds=options["seconds"],
            nominal_ms=options["nominal_ms"],
        )
    return {"timing": asdict(timing), "conditions": conditions | {"waited_s": round(waited_s, 3)}}


def _layers(setting: dict[str, Any], seconds: float) -> dict[str, Any]:
    from trials.latency.onnx_layers import time_layers  # noqa: PLC0415

    files = [Path(f"{name}.onnx").read_bytes() for name in ("network", "peak", "stream")]
    return time_layers(*files, **setting, seconds=seconds)
