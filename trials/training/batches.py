"""Serves batches of images on the training device, and normalises and resizes them."""

from collections.abc import Sequence
from typing import Final

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn import functional as F

from trials.images.splits import Images

RESIDENT_SHARE: Final = 0.25
"""Largest share of a GPU's free memory that images may occupy to be kept there: trials share GPUs."""


class BatchSource:
    """One split of the images, served in batches on the training device.

    Args:
        images: Images of the split.
        device: Device of the batches; the pixels are copied there once if they fit.
    """

    def __init__(self, images: Images, device: torch.device) -> None:
        self.device = device
        self._stored_on = device if _fits(images, device) else torch.device("cpu")
        self._pixels = torch.from_numpy(images.images).to(self._stored_on)  # [n, h, w, c]
        self._labels = torch.from_numpy(images.labels).to(self._stored_on)

    def __len__(self) -> int:
        return len(self._labels)

    def batch(self, rows: Int64[Tensor, " b"]) -> tuple[Float[Tensor, "b c h w"], Int64[Tensor, " b"]]:
        """Return the images at `rows` at their stored size, in [0, 1], and their labels.

        Args:
            rows: Rows of the images, on any device: those of a student select images of its teacher too.
        """
        rows = rows.to(self._stored_on)
        pixels, labels = self._pixels[rows], self._labels[rows]
        if self._stored_on != self.device:
            pixels = pixels.pin_memory().to(self.device, non_blocking=True)
            labels = labels.pin_memory().to(self.device, non_blocking=True)
        return pixels.permute(0, 3, 1, 2).float().mul_(1 / 255), labels  # channels last in memory

    def shuffled(
        self, batch_size: int, generator: torch.Generator, most: int | None = None
    ) -> Sequence[Tensor]:
        """Return the rows of each batch of an epoch: no row twice, batches of nearly equal size.

        No batch has a single row, of which a batch norm has no variance, unless there is no other.

        Args:
            batch_size: Largest number of rows in a batch; with 2 and an odd number of rows one batch has 3.
            generator: Generator of the order.
            most: Largest number of rows in all; None for every row.
        """
        order = torch.randperm(len(self), generator=generator)[:most].to(self._stored_on)
        return order.tensor_split(max(1, min(-(-len(order) // batch_size), len(order) // 2)))

    def in_order(self, size: int) -> Sequence[Tensor]:
        """Return the rows of all images, at most `size` at a time."""
        return torch.arange(len(self), device=self._stored_on).split(size)


class Preprocessor:
    """Normalises and resizes images in [0, 1] for one network.

    Args:
        mean: Mean of each channel, in [0, 1].
        std: Standard deviation of each channel, in (0, 1].
        resolution: Side of the square that images are resized to, in pixels.
        device: Device of the images.

    Attributes:
        resolution: The same.
        device: The same.
        channels: Number of channels.
    """

    def __init__(
        self, mean: Sequence[float], std: Sequence[float], resolution: int, device: torch.device
    ) -> None:
        self._mean = torch.tensor(mean, device=device)[:, None, None]
        self._scale = torch.tensor(std, device=device).reciprocal()[:, None, None]
        self.resolution: Final = resolution
        self.channels: Final = len(mean)
        self.device: Final = device

    def __call__(self, images: Float[Tensor, "b c h w"], side: int | None = None) -> Float[Tensor, "b c r r"]:
        """Return `images` normalised and resized: bilinear, averaged where they shrink.

        Args:
            images: Values in [0, 1].
            side: Side of the square in pixels; None for the network's resolution.
        """
        side = side or self.resolution
        images = (images - self._mean) * self._scale
        if images.shape[2:] != (side, side):
            shrinks = images.shape[2] > side or images.shape[3] > side
            images = F.interpolate(images, size=(side, side), mode="bilinear", antialias=shrinks)
        return images.contiguous(memory_format=torch.channels_last)


def _fits(images: Images, device: torch.device) -> bool:
    if device.type != "cuda":
        return True
    free, _ = torch.cuda.mem_get_info(device)
    return images.images.nbytes <= RESIDENT_SHARE * free
