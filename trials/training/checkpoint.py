"""Writes and reads training checkpoints: atomic, checksummed, safe to load.

The content of a file (`trials.training.checkpoint_file`) is the output of ``torch.save``. It is read with
``weights_only=True``, so an untrusted file cannot run code.
"""

from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import torch

from trials.training.checkpoint_file import check_checkpoint, write_checkpoint
from trials.training.errors import CheckpointError, DamagedCheckpointError


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write `state`, tensors and plain values, atomically: a reader sees the old file or the new one."""
    buffer = BytesIO()
    torch.save(state, buffer)
    write_checkpoint(path, buffer.getbuffer())


def load_checkpoint(path: Path, device: torch.device) -> dict[str, Any]:
    """Return the state written at `path`, its tensors on `device`.

    Raises:
        FileNotFoundError: if there is no file.
        DamagedCheckpointError: if it is damaged or has another version.
    """
    content = check_checkpoint(path)
    try:
        state = torch.load(BytesIO(content), map_location=device, weights_only=True)
    except Exception as error:  # the checksum matches but it is no checkpoint; torch raises many types
        raise DamagedCheckpointError(
            f"Cannot read the checkpoint '{path}': {error}. Remove it to restart."
        ) from error
    if not isinstance(state, dict):
        raise DamagedCheckpointError(
            f"Cannot read the checkpoint '{path}': it holds no state. Remove it to restart."
        )
    return state


def check_identity(path: Path, state: Mapping[str, Any], identity: Mapping[str, Any], owner: str) -> None:
    """Check that a checkpoint belongs to what is about to go on from it.

    Args:
        path: Path of the checkpoint, for the message.
        state: Its state, with the properties that identify what wrote it under ``identity``.
        identity: The properties that must be the same.
        owner: What writes such checkpoints, such as "a training".

    Raises:
        CheckpointError: if a property has another value.
    """
    for name, expected in identity.items():
        if state["identity"].get(name) != expected:
            raise CheckpointError(
                f"The checkpoint '{path}' belongs to {owner} with other {name}: expected the same. Remove it "
                f"to restart."
            )
