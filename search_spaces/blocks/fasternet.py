"""FasterNet block: a mixer, then two pointwise convolutions, on one residual path.

Chen et al., 2023, https://arxiv.org/abs/2303.03667. Where the shape changes a convolution whose kernel
equals its stride stands in front; a map that the stride does not divide is padded with zeros.
"""

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F


class _PatchConv(nn.Conv2d):
    """A convolution of patches side by side, ceil(h / stride) x ceil(w / stride) of them."""

    def forward(self, x: Tensor) -> Tensor:
        height, width = (-x.shape[2] % self.stride[0], -x.shape[3] % self.stride[1])
        if height or width:
            x = F.pad(x, (0, width, 0, height))
        return super().forward(x)


class FasterNet(nn.Module):
    """x + narrow(GELU(norm(widen(mixer(x))))), with a hidden layer `expansion` times as wide."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        stride: int,
        mixer: Callable[[int], nn.Module],
        expansion: int = 2,
    ) -> None:
        super().__init__()
        self.down: nn.Module = nn.Identity()
        if stride != 1 or in_channels != out_channels:
            self.down = nn.Sequential(
                _PatchConv(in_channels, out_channels, stride, stride=stride, bias=False),
                nn.BatchNorm2d(out_channels),
            )
        hidden = expansion * out_channels
        self.mix = mixer(out_channels)
        self.mlp = nn.Sequential(
            nn.Conv2d(out_channels, hidden, 1, bias=False),
            nn.BatchNorm2d(hidden),
            nn.GELU(),
            nn.Conv2d(hidden, out_channels, 1, bias=False),
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.down(x)  # [b, c_out, h / stride, w / stride]
        return x + self.mlp(self.mix(x))

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
        if stride != 1 or x.channels != out_channels:
            height, width = -(-x.height // stride) * stride, -(-x.width // stride) * stride
            x = tape.resize(x, height, width)
            x = tape.norm(tape.conv(x, out_channels, stride, stride=stride))
        hidden = tape.norm(tape.conv(mixer(tape, x), expansion * out_channels))
        return tape.add(x, tape.conv(hidden, out_channels))


BLOCK = FasterNet
