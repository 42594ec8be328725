"""Single-head modulation attention of iFormer (Zheng, 2025, https://arxiv.org/abs/2501.15369).

One head saves the reshaping that many heads cost on a phone; a gate beside it restores what one head
cannot express. Deviation: convolutions with bias instead of batch norms behind each.
"""

from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F


class ModulatedAttention(nn.Module):
    """Attends with queries and keys of c / `reduction` channels and multiplies by a sigmoid gate."""

    kind = "attention"

    def __init__(self, channels: int, *, reduction: int = 2) -> None:
        super().__init__()
        if reduction < 1 or channels % reduction:
            raise ValueError(
                f"modulated_attention got {channels} channels and the reduction {reduction}: "
                f"expected a reduction that divides the channels"
            )
        self.widths = [channels // reduction, channels // reduction, channels, channels]
        self.project_in = nn.Conv2d(channels, sum(self.widths), 1)
        self.project = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v, gate = self.project_in(x).split(self.widths, dim=1)
        q, k, v = (t.flatten(2).transpose(1, 2).unsqueeze(1) for t in (q, k, v))  # [b, 1, n, d]
        y = F.scaled_dot_product_attention(q, k, v).squeeze(1).transpose(1, 2)  # [b, c, n]
        return self.project(y.reshape_as(x) * gate.sigmoid())

    @staticmethod
    def segments(channels: int, *, reduction: int) -> dict[tuple[str, int], tuple[int, ...]]:
        """Return the parts of the weights: queries, keys, values and gate."""
        parts = (channels // reduction, channels // reduction, channels, channels)
        return {("project_in.weight", 0): parts, ("project_in.bias", 0): parts}

    @staticmethod
    def layers(tape: Any, x: Any, *, deploy: bool, reduction: Any) -> Any:
        """Write the layers that run."""
        del deploy
        narrow = x.channels // reduction
        parts = tape.conv(x, 2 * narrow + 2 * x.channels, bias=True)
        y = tape.attend(parts, heads=1, keys=x.positions, key=narrow, value=x.channels)
        return tape.conv(tape.add(y, parts), x.channels, bias=True)


MIXER = ModulatedAttention
