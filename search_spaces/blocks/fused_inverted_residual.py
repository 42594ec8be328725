"""Fused inverted residual: a dense convolution that widens, then a pointwise one that narrows.

EfficientNetV2 (Tan & Le, 2021, https://arxiv.org/abs/2104.00298, figure 2), first in EfficientNet-EdgeTPU
(Gupta & Tan, 2019). At an expansion of 1 it is one dense convolution, as in the paper's first stage;
without the sum, ``residual`` false, that is the plain convolution of MobileNetV4's first stages. There is
no squeeze-and-excite gate, as in none of the fused blocks of EfficientNetV2-S (table 4).
"""

from typing import Any

from torch import Tensor, nn

_ACTIVATIONS = {"silu": nn.SiLU, "relu": nn.ReLU, "relu6": nn.ReLU6, "hard_swish": nn.Hardswish}


def _widened(channels: Any, factor: Any) -> Any:
    """Return channels x factor as a multiple of 8, at least 90 % of the product."""
    wanted = channels * factor
    rounded = (wanted + 4) // 8 * 8
    rounded = rounded + 8 * (rounded < 0.9 * wanted)
    return int(rounded) if isinstance(rounded, float) else rounded


class FusedInvertedResidual(nn.Module):
    """x + narrow(convolve and widen(x)), without the sum where the shape changes.

    The hidden map has `expansion` times the channels of the input, in multiples of 8.
    """

    structural = ("expansion",)
    nested = ("channels", "kernel", "expansion")

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        stride: int,
        kernel: int = 3,
        expansion: int | float = 4,
        activation: str = "silu",
        residual: bool = True,
    ) -> None:
        super().__init__()
        if kernel % 2 == 0 or activation not in _ACTIVATIONS:
            raise ValueError(
                f"fused_inverted_residual got the kernel {kernel} and the activation '{activation}': "
                f"expected an odd number and one of {', '.join(_ACTIVATIONS)}"
            )
        hidden = out_channels if expansion == 1 else _widened(in_channels, expansion)
        self.body = nn.Sequential(
            nn.Conv2d(in_channels, hidden, kernel, stride=stride, padding=kernel // 2, bias=False),
            nn.BatchNorm2d(hidden),
            _ACTIVATIONS[activation](inplace=True),
        )
        if expansion != 1:
            self.body += nn.Sequential(
                nn.Conv2d(hidden, out_channels, 1, bias=False), nn.BatchNorm2d(out_channels)
            )
        self.residual = residual and stride == 1 and in_channels == out_channels

    def forward(self, x: Tensor) -> Tensor:
        y = self.body(x)  # [b, c_out, h / stride, w / stride]
        return x + y if self.residual else y

    @staticmethod
    def layers(
        tape: Any,
        x: Any,
        out_channels: Any,
        *,
        stride: int,
        deploy: bool,
        kernel: Any,
        expansion: Any,
        activation: str,
        residual: bool,
    ) -> Any:
        """Write the layers that run."""
        del deploy, activation
        hidden = out_channels if expansion == 1 else _widened(x.channels, expansion)
        y = tape.norm(tape.conv(x, hidden, kernel, stride=stride))
        if expansion != 1:
            y = tape.norm(tape.conv(y, out_channels))
        same = stride == 1 and x.channels == out_channels
        return tape.add(x, y) if residual and same else y


BLOCK = FusedInvertedResidual
