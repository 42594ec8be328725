"""Mixers and blocks that timm has too: with its weights they cost and answer what its modules do."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from search_spaces.blocks import BLOCKS
from search_spaces.counting import block_tape
from search_spaces.mixers import MIXERS
from search_spaces.options import keywords
from search_spaces.tape import Map, Tape
from tests.contracts.test_references import unsettled

SIDE = 8
# MACs that timm spends again for each image on what depends on weights alone.
OF_WEIGHTS = {"gated_positional_attention": 3 * 3 * SIDE**4}


class Tokens(nn.Module):
    """A module of timm over positions in a row, as one over a map."""

    def __init__(self, inner: nn.Module, *, sized: bool) -> None:
        super().__init__()
        self.inner, self.sized = inner, sized

    def forward(self, x: Tensor) -> Tensor:
        tokens = x.flatten(2).transpose(1, 2)
        y: Tensor = self.inner(tokens, x.shape[2:]) if self.sized else self.inner(tokens)
        return y.transpose(1, 2).reshape_as(x)


def reduction(stride: int) -> nn.Module:
    from timm.models.pvt_v2 import Attention

    return Tokens(Attention(48, num_heads=3, sr_ratio=stride), sized=True)


def multi_query(stride: int) -> nn.Module:
    from timm.layers.attention2d import MultiQueryAttention2d

    made: nn.Module = MultiQueryAttention2d(48, num_heads=4, key_dim=16, value_dim=16, kv_stride=stride)
    return made


def ghost(version: str) -> nn.Module:
    from timm.models import ghostnet

    made: nn.Module = getattr(ghostnet, version)(48, 48)
    return made


def hidden_state() -> nn.Module:
    from timm.models.efficientvim import HSMSSD

    class First(HSMSSD):  # type: ignore[misc]  # timm has no types
        def forward(self, x: Tensor) -> Any:
            return super().forward(x)[0]

    return First(48, state_dim=16)


def positional() -> nn.Module:
    from timm.models.convit import GPSA

    return Tokens(GPSA(48, num_heads=3), sized=False)


TIMM_MIXERS: dict[str, tuple[str, dict[str, Any], Callable[[], nn.Module]]] = {
    "reduction of 2": ("spatial_reduction_attention", {"key_stride": 2}, partial(reduction, 2)),
    "no reduction": ("spatial_reduction_attention", {"key_stride": 1}, partial(reduction, 1)),
    "multi-query, reduction of 2": (
        "mobile_multi_query_attention",
        {"key_stride": 2},
        partial(multi_query, 2),
    ),
    "multi-query": ("mobile_multi_query_attention", {"key_stride": 1}, partial(multi_query, 1)),
    "hidden states": ("hidden_state_mixer", {}, hidden_state),
    "positional": ("gated_positional_attention", {}, positional),
    "ghost": ("ghost_module", {}, partial(ghost, "GhostModule")),
    "ghost and DFC": ("dfc_attention", {}, partial(ghost, "GhostModuleV2")),
}


def universal(**options: Any) -> nn.Module:
    from timm.models._efficientnet_blocks import UniversalInvertedResidual

    made: nn.Module = UniversalInvertedResidual(32, exp_ratio=4.0, **options)
    return made


def fused(out: int, stride: int, *, expansion: int, residual: bool) -> nn.Module:
    from timm.models._efficientnet_blocks import ConvBnAct, EdgeResidual

    made: nn.Module = (
        ConvBnAct(32, out, 3, stride=stride, skip=residual, act_layer=nn.SiLU)
        if expansion == 1
        else EdgeResidual(32, out, 3, stride=stride, exp_ratio=expansion, act_layer=nn.SiLU)
    )
    return made


def bottleneck(out: int, stride: int, **options: Any) -> nn.Module:
    from timm.models.ghostnet import GhostBottleneck

    made: nn.Module = GhostBottleneck(32, 96, out, dw_kernel_size=5, stride=stride, **options)
    return made


UNIVERSAL, FUSED, GHOST = "universal_inverted_bottleneck", "fused_inverted_residual", "ghost_bottleneck"
TIMM_BLOCKS: dict[str, tuple[str, int, int, dict[str, Any], Callable[[], nn.Module]]] = {
    f"universal {start} {middle}, {out} channels, stride {stride}": (
        UNIVERSAL,
        out,
        stride,
        {"start_kernel": start, "middle_kernel": middle, "layer_scale": scale is not None},
        partial(
            universal,
            out_chs=out,
            stride=stride,
            dw_kernel_size_start=start,
            dw_kernel_size_mid=middle,
            layer_scale_init_value=scale,
        ),
    )
    for start, middle, out, stride, scale in (
        (5, 3, 32, 1, 1e-5),
        (0, 5, 48, 2, None),
        (3, 0, 48, 2, None),
        (0, 0, 32, 1, 1e-5),
    )
}
TIMM_BLOCKS |= {
    f"fused by {expansion}, {out} channels, stride {stride}, sum {residual}": (
        FUSED,
        out,
        stride,
        {"expansion": expansion, "residual": residual},
        partial(fused, out, stride, expansion=expansion, residual=residual),
    )
    for expansion, out, stride, residual in (
        (4, 32, 1, True),
        (4, 48, 2, True),
        (1, 32, 1, False),
        (1, 32, 1, True),
    )
}
TIMM_BLOCKS |= {
    f"ghost {mode}, {out} channels, stride {stride}, gate {gate}": (
        GHOST,
        out,
        stride,
        {"kernel": 5, "dfc": mode == "attn", "squeeze_excite": gate > 0},
        partial(bottleneck, out, stride, mode=mode, se_ratio=gate),
    )
    for mode, out, stride, gate in (("original", 48, 2, 0.25), ("attn", 32, 1, 0.25), ("attn", 48, 1, 0.0))
}


@torch.no_grad()
def same(ours: nn.Module, theirs: nn.Module, channels: int, tape: Tape, of_weights: int = 0) -> None:
    """Check parameters, MACs and answers of a module against those of timm's."""
    theirs = unsettled(theirs).eval()
    taken = sorted(ours.eval().state_dict().items(), key=lambda named: named[0] == "scale")  # timm's last
    weights = zip(taken, theirs.state_dict().values(), strict=True)
    ours.load_state_dict({name: given.reshape(own.shape) for (name, own), given in weights})
    x = torch.randn(2, channels, SIDE, SIDE)
    torch.testing.assert_close(ours(x), theirs(x), atol=1e-4, rtol=1e-4)
    with FlopCounterMode(display=False) as counter:
        theirs.to("meta")(x[:1].to("meta"))  # there attention is its two products
    assert 2 * (sum(layer.macs for layer in tape.layers) + of_weights) == counter.get_total_flops()
    assert sum(layer.params for layer in tape.layers) == sum(p.numel() for p in theirs.parameters())


@pytest.mark.parametrize("case", TIMM_MIXERS)
def test_a_mixer_is_that_of_timm(case: str) -> None:
    name, chosen, theirs = TIMM_MIXERS[case]
    torch.manual_seed(0)
    mixer, tape = MIXERS[name], Tape()
    mixer.layers(tape, tape.input(48, SIDE, SIDE), deploy=False, **{**keywords(mixer), **chosen})
    same(mixer(48, **chosen), theirs(), 48, tape, OF_WEIGHTS.get(name, 0))


@pytest.mark.parametrize("case", TIMM_BLOCKS)
def test_a_block_is_that_of_timm(case: str) -> None:
    name, out, stride, chosen, theirs = TIMM_BLOCKS[case]
    torch.manual_seed(0)
    block = BLOCKS[name]
    listing = partial(block.layers, deploy=False, **{**keywords(block), **chosen})
    tape, _ = block_tape(listing, Map(32, SIDE, SIDE), out, stride)
    same(block(32, out, stride=stride, **chosen), theirs(), 32, tape)
