"""Inception convolution (IC-Conv): a dilation of its own for each axis and group of channels.

Liu et al., 2021, https://arxiv.org/abs/2012.13587.

Deviations: depthwise, so that it compares with the other mixers of a block; and where the paper reads the
share of each dilation pattern off a trained network, every pattern gets an equal share of the channels.
"""

from typing import Any

import torch
from torch import Tensor, nn


def _shares(channels: int, dilation: int) -> list[int]:
    """Return the channels of each of the dilation x dilation patterns, as equal as can be, none empty."""
    groups = dilation**2
    shares = [channels // groups + (i < channels % groups) for i in range(groups)]
    return [share for share in shares if share]


class InceptionConv(nn.Module):
    """Mixes each channel over a k x k neighbourhood whose taps lie 1 to `dilation` apart on each axis."""

    kind = "conv"
    structural = ("dilation",)
    nested = ("kernel",)  # in a narrower one other channels get a pattern

    def __init__(self, channels: int, *, kernel: int = 3, dilation: int = 2) -> None:
        super().__init__()
        if kernel % 2 == 0:
            raise ValueError(f"inception_conv got the kernel {kernel}: expected an odd number")
        self.widths = _shares(channels, dilation)
        self.convs = nn.ModuleList()
        for i, c in enumerate(self.widths):
            apart = (1 + i // dilation, 1 + i % dilation)
            padding = (apart[0] * (kernel // 2), apart[1] * (kernel // 2))
            self.convs.append(nn.Conv2d(c, c, kernel, padding=padding, dilation=apart, groups=c, bias=False))
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        parts = x.split(self.widths, dim=1)
        return self.norm(torch.cat([conv(part) for conv, part in zip(self.convs, parts, strict=True)], dim=1))

    @staticmethod
    def layers(tape: Any, x: Any, *, deploy: bool, kernel: Any, dilation: int) -> Any:
        """Write the layers that run."""
        del deploy
        parts = [
            tape.conv(tape.part(x, c), c, kernel, groups=c, dilation=(1 + i // dilation, 1 + i % dilation))
            for i, c in enumerate(_shares(x.channels, dilation))
        ]
        return tape.norm(tape.join(*parts))


MIXER = InceptionConv
