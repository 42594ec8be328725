"""Two probe models for the roofline of a device: peak compute rate and peak memory bandwidth."""

from functools import cache
from typing import Final

import torch
from torch import Tensor, nn

from trials.latency.module_costs import module_costs
from trials.latency.onnx_model import onnx_model

_WIDTH: Final = 256
_SIDE: Final = 28
_STREAM_SIDE: Final = 2048  # 16 MiB a channel in fp32: more than the caches of one core


@cache
def peak_model(dtype: str) -> bytes:
    """Return dense 3 x 3 convolutions as ONNX, which runtimes compute at their highest rate."""
    return onnx_model(_dense(), resolution=_SIDE, in_channels=_WIDTH, dtype=dtype)


@cache
def peak_macs() -> int:
    """Return the multiply-accumulates of `peak_model`."""
    return sum(m.macs for m in module_costs(_dense(), resolution=_SIDE, in_channels=_WIDTH).values())


@cache
def stream_model() -> bytes:
    """Return a model as ONNX that reads and writes large maps and computes almost nothing."""
    return onnx_model(_Stream().eval(), resolution=_STREAM_SIDE, in_channels=4)


def _dense() -> nn.Module:
    return nn.Sequential(*[nn.Conv2d(_WIDTH, _WIDTH, 3, padding=1) for _ in range(2)]).eval()


class _Stream(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        """Return the absolute values, [1, 4, r, r] -> [1, 4, r, r]."""
        return torch.abs(x)
