"""Dilated reparam block of UniRepLKNet: a large kernel trained beside small dilated ones, later merged.

Ding et al., 2023, https://arxiv.org/abs/2311.15599. A k x k kernel with taps r apart is a kernel of side
r (k - 1) + 1 that is zero in between, so that all branches merge into one large depthwise convolution.
"""

import copy
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


def _depthwise(c: int, kernel: int, dilation: int, *, bias: bool) -> nn.Conv2d:
    pad = dilation * (kernel // 2)
    return nn.Conv2d(c, c, kernel, padding=pad, dilation=dilation, groups=c, bias=bias)


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
        self.branches = nn.ModuleList()
        for side, dilation in ((kernel, 1), *_BRANCHES[kernel]):
            conv = _depthwise(channels, side, dilation, bias=False)
            self.branches.append(nn.Sequential(conv, nn.BatchNorm2d(channels)))

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
        exact = copy.deepcopy(self).cpu().double().eval()
        nothing = torch.zeros(1, self.channels, self.kernel, self.kernel).double()
        point = F.pad(nothing[..., :1, :1] + 1, [self.kernel // 2] * 4)
        bias = exact(nothing)  # what a point adds to it is the kernel, mirrored
        conv = _depthwise(self.channels, self.kernel, 1, bias=True)
        weight = (exact(point) - bias).flip(2, 3).transpose(0, 1)  # [c, 1, k, k]
        conv.load_state_dict({"weight": weight, "bias": bias[0, :, 0, 0]})
        self.branches = nn.ModuleList([conv.to(next(self.parameters()))])

    @staticmethod
    def layers(tape: Any, x: Any, *, deploy: bool, kernel: int) -> Any:
        """Write the layers that run, the branches merged if `deploy`."""
        if deploy:
            return tape.conv(x, x.channels, kernel, groups=x.channels, bias=True)
        y = tape.norm(tape.conv(x, x.channels, kernel, groups=x.channels))
        for side, dilation in _BRANCHES[kernel]:
            branch = tape.conv(x, x.channels, side, groups=x.channels, dilation=dilation)
            y = tape.add(y, tape.norm(branch))
        return y


MIXER = DilatedReparam
