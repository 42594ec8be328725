"""Networks take of a donor what fits: consistently, and without changing what it knows where they can."""

from dataclasses import replace
from typing import Any

import pytest
import torch

import search_spaces
from search_spaces.architecture import Architecture, Stage, options_of
from search_spaces.blocks import BLOCKS
from search_spaces.errors import WeightsError
from search_spaces.mixers import MIXERS
from trials.pretrained.donor import Donor
from trials.pretrained.inheritance import inherit

SMALL: dict[str, dict[str, Any]] = {
    "inverted_residual": {"kernel": 3, "expansion": 2, "gate": "squeeze_excite"},
    "optional_inverted_residual": {"form": "k3_e2"},
    "convnext": {"mixer": "depthwise", "kernel": 3},
    "fasternet": {"mixer": "partial_conv"},
    "metaformer": {"mixer": "attention", "head_channels": 8},
    "fused_inverted_residual": {"kernel": 3, "expansion": 2},
    "ghost_bottleneck": {"kernel": 3, "expansion": 2, "squeeze_excite": True},
    "moat": {"mixer": "attention", "head_channels": 8},
    "mobilevit_v1": {"mixer": "attention", "head_channels": 8},
    "mobilevit_v2": {"mixer": "separable_attention"},
    "repvit": {},
    "residual_mixer": {"mixer": "attention", "head_channels": 8},
    "shvit": {"mixer": "single_head_attention"},
    "star": {},
    "universal_inverted_bottleneck": {"start_kernel": 3, "middle_kernel": 5, "expansion": 2},
}


def architecture(
    block: str = "inverted_residual", *, width: int = 16, depth: int = 2, kernel: int = 3, **options
) -> Architecture:
    chosen = {**SMALL[block], **options}
    if "kernel" in chosen:
        chosen["kernel"] = kernel
    stages = tuple(
        Stage(block=block, channels=channels, depth=depth, stride=stride, options=options_of(chosen))
        for channels, stride in ((width, 1), (2 * width, 2))
    )
    skeleton = {"stem_channels": width, "head_channels": 2 * width}
    return Architecture(network="pyramid", resolution=16, stages=stages, options=options_of(skeleton))


def trained(made: Architecture, *, classes: tuple[str, ...] = ("a", "b", "c"), channels: int = 3) -> Donor:
    """Return a donor whose norms and scales are not those of a new network."""
    torch.manual_seed(1)
    network = search_spaces.build(made, num_classes=len(classes), in_channels=channels)
    for name, value in network.state_dict().items():
        if value.dtype.is_floating_point:
            noise = torch.rand(value.shape)
            value.copy_(noise + 0.5 if value.ndim == 1 or name.endswith("scale") else value)
    return Donor(
        source="donor",
        architecture=made,
        weights=network.state_dict(),
        classes=classes,
        mean=(0.5,) * channels,
    )


def heir(donor: Donor, made: Architecture, *, classes: tuple[str, ...] = ("a", "b", "c"), channels: int = 3):
    """Return the network that inherits, and what it inherited."""
    torch.manual_seed(2)
    network = search_spaces.build(made, num_classes=len(classes), in_channels=channels)
    inherited = inherit(donor, network, made, classes=classes)
    network.load_state_dict(inherited.weights)
    return network.eval(), inherited


def same_answers(one: torch.nn.Module, other: torch.nn.Module, channels: int = 3) -> bool:
    images = torch.randn(2, channels, 16, 16, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        return torch.allclose(one(images), other(images), atol=1e-5)


@pytest.mark.parametrize("block", BLOCKS)
def test_the_same_network_inherits_everything(block):
    donor = trained(architecture(block))
    network, inherited = heir(donor, donor.architecture)
    assert inherited.new == 0
    assert same_answers(network, donor.network())


@pytest.mark.parametrize("block", BLOCKS)
def test_what_a_wider_network_inherits_goes_back_to_the_narrow_one_unchanged(block):
    donor = trained(architecture(block))
    wide = architecture(
        block, width=32, kernel=5, **({} if block != "inverted_residual" else {"expansion": 4})
    )
    wider, inherited = heir(donor, wide)
    assert 0.3 < inherited.new < 1
    back = replace(donor, architecture=wide, weights=wider.state_dict())
    narrow, again = heir(back, donor.architecture)
    assert again.new == 0
    for name, value in narrow.state_dict().items():
        assert torch.equal(value, donor.weights[name]), name


@pytest.mark.parametrize("block", ["inverted_residual", "optional_inverted_residual", "fasternet"])
def test_a_wider_network_begins_with_the_answers_of_its_donor(block):
    donor = trained(architecture(block))
    wider, _ = heir(donor, architecture(block, width=24, kernel=3))
    assert same_answers(wider, donor.network())


@pytest.mark.parametrize(
    "block", ["inverted_residual", "optional_inverted_residual", "fasternet", "convnext"]
)
def test_further_blocks_change_nothing_at_first_and_count_as_new(block):
    donor = trained(architecture(block))
    deeper, inherited = heir(donor, architecture(block, depth=4))
    assert same_answers(deeper, donor.network())
    assert 0.2 < inherited.new < 0.9


def test_channels_that_nobody_reads_are_the_ones_left_out():
    donor = trained(architecture(width=32))
    readers = [f"stages.{block}.body.0.weight" for block in ("0.0", "0.1", "1.0")]
    unread = {name: donor.weights[name].clone() for name in readers}
    for weight in unread.values():
        weight[:, ::2] = 0
    stages = (replace(donor.architecture.stages[0], channels=16), donor.architecture.stages[1])
    heard = replace(donor, weights={**donor.weights, **unread})
    _, inherited = heir(heard, replace(donor.architecture, stages=stages))
    norm = "stages.0.1.body.8.weight"
    assert torch.equal(inherited.weights[norm], donor.weights[norm][1::2])


def test_channels_that_a_residual_path_ties_are_the_same_ones_in_every_block():
    donor = trained(architecture(depth=3, width=32))
    narrow, _ = heir(donor, architecture(depth=3, width=16))
    narrow_state = narrow.state_dict()
    kept = []
    for block in range(3):
        norms = donor.weights[
            f"stages.1.{block}.body.8.running_mean" if block else "stages.1.0.body.8.running_mean"
        ]
        taken = narrow_state[f"stages.1.{block}.body.8.running_mean"]
        kept.append([int((norms == value).nonzero()[0]) for value in taken])
    assert kept[0] == kept[1] == kept[2]
    assert kept[0] != list(range(32))


@pytest.mark.parametrize("mixer", MIXERS)
def test_every_mixer_inherits_from_itself_and_from_a_wider_one(mixer):
    wide, narrow = (
        replace(made, stages=tuple(replace(s, options=options_of({"mixer": mixer})) for s in made.stages))
        for made in (architecture("metaformer", width=32), architecture("metaformer", width=16))
    )
    donor = trained(wide)
    assert heir(donor, wide)[1].new == 0
    network, inherited = heir(donor, narrow)
    assert inherited.new == 0
    assert network(torch.randn(1, 3, 16, 16)).isfinite().all()


def test_of_another_kind_of_block_only_the_ends_are_inherited():
    donor = trained(architecture("convnext"))
    _, inherited = heir(donor, architecture("metaformer"))
    assert 0.5 < inherited.new < 1


def test_the_head_is_new_for_other_classes_and_reordered_for_the_same_ones():
    donor = trained(architecture())
    _, other = heir(donor, donor.architecture, classes=("x", "y", "z"))
    assert other.new_head
    assert other.new > 0
    network, same = heir(donor, donor.architecture, classes=("c", "a"))
    assert not same.new_head
    assert torch.equal(network.state_dict()["head.weight"], donor.weights["head.weight"][[2, 0]])


def test_grey_images_use_the_weights_for_colours_summed_up():
    donor = trained(architecture())
    network, inherited = heir(donor, donor.architecture, channels=1)
    assert inherited.new == 0
    grey = torch.randn(2, 1, 16, 16)
    with torch.no_grad():
        assert torch.allclose(network(grey), donor.network()(grey.expand(-1, 3, -1, -1)), atol=1e-5)


def test_images_of_other_channels_are_refused_on_one_line():
    donor = trained(architecture())
    with pytest.raises(WeightsError, match="for images of 3 channels, and these have 4"):
        heir(donor, donor.architecture, channels=4)
