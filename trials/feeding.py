"""Batches as a network takes them, made on the device from stored pixels."""

from collections.abc import Iterator

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn import functional as F

from trials.images import Images, Splits


class Feed:
    """One part of the images on a device, given out as normalised batches.

    Args:
        images: What is given out.
        splits: Whose mean and standard deviation normalise it.
        resolution: Side of the square that images are resized to, pixels.
        device: Where batches are made; the pixels are copied there once.
    """

    def __init__(self, images: Images, splits: Splits, *, resolution: int, device: torch.device) -> None:
        self._pixels = torch.from_numpy(images.images).to(device)  # [n, h, w, c]
        self._labels = torch.from_numpy(images.labels).to(device)
        self._mean = torch.tensor(splits.mean, device=device).mul(255.0)[:, None, None]
        self._scale = torch.tensor(splits.std, device=device).mul(255.0).reciprocal()[:, None, None]
        self._resolution = resolution
        self.device = device

    def __len__(self) -> int:
        return len(self._labels)

    def batch(self, rows: Int64[Tensor, " b"]) -> tuple[Float[Tensor, "b c h w"], Int64[Tensor, " b"]]:
        """Return the images at `rows` at their stored size, normalised, and their labels."""
        pixels = self._pixels[rows].permute(0, 3, 1, 2)  # [b, c, h, w], channels last in memory
        return pixels.float().sub_(self._mean).mul_(self._scale), self._labels[rows]

    def resized(self, images: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c r r"]:
        """Return `images` at the resolution, bilinear, averaged where they shrink."""
        side = self._resolution
        if images.shape[2:] != (side, side):
            shrinks = images.shape[2] > side or images.shape[3] > side
            images = F.interpolate(images, size=(side, side), mode="bilinear", antialias=shrinks)
        return images.contiguous(memory_format=torch.channels_last)

    def in_order(self, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield all images as the network takes them, at most `size` at a time, with their labels."""
        for rows in torch.arange(len(self), device=self.device).split(size):
            images, labels = self.batch(rows)
            yield self.resized(images), labels


def shuffled(count: int, batch_size: int, generator: torch.Generator, device: torch.device) -> list[Tensor]:
    """Return the rows of each batch of an epoch: every row once, batches of nearly one size."""
    order = torch.randperm(count, generator=generator).to(device)
    return list(order.tensor_split(max(1, -(-count // batch_size))))
