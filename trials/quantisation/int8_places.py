"""Where int8 rounds: at which torch functions an exported and quantised graph rounds its tensors.

ONNX Runtime's quantiser rounds what enters and leaves products, sums, SiLU, Sigmoid, Softmax, norms and
concatenations. BatchNorm after a convolution and ReLU become part of what they follow, so that only their
output is rounded. Views hold what is rounded already; other functions compute in float, of rounded tensors
where these come from one of the former.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from enum import Enum, auto
from typing import Any, Final, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode
from torch.utils.hooks import RemovableHandle
from torch.utils.weak import WeakIdKeyDictionary
from typing_extensions import override

from search_spaces.weight_bits import marked_blocks

Named: TypeAlias = Mapping[str, Any]

_SUMS: Final = frozenset({"add", "add_", "__add__", "__radd__", "__iadd__"})
_FACTORS: Final = frozenset({"mul", "mul_", "__mul__", "__rmul__", "__imul__"})
_MATRICES: Final = frozenset({"matmul", "bmm", "__matmul__", "__rmatmul__"})
_BOTH_ENDS: Final = _SUMS | _FACTORS | _MATRICES | {
    *("sigmoid", "sigmoid_", "adaptive_avg_pool2d", "avg_pool2d", "interpolate", "cat", "concat"),
}  # fmt: skip
_CLIPS: Final = frozenset({"relu", "relu_", "relu6", "hardtanh", "hardtanh_"})
_VIEWS: Final = frozenset({
    *("view", "reshape", "reshape_as", "flatten", "unflatten", "squeeze", "unsqueeze", "transpose"),
    *("permute", "contiguous", "chunk", "split", "unbind", "expand", "expand_as", "__getitem__", "narrow"),
    *("select", "pad", "max_pool2d", "float", "to", "type_as", "roll", "flip", "dropout", "clone"),
    "pixel_unshuffle",
})  # fmt: skip
_FACTS: Final = frozenset({
    *("__get__", "size", "dim", "numel", "stride", "is_contiguous", "is_floating_point", "__len__"),
})  # fmt: skip


class Rounding(ABC):
    """How tensors are rounded."""

    @abstractmethod
    def activations(self, x: Tensor) -> Tensor:
        """Return activations as int8 holds them."""

    @abstractmethod
    def shares(self, x: Tensor) -> Tensor:
        """Return values of Softmax, which the quantiser rounds between 0 and 1 whatever they are."""

    @abstractmethod
    def weights(self, weight: Tensor) -> Tensor:
        """Return the weights of a layer as int8 holds them."""

    @abstractmethod
    def packed_weights(self, weight: Tensor) -> Tensor:
        """Return the weights of a convolution as 4 bits hold them."""


class _State(Enum):
    CONVOLVED = auto()  # rounded unless BatchNorm or ReLU follows
    DUE = auto()  # rounded unless ReLU follows
    ROUNDED = auto()


class Int8Places(TorchFunctionMode):
    """Rounds tensors where the int8 form of a network does.

    Args:
        rounding: How they are rounded.
        network: Network whose marked blocks have weights of 4 bits, see `search_spaces.weight_bits`; None
            where all weights have 8.
    """

    def __init__(self, rounding: Rounding, network: nn.Module | None = None) -> None:
        super().__init__()
        self._rounding = rounding
        self._four_bits = [] if network is None else list(map(network.get_submodule, marked_blocks(network)))
        self._hooks: list[RemovableHandle] = []
        self._packing = False  # within a block whose weights have 4 bits
        self._states: WeakIdKeyDictionary = WeakIdKeyDictionary()
        self._layers: dict[Callable[..., Any], Callable[..., Tensor]] = {
            torch.conv2d: self._convolved,
            F.linear: self._linear,
            F.batch_norm: self._batch_norm,
            F.layer_norm: self._layer_norm,
            F.group_norm: self._group_norm,
            F.silu: self._silu,
            F.scaled_dot_product_attention: self._attention,
        }

    @override
    def __enter__(self) -> "Int8Places":
        for block in self._four_bits:
            self._hooks.append(block.register_forward_pre_hook(self._entered))
            self._hooks.append(block.register_forward_hook(self._left))
        super().__enter__()  # type: ignore[no-untyped-call]
        return self

    @override
    def __exit__(self, *raised: Any) -> None:
        while self._hooks:
            self._hooks.pop().remove()
        super().__exit__(*raised)  # type: ignore[no-untyped-call]

    def _entered(self, *_: Any) -> None:
        self._packing = True

    def _left(self, *_: Any) -> None:
        self._packing = False

    @override
    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Named | None = None
    ) -> Any:
        given, name = dict(kwargs or {}), getattr(func, "__name__", "")
        if func in self._layers:
            return self._layers[func](*args, **given)
        if name in _FACTS:
            return func(*args, **given)
        if name in _CLIPS:
            found = func(*args, **given)
            return self._due(found) if args[0] in self._states else found
        if name == "softmax":
            return self._shares(func(*_each(args, self._rounded), **given))
        if name in _BOTH_ENDS:
            return self._due(func(*_each(args, self._rounded), **given))
        known = args and isinstance(args[0], Tensor) and args[0] in self._states
        found = func(*_each(args, self._settled), **given)
        return _each(found, self._marked_rounded) if known and name in _VIEWS else found

    def _rounded(self, x: Tensor) -> Tensor:
        """Return a tensor as int8 holds it; integers, and what is rounded already, as it is."""
        if not x.is_floating_point() or self._states.get(x) is _State.ROUNDED:
            return x
        return self._marked_rounded(self._rounding.activations(x))

    def _settled(self, x: Tensor) -> Tensor:
        """Return what a function in float is given: rounded if what it comes from rounds its output."""
        return self._rounded(x) if x in self._states else x

    def _marked_rounded(self, x: Tensor) -> Tensor:
        self._states[x] = _State.ROUNDED
        return x

    def _shares(self, x: Tensor) -> Tensor:
        """Return what Softmax gives as int8 holds it."""
        return self._marked_rounded(self._rounding.shares(x))

    def _due(self, x: Tensor) -> Tensor:
        self._states[x] = _State.DUE
        return x

    def _convolved(self, x: Tensor, weight: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        held = self._rounding.packed_weights if self._packing else self._rounding.weights
        found = torch.conv2d(self._rounded(x), held(weight), *args, **kwargs)
        self._states[found] = _State.CONVOLVED
        return found

    def _linear(self, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        x, weight = self._rounded(x), self._rounding.weights(weight)
        if x.dim() == 2 or bias is None:  # one operation
            return self._rounded(F.linear(x, weight, bias))
        return self._due(self._rounded(F.linear(x, weight)) + self._rounded(bias))

    def _batch_norm(
        self,
        x: Tensor,
        mean: Tensor | None,
        variance: Tensor | None,
        weight: Tensor | None = None,
        bias: Tensor | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> Tensor:
        if self._states.get(x) is not _State.CONVOLVED:
            x, weight = self._rounded(x), None if weight is None else self._rounding.weights(weight)
        return self._due(F.batch_norm(x, mean, variance, weight, bias, *args, **kwargs))

    def _layer_norm(
        self,
        x: Tensor,
        shape: Any,
        weight: Tensor | None = None,
        bias: Tensor | None = None,
        eps: float = 1e-5,
    ) -> Tensor:
        weight = None if weight is None else self._rounding.weights(weight)
        return self._due(F.layer_norm(self._rounded(x), shape, weight, bias, eps))

    def _group_norm(
        self,
        x: Tensor,
        groups: int,
        weight: Tensor | None = None,
        bias: Tensor | None = None,
        eps: float = 1e-5,
    ) -> Tensor:
        found = self._rounded(F.group_norm(self._rounded(x), groups, None, None, eps))
        axes = (-1, *[1] * (x.dim() - 2))
        if weight is not None:
            found = self._rounded(found * self._rounded(weight.reshape(axes)))
        return self._due(found if bias is None else found + self._rounded(bias.reshape(axes)))

    def _silu(self, x: Tensor, inplace: bool = False) -> Tensor:
        del inplace
        x = self._rounded(x)
        return self._due(x * self._rounded(torch.sigmoid(x)))

    def _attention(self, q: Tensor, k: Tensor, v: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        if args or set(kwargs) - {"scale"}:  # masks and the like stay inside
            q, k, v = map(self._rounded, (q, k, v))
            return self._due(F.scaled_dot_product_attention(q, k, v, *args, **kwargs))
        scale = math.sqrt(kwargs.get("scale") or q.shape[-1] ** -0.5)
        q, k = (self._rounded(self._rounded(one) * scale) for one in (q, k))
        scores = self._rounded(q @ k.transpose(-2, -1))
        weights = self._shares(scores.softmax(dim=-1))
        return self._due(weights @ self._rounded(v))


def _each(value: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """Return a value whose tensors, also those in lists and tuples, are changed."""
    if isinstance(value, Tensor):
        return change(value)
    if isinstance(value, (list, tuple)):
        changed = [_each(one, change) for one in value]
        return changed if isinstance(value, list) else tuple(changed)
    return value
