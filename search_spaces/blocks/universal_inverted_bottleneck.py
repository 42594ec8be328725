"""Universal inverted bottleneck of MobileNetV4: an inverted residual with up to two depthwise convolutions.

Qin et al., 2024, https://arxiv.org/abs/2404.10518. One depthwise convolution may stand before the widening,
`start_kernel`, and one between widening and narrowing, `middle_kernel`; 0 leaves it out:

* both: extra depthwise (ExtraDW);
* only the middle one: inverted bottleneck (MobileNetV2);
* only the first one: ConvNeXt-like;
* none: a feed-forward network.

The middle one strides, else the first one. Deviation: where a block of neither kind strides, which the
paper has not, the widening reads every stride-th position. The layer scale is that of the paper's hybrid
networks.
"""

from typing import Any

import torch
from torch import Tensor, nn

_ACTIVATIONS = {"silu": nn.SiLU, "relu": nn.ReLU, "relu6": nn.ReLU6, "hard_swish": nn.Hardswish}


def _widened(channels: Any, factor: Any) -> Any:
    """Return channels x factor as a multiple of 8, at least 90 % of the product."""
    wanted = channels * factor
    rounded = (wanted + 4) // 8 * 8
    rounded = rounded + 8 * (rounded < 0.9 * wanted)
    return int(rounded) if isinstance(rounded, float) else rounded


def _conv(
    in_channels: int, out_channels: int, kernel: int = 1, *, stride: int = 1, groups: int = 1
) -> nn.Sequential:
    conv = nn.Conv2d(
        in_channels, out_channels, kernel, stride=stride, padding=kernel // 2, groups=groups, bias=False
    )
    return nn.Sequential(conv, nn.BatchNorm2d(out_channels))


class UniversalInvertedBottleneck(nn.Module):
    """x + scale * narrow(depthwise(widen(depthwise(x)))), without the sum where the shape changes.

    The hidden map has `expansion` times the channels of the input, in multiples of 8.
    """

    structural = ("start_kernel", "middle_kernel")
    nested = ("channels", "expansion")

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        stride: int,
        start_kernel: int = 3,
        middle_kernel: int = 3,
        expansion: int | float = 4,
        activation: str = "relu",
        layer_scale: bool = False,
    ) -> None:
        super().__init__()
        if any(kernel and kernel % 2 == 0 for kernel in (start_kernel, middle_kernel)):
            raise ValueError(
                f"universal_inverted_bottleneck got the kernels {start_kernel} and {middle_kernel}: expected "
                f"odd numbers, or 0 for none"
            )
        if activation not in _ACTIVATIONS:
            raise ValueError(
                f"universal_inverted_bottleneck got the activation '{activation}': expected one of "
                f"{', '.join(_ACTIVATIONS)}"
            )
        act, hidden = _ACTIVATIONS[activation], _widened(in_channels, expansion)
        first = 1 if middle_kernel else stride
        self.body = nn.Sequential()
        if start_kernel:
            self.body += _conv(in_channels, in_channels, start_kernel, stride=first, groups=in_channels)
            first = 1
        self.body += nn.Sequential(*_conv(in_channels, hidden, stride=first), act(inplace=True))
        if middle_kernel:
            middle = _conv(hidden, hidden, middle_kernel, stride=stride, groups=hidden)
            self.body += nn.Sequential(*middle, act(inplace=True))
        self.body += _conv(hidden, out_channels)
        self.scale = nn.Parameter(torch.full((out_channels, 1, 1), 1e-5)) if layer_scale else None
        self.residual = stride == 1 and in_channels == out_channels

    def forward(self, x: Tensor) -> Tensor:
        y = self.body(x)  # [b, c_out, h / stride, w / stride]
        if self.scale is not None:
            y = y * self.scale
        return x + y if self.residual else y

    @staticmethod
    def layers(
        tape: Any,
        x: Any,
        out_channels: Any,
        *,
        stride: int,
        deploy: bool,
        start_kernel: int,
        middle_kernel: int,
        expansion: Any,
        activation: str,
        layer_scale: bool,
    ) -> Any:
        """Write the layers that run."""
        del deploy, activation
        hidden = _widened(x.channels, expansion)
        first, y = (1 if middle_kernel else stride), x
        if start_kernel:
            y = tape.norm(tape.conv(x, x.channels, start_kernel, stride=first, groups=x.channels))
            first = 1
        y = tape.norm(tape.conv(y, hidden, stride=first))
        if middle_kernel:
            y = tape.norm(tape.conv(y, hidden, middle_kernel, stride=stride, groups=hidden))
        y = tape.norm(tape.conv(y, out_channels))
        if layer_scale:
            y = tape.parameter(y, out_channels)
        return tape.add(x, y) if stride == 1 and x.channels == out_channels else y


BLOCK = UniversalInvertedBottleneck
