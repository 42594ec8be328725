"""Opens an ONNX file as a teacher: runs it in ONNX Runtime, with the normalisation that is written beside it.

The file has one input, images [batch, c, h, w] of floating point, or uint8 [batch, h, w, c] before any
pre-processing, and its first output are scores [batch, classes].
"""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from search_spaces.errors import RecipeError, reason_of
from trials.teachers.opened_teacher import OpenedTeacher

_KINDS: Final = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(uint8)": np.uint8,
}
_PROVIDERS: Final = ("CUDAExecutionProvider", "CPUExecutionProvider")


def opened_onnx(path: Path) -> OpenedTeacher:
    """Return the network in an ONNX file.

    Mean, deviation and classes are those of the ``config.json`` of an export beside it, if there is one.

    Raises:
        RecipeError: if the file cannot be read or run, or has another form of input.
    """
    import onnxruntime  # noqa: PLC0415 -- half a second, and most trainings need none

    try:
        content = path.read_bytes()
        session = onnxruntime.InferenceSession(
            str(path),
            _options(onnxruntime.SessionOptions()),
            providers=[p for p in _PROVIDERS if p in onnxruntime.get_available_providers()],
        )
        digest = _digest(path, content)
        (entry,) = session.get_inputs()
        kind = _KINDS[entry.type]
        axes: Sequence[int | str | None] = entry.shape
        batch, *sides = axes if kind != np.uint8 else [axes[0], axes[3], axes[1], axes[2]]
        channels, height, width = (side if isinstance(side, int) else None for side in sides)
    except Exception as error:  # ONNX Runtime raises its own types, none of which is public
        reason = reason_of(error)[:200] or type(error).__name__
        raise RecipeError(
            f"Cannot use the teacher '{path}' ({reason}): expected an ONNX file with one input of images "
            f"[batch, channels, height, width]. Export it again."
        ) from error
    if height != width:
        raise RecipeError(
            f"Cannot use the teacher '{path}': it takes images of {height} x {width}, expected a square. "
            f"Export it again for square images."
        )
    said = _said(path)
    pixels = kind == np.uint8
    return OpenedTeacher(
        name=str(path),
        digest=digest,
        scores=_Runner(session, entry.name, kind, batch if isinstance(batch, int) else None),
        classes=said.get("classes"),
        num_classes=_last(session),
        channels=channels,
        resolution=height or said.get("side"),
        mean=(0.0,) * (channels or 3) if pixels else said.get("mean"),
        std=(1.0,) * (channels or 3) if pixels else said.get("std"),
    )


class _Runner:
    """Runs a session on images of torch, in batches of the size that the file asks for."""

    def __init__(self, session: Any, name: str, kind: Any, batch: int | None) -> None:
        self._session, self._name, self._kind, self._batch = session, name, kind, batch

    def __call__(self, images: Float[Tensor, "b c r r"]) -> Float[Tensor, "b k"]:
        """Return the scores of images."""
        values = images.detach().float().cpu()
        if self._kind == np.uint8:
            values = (values * 255).round().clamp(0, 255).permute(0, 2, 3, 1)
        array = np.ascontiguousarray(values.numpy().astype(self._kind))
        step = self._batch or len(array)
        found = [self._run(array[start : start + step], step) for start in range(0, len(array), step)]
        return torch.from_numpy(np.concatenate(found).astype(np.float32)).to(images.device)

    def _run(self, images: Any, step: int) -> Any:
        """Return the scores of at most `step` images; fewer are filled up for a file of one batch size."""
        count = len(images)
        if count < step:
            images = np.concatenate([images, np.repeat(images[:1], step - count, axis=0)])
        return self._session.run(None, {self._name: images})[0][:count]


def _options(options: Any) -> Any:
    """Return the options of a session that uses the threads of torch."""
    options.intra_op_num_threads = torch.get_num_threads()
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return options


def _last(session: Any) -> int | None:
    """Return the classes that the first output says it has; None if only running it tells."""
    shape = session.get_outputs()[0].shape
    return shape[1] if len(shape) == 2 and isinstance(shape[1], int) else None


def _digest(path: Path, content: bytes) -> str:
    """Return the SHA-256 of a file and of the files beside it that hold its weights."""
    import onnx  # noqa: PLC0415 -- see above

    digest = hashlib.sha256(content)
    graph = onnx.load(str(path), load_external_data=False).graph
    entries = [entry for tensor in graph.initializer for entry in tensor.external_data]
    outside = {entry.value for entry in entries if entry.key == "location"}
    for name in sorted(outside):
        digest.update((path.parent / name).read_bytes())
    return digest.hexdigest()


def _said(path: Path) -> dict[str, Any]:
    """Return mean, std, side and classes from the ``config.json`` of an export beside the file, if any."""
    try:
        config = json.loads(path.with_name("config.json").read_text(encoding="utf-8"))
        name, given = config["architecture"], config["pretrained_cfg"]
        found: dict[str, Any] = {"mean": tuple(given["mean"]), "std": tuple(given["std"])}
        found |= {"side": int(given["input_size"][-1])} if "input_size" in given else {}
        names = tuple(config.get("label_names") or ())
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    if path.stem not in {name, f"{name}_int8"}:
        return {}
    return {**found, "classes": names} if names else found
