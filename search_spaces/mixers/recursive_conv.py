"""Recursive convolution (RecConv) of RecNeXt: small kernels at ever smaller sizes, added up again.

Zhao et al., 2024, https://arxiv.org/abs/2412.19628, the paper's listing: one strided depthwise convolution,
the same at every level, halves the map `levels` times; from the smallest map on each is convolved,
interpolated bilinearly to the size of the next and added to it. The whole reaches about kernel x 2^levels
positions.
"""

from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F


class RecursiveConv(nn.Module):
    """Mixes each channel with k x k kernels on maps of 1, 1/2, ... 1/2^levels of the side."""

    kind = "conv"
    structural = ("levels",)

    def __init__(self, channels: int, *, kernel: int = 5, levels: int = 2) -> None:
        super().__init__()
        if kernel % 2 == 0 or levels < 1:
            raise ValueError(
                f"recursive_conv got the kernel {kernel} and {levels} levels: expected an odd number "
                f"and at least 1"
            )
        pad = kernel // 2
        self.down = nn.Conv2d(channels, channels, kernel, stride=2, padding=pad, groups=channels, bias=False)
        self.convs = nn.ModuleList(
            nn.Conv2d(channels, channels, kernel, padding=pad, groups=channels, bias=False)
            for _ in range(levels + 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        larger = [x]
        for _ in self.convs[1:]:
            larger.append(self.down(larger[-1]))
        y = larger.pop()
        for conv in self.convs[:-1]:
            y, target = conv(y), larger.pop()
            if y.shape != target.shape:
                y = F.interpolate(y, size=target.shape[2:], mode="bilinear", align_corners=False)
            y = target + y
        return self.convs[-1](y)

    @staticmethod
    def layers(tape: Any, x: Any, *, deploy: bool, kernel: Any, levels: int) -> Any:
        """Write the layers that run."""
        del deploy
        larger, c = [x], x.channels
        for level in range(levels):
            larger.append(tape.conv(larger[-1], c, kernel, stride=2, groups=c, shared=level > 0))
        y = larger.pop()
        for target in reversed(larger):
            y = tape.conv(y, c, kernel, groups=c)
            y = tape.add(target, tape.resize(y, target.height, target.width, reach=2))
        return tape.conv(y, c, kernel, groups=c)


MIXER = RecursiveConv
