"""Reads the tensors of a checkpoint file, ``.safetensors`` or ``.pth``, without running any code of it."""

import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from search_spaces.errors import WeightsError, reason_of
from search_spaces.paths import expanded

PICKLED: Final = (".pth", ".pt", ".bin", ".ckpt", ".tar")
SUFFIXES: Final = (".safetensors", *PICKLED)
# Where training scripts put the tensors in what they save; weights that were averaged come first.
_INSIDE: Final = ("state_dict_ema", "model_ema", "ema", "state_dict", "model_state_dict", "model", "network")


def read_state(source: str) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return the tensors of a file by name, and the texts that stand beside them in a safetensors file.

    Args:
        source: Path of the file.

    Raises:
        WeightsError: if it cannot be read, holds no tensors, or would run code.
    """
    path = expanded(source)
    try:
        if path.suffix == ".safetensors":
            with safe_open(path, framework="pt") as file:
                return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118 -- no dict
        return _tensors(_unpickled(path), source), {}
    except (OSError, SafetensorError, RuntimeError, EOFError, ValueError) as error:
        if isinstance(error, WeightsError):
            raise
        raise WeightsError(
            f"Cannot read the weights '{source}': {reason_of(error)[:200]}. Expected a .safetensors file, or "
            f"what torch.save wrote of a state_dict."
        ) from error


def _unpickled(path: Path) -> Any:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if not _is_checkpoint(path):
            raise WeightsError(
                f"Cannot read the weights '{path}': it is no checkpoint of torch, but another file such as a "
                f"page or a pointer that was downloaded in its place. Download the file itself."
            ) from error
        raise WeightsError(
            f"Cannot read the weights '{path}': they would run code when they are opened, and only tensors "
            f"are read (torch.load with weights_only=True). Save the state_dict alone, best as .safetensors."
        ) from error


def _is_checkpoint(path: Path) -> bool:
    """Return whether a file begins as those of `torch.save` do: a zip archive, in older versions a pickle."""
    with path.open("rb") as file:
        return file.read(2)[:1] == b"\x80" or zipfile.is_zipfile(path)


def _tensors(found: Any, source: str) -> dict[str, Tensor]:
    """Return the tensors in what a file holds, at its top or under a usual name."""
    for name in _INSIDE:
        if isinstance(found, Mapping) and isinstance(found.get(name), Mapping):
            found = found[name]
            break
    tensors = (
        {str(k): v for k, v in found.items() if isinstance(v, Tensor)} if isinstance(found, Mapping) else {}
    )
    if not tensors:
        raise WeightsError(
            f"Cannot use the weights '{source}': found no tensors by name. Expected a state_dict, alone or "
            f"under {', '.join(_INSIDE)}."
        )
    return {name.removeprefix("module."): tensor for name, tensor in tensors.items()}
