"""MetaFormer block: a mixer, then an MLP, each on a residual path.

Yu et al., 2022, https://arxiv.org/abs/2111.11418. The wiring is the same around every mixer, so that mixers
compare fairly (Dai et al., 2022, https://arxiv.org/abs/2211.05781).

Deviations: batch norm instead of layer norm, since inference folds it into a convolution; a strided 3 x 3
convolution in front wherever the shape changes, or another way to stride.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

_MLPS = ("plain", "conv_glu")
_DOWNS = ("strided", "anti_aliased", "space_to_depth")


class _ConvGLU(nn.Module):
    """Convolutional GLU (TransNeXt; Shi, 2023, https://arxiv.org/abs/2311.17132, section 3.3), with SiLU.

    With two thirds of an MLP's width it has about as many parameters.
    """

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.expand = nn.Conv2d(channels, 2 * hidden, 1)
        self.conv = nn.Conv2d(hidden, hidden, 3, padding=1, groups=hidden)
        self.narrow = nn.Conv2d(hidden, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        gate, value = self.expand(x).chunk(2, dim=1)  # [b, hidden, h, w] each
        return self.narrow(F.silu(self.conv(gate)) * value)


class _SquareConv(nn.Conv2d):
    """Space to depth (Sunkara & Luo, 2022, https://arxiv.org/abs/2208.03641) and a pointwise convolution."""

    def forward(self, x: Tensor) -> Tensor:
        height, width = (-x.shape[2] % self.stride[0], -x.shape[3] % self.stride[1])
        if height or width:
            x = F.pad(x, (0, width, 0, height))
        return super().forward(x)


class MetaFormer(nn.Module):
    """x + mixer(norm(x)), then x + MLP(norm(x)), with a hidden layer `expansion` times as wide."""

    strided = ("down",)

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        stride: int,
        mixer: Callable[[int], nn.Module],
        expansion: int = 2,
        mlp: str = "plain",
        down: str = "strided",
    ) -> None:
        super().__init__()
        if mlp not in _MLPS or down not in _DOWNS:
            raise ValueError(
                f"metaformer got the mlp '{mlp}' and down '{down}': expected one of {', '.join(_MLPS)} and "
                f"one of {', '.join(_DOWNS)}"
            )
        self.down: nn.Module = nn.Identity()
        if stride != 1 or in_channels != out_channels:
            if down == "space_to_depth":
                conv = (
                    _SquareConv(in_channels, out_channels, stride, stride=stride, bias=False)
                    if stride != 1
                    else nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False)
                )
            elif down == "anti_aliased":
                conv = nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False)
            else:
                conv = nn.Conv2d(in_channels, out_channels, 3, stride=stride, padding=1, bias=False)
            self.down = nn.Sequential(conv, nn.BatchNorm2d(out_channels))
            if down == "anti_aliased":
                # Zhang, 2019, https://arxiv.org/abs/1904.11486; a mean, which every runtime has, blurs.
                blur = nn.AvgPool2d(3, stride=stride, padding=1, count_include_pad=False)
                self.down.append(blur if stride != 1 else nn.Identity())
        hidden = expansion * out_channels
        self.mix = nn.Sequential(nn.BatchNorm2d(out_channels), mixer(out_channels))
        self.mlp = nn.Sequential(nn.BatchNorm2d(out_channels))
        if mlp == "conv_glu":
            self.mlp.append(_ConvGLU(out_channels, 2 * hidden // 3))
        else:
            self.mlp += nn.Sequential(
                nn.Conv2d(out_channels, hidden, 1),
                nn.SiLU(inplace=True),
                nn.Conv2d(hidden, out_channels, 1),
            )

    def forward(self, x: Tensor) -> Tensor:
        x = self.down(x)  # [b, c_out, h / stride, w / stride]
        x = x + self.mix(x)
        return x + self.mlp(x)

    @staticmethod
    def segments(
        in_channels: int, out_channels: int, *, stride: int, expansion: int, mlp: str, down: str
    ) -> Mapping[tuple[str, int], Sequence[int]]:
        """Return the sizes of the gate and the value."""
        del in_channels, stride, down
        halves = (2 * expansion * out_channels // 3,) * 2
        return (
            {("mlp.1.expand.weight", 0): halves, ("mlp.1.expand.bias", 0): halves}
            if mlp == "conv_glu"
            else {}
        )

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
        mlp: str,
        down: str,
    ) -> Any:
        """Write the layers that run."""
        del deploy
        if stride != 1 and down == "space_to_depth":
            x = tape.resize(x, -(-x.height // stride) * stride, -(-x.width // stride) * stride)
            x = tape.norm(tape.conv(x, out_channels, stride, stride=stride))
        elif stride != 1 and down == "anti_aliased":
            x = tape.blur(tape.norm(tape.conv(x, out_channels, 3)), 3, stride=stride)
        elif stride != 1 or x.channels != out_channels:
            x = tape.norm(tape.conv(x, out_channels, 3, stride=stride))
        x = tape.add(x, mixer(tape, tape.norm(x)))
        hidden = expansion * out_channels
        if mlp == "conv_glu":
            hidden = 2 * hidden // 3
            both = tape.conv(tape.norm(x), 2 * hidden, bias=True)
            y = tape.conv(tape.part(both, hidden), hidden, 3, groups=hidden, bias=True)
            y = tape.add(y, tape.part(both, hidden))
        else:
            y = tape.conv(tape.norm(x), hidden, bias=True)
        return tape.add(x, tape.conv(y, out_channels, bias=True))


BLOCK = MetaFormer
