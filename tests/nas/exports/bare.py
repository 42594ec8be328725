"""A place where only some packages can be imported."""

import importlib.metadata
import os
import re
import sys
from pathlib import Path


def needed_by(*distributions):
    """Return the distributions that these need, themselves included."""
    found, waiting = set(), list(distributions)
    while waiting:
        name = waiting.pop()
        try:
            requirements = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:
            continue  # for another platform
        found.add(name)
        plain = {re.split(r"[^\w.-]", r, maxsplit=1)[0] for r in requirements if "extra ==" not in r}
        waiting += sorted(plain - found)
    return found


def bare_python(packages):
    """Return the words that start Python where only what `packages` holds can be imported.

    ``NAS_BARE_PYTHON`` names the Python of a virtual environment with torch and safetensors alone; without
    it this one runs without its own packages.
    """
    given = os.environ.get("NAS_BARE_PYTHON")
    if given:
        return [given, "-I"]
    link_packages(packages, "torch", "safetensors")
    return [sys.executable, "-I", "-S"]


def link_packages(folder, *distributions):
    """Fill a folder with links to these distributions and what they need, and to nothing else."""
    for name in needed_by(*distributions):
        installed = importlib.metadata.distribution(name)
        tops = {file.parts[0] for file in installed.files or ()} - {"..", "__pycache__"}
        for top in tops:
            (folder / top).symlink_to(Path(str(installed.locate_file(top))).resolve())
