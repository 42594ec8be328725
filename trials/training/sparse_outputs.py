"""A teacher's outputs for many images, the largest of each alone: log-probabilities and their classes.

Wu et al., 2022 (TinyViT), https://arxiv.org/abs/2207.10666: the few largest probabilities of an image are
kept, and what remains of 1 is spread evenly over the other classes.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

LEAST_KEPT: Final = 10
_KEPT_OF: Final = 200
"""One in so many classes is kept: 10 of 1,000 and 109 of 21,841, where TinyViT keeps 10 and 100."""
_LEAST: Final = -60.0  # log-probability that stands for none, within float16


def kept_classes(classes: int) -> int:
    """Return the number of classes that are kept for an image: all of up to ten."""
    return min(classes, max(LEAST_KEPT, -(-classes // _KEPT_OF)))


@dataclass(frozen=True, slots=True, eq=False)
class SparseOutputs:
    """Outputs of a teacher for n images.

    Attributes:
        values: Log-probabilities of the kept classes, float16 [n, k], in the order of `indices`.
        indices: The kept classes, int32 [n, k].
        classes: Number of all classes, at least k.
    """

    values: Tensor
    indices: Tensor
    classes: int

    def __len__(self) -> int:
        return len(self.values)

    @classmethod
    def of(cls, logits: Float[Tensor, "n c"]) -> "SparseOutputs":
        """Return the outputs whose logits are given, on their device."""
        classes = logits.shape[1]
        found = logits.float().log_softmax(dim=1).clamp_min(_LEAST)
        kept = kept_classes(classes)
        if kept == classes:
            return cls(found.half(), _every(classes, len(found)).to(found.device), classes)
        values, indices = found.topk(kept, dim=1)
        return cls(values.half(), indices.to(torch.int32), classes)

    def to(self, device: torch.device) -> "SparseOutputs":
        """Return the same on a device."""
        return SparseOutputs(self.values.to(device), self.indices.to(device), self.classes)

    def dense(self, rows: Int64[Tensor, " b"]) -> Float[Tensor, "b c"]:
        """Return the log-probabilities of all classes for some of the images."""
        rows = rows.to(self.values.device)
        values = self.values[rows].float()
        kept = values.shape[1]
        if kept == self.classes:
            return values
        left = (1 - values.exp().sum(dim=1, keepdim=True)).clamp_min(0) / (self.classes - kept)
        spread = left.log().clamp_min(_LEAST).expand(-1, self.classes)
        return spread.scatter(1, self.indices[rows].long(), values)

    def to_bytes(self) -> bytes:
        """Return what `from_bytes` reads."""
        values = self.values.cpu().numpy().astype("<f2")
        if values.shape[1] == self.classes:
            return values.tobytes()
        return values.tobytes() + self.indices.cpu().numpy().astype("<u4").tobytes()

    @classmethod
    def from_bytes(cls, content: bytes, *, images: int, classes: int) -> "SparseOutputs":
        """Return the outputs that `to_bytes` wrote.

        Args:
            content: The bytes.
            images: Number of images, n.
            classes: Number of all classes.

        Raises:
            ValueError: if there are too few or too many bytes, or a class is none of them.
        """
        kept = kept_classes(classes)
        if len(content) != bytes_for(images, classes):
            raise ValueError(f"{len(content)} bytes: expected {bytes_for(images, classes)}")
        count = images * kept
        values = torch.from_numpy(np.frombuffer(content, "<f2", count).astype(np.float16)).reshape(
            images, kept
        )
        if kept == classes:
            indices = _every(classes, images)
        else:
            read = np.frombuffer(content, "<u4", count, offset=2 * count).astype(np.int32)
            indices = torch.from_numpy(read).reshape(images, kept)
        if images and int(indices.max()) >= classes:
            raise ValueError(f"class {int(indices.max())}: expected less than {classes}")
        return cls(values, indices, classes)

    @classmethod
    def joined(cls, parts: "list[SparseOutputs]") -> "SparseOutputs":
        """Return the outputs of several groups of images one after another."""
        values = torch.cat([part.values for part in parts])
        return cls(values, torch.cat([part.indices for part in parts]), parts[0].classes)


def bytes_for(images: int, classes: int) -> int:
    """Return the bytes that the outputs for some images take."""
    kept = kept_classes(classes)
    return images * kept * (2 if kept == classes else 6)


def _every(classes: int, images: int) -> Tensor:
    return torch.arange(classes, dtype=torch.int32).expand(images, classes)
