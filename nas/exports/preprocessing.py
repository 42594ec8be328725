"""Pre-processing as a module: the pixels that the networks of a search see, from images of any size."""

from collections.abc import Sequence
from typing import Any, Final

import torch
from jaxtyping import Float, Float64, UInt8
from torch import Tensor, nn
from torch.nn import functional as F

_ONE: Final = 2**22  # the weights that Pillow resizes bytes with are integers, multiples of 2^-22


class Preprocessing(nn.Module):
    """Does what `trials.images.decoding` and `trials.training.batches.Preprocessor` do to images.

    Args:
        decoded: Height, width and channels that the search decodes images to: those of the network, unless it
            is of a version that resized in two steps.
        mean: Mean of each channel, subtracted from pixels in [0, 1].
        std: Standard deviation of each channel, by which pixels are then divided.
        resolution: Side of the square that the network takes, in pixels.
    """

    def __init__(
        self, decoded: tuple[int, int, int], mean: Sequence[float], std: Sequence[float], resolution: int
    ) -> None:
        super().__init__()
        self.height, self.width, _ = decoded
        self.resizes_again = (self.height, self.width) != (resolution, resolution)
        shrinks = max(self.height, self.width) > resolution
        self.rows = nn.Buffer(_interpolation(self.height, resolution, shrinks=shrinks))
        self.columns = nn.Buffer(_interpolation(self.width, resolution, shrinks=shrinks).T.contiguous())
        self.mean = nn.Buffer(torch.tensor(mean)[:, None, None])
        self.scale = nn.Buffer(torch.tensor(std).reciprocal()[:, None, None])

    def forward(self, images: UInt8[Tensor, "b h w c"]) -> Float[Tensor, "b c r r"]:
        """Return images resized to bytes as Pillow does and normalised, and resized again if need be."""
        x = images.permute(0, 3, 1, 2).double()
        x = resized(x, self.height, self.width)
        x = (x.float() * (1 / 255) - self.mean) * self.scale
        return self.rows @ x @ self.columns if self.resizes_again else x


class WithPreprocessing(nn.Module):
    """A network with its pre-processing in front, uint8 [b, h, w, c] -> [b, classes]."""

    def __init__(self, preprocessing: Preprocessing, network: nn.Module) -> None:
        super().__init__()
        self.preprocessing, self.network = preprocessing, network

    def forward(self, images: UInt8[Tensor, "b h w c"]) -> Float[Tensor, "b classes"]:
        """Return the scores of images of any size."""
        return self.network(self.preprocessing(images))


def _interpolation(source: int, target: int, *, shrinks: bool) -> Float[Tensor, "target source"]:
    """Return the matrix by which `F.interpolate` resizes one axis."""
    if source == target:
        return torch.eye(source)
    axes = torch.eye(source)[None, None]
    return F.interpolate(axes, size=(target, source), mode="bilinear", antialias=shrinks)[0, 0]


def _resampling(source: Any, target: int) -> Float64[Tensor, "target source"]:
    """Return the matrix by which Pillow's bilinear filter resizes one axis of bytes, times 2^22.

    Source: ``precompute_coeffs`` and ``normalize_coeffs_8bpc`` in Pillow's ``Resample.c``. `source` may be a
    symbol, whose value is known when the exported network runs.
    """
    positions = torch.arange(source, dtype=torch.float64) + 0.5
    scale = (positions[-1] + 0.5) / target
    centres = (torch.arange(target, dtype=torch.float64) + 0.5) * scale
    distances = (positions - centres[:, None]).abs() / scale.clamp(min=1.0)
    weights = (1 - distances).clamp(min=0.0)
    return torch.floor(weights / weights.sum(dim=1, keepdim=True) * _ONE + 0.5)


def resized(x: Float64[Tensor, "b c h w"], height: int, width: int) -> Float64[Tensor, "b c H W"]:
    """Return bytes resized to `height` and `width`, each axis rounded to bytes.

    Pillow 13 resizes the columns first, unless the image loses more than twice as many rows as columns.
    """
    by_row, by_column = _resampling(x.shape[2], height), _resampling(x.shape[3], width).T
    columns_first = _rounded(by_row @ _rounded(x @ by_column))
    rows_first = _rounded(_rounded(by_row @ x) @ by_column)
    rows, columns = (torch.arange(size)[-1] + 1 for size in x.shape[2:])
    tall = (rows > height) & (rows - height > 2 * (columns - width))
    return torch.where(tall, rows_first, columns_first)


def _rounded(sums: Float64[Tensor, "..."]) -> Float64[Tensor, "..."]:
    return torch.floor((sums + _ONE / 2) / _ONE)
