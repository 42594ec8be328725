"""MOAT block: an inverted residual in the place of a transformer's MLP, and in front of its attention.

Yang et al., 2022, https://arxiv.org/abs/2210.01820, and the authors' code: x +
narrow(depthwise(widen(norm(x)))), then x + mixer(norm(x)). The depthwise convolution strides; the path
around it is a mean of stride x stride squares and, to other channels, a pointwise convolution. Deviation:
attention has no relative position bias.
"""

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn


class _LayerNorm(nn.LayerNorm):
    """Normalises the channels of each position, [b, c, h, w] -> [b, c, h, w]."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class MOAT(nn.Module):
    """An inverted residual of a hidden layer `expansion` times as wide as the output, then the mixer."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        stride: int,
        mixer: Callable[[int], nn.Module],
        expansion: int = 4,
    ) -> None:
        super().__init__()
        self.shortcut = nn.Sequential()
        if stride != 1:
            # Nothing is padded, but in int8 ONNX Runtime would count what lies beyond an odd edge as padding.
            self.shortcut.append(nn.AvgPool2d(stride, ceil_mode=True, count_include_pad=False))
        if in_channels != out_channels:
            self.shortcut.append(nn.Conv2d(in_channels, out_channels, 1))
        hidden = expansion * out_channels
        self.body = nn.Sequential(
            nn.BatchNorm2d(in_channels),
            nn.Conv2d(in_channels, hidden, 1, bias=False),
            nn.BatchNorm2d(hidden),
            nn.GELU(),
            nn.Conv2d(hidden, hidden, 3, stride=stride, padding=1, groups=hidden, bias=False),
            nn.BatchNorm2d(hidden),
            nn.GELU(),
            nn.Conv2d(hidden, out_channels, 1),
        )
        self.mix = nn.Sequential(_LayerNorm(out_channels), mixer(out_channels))

    def forward(self, x: Tensor) -> Tensor:
        x = self.shortcut(x) + self.body(x)  # [b, c_out, h / stride, w / stride]
        return x + self.mix(x)

    @staticmethod
    def layers(
        tape: Any,
        x: Any,
        out_channels: Any,
        *,
        stride: int,
        deploy: bool,
        mixer: Callable[[Any, Any], Any],
        expansion: Any,
    ) -> Any:
        """Write the layers that run."""
        del deploy
        around = x if stride == 1 else tape.shrink(x, stride)
        if x.channels != out_channels:
            around = tape.conv(around, out_channels, bias=True)
        hidden = expansion * out_channels
        y = tape.norm(tape.conv(tape.norm(x), hidden))
        y = tape.norm(tape.conv(y, hidden, 3, stride=stride, groups=hidden))
        x = tape.add(around, tape.conv(y, out_channels, bias=True))
        return tape.add(x, mixer(tape, tape.norm(x)))


BLOCK = MOAT
