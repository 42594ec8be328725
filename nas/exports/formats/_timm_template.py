"""Template of the exported registration timm_<name>.py, filled in by `timm`."""

from typing import Final

REGISTRATION: Final = '''"""Registers {name} with timm, which can create it once this file is imported.

Example:
    timm.create_model("{name}", pretrained=True, num_classes=100)
"""

from functools import partial
from pathlib import Path
from typing import Any

from timm.layers import SelectAdaptivePool2d, drop_path
from timm.models import (
    build_model_with_cfg,
    generate_default_cfgs,
    register_model,
    register_notrace_module,
)
from timm.models._features import feature_take_indices
from torch import Tensor, linspace, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

if __package__:
    from .{name} import {class_name}
else:
    from {name} import {class_name}

default_cfgs = generate_default_cfgs(
    {{
        "{name}": {{
            "file": str(Path(__file__).with_name("{name}.safetensors")),
            {cfg}
        }},
    }}
)


class Timm{class_name}({class_name}):
    """The network with the arguments and methods of timm's own models."""

    def __init__(
        self,
        num_classes: int = {num_classes},
        in_chans: int = {in_channels},
        global_pool: str = "avg",
        drop_rate: float = 0.0,  # of features before the head
        drop_path_rate: float = 0.0,  # of the last block
    ) -> None:
        super().__init__(num_classes=max(1, num_classes), in_channels=in_chans){deploying}
        self.in_chans, self.drop_rate = in_chans, drop_rate
        self.num_features, self.head_hidden_size = {map_channels}, {num_features}
        self.global_pool = SelectAdaptivePool2d(pool_type="avg")
        if num_classes == 0 or global_pool != "avg":
            self.reset_classifier(num_classes, global_pool)
        blocks = [block for stage in self.stages for block in stage]
        for block, rate in zip(blocks, linspace(0, drop_path_rate, len(blocks)).tolist()):
            if rate > 0:
                block.register_forward_hook(partial(_skip, rate))

    def forward_intermediates(
        self,
        x: Tensor,
        indices: int | list[int] | tuple[int, ...] | None = None,
        norm: bool = False,  # these maps have no norm of their own
        stop_early: bool = False,
        output_fmt: str = "NCHW",
        intermediates_only: bool = False,
    ) -> list[Tensor] | tuple[Tensor, list[Tensor]]:
        """Return the last map and those after some stages, [b, channels, r / reduction, r / reduction]."""
        if output_fmt != "NCHW":
            raise ValueError(f"got output_fmt={{output_fmt!r}}, expected 'NCHW'")
        taken, last = feature_take_indices(len(self.stages), indices)
        twice = self.grad_checkpointing and self.training
        x = self.stem(x)
        maps = []
        for number, stage in enumerate(self.stages):
            for block in stage:
                x = checkpoint(block, x, use_reentrant=False) if twice else block(x)
            if number in taken:
                maps.append(x)
            if stop_early and number == last:
                break
        if intermediates_only:
            return maps
        if number == len(self.stages) - 1:
{before}
        return x, maps

    def prune_intermediate_layers(
        self,
        indices: int | list[int] | tuple[int, ...] = 1,
        prune_norm: bool = False,
        prune_head: bool = True,
    ) -> list[int]:
        """Remove what the maps after these stages do not need, and return the numbers of the stages."""
        taken, last = feature_take_indices(len(self.stages), indices)
        shorter = last < len(self.stages) - 1
        if prune_norm or shorter:
            self.neck = nn.Sequential()
            self.num_features = self.head_hidden_size = self.channels[last]
        self.stages = self.stages[: last + 1]
        if prune_norm or prune_head or shorter:
            self.reset_classifier(0, "")
        return taken

    def forward_features(self, x: Tensor) -> Tensor:
        return self.forward_intermediates(x)[0]  # [b, {map_channels}, h, w]

    def forward_head(self, x: Tensor, pre_logits: bool = False) -> Tensor:
        pools = bool(self.global_pool.pool_type)
        if not pools and self.num_classes == 0:
            return x
        x = self.global_pool(x)
{behind}        x = F.dropout(x.flatten(1) if pools else x, self.drop_rate, self.training)
        return x if pre_logits else self.head(x.movedim(1, -1)).movedim(-1, 1)

    def reset_classifier(self, num_classes: int, global_pool: str | None = None) -> None:
        """Replace the head by a fresh one, or by none for 0 classes, and perhaps the pooling."""
        if global_pool is not None:
            self.global_pool = SelectAdaptivePool2d(pool_type=global_pool)
        width = self.head_hidden_size * self.global_pool.feat_mult()
        weight = next(self.parameters())
        self.head = nn.Identity()
        if num_classes > 0:
            self.head = nn.Linear(width, num_classes, device=weight.device, dtype=weight.dtype)

    def group_matcher(self, coarse: bool = False) -> dict[str, Any]:
        """Return patterns of parameter names, by which timm lowers the learning rate of early layers."""
        blocks = r"^stages\\.(\\d+)" if coarse else r"^stages\\.(\\d+)\\.(\\d+)"
        return {{"stem": r"^stem", "blocks": [(blocks, None), (r"^neck", (99999,))]}}


def _skip(
    rate: float, block: nn.Module, inputs: tuple[Tensor, ...], output: Tensor
) -> Tensor:
    """Skip a block for some images in training, if it keeps their shape."""
    x = inputs[0]
    if not block.training or output.shape != x.shape:
        return output
    return x + drop_path(output - x, rate, training=True)


def _build(**arguments: Any) -> nn.Module:
    network = Timm{class_name}(**arguments)
    for layer in (*network.stem, *network.neck, *(b for stage in network.stages for b in stage)):
        register_notrace_module(type(layer))  # their code depends on the size of a map
    return network


@register_model
def {name}(pretrained: bool = False, **kwargs: Any) -> nn.Module:
    """Return the network, [b, {in_channels}, {side}, {side}] -> [b, {num_classes}]."""
    feature_cfg = {{"out_indices": tuple(range({stages})), "flatten_sequential": True}}
    return build_model_with_cfg(
        _build, "{name}", pretrained, feature_cfg=feature_cfg, **kwargs
    )
'''
