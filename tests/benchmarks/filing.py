"""Files what a benchmark measured under the conditions it was measured in."""

import platform
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

from trials.latency.host import load, processor
from trials.usable_cores import usable_cores

RESULTS = Path(__file__).parent / "results"


def file_result(name, *, command, seed, lines, packages=()):
    """Write `lines` of Markdown to results/`name`.md with what is needed to repeat them.

    Versions are those of Python, torch, optuna and `packages`.
    """
    now = datetime.now(UTC)
    told = [
        f"# {name.replace('_', ' ').capitalize()}",
        "",
        *lines,
        "",
        f"* Command: `{command}`, seed {seed}, {now:%Y-%m-%d}",
        ", ".join(
            [
                f"* Versions: Python {platform.python_version()}, torch {torch.__version__}",
                *(f"{package} {_version(package)}" for package in ("optuna", *packages)),
            ]
        ),
        f"* Machine: {processor()} ({torch.backends.cpu.get_cpu_capability()}), {len(usable_cores())} cores, "
        f"{torch.get_num_threads()} torch threads, load {load():.1f} at the end",
    ]
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.md").write_text("\n".join(told) + "\n", encoding="utf-8")


def _version(package):
    """Return the version of a package, also where it is not installed, as on a machine that only trains."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
