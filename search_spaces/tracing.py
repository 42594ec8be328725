"""Counts the costs of any module by running it on the meta device: the check on the closed forms.

A network is run once on torch's meta device, where tensors have shapes but no numbers, and every
operation is priced as it is dispatched. One that has no price is refused, never counted as zero. So
somebody's own mixer can be held against the layers that it lists:

    assert trace(network, resolution=64).items() <= count(architecture, num_classes=10).items()

It knows MACs, params, activations, peak and weights; a cost that another file adds is not traced.
torch sees operations below autograd only through `torch.utils._python_dispatch`, which has no public
name; `tests/search_spaces/test_tracing.py` fails when it goes.

Memory follows the same rules as `search_spaces.tape`: norms, activation functions, element-wise
operations and changes of layout are folded into the layer before and take no memory of their own.
"""

import copy
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from typing_extensions import override

from search_spaces.costs import Costs
from search_spaces.errors import ArchitectureError

_IN_PLACE: Final = frozenset(
    """
    add mul sub div rsub neg clamp clamp_min silu relu relu6 hardtanh gelu sigmoid hardswish
    hardsigmoid softmax _softmax _safe_softmax tanh exp rsqrt pow native_batch_norm
    _native_batch_norm_legit_no_training native_group_norm native_layer_norm clone contiguous
    _to_copy _unsafe_view copy roll expand
    """.split()  # noqa: SIM905 (a word list reads better than sixty quotes)
)
_NEW: Final = frozenset(
    """
    cat constant_pad_nd upsample_bilinear2d upsample_nearest2d avg_pool2d mean sum amax linalg_vector_norm
    """.split()  # noqa: SIM905 (a word list reads better than sixty quotes)
)
_VIEWS: Final = frozenset(
    """
    view transpose permute unsqueeze squeeze slice select split split_with_sizes unbind t expand
    alias detach as_strided unfold _reshape_alias chunk narrow
    """.split()  # noqa: SIM905 (a word list reads better than sixty quotes)
)


def trace(network: nn.Module, *, resolution: int, in_channels: int = 3) -> Costs:
    """Return the MACs, params, activations, peak and weights of a network that runs on one image.

    Args:
        network: Any module [1, in_channels, r, r] -> tensor; it is not changed, and runs in evaluation mode.
        resolution: Side of the image in pixels.
        in_channels: Channels of the image.

    Raises:
        ArchitectureError: if it runs an operation that has no price here.
    """
    return trace_call(network, (in_channels, resolution, resolution))


def trace_call(module: nn.Module, shape: Sequence[int]) -> Costs:
    """Return what a module takes on one input of the given shape, [c, h, w].

    Raises:
        ArchitectureError: if it runs an operation that has no price here.
    """
    module = copy.deepcopy(module).to("meta").eval()
    image = torch.empty((1, *shape), device="meta")
    weights = {*module.parameters(), *module.buffers()}
    with torch.no_grad(), _Recorder(weights) as recorder:
        recorder.enter(image)
        module(image)
    params = sum(p.numel() for p in module.parameters() if _key(p) in recorder.touched)
    return Costs(
        macs=sum(event.macs for event in recorder.events),
        params=params,
        activations=sum(event.activations for event in recorder.events),
        peak=4 * _most_alive(recorder.events, recorder.sizes),
        weights=4 * params,
    )


@dataclass(frozen=True, slots=True)
class _Event:
    """One operation: the memories it reads and writes, by key."""

    reads: frozenset[int]
    writes: int | None
    macs: int = 0
    activations: int = 0
    scratch: int = 0


class _Recorder(TorchDispatchMode):
    """Prices every operation; memories are distinguished by the storage of their tensors."""

    def __init__(self, weights: Iterable[Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.events: list[_Event] = []
        self.sizes: dict[int, int] = {}
        self.touched: set[int] = set()
        self._owners: dict[int, int] = {}
        self._weights = {_key(w) for w in weights}
        self._kept: list[Tensor] = []  # a freed storage would hand its key to another tensor

    def enter(self, x: Tensor) -> None:
        """Say that `x` is in memory from the start."""
        self._own(x)

    @override
    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        name = func.overloadpacket.__name__.removesuffix("_")
        tensors = list(_tensors([args, dict(kwargs or {})]))
        self._kept += [*tensors, *_tensors([out])]
        self.touched |= {_key(t) for t in tensors}
        live = [t for t in tensors if _key(t) in self._owners]
        if not live:  # made of weights alone: it is a weight
            self._weights |= {_key(t) for t in _tensors([out])}
        elif name not in _VIEWS or _key(next(iter(_tensors([out])))) not in self._owners:
            self._record(name, tensors, live, next(iter(_tensors([out]))))
        return out

    def _record(self, name: str, tensors: list[Tensor], live: list[Tensor], out: Tensor) -> None:
        reads = frozenset(self._owners[_key(t)] for t in live)
        if name in _IN_PLACE:
            owner = next((t for t in live if t.numel() == out.numel()), None)
            if owner is not None:
                self._owners[_key(out)] = self._owners[_key(owner)]
                self.events.append(_Event(reads, None))
                return
        elif name in _PRODUCTS:
            macs, scratch = _PRODUCTS[name](tensors, out)
            learned = any(_key(t) in self._weights for t in tensors)
            written = out.numel() if learned else 0
            self.events.append(_Event(reads, self._own(out), macs, written, scratch))
            return
        elif name not in _NEW:
            raise ArchitectureError(
                f"Cannot price the operation '{name}': expected convolutions, linear layers, attention "
                f"products, norms, activation functions, sums, means, joins and changes of size or "
                f"layout. Write the network with those."
            )
        self.events.append(_Event(reads, self._own(out)))

    def _own(self, x: Tensor) -> int:
        key = _key(x)
        self._owners[key] = key
        self.sizes[key] = x.numel()
        self._kept.append(x)
        return key


def _key(x: Tensor) -> int:
    """Return the identity of a tensor's storage, which views share; unique as long as the storage lives."""
    return id(x.untyped_storage())


def _tensors(values: Iterable[Any]) -> Iterable[Tensor]:
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, list | tuple):
            yield from _tensors(value)
        elif isinstance(value, dict):
            yield from _tensors(value.values())


def _convolution(tensors: list[Tensor], out: Tensor) -> tuple[int, int]:
    return out.numel() * math.prod(tensors[1].shape[1:]), 0


def _product(tensors: list[Tensor], out: Tensor) -> tuple[int, int]:
    return out.numel() * tensors[-2].shape[-1], 0


def _attention(tensors: list[Tensor], out: Tensor) -> tuple[int, int]:
    q, k = tensors[:2]
    scores = math.prod(q.shape[:-1]) * k.shape[-2]
    return scores * (q.shape[-1] + out.shape[-1]), scores


_PRODUCTS: Final[Mapping[str, Callable[[list[Tensor], Tensor], tuple[int, int]]]] = {
    "convolution": _convolution,
    "mm": _product,
    "bmm": _product,
    "addmm": _product,
    "baddbmm": _product,
    "_scaled_dot_product_flash_attention_for_cpu": _attention,
    "_scaled_dot_product_fused_attention_overrideable": _attention,
    "_scaled_dot_product_flash_attention": _attention,
    "_scaled_dot_product_efficient_attention": _attention,
}


def _most_alive(events: list[_Event], sizes: Mapping[int, int]) -> int:
    """Return the most elements in memory at once, each from its writer to its last reader."""
    last = {key: step for step, event in enumerate(events) for key in event.reads}
    born = {event.writes: step for step, event in enumerate(events) if event.writes is not None}
    change = [0] * (len(events) + 1)
    for key, size in sizes.items():
        change[born.get(key, 0)] += size
        if key in last:
            change[last[key] + 1] -= size
    most = alive = 0
    for step, event in enumerate(events):
        alive += change[step]
        most = max(most, alive + event.scratch)
    return most
