"""Inverted residual: widen, convolve each channel, narrow (MobileNetV2).

Sandler et al., 2018, https://arxiv.org/abs/1801.04381. A gate may stand before the narrowing:

* ``squeeze_excite``, through a quarter of the block's input channels (EfficientNet; Tan & Le, 2019,
  https://arxiv.org/abs/1905.11946; the gate: Hu et al., 2018, https://arxiv.org/abs/1709.01507);
* ``hard_squeeze_excite``, through a quarter of the widened channels (MobileNetV3; Howard et al., 2019,
  https://arxiv.org/abs/1905.02244);
* ``efficient_channel`` (ECA-Net; Wang et al., 2020, https://arxiv.org/abs/1910.03151), its kernel fixed at 3.

Weights that TensorFlow trained need its ``padding``, ``same``, which at a stride of 2 puts more zeros behind
a map than before it, and its ``norm_eps``, 0.001.
"""

from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

_ACTIVATIONS = {"silu": nn.SiLU, "relu": nn.ReLU, "relu6": nn.ReLU6, "hard_swish": nn.Hardswish}
_PADDINGS = ("symmetric", "same")
_GATES = ("none", "squeeze_excite", "hard_squeeze_excite", "efficient_channel")


def _widened(channels: Any, factor: Any) -> Any:
    """Return channels x factor as a multiple of 8, at least 90 % of the product."""
    wanted = channels * factor
    rounded = (wanted + 4) // 8 * 8
    rounded = rounded + 8 * (rounded < 0.9 * wanted)
    return int(rounded) if isinstance(rounded, float) else rounded


class _SameConv(nn.Conv2d):
    """A convolution that pads as TensorFlow does where it strides: for ceil(h / stride) outputs."""

    def forward(self, x: Tensor) -> Tensor:
        kernel, stride = self.kernel_size[0], self.stride[0]
        height = max((-(-x.shape[2] // stride) - 1) * stride + kernel - x.shape[2], 0)
        width = max((-(-x.shape[3] // stride) - 1) * stride + kernel - x.shape[3], 0)
        if stride > 1 and (height or width):
            x = F.pad(x, (width // 2, width - width // 2, height // 2, height - height // 2))
        return super().forward(x)


class _SqueezeExcite(nn.Module):
    """Weighs each channel by what two layers make of the mean of all channels."""

    def __init__(self, channels: int, reduced: int, *, hard: bool) -> None:
        super().__init__()
        self.reduce = nn.Conv2d(channels, reduced, 1)
        self.activation = nn.ReLU(inplace=True) if hard else nn.SiLU(inplace=True)
        self.expand = nn.Conv2d(reduced, channels, 1)
        self.gate = nn.Hardsigmoid() if hard else nn.Sigmoid()

    def forward(self, x: Tensor) -> Tensor:
        y = self.activation(self.reduce(x.mean(dim=(2, 3), keepdim=True)))  # [b, reduced, 1, 1]
        return x * self.gate(self.expand(y))


class _EfficientChannel(nn.Module):
    """Weighs each channel by a convolution over the means of it and its neighbours."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv1d(1, 1, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv(x.mean(dim=(2, 3)).unsqueeze(1)).sigmoid()  # [b, 1, c]
        return x * y.transpose(1, 2).unsqueeze(-1)


class InvertedResidual(nn.Module):
    """x + narrow(gate(depthwise(widen(x)))), without the sum where the shape changes.

    The hidden map has `expansion` times the channels of the input, in multiples of 8; at 1 nothing is
    widened, which is the depthwise separable block of MobileNet.
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
        expansion: int | float = 6,
        gate: str = "none",
        activation: str = "silu",
        padding: str = "symmetric",
        norm_eps: float = 1e-5,
    ) -> None:
        super().__init__()
        if padding not in _PADDINGS:
            raise ValueError(
                f"inverted_residual got the padding '{padding}': expected one of {', '.join(_PADDINGS)}"
            )
        if kernel % 2 == 0:
            raise ValueError(f"inverted_residual got the kernel {kernel}: expected an odd number")
        if gate not in _GATES or activation not in _ACTIVATIONS:
            raise ValueError(
                f"inverted_residual got the gate '{gate}' and the activation '{activation}': expected one "
                f"of {', '.join(_GATES)} and one of {', '.join(_ACTIVATIONS)}"
            )
        act = _ACTIVATIONS[activation]
        hidden = in_channels if expansion == 1 else _widened(in_channels, expansion)
        self.body = nn.Sequential()
        if expansion != 1:
            self.body += nn.Sequential(
                nn.Conv2d(in_channels, hidden, 1, bias=False),
                nn.BatchNorm2d(hidden, eps=norm_eps),
                act(inplace=True),
            )
        if padding == "same":
            zeros = 0 if stride > 1 else kernel // 2
            self.body.append(
                _SameConv(hidden, hidden, kernel, stride=stride, padding=zeros, groups=hidden, bias=False)
            )
        else:
            self.body.append(
                nn.Conv2d(
                    hidden, hidden, kernel, stride=stride, padding=kernel // 2, groups=hidden, bias=False
                )
            )
        self.body += nn.Sequential(nn.BatchNorm2d(hidden, eps=norm_eps), act(inplace=True))
        if gate == "squeeze_excite":
            self.body.append(_SqueezeExcite(hidden, max(1, round(in_channels / 4)), hard=False))
        elif gate == "hard_squeeze_excite":
            self.body.append(_SqueezeExcite(hidden, _widened(hidden, 0.25), hard=True))
        elif gate == "efficient_channel":
            self.body.append(_EfficientChannel())
        self.body += nn.Sequential(
            nn.Conv2d(hidden, out_channels, 1, bias=False), nn.BatchNorm2d(out_channels, eps=norm_eps)
        )
        self.residual = stride == 1 and in_channels == out_channels

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
        gate: str,
        activation: str,
        padding: str,
        norm_eps: float,
    ) -> Any:
        """Write the layers that run."""
        del deploy, activation, norm_eps
        hidden = x.channels if expansion == 1 else _widened(x.channels, expansion)
        y = x if expansion == 1 else tape.norm(tape.conv(x, hidden))
        z = tape.pad_as_tensorflow(y, kernel, stride) if padding == "same" and stride > 1 else y
        y = tape.norm(tape.conv(z, hidden, kernel, stride=stride, groups=hidden, unpadded=y))
        if gate == "efficient_channel":
            line = tape.view(tape.pool(y), channels=1, height=1, width=hidden)
            y = tape.add(y, tape.conv(line, 1, (1, 3)))
        elif gate != "none":
            hard = gate == "hard_squeeze_excite"
            reduced = _widened(hidden, 0.25) if hard else max(1, round(x.channels / 4))
            y = tape.add(y, tape.conv(tape.conv(tape.pool(y), reduced, bias=True), hidden, bias=True))
        y = tape.norm(tape.conv(y, out_channels))
        return tape.add(x, y) if stride == 1 and x.channels == out_channels else y


BLOCK = InvertedResidual
