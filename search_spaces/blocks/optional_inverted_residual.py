"""Optional inverted residual: an inverted residual of a given kernel and expansion, or nothing.

The layer of MobileNet-like spaces that let a search leave layers out (FBNet; Wu et al., 2019,
https://arxiv.org/abs/1812.03443; ProxylessNAS; Cai et al., 2019, https://arxiv.org/abs/1812.00332; and
NAS-Bench-Macro; Su et al., 2021, https://arxiv.org/abs/2103.11922). Its ``form`` is ``skip``, or
``k<kernel>_e<expansion>`` with a kernel of 3, 5 or 7 and an expansion of 1, 2, 3, 4 or 6. A skipped block
returns its input; where the shape changes it is a 1 x 1 convolution with the stride and a batch norm.
"""

from typing import Any

from torch import Tensor, nn

_ACTIVATIONS = {"silu": nn.SiLU, "relu": nn.ReLU, "relu6": nn.ReLU6, "hard_swish": nn.Hardswish}
_KERNEL_AND_EXPANSION = {f"k{k}_e{e}": (k, e) for k in (3, 5, 7) for e in (1, 2, 3, 4, 6)}


def _conv(
    in_channels: int, out_channels: int, kernel: int = 1, *, stride: int = 1, groups: int = 1
) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(
            in_channels,
            out_channels,
            kernel,
            stride=stride,
            padding=kernel // 2,
            groups=groups,
            bias=False,
        ),
        nn.BatchNorm2d(out_channels),
    )


class OptionalInvertedResidual(nn.Module):
    """x + narrow(depthwise(widen(x))), without the sum where the shape changes, or x itself.

    The hidden map has `expansion` times the channels of the input; at 1 nothing is widened.
    """

    structural = ("form",)

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        stride: int,
        form: str = "k3_e6",
        activation: str = "relu",
    ) -> None:
        super().__init__()
        if (form != "skip" and form not in _KERNEL_AND_EXPANSION) or activation not in _ACTIVATIONS:
            raise ValueError(
                f"optional_inverted_residual got the form '{form}' and the activation '{activation}': "
                f"expected one of skip, {', '.join(_KERNEL_AND_EXPANSION)} and one of "
                f"{', '.join(_ACTIVATIONS)}"
            )
        same_shape = stride == 1 and in_channels == out_channels
        self.body = nn.Sequential()
        if form != "skip":
            kernel, expansion = _KERNEL_AND_EXPANSION[form]
            act, hidden = _ACTIVATIONS[activation], expansion * in_channels
            if expansion != 1:
                self.body += nn.Sequential(*_conv(in_channels, hidden), act(inplace=True))
            depthwise = _conv(hidden, hidden, kernel, stride=stride, groups=hidden)
            self.body += nn.Sequential(*depthwise, act(inplace=True), *_conv(hidden, out_channels))
        elif not same_shape:
            self.body += _conv(in_channels, out_channels, stride=stride)
        self.residual = form != "skip" and same_shape

    def forward(self, x: Tensor) -> Tensor:
        y = self.body(x)  # [b, c_out, h / stride, w / stride]
        return x + y if self.residual else y

    @staticmethod
    def layers(
        tape: Any, x: Any, out_channels: Any, *, stride: int, deploy: bool, form: str, activation: str
    ) -> Any:
        """Write the layers that run."""
        del deploy, activation
        same_shape = stride == 1 and x.channels == out_channels
        if form == "skip":
            return x if same_shape else tape.norm(tape.conv(x, out_channels, stride=stride))
        kernel, expansion = _KERNEL_AND_EXPANSION[form]
        hidden = expansion * x.channels
        y = x if expansion == 1 else tape.norm(tape.conv(x, hidden))
        y = tape.norm(tape.conv(y, hidden, kernel, stride=stride, groups=hidden))
        y = tape.norm(tape.conv(y, out_channels))
        return tape.add(x, y) if same_shape else y


BLOCK = OptionalInvertedResidual
