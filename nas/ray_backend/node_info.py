"""Reports the versions, files and GPUs of a node; runs there alone, so it uses the standard library only."""

import hashlib
import importlib.metadata
import importlib.util
import os
import platform
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_PACKAGES = ("nas", "trials", "search_spaces")  # what trains
_PATIENCE_S = 5.0  # with a shared folder that shows a new file late


def node_facts(
    token: str = "", sign: str = "", images: str = "", gpus: bool = False, folders: Sequence[str] = ()
) -> dict[str, Any]:
    """Return versions, and whether files and GPUs can be used here.

    Args:
        token: A file in the study's folder that a driver has written; empty not to look.
        sign: What that file holds.
        images: Where the images are, as `--data` has it; empty not to look.
        gpus: Whether to look for GPUs that torch can use, which takes seconds.
        folders: Where the driver finds modules of its user.

    Returns:
        ``python``, ``torch`` and ``nas`` as versions, None where absent; ``source``, a digest of the code
        that trains, None where absent; ``folder``, ``images`` and ``gpus``, whether they can be used.
    """
    look_in(folders)
    return {
        "python": platform.python_version(),
        "torch": _version("torch"),
        "nas": _own_version(),
        "source": _source(),
        "folder": not token or _sees(Path(token), sign),
        "images": not images or _has(images),
        "gpus": not gpus or _has_gpus(),
    }


def look_in(folders: Sequence[str]) -> None:
    """Look for modules in these folders too, after all others."""
    sys.path += [folder for folder in folders if folder not in sys.path]


def _own_version() -> str | None:
    """Return the version of the distribution that has the command ``nas``, None where there is none."""
    scripts = importlib.metadata.entry_points(group="console_scripts", name="nas")
    found = (script.dist.version for script in scripts if script.dist and script.value == "nas.__main__:main")
    return next(found, None)


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _source() -> str | None:
    """Return eight hexadecimal digits that change with the code that trains, None if some is absent."""
    digest = hashlib.sha256()
    for package in _PACKAGES:
        spec = importlib.util.find_spec(package)
        if spec is None or not spec.submodule_search_locations:
            return None
        root = Path(next(iter(spec.submodule_search_locations)))
        for path in sorted(root.rglob("*.py")):
            digest.update(f"{package}/{path.relative_to(root).as_posix()}\0".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:8]


def _sees(token: Path, sign: str) -> bool:
    """Return whether a file is there as it was written, and others may be written beside it."""
    ends_s = time.monotonic() + _PATIENCE_S
    while not token.exists():
        if time.monotonic() >= ends_s:
            return False
        time.sleep(0.2)
    return token.read_text(encoding="ascii") == sign and os.access(token.parent, os.W_OK)


def _has(images: str) -> bool:
    """Return whether there is a path, or a module for ``module:function``; other names come with us.

    A path may end with a choice of columns after a ``?``.
    """
    if images.startswith(("/", "\\")) or Path(images).is_absolute():
        return Path(images).exists() or Path(images.rpartition("?")[0] or images).exists()
    module, colon, _ = images.partition(":")
    return not colon or importlib.util.find_spec(module) is not None


def _has_gpus() -> bool:
    import torch  # noqa: PLC0415 -- absent where the package is, which is found out above

    return bool(torch.cuda.is_available())
