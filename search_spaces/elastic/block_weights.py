"""Makes the blocks of stages without numbers and names the shared tensor of each of their weights."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import torch
from torch import Tensor, nn

from search_spaces.architecture import Stage
from search_spaces.blocks import BLOCKS
from search_spaces.building import block_factory
from search_spaces.elastic.sharing import own_channels
from search_spaces.elastic.slices import Parts
from search_spaces.errors import SpaceError
from search_spaces.mixers import MIXERS
from search_spaces.options import routed, segments_of

_CONVOLUTIONS: Final = (
    nn.Conv1d,
    nn.Conv2d,
    nn.Conv3d,
    nn.ConvTranspose1d,
    nn.ConvTranspose2d,
    nn.ConvTranspose3d,
)
BATCH_NORMS: Final = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)


@dataclass(frozen=True, slots=True)
class Weight:
    """One weight of one network.

    Attributes:
        key: Name of the shared tensor that it is part of.
        parts: Sizes of its parts along each dimension.
        kernel_from: First dimension of a convolution's kernel; the number of dimensions where there is none.
        layer: Class of the layer that holds it.
    """

    key: str
    parts: tuple[Parts, ...]
    kernel_from: int
    layer: type[nn.Module]


@dataclass(frozen=True, slots=True, eq=False)
class MadeBlock:
    """A block without numbers, the shared tensor of each of its weights, and its buffers, by path."""

    module: nn.Module
    weights: dict[str, Weight]
    buffers: dict[str, Tensor]


def weight_of(network: nn.Module, path: str, key: str, parts: dict[int, Parts]) -> Weight:
    """Return the weight at a path of a network.

    Args:
        network: Network or block, on any device.
        path: Path of the weight.
        key: Name of its shared tensor; one shared by weights of the same shape alone if neither all nor
            single channels of a convolution are convolved with each other.
        parts: Sizes of its parts along the dimensions that have several.
    """
    owner = network.get_submodule(path.rpartition(".")[0])
    shape = tuple(network.get_parameter(path).shape)
    convolves = isinstance(owner, _CONVOLUTIONS)
    if isinstance(owner, _CONVOLUTIONS) and owner.groups not in {1, owner.in_channels}:
        key = f"{key}/groups={owner.groups}/{'x'.join(map(str, shape))}"
    return Weight(
        plain(key),
        tuple(parts.get(dim, (size,)) for dim, size in enumerate(shape)),
        min(2, len(shape)) if convolves else len(shape),
        type(owner),
    )


def plain(key: str) -> str:
    """Return a name of a tensor without the dots that torch forbids in names of weights."""
    return key.replace(".", "/")


def make_block(
    stage: Stage,
    name: str,
    in_channels: int,
    out_channels: int,
    stride: int,
    *,
    owns_mixer: bool = False,
    owns_channels: bool = False,
) -> MadeBlock:
    """Return a block of a stage.

    Args:
        stage: The stage, whose channels and stride are not looked at.
        name: Name of the shared tensors of blocks that share weights with this one.
        in_channels: Channels of its input.
        out_channels: Channels of its output.
        stride: Its stride.
        owns_mixer: Whether each width of its mixer has weights of its own, whatever the mixer says.
        owns_channels: The same of the block and its input.

    Raises:
        SpaceError: if a block or mixer says wrongly how its weights are divided.
    """
    of_block, of_mixer = routed(stage)
    mixers: list[tuple[nn.Module, int]] = []
    with torch.device("meta"):
        if stage.mixer is not None:
            of_block["mixer"] = _recorded(partial(MIXERS[stage.mixer], **of_mixer), mixers)
        module = BLOCKS[stage.block](in_channels, out_channels, stride=stride, **of_block)
    own_block, own_mixer = own_channels(stage)
    own = f"/channels={in_channels}-{out_channels}" if own_block or owns_channels else ""
    parts = dict(
        segments_of(BLOCKS[stage.block], in_channels, out_channels, stride=stride, **routed(stage)[0])
    )
    owned: dict[str, str] = {}
    paths = {id(found): path for path, found in module.named_modules()}
    for mixer, channels in mixers:
        path = paths.get(id(mixer))
        if path is None:
            continue
        inside = segments_of(MIXERS[str(stage.mixer)], channels, **of_mixer)
        parts |= {(f"{path}.{weight}", dim): sizes for (weight, dim), sizes in inside.items()}
        if own_mixer or owns_mixer:
            owned[f"{path}."] = f"/channels={channels}"
    weights = {}
    for path, weight in module.named_parameters():
        suffix = own + next((text for start, text in owned.items() if path.startswith(start)), "")
        divided = {dim: tuple(sizes) for (of, dim), sizes in parts.items() if of == path}
        for dim, sizes in divided.items():
            if sum(sizes) != weight.shape[dim]:
                raise SpaceError(
                    f"The parts {sizes} of '{path}' in {stage.block} with {stage.mixer} add up to "
                    f"{sum(sizes)}, but the weight has {weight.shape[dim]} along dimension {dim}. Correct "
                    f"its segments."
                )
        weights[path] = weight_of(module, path, f"{name}{suffix}/{path}", divided)
    without_statistics(module)
    buffers = dict(module.named_buffers())
    if buffers:  # on torch's meta device they hold no numbers
        with torch.random.fork_rng(devices=[]):
            real = block_factory(stage)(in_channels, out_channels, stride=stride)
        buffers = dict(without_statistics(real).named_buffers())
    return MadeBlock(module, weights, buffers)


def without_statistics(network: nn.Module) -> nn.Module:
    """Return the network, whose batch norms normalise by the batch from now on, and keep nothing of it."""
    for module in network.modules():
        if isinstance(module, BATCH_NORMS):
            module.track_running_stats = False
            module.running_mean = module.running_var = module.num_batches_tracked = None
    return network


def _recorded(
    make: Callable[..., nn.Module], made: list[tuple[nn.Module, int]]
) -> Callable[[int], nn.Module]:
    """Return a factory of mixers that notes what it makes, and of how many channels."""

    def factory(channels: int, *args: Any, **options: Any) -> nn.Module:
        mixer = make(channels, *args, **options)
        made.append((mixer, channels))
        return mixer

    return factory
