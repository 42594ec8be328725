"""Depthwise convolution (Howard et al., 2017, https://arxiv.org/abs/1704.04861), dilated if asked."""

from typing import Any

from torch import Tensor, nn


class Depthwise(nn.Module):
    """Mixes each channel over its own k x k neighbourhood, taps `dilation` apart.

    If `normed` a batch norm follows, otherwise the convolution has a bias, as ConvNeXt's has.
    """

    kind = "conv"
    structural = ("normed",)

    def __init__(self, channels: int, *, kernel: int = 3, dilation: int = 1, normed: bool = True) -> None:
        super().__init__()
        if kernel % 2 == 0:
            raise ValueError(f"depthwise got the kernel {kernel}: expected an odd number, 3 to 13")
        self.conv = nn.Conv2d(
            channels,
            channels,
            kernel,
            padding=dilation * (kernel // 2),
            dilation=dilation,
            groups=channels,
            bias=not normed,
        )
        self.norm: nn.Module = nn.BatchNorm2d(channels) if normed else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.conv(x))  # [b, c, h, w]

    @staticmethod
    def layers(tape: Any, x: Any, *, deploy: bool, kernel: Any, dilation: Any, normed: bool) -> Any:
        """Write the layers that run."""
        del deploy
        y = tape.conv(x, x.channels, kernel, groups=x.channels, bias=not normed, dilation=dilation)
        return tape.norm(y) if normed else y


MIXER = Depthwise
