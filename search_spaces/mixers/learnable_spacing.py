"""Dilated convolution with learnable spacings (DCLS): a few taps whose places are learnt.

Khalfaoui-Hassani et al., 2021, https://arxiv.org/abs/2112.03740: each tap adds to the four entries of the
kernel around its place, by bilinear interpolation, so that gradients reach the place. What runs is the
dense kernel, and the deploy form holds it. Depthwise, as in the paper's ConvNeXt; places begin with a
standard deviation of 0.5.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class LearnableSpacing(nn.Module):
    """Mixes each channel by `taps` taps anywhere in its kernel x kernel neighbourhood."""

    kind = "conv"
    nested = ("channels",)  # places are relative to the whole kernel

    def __init__(self, channels: int, *, kernel: int = 9, taps: int = 16) -> None:
        super().__init__()
        if kernel % 2 == 0 or taps < 1:
            raise ValueError(
                f"learnable_spacing got the kernel {kernel} and {taps} taps: expected an odd number "
                f"and at least 1"
            )
        self.kernel = kernel
        self.weight = nn.Parameter((2 * torch.rand(channels, taps) - 1) / taps**0.5)
        self.places = nn.Parameter(torch.randn(2, channels, taps) / 2)  # rows and columns from the centre
        self.conv: nn.Conv2d | None = None

    def _dense(self) -> Tensor:
        """Return the kernel that the taps make, [c, 1, k, k]."""
        half = self.kernel // 2
        grid = torch.arange(-half, half + 1, device=self.weight.device, dtype=self.weight.dtype)
        apart = grid - self.places.clamp(-half, half).unsqueeze(-1)  # [2, c, taps, k]
        rows, columns = (1 - apart.abs()).clamp(min=0).unbind(0)
        return ((rows * self.weight.unsqueeze(-1)).transpose(1, 2) @ columns).unsqueeze(1)

    def forward(self, x: Tensor) -> Tensor:
        if self.conv is not None:
            return self.conv(x)
        return F.conv2d(x, self._dense(), padding=self.kernel // 2, groups=x.shape[1])

    @torch.no_grad()
    def switch_to_deploy(self) -> None:
        """Replace the taps by the dense kernel that they make."""
        if self.conv is not None:
            return
        dense = self._dense()
        c = dense.shape[0]
        self.conv = nn.Conv2d(c, c, self.kernel, padding=self.kernel // 2, groups=c, bias=False)
        self.conv.load_state_dict({"weight": dense})
        self.conv.to(dense)
        del self.weight, self.places

    @staticmethod
    def layers(tape: Any, x: Any, *, deploy: bool, kernel: Any, taps: Any) -> Any:
        """Write the layers that run, with the dense kernel's weights if `deploy`, else those of the taps."""
        y = tape.conv(x, x.channels, kernel, groups=x.channels, shared=not deploy)
        return y if deploy else tape.parameter(y, 3 * taps * x.channels)


MIXER = LearnableSpacing
