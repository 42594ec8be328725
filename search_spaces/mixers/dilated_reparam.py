"""Dilated reparam block of UniRepLKNet: a large kernel trained beside small dilated ones.

Ding et al., 2023, https://arxiv.org/abs/2311.15599. A k x k kernel with taps r apart is a kernel of side
r (k - 1) + 1 that is zero in between, so that all branches merge into one large depthwise convolution.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

# Kernel side: (side, dilation) of each small branch, as in the paper's code.
_BRANCHES = {
    3: (),
    5: ((3, 1), (3, 2)),
    7: ((5, 1), (3, 2), (3, 3)),
    9: ((5, 1), (5, 2), (3, 3), (3, 4)),
    11: ((5, 1), (5, 2), (3, 3), (3, 4), (3, 5)),
    13: ((5, 1), (7, 2), (3, 3), (3, 4), (3, 5)),
    15: ((5, 1), (7, 2), (3, 3), (3, 5), (3, 7)),
    17: ((5, 1), (9, 2), (3, 4), (3, 5), (3, 7)),
}


def _depthwise(channels: int, kernel: int, dilation: int, *, bias: bool) -> nn.Conv2d:
    padding = dilation * (kernel // 2)
    return nn.Conv2d(
        channels, channels, kernel, padding=padding, dilation=dilation, groups=channels, bias=bias
    )


class _Branch(nn.Sequential):
    """A depthwise convolution and its norm."""

    def __init__(self, channels: int, kernel: int, dilation: int) -> None:
        super().__init__(_depthwise(channels, kernel, dilation, bias=False), nn.BatchNorm2d(channels))

    def merged(self, kernel: int) -> tuple[Tensor, Tensor]:
        """Return the weight, [c, 1, kernel, kernel], and bias of the one convolution that it equals."""
        conv: Any = self[0]
        norm: Any = self[1]
        scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)  # [c]
        side, dilation = conv.kernel_size[0], conv.dilation[0]
        weight = conv.weight * scale[:, None, None, None]
        spread = F.conv_transpose2d(weight, weight.new_ones(1, 1, 1, 1), stride=dilation)
        edge = kernel // 2 - (dilation * (side - 1) + 1) // 2
        return F.pad(spread, [edge] * 4), norm.bias - norm.running_mean * scale


class DilatedReparam(nn.Module):
    """Mixes each channel over a large neighbourhood; trains branches that merge into one kernel."""

    kind = "conv"
    structural = ("kernel",)

    def __init__(self, channels: int, *, kernel: int = 7) -> None:
        super().__init__()
        if kernel not in _BRANCHES:
            raise ValueError(
                f"dilated_reparam got the kernel {kernel}: expected one of {', '.join(map(str, _BRANCHES))}"
            )
        self.channels, self.kernel = channels, kernel
        shapes = ((kernel, 1), *_BRANCHES[kernel])
        self.branches = nn.ModuleList(_Branch(channels, k, r) for k, r in shapes)

    def forward(self, x: Tensor) -> Tensor:
        y = self.branches[0](x)  # [b, c, h, w]
        for branch in self.branches[1:]:
            y = y + branch(x)
        return y

    @torch.no_grad()
    def switch_to_deploy(self) -> None:
        """Replace the branches by the one convolution that they equal in evaluation mode."""
        if isinstance(self.branches[0], nn.Conv2d):
            return
        branches = [branch for branch in self.branches if isinstance(branch, _Branch)]
        weights, biases = zip(*(branch.merged(self.kernel) for branch in branches), strict=True)
        conv = _depthwise(self.channels, self.kernel, 1, bias=True).to(weights[0])
        conv.load_state_dict(
            {"weight": torch.stack(weights).sum(dim=0), "bias": torch.stack(biases).sum(dim=0)}
        )
        self.branches = nn.ModuleList([conv])

    @staticmethod
    def layers(tape: Any, x: Any, *, deploy: bool, kernel: int) -> Any:
        """Write the layers that run, the branches merged if `deploy`."""
        if deploy:
            return tape.conv(x, x.channels, kernel, groups=x.channels, bias=True)
        y = tape.norm(tape.conv(x, x.channels, kernel, groups=x.channels))
        for side, _ in _BRANCHES[kernel]:
            y = tape.add(y, tape.norm(tape.conv(x, x.channels, side, groups=x.channels)))
        return y


MIXER = DilatedReparam
