"""Finds which dimensions of a network's weights hold the same channels, by running it once without numbers.

A network runs on torch's meta device, and every operation says which dimensions of its inputs and outputs
belong together. Where an operation mixes channels in a way that is not known here, such as a reshape into
heads, its channels keep their order.
"""

import copy
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, TypeAlias

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from typing_extensions import override

from trials.pretrained.channel_spaces import Dims, Space, fix, join

_POINTWISE: Final = frozenset(
    """
    add mul sub div neg clamp clamp_min silu relu relu6 hardtanh gelu sigmoid hardswish hardsigmoid tanh exp
    rsqrt pow clone contiguous _to_copy copy softmax _softmax _safe_softmax roll detach alias
    """.split()  # noqa: SIM905 (a word list reads better than sixty quotes)
)
_RESIZES: Final = frozenset({"avg_pool2d", "constant_pad_nd", "upsample_bilinear2d", "upsample_nearest2d"})
_VIEWS: Final = frozenset({"view", "_unsafe_view", "reshape", "_reshape_alias"})


def channel_spaces(network: nn.Module, *, in_channels: int, resolution: int) -> dict[str, Dims]:
    """Return the space of each dimension of each parameter and buffer, by its name.

    Args:
        network: Network, which is not changed.
        in_channels: Channels of its images.
        resolution: Side of its images in pixels.
    """
    network = copy.deepcopy(network).to("meta").eval()
    tensors = {**dict(network.named_parameters()), **dict(network.named_buffers())}
    with torch.no_grad(), _Follower() as follower:
        for tensor in tensors.values():
            follower.enter(tensor)
        image = torch.empty((1, in_channels, resolution, resolution), device="meta")
        follower.enter(image)
        network(image)
        return {name: follower.dims(tensor) for name, tensor in tensors.items()}


class _Follower(TorchDispatchMode):
    """Keeps the spaces of the dimensions of every tensor."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._dims: dict[int, Dims] = {}
        self._kept: list[Tensor] = []  # a freed tensor would hand its identity to another

    def enter(self, tensor: Tensor) -> None:
        """Give each dimension of a tensor a space of its own."""
        self._set(tensor, [Space(size) for size in tensor.shape])

    def dims(self, tensor: Tensor) -> Dims:
        """Return the spaces of a tensor's dimensions."""
        if id(tensor) not in self._dims:
            self.enter(tensor)
        return self._dims[id(tensor)]

    def _set(self, tensor: Tensor, dims: Iterable[Space]) -> None:
        self._dims[id(tensor)] = tuple(dims)
        self._kept.append(tensor)

    @override
    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        name = func.overloadpacket.__name__.removesuffix("_")
        outs = [o for o in (out if isinstance(out, list | tuple) else [out]) if isinstance(o, Tensor)]
        if outs:
            rule = _RULES.get(name)
            if rule is None or not rule(self, args, outs):
                self._mixed(args, outs)
        return out

    def pointwise(self, args: Sequence[Any], outs: Sequence[Tensor]) -> bool:
        """Join the dimensions of all operands, the last with the last."""
        out = outs[0]
        tensors = [t for t in args if isinstance(t, Tensor)]
        dims = [Space(size) for size in out.shape]
        for tensor in tensors:
            for i, space in enumerate(reversed(self.dims(tensor)), 1):
                if space.size == out.shape[-i] and (space.size > 1 or len(tensors) == 1):
                    join(dims[-i], space)
        self._set(out, [d.root for d in dims])
        return True

    def resized(self, args: Sequence[Any], outs: Sequence[Tensor]) -> bool:
        """Keep the dimensions whose size stays."""
        self._set(
            outs[0],
            [
                space if space.size == size else Space(size)
                for space, size in zip(self.dims(args[0]), outs[0].shape, strict=True)
            ],
        )
        return True

    def convolution(self, args: Sequence[Any], outs: Sequence[Tensor]) -> bool:
        """Join channels with the dimensions of the kernel."""
        x, weight, bias, groups = self.dims(args[0]), self.dims(args[1]), args[2], args[8]
        channels = weight[0]
        if groups == 1:
            join(x[1], weight[1])
        elif groups == x[1].size == weight[0].size:
            join(x[1], weight[0])
        else:
            for space in (x[1], weight[0], weight[1]):
                fix(space)
        for space in x[2:]:
            fix(space)  # channels that lie along an image axis have neighbours
        if bias is not None:
            join(self.dims(bias)[0], channels)
        self._set(outs[0], [x[0], channels, *map(Space, outs[0].shape[2:])])
        return True

    def norm(self, args: Sequence[Any], outs: Sequence[Tensor]) -> bool:
        """Join channels with the vectors of a batch or group norm."""
        x = self.dims(args[0])
        for vector in args[1:5]:
            if isinstance(vector, Tensor) and vector.ndim == 1 and vector.shape[0] == x[1].size:
                join(x[1], self.dims(vector)[0])
        self._set(outs[0], x)
        return True

    def group_norm(self, args: Sequence[Any], outs: Sequence[Tensor]) -> bool:
        """Join channels with the vectors; those of several groups keep their order."""
        if args[6] != 1:
            fix(self.dims(args[0])[1])
        return self.norm(args, outs)

    def layer_norm(self, args: Sequence[Any], outs: Sequence[Tensor]) -> bool:
        """Join the last dimension with the vectors."""
        x = self.dims(args[0])
        for vector in args[2:4]:
            if vector is not None and vector.ndim == 1:
                join(x[-1], self.dims(vector)[0])
        self._set(outs[0], x)
        return True

    def mean(self, args: Sequence[Any], outs: Sequence[Tensor]) -> bool:
        """Keep the dimensions over which no mean is taken."""
        x = self.dims(args[0])
        over = {d % len(x) for d in args[1]} if len(args) > 1 and args[1] else set(range(len(x)))
        if outs[0].ndim == len(x):
            self._set(outs[0], [Space(1) if i in over else s for i, s in enumerate(x)])
        else:
            self._set(outs[0], [s for i, s in enumerate(x) if i not in over])
        return True

    def product(self, args: Sequence[Any], outs: Sequence[Tensor]) -> bool:
        """Join the dimension that a matrix product sums over."""
        *bias, left, right = (self.dims(t) for t in args if isinstance(t, Tensor))
        join(left[-1], right[-2])
        dims = [*left[:-1], right[-1]]
        if bias:
            join(bias[0][-1], dims[-1])
        self._set(outs[0], dims)
        return True

    def permute(self, args: Sequence[Any], outs: Sequence[Tensor]) -> bool:
        """Carry the dimensions along."""
        x = self.dims(args[0])
        self._set(outs[0], [x[d] for d in args[1]])
        return True

    def transpose(self, args: Sequence[Any], outs: Sequence[Tensor]) -> bool:
        """Exchange two dimensions."""
        x = list(self.dims(args[0]))
        i, j = (args[1], args[2]) if len(args) > 1 else (0, 1)
        x[i], x[j] = x[j], x[i]
        self._set(outs[0], x)
        return True

    def unsqueeze(self, args: Sequence[Any], outs: Sequence[Tensor]) -> bool:
        """Insert a dimension of one."""
        x = list(self.dims(args[0]))
        x.insert(args[1] % outs[0].ndim, Space(1))
        self._set(outs[0], x)
        return True

    def view(self, args: Sequence[Any], outs: Sequence[Tensor]) -> bool:
        """Keep the dimensions that a reshape leaves as they are, and fix those that it divides or merges."""
        old, shape = self.dims(args[0]), tuple(outs[0].shape)
        places = {(math.prod(s.size for s in old[:i]), space.size): space for i, space in enumerate(old)}
        dims = [
            places.get((math.prod(shape[:j]), size), Space(size, fixed=True)) if size > 1 else Space(1)
            for j, size in enumerate(shape)
        ]
        for space in old:
            if space.size > 1 and not any(space is kept for kept in dims):
                fix(space)
        self._set(outs[0], dims)
        return True

    def expand(self, args: Sequence[Any], outs: Sequence[Tensor]) -> bool:
        """Keep the dimensions that are not repeated."""
        x = self.dims(args[0])
        more = [Space(size) for size in outs[0].shape[: outs[0].ndim - len(x)]]
        rest = zip(x, outs[0].shape[len(more) :], strict=True)
        self._set(outs[0], [*more, *(s if s.size == size else Space(size) for s, size in rest)])
        return True

    def cat(self, args: Sequence[Any], outs: Sequence[Tensor]) -> bool:
        """Put spaces one after another along one dimension, and join the others."""
        tensors, dim = [self.dims(t) for t in args[0]], args[1] if len(args) > 1 else 0
        dim %= outs[0].ndim
        for other in tensors[1:]:
            for i, (a, b) in enumerate(zip(tensors[0], other, strict=True)):
                if i != dim:
                    join(a, b)
        whole = Space(outs[0].shape[dim], parts=tuple(dims[dim].root for dims in tensors))
        self._set(outs[0], [whole if i == dim else s for i, s in enumerate(tensors[0])])
        return True

    def split(self, args: Sequence[Any], outs: Sequence[Tensor]) -> bool:
        """Divide one dimension into parts that have spaces of their own."""
        x = self.dims(args[0])
        dim = (args[2] if len(args) > 2 else 0) % len(x)
        parts = tuple(Space(out.shape[dim]) for out in outs)
        join(x[dim], Space(x[dim].size, parts=parts))
        found = x[dim].root.parts
        parts = found if [p.size for p in found] == [p.size for p in parts] else parts
        for part, out in zip(parts, outs, strict=True):
            self._set(out, [part.root if i == dim else s for i, s in enumerate(x)])
        return True

    def slice(self, args: Sequence[Any], outs: Sequence[Tensor]) -> bool:
        """Keep the dimensions that stay whole, and fix one of which a part is taken."""
        x = self.dims(args[0])
        for space, size in zip(x, outs[0].shape, strict=True):
            if space.size != size:
                fix(space)
        return self.resized(args, outs)

    def _mixed(self, args: Sequence[Any], outs: Sequence[Tensor]) -> None:
        """Fix everything that an unknown operation touches."""
        for tensor in _tensors(args):
            for space in self.dims(tensor):
                fix(space)
        for out in outs:
            self._set(out, [Space(size, fixed=True) for size in out.shape])


def _tensors(values: Iterable[Any]) -> Iterable[Tensor]:
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, list | tuple):
            yield from _tensors(value)


_Rule: TypeAlias = Callable[[_Follower, Sequence[Any], Sequence[Tensor]], bool]
_RULES: Final[dict[str, _Rule]] = {
    **dict.fromkeys(_POINTWISE, _Follower.pointwise),
    **dict.fromkeys(_RESIZES, _Follower.resized),
    **dict.fromkeys(_VIEWS, _Follower.view),
    **dict.fromkeys(("mm", "bmm", "addmm"), _Follower.product),
    **dict.fromkeys(("mean", "sum", "amax"), _Follower.mean),
    **dict.fromkeys(("native_batch_norm", "_native_batch_norm_legit_no_training"), _Follower.norm),
    **dict.fromkeys(("transpose", "t"), _Follower.transpose),
    **dict.fromkeys(("split", "split_with_sizes", "chunk"), _Follower.split),
    "native_group_norm": _Follower.group_norm,
    "native_layer_norm": _Follower.layer_norm,
    "convolution": _Follower.convolution,
    "permute": _Follower.permute,
    "unsqueeze": _Follower.unsqueeze,
    "expand": _Follower.expand,
    "cat": _Follower.cat,
    "slice": _Follower.slice,
}
