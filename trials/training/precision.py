"""Mixed precision: autocast to bfloat16, except for what the CPU computes badly in it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode
from typing_extensions import override

from trials.training.recipe import Recipe


@contextmanager
def autocast(recipe: Recipe, device: torch.device) -> Iterator[None]:
    """Compute in the recipe's precision inside the ``with`` block."""
    if recipe.precision == "fp32":
        yield
    elif device.type == "cpu":
        with torch.autocast("cpu", dtype=torch.bfloat16), _Float32WhereNeeded():
            yield
    else:
        # a graph casts its weights itself: casts kept from before its capture would be those of old weights
        with torch.autocast(device.type, dtype=torch.bfloat16, cache_enabled=False):
            yield


class _Float32WhereNeeded(TorchFunctionMode):
    """Computes in float32 the operations that the CPU does badly in bfloat16 (torch 2.13).

    * Fused attention: its backward pass takes 9 to 12 times as long (32 x 4 heads of 16 features at 144
      positions: 92 ms against 8 ms).
    * Dilated depthwise convolution: its weight gradient is wrong for some sizes and occasionally not
      a number (32 images of 32 channels at 40 x 40 pixels, kernel 3, dilation 2), as if read from
      uninitialised memory.
    """

    @override
    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        if func is F.scaled_dot_product_attention:
            returned = args[0].dtype
        elif func is F.conv2d and _is_dilated_depthwise(*args, **kwargs):
            returned = torch.bfloat16
        else:
            return func(*args, **kwargs)
        with torch.autocast("cpu", enabled=False):
            floats = [a.float() if isinstance(a, torch.Tensor) else a for a in args]
            return func(*floats, **kwargs).to(returned)


def _is_dilated_depthwise(
    x: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> bool:
    """Return whether a call of conv2d is depthwise and dilated."""
    del weight, bias, stride, padding
    spread = max(dilation) if isinstance(dilation, tuple | list) else dilation
    return groups > 1 and groups == x.shape[1] and spread > 1
