"""Attentive convolution (ATConv) of AttNet: each image makes the depthwise kernels that it is convolved with.

Yu et al., 2025, https://arxiv.org/abs/2510.20092, and the authors' code: the k x k kernel of a channel is a
linear layer of GELU of k^2 means of W_k x over runs of the map, row by row, less sigmoid(g) times its
own mean (lateral inhibition); y = W_o (kernel * W_v x). The sums over neighbours are element-wise, and not
among the MACs.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class AttentiveConv(nn.Module):
    """Sums the `kernel` x `kernel` neighbours of each position by weights read from the whole map."""

    kind = "attention"
    structural = ("kernel",)
    nested = ("channels",)  # all taps of a kernel make each of its taps

    def __init__(self, channels: int, *, kernel: int = 3) -> None:
        super().__init__()
        if kernel % 2 == 0:
            raise ValueError(f"attentive_conv got the kernel {kernel}: expected an odd number")
        self.kernel = kernel
        self.key = nn.Conv2d(channels, channels, 1)
        self.make = nn.Linear(kernel**2, kernel**2)
        self.inhibit = nn.Parameter(torch.zeros(channels, 1))
        self.value = nn.Conv2d(channels, channels, 1)
        self.project = nn.Conv2d(channels, channels, 1)

    def _kernels(self, x: Tensor) -> Tensor:
        """Return the weights of the neighbours, [b, c, k * k]."""
        keys, taps = self.key(x).flatten(2), self.kernel**2
        n = keys.shape[2]
        runs = [keys[:, :, i * n // taps : -(-(i + 1) * n // taps)] for i in range(taps)]
        means = torch.cat([run.mean(dim=2, keepdim=True) for run in runs], dim=2)
        kernels = self.make(F.gelu(means))
        return kernels - kernels.mean(dim=2, keepdim=True) * self.inhibit.sigmoid()

    def forward(self, x: Tensor) -> Tensor:
        h, w = x.shape[2:]
        kernels = self._kernels(x)[..., None, None]
        x = F.pad(self.value(x), [self.kernel // 2] * 4)
        y = x[..., :h, :w] * kernels[:, :, 0]
        for tap in range(1, self.kernel**2):
            row, column = divmod(tap, self.kernel)
            y = y + x[..., row : row + h, column : column + w] * kernels[:, :, tap]
        return self.project(y)

    @staticmethod
    def layers(tape: Any, x: Any, *, deploy: bool, kernel: int) -> Any:
        """Write the layers that run."""
        del deploy
        c, taps, one = x.channels, kernel**2, x.height // x.height
        keys = tape.conv(x, c, bias=True)
        means = tape.join(*[tape.pool(keys) for _ in range(taps)])
        means = tape.view(means, channels=taps, height=one, width=one * c, copies=x.copies)
        kernels = tape.linear(means, taps)
        as_maps = tape.view(kernels, channels=c, height=one, width=one * taps, copies=x.copies)
        kernels = tape.add(kernels, tape.parameter(tape.pool(as_maps), c))
        value = tape.conv(x, c, bias=True)
        value = tape.resize(value, x.height + kernel - 1, x.width + kernel - 1)
        y = tape.add(value, kernels)
        y = tape.view(y, channels=c, height=x.height, width=x.width, copies=x.copies)
        return tape.conv(y, c, bias=True)


MIXER = AttentiveConv
