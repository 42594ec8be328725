"""MetaFormer block: a mixer, then an MLP, each on a residual path.

Yu et al., 2022, https://arxiv.org/abs/2111.11418. The wiring is the same around every mixer, so that mixers
compare fairly (Dai et al., 2022, https://arxiv.org/abs/2211.05781).

Deviations: batch norm instead of layer norm, since inference folds it into a convolution; a strided 3 x 3
convolution in front wherever the shape changes.
"""

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn


class MetaFormer(nn.Module):
    """x + mixer(norm(x)), then x + MLP(norm(x)), with a hidden layer `expansion` times as wide."""

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
                nn.Conv2d(in_channels, out_channels, 3, stride=stride, padding=1, bias=False),
                nn.BatchNorm2d(out_channels),
            )
        hidden = expansion * out_channels
        self.mix = nn.Sequential(nn.BatchNorm2d(out_channels), mixer(out_channels))
        self.mlp = nn.Sequential(
            nn.BatchNorm2d(out_channels),
            nn.Conv2d(out_channels, hidden, 1),
            nn.SiLU(inplace=True),
            nn.Conv2d(hidden, out_channels, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.down(x)  # [b, c_out, h / stride, w / stride]
        x = x + self.mix(x)
        return x + self.mlp(x)

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
            x = tape.norm(tape.conv(x, out_channels, 3, stride=stride))
        x = tape.add(x, mixer(tape, tape.norm(x)))
        hidden = tape.conv(tape.norm(x), expansion * out_channels, bias=True)
        return tape.add(x, tape.conv(hidden, out_channels, bias=True))


BLOCK = MetaFormer
