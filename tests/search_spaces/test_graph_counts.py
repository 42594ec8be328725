"""Counts of networks: exact, the same for one network as for many, and true of the modules that are built."""

import inspect
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import search_spaces
from search_spaces.architecture import Architecture, Stage, options_of
from search_spaces.blocks import BLOCKS
from search_spaces.catalog import SPACES
from search_spaces.graph_counts import architecture_counts, count_names, graph_counts
from search_spaces.mixers import MIXERS
from search_spaces.sampling import uniform_codes
from search_spaces.space import SearchSpace
from search_spaces.stage_choices import StageSpace

CONV = [name for name in MIXERS if MIXERS[name].kind == "conv"]
ATTENTION = [name for name in MIXERS if MIXERS[name].kind == "attention"]


def network(*stages: Stage, resolution: int = 64, **options: int) -> Architecture:
    given = {"stem_channels": 16, "stem_stride": 1, **options}
    return Architecture(network="pyramid", resolution=resolution, stages=stages, options=options_of(given))


def stage(block: str = "metaformer", depth: int = 1, stride: int = 1, **options: int | str) -> Stage:
    return Stage(block=block, channels=16, depth=depth, stride=stride, options=options_of(options))


@pytest.mark.parametrize("name", SPACES)
def test_many_networks_are_counted_like_each_alone(name: str) -> None:
    space = search_spaces.load(name)
    codes = uniform_codes(space.codes, np.random.default_rng(0), 12)
    together = graph_counts(space, codes, num_classes=10, in_channels=1)
    assert tuple(together) == count_names(len(space.stages))
    for i, row in enumerate(codes):
        alone = architecture_counts(space.codes.at(row), num_classes=10, in_channels=1)
        for count, value in alone.items():
            assert together[count].shape == (12,)
            assert together[count][i] == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize(
    ("name", "pixels"),
    [("mobilenet_v2_1.0_224", 491), ("efficientnet_b0_224", 851), ("convnext_atto_224", 1136)],
)
def test_receptive_fields_are_those_of_the_literature(name: str, pixels: int) -> None:
    """491 and 851: Araujo et al., 2019; 1136: by hand."""
    assert architecture_counts(search_spaces.reference(name))["receptive_field"] == pixels


def takes_mixer(block: str) -> bool:
    return "mixer" in inspect.signature(BLOCKS[block]).parameters


AROUND = [block for block in BLOCKS if takes_mixer(block)]
# On maps that are shrunk and widened again it differs from position to position, and the count is near it.
NEAR = {"dfc_attention", "ghost_bottleneck", "recursive_conv"}


def around(block: str, mixer: str) -> dict[str, Any]:
    return {"block": block, "mixer": mixer, **({"transformers": 1} if block.startswith("mobilevit") else {})}


CONVOLUTIONS = [
    *(around(AROUND[number % len(AROUND)], mixer) for number, mixer in enumerate(CONV)),
    *(
        pytest.param(around(block, mixer), marks=pytest.mark.long)
        for number, mixer in enumerate(CONV)
        for block in AROUND
        if block != AROUND[number % len(AROUND)]
    ),
    *({"block": block} for block in BLOCKS if not takes_mixer(block)),
    {"block": "metaformer", "mixer": "depthwise", "kernel": 5, "dilation": 3},
    {"block": "fasternet", "mixer": "dilated_reparam", "kernel": 13},
    {"block": "fasternet", "mixer": "inception_conv", "dilation": 3, "kernel": 5},
    {"block": "inverted_residual", "gate": "none", "kernel": 7},
]


@pytest.mark.parametrize("options", CONVOLUTIONS, ids=lambda options: "-".join(map(str, options.values())))
def test_the_receptive_field_is_where_the_gradient_of_one_position_is_not_zero(
    options: dict[str, Any],
) -> None:
    described = network(stage(**options), stage(**options, stride=2, depth=2), resolution=128)
    torch.manual_seed(0)
    built: Any = search_spaces.build(described, num_classes=2).double().eval()
    for module in built.modules():
        for name, child in module.named_children():
            # Over the whole map: counts do not take gates for a part of the receptive field.
            if isinstance(child, nn.GroupNorm) or type(child).__name__ == "_SqueezeExcite":
                setattr(module, name, nn.Identity())
    image = torch.randn(1, 3, 128, 128, dtype=torch.double, requires_grad=True)
    built.forward_features(image)[0, :, 32, 32].sum().backward()
    assert image.grad is not None
    touched = image.grad[0].abs().sum(dim=0) > 0
    rows, columns = touched.any(dim=1).nonzero(), touched.any(dim=0).nonzero()
    seen = int(max(rows.max() - rows.min(), columns.max() - columns.min())) + 1
    found = architecture_counts(described, num_classes=2, deploy=False)["receptive_field"]
    if options.get("mixer") == "learnable_spacing":  # its taps begin near the centre
        assert min(found, 128) >= seen
    elif NEAR & {options["block"], options.get("mixer")}:
        assert abs(min(found, 128) - seen) <= max(4, 0.1 * seen)
    else:
        assert found == seen


@pytest.mark.parametrize("mixer", ATTENTION)
def test_attention_sees_the_whole_image_unless_inside_windows(mixer: str) -> None:
    described = network(stage(mixer=mixer), stage(mixer="depthwise"))
    found = architecture_counts(described)
    assert (found["receptive_field"] >= 64) == (mixer != "windowed_attention")
    assert found["attention_blocks"] == 0.5
    assert 0.3 < found["attention_macs"] < 1


def test_a_gate_is_no_attention_and_leaves_the_receptive_field() -> None:
    plain, gated = (
        architecture_counts(network(stage("inverted_residual", gate=gate)))
        for gate in ("none", "squeeze_excite")
    )
    assert plain["receptive_field"] == gated["receptive_field"] == 5
    assert gated["attention_blocks"] == gated["attention_macs"] == 0


class Optional(nn.Module):
    """A block of one convolution that may be left out."""

    structural = ("there",)

    def __init__(self, *_: int, stride: int, there: bool = True) -> None:
        super().__init__()
        self.stride, self.there = stride, there

    @staticmethod
    def layers(tape: Any, x: Any, out_channels: Any, *, stride: int, deploy: bool, there: bool) -> Any:
        """Write the layers that run."""
        del deploy
        if there:
            return tape.norm(tape.conv(x, out_channels, 3, stride=stride))
        same = stride == 1 and x.channels == out_channels
        return x if same else tape.norm(tape.conv(x, out_channels, stride=stride))


def test_blocks_that_return_their_input_or_only_change_its_shape_do_not_count() -> None:
    """Also of a space whose blocks may be left out, one code each."""
    block = f"{__name__}:Optional"
    choices = StageSpace(channels=32, stride=2, depth=(3,), block=block, options={"there": (False, True)})
    space = SearchSpace(name="optional", resolution=(32,), stages=(choices, choices))
    codes = np.array([[0, 0, 0, 0, *items] for items in product((0, 1), repeat=2)])
    counts = graph_counts(space, codes)
    assert counts["blocks"].tolist() == [0, 3, 3, 6]
    assert counts["stage1.blocks"].tolist() == [0, 0, 3, 3]
    assert counts["stage2.blocks"].tolist() == [0, 3, 0, 3]
    assert counts["blocks"].dtype == counts["receptive_field"].dtype == np.int64
    assert np.isfinite([counts["log_macs"], counts["attention_blocks"]]).all()
