"""`Templates`: networks of a space without numbers, with the shared tensor of each of their weights."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn

from search_spaces.architecture import Architecture, Stage
from search_spaces.building import assemble
from search_spaces.counting import check_size
from search_spaces.elastic.block_weights import MadeBlock, Weight, make_block, weight_of, without_statistics
from search_spaces.elastic.sharing import StageSharing, own_first
from search_spaces.space import SearchSpace

_MOST_BLOCKS: Final = 2_000  # kept, some 100 KiB each


@dataclass(frozen=True, slots=True, eq=False)
class Template:
    """A network on torch's meta device.

    Attributes:
        module: The network, whose batch norms normalise by the batch.
        weights: Each of its weights by path.
        buffers: What else it computes with, on the CPU, by path.
    """

    module: nn.Module
    weights: dict[str, Weight]
    buffers: dict[str, Tensor]


class Templates:
    """Makes the networks of a space, their blocks only once.

    Args:
        space: Space of the networks.
        num_classes: Class scores of the head.
        in_channels: Channels of an image.
    """

    def __init__(self, space: SearchSpace, *, num_classes: int, in_channels: int) -> None:
        self._shape = {"num_classes": num_classes, "in_channels": in_channels}
        codes = space.codes
        self.stages: Final = [
            StageSharing(menu, forms.blocks, int(channels.max()))
            for menu, forms, channels in zip(codes.menus, codes.forms, codes.channels, strict=True)
        ]
        self._chosen: Final = tuple(space.skeleton)
        self.own_first: Final = own_first(space)
        self._blocks: OrderedDict[tuple[object, ...], MadeBlock] = OrderedDict()
        self._widens: dict[tuple[object, ...], bool] = {}

    def widens(self, block: Stage) -> bool:
        """Return whether a block has weights where channels change that it lacks where they stay."""
        key = block.block, block.options, block.stride
        if key not in self._widens:
            same, other = (
                make_block(block, "block", channels, block.channels, block.stride).weights.keys()
                for channels in (block.channels, 2 * block.channels)
            )
            self._widens[key] = bool(other - same)
        return self._widens[key]

    def of(self, architecture: Architecture) -> Template:
        """Return a network of the space.

        Raises:
            ArchitectureError: if it cannot be built.
        """
        check_size(architecture)
        made: dict[int, MadeBlock] = {}
        factories = [self._factory(number, stage, made) for number, stage in enumerate(architecture.stages)]
        with torch.device("meta"):
            network = assemble(architecture, factories, **self._shape)
        without_statistics(network)
        weights: dict[str, Weight] = {}
        buffers: dict[str, Tensor] = {}
        for name, module in network.named_modules():
            block = made.get(id(module))
            if block is not None:
                weights |= {f"{name}.{path}": weight for path, weight in block.weights.items()}
                buffers |= {f"{name}.{path}": buffer for path, buffer in block.buffers.items()}
        options = dict(architecture.options)
        own = "".join(f"/{name}={options[name]}" for name in self._chosen)
        for path, _ in network.named_parameters():
            if path not in weights:
                weights[path] = weight_of(network, path, f"{path}{own}", {})
        return Template(network, weights, buffers)

    def _factory(self, number: int, stage: Stage, made: dict[int, MadeBlock]) -> Callable[..., nn.Module]:
        """Return the blocks of one stage, in the order in which the skeleton asks for them."""
        position = 0
        groups = zip(stage.runs, self.stages[number].groups(stage), strict=True)
        blocks = [(run, group) for run, group in groups for _ in range(run.depth)]

        def factory(in_channels: int, out_channels: int, *, stride: int) -> nn.Module:
            nonlocal position
            run, group = blocks[position]
            position += 1
            block = self._block(number, position, group, run, in_channels, out_channels, stride)
            made[id(block.module)] = block
            return block.module

        return factory

    def _block(
        self,
        number: int,
        position: int,
        group: str,
        stage: Stage,
        in_channels: int,
        out_channels: int,
        stride: int,
    ) -> MadeBlock:
        key = (number, position, stage.block, stage.options, in_channels, out_channels, stride)
        block = self._blocks.get(key)
        if block is None:
            name = f"stage{number + 1}/block{position}/{group}"
            block = make_block(
                stage,
                name,
                in_channels,
                out_channels,
                stride,
                owns_mixer=self.stages[number].owns_mixer(stage),
                owns_channels=position == 1 and self.own_first[number],
            )
            self._blocks[key] = block
            if len(self._blocks) > _MOST_BLOCKS:
                self._blocks.popitem(last=False)
        else:
            self._blocks.move_to_end(key)
        return block
