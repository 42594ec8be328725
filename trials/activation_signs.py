"""Observes the signs of what enters the activation functions of a network, module or functional alike.

Hooks on modules would miss activations that a network calls as functions. `torch.overrides` sees both:
modules such as ``nn.SiLU`` call the functional form themselves.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode
from typing_extensions import override

_NAMES: Final = "relu relu6 leaky_relu rrelu prelu elu selu celu gelu silu mish hardswish hardtanh softplus"
"""Activations of `torch.nn.functional` that let large values pass and hold small ones back."""


def rectifiers() -> frozenset[Callable[..., Any]]:
    """Return the functions of torch whose inputs are observed, those that work in place too.

    Gates (sigmoid, hard sigmoid) and the softmax of attention weigh other features rather than hold back
    their own input, and are not observed; nor is an activation that is written as arithmetic, such as a
    maximum with 0.
    """
    places = (F, torch, torch.Tensor)
    names = [name + end for name in _NAMES.split() for end in ("", "_")]
    found = [getattr(place, name, None) for place in places for name in names]
    return frozenset(function for function in found if callable(function))


class _Observer(TorchFunctionMode):
    """Calls back with what enters each activation function."""

    def __init__(self, report: Callable[[Tensor], None]) -> None:
        super().__init__()
        self._report = report
        self._functions = rectifiers()

    @override
    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        given = dict(kwargs or {})
        if func in self._functions:
            self._report((args or tuple(given.values()))[0].detach())
        return func(*args, **given)


@torch.no_grad()
def observe_activations(
    network: nn.Module,
    images: Float[Tensor, "b c r r"],
    report: Callable[[Bool[Tensor, "b units"]], None],
) -> int:
    """Run a network once and return how many of its activation functions ran on what is made of the images.

    A layer may hold an image several times, as tiles or windows do, one after another.

    Args:
        network: Network [b, c, r, r] -> tensor, run in the mode that it is in.
        images: Normalised images.
        report: Called with which units of each activation function are on, in the order of execution: those
            where what enters it is positive.
    """
    calls = 0

    def observe(entering: Tensor) -> None:
        nonlocal calls
        if entering.dim() > 1 and len(entering) % len(images) == 0:  # else it was made of weights alone
            calls += 1
            report((entering > 0).reshape(len(images), -1))

    with _Observer(observe):
        network(images)
    return calls
