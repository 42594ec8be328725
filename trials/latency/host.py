"""Facts about this machine: processor, clock governor, load; standard library only."""

import os
import platform
from pathlib import Path
from typing import Final

_CPU_INFO: Final = Path("/proc/cpuinfo")
_GOVERNOR: Final = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
_MODEL_KEYS: Final = ("model name", "Model", "Hardware")  # x86, then Arm boards


def processor() -> str:
    """Return the model of the processor, for example ``AMD EPYC``."""
    if _CPU_INFO.exists():
        lines = _CPU_INFO.read_text(encoding="utf-8", errors="replace").splitlines()
        entries = {key.strip(): text.strip() for key, _, text in (line.partition(":") for line in lines)}
        for key in _MODEL_KEYS:
            if entries.get(key):
                return entries[key]
    return platform.processor() or platform.machine()


def governor() -> str | None:
    """Return the clock governor of the first core; None if it is not available."""
    try:
        return _GOVERNOR.read_text(encoding="utf-8").strip()
    except OSError:
        return None


def load() -> float:
    """Return the load average of the last minute, in processes."""
    return os.getloadavg()[0]
