"""Depthwise convolution (Howard et al., 2017, https://arxiv.org/abs/1704.04861), dilated if asked."""

from typing import Any

from torch import Tensor, nn


class Depthwise(nn.Module):
    """Mixes each channel over its own k x k neighbourhood, taps `dilation` apart."""

    kind = "conv"

    def __init__(self, channels: int, *, kernel: int = 3, dilation: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(
            channels,
            channels,
            kernel,
            padding=dilation * (kernel // 2),
            dilation=dilation,
            groups=channels,
            bias=False,
        )
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.conv(x))  # [b, c, h, w]

    @staticmethod
    def layers(tape: Any, x: Any, *, deploy: bool, kernel: Any, dilation: Any) -> Any:
        """Write the layers that run; `dilation` changes none of their costs."""
        del deploy, dilation
        return tape.norm(tape.conv(x, x.channels, kernel, groups=x.channels))


MIXER = Depthwise
