"""Two networks that show what a device can do at best: one computes, one moves memory."""

from functools import cache
from typing import Final

import torch
from torch import Tensor, nn

from trials.latency.module_costs import modules_of
from trials.latency.onnx_model import onnx_model

_WIDTH: Final = 256
_SIDE: Final = 28
_STREAM_SIDE: Final = 2048  # 16 MiB a channel in fp32: more than the caches that one core has


@cache
def peak_model(dtype: str) -> bytes:
    """Return a stack of dense 3 x 3 convolutions as ONNX, which runtimes compute best."""
    return onnx_model(_dense(), resolution=_SIDE, in_channels=_WIDTH, dtype=dtype)


@cache
def peak_macs() -> int:
    """Return the multiply-accumulates of `peak_model`."""
    return sum(m.macs for m in modules_of(_dense(), resolution=_SIDE, in_channels=_WIDTH).values())


@cache
def stream_model() -> bytes:
    """Return a model that reads and writes large maps and computes next to nothing."""
    return onnx_model(_Stream().eval(), resolution=_STREAM_SIDE, in_channels=4)


def _dense() -> nn.Module:
    return nn.Sequential(*[nn.Conv2d(_WIDTH, _WIDTH, 3, padding=1) for _ in range(2)]).eval()


class _Stream(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        """Return a map that depends on every value, [1, 4, r, r] -> [1, 4, r, r]."""
        return torch.abs(x)
