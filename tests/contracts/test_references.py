"""Published networks cost what was published, what timm counts, and answer as timm's modules do."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

import search_spaces
from search_spaces.counting import smallest_side
from search_spaces.errors import UnknownNameError
from search_spaces.tracing import trace

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "complexities.json").read_text())
NAMES = search_spaces.references()
TIMM = {
    "convnext_atto_224": "convnext_atto",
    "efficientnet_b0_224": "efficientnet_b0",
    "efficientnet_b1_240": "efficientnet_b1",
    "efficientnet_b2_260": "efficientnet_b2",
    "efficientnet_b3_300": "efficientnet_b3",
    "efficientnet_lite0_224": "tf_efficientnet_lite0",
    "efficientnet_lite1_240": "tf_efficientnet_lite1",
    "efficientnet_lite2_260": "tf_efficientnet_lite2",
    "fasternet_t0_224": "fasternet_t0",
    "ghostnet_v2_1.0_224": "ghostnetv2_100",
    "inceptionnext_atto_224": "inception_next_atto",
    "mobilenet_v2_0.35_224": "mobilenetv2_035",
    "mobilenet_v2_0.5_224": "mobilenetv2_050",
    "mobilenet_v2_0.75_224": "mobilenetv2_075",
    "mobilenet_v2_1.0_224": "mobilenetv2_100",
    "mobilenet_v2_1.4_224": "mobilenetv2_140",
    "mobilenet_v3_large_224": "mobilenetv3_large_100",
    "mobilenet_v3_small_224": "mobilenetv3_small_100",
    "mobilenet_v4_conv_medium_256": "mobilenetv4_conv_medium",
    "mobilenet_v4_conv_small_224": "mobilenetv4_conv_small",
    "mobilenet_v4_hybrid_medium_256": "mobilenetv4_hybrid_medium",
    "mobilevit_s_256": "mobilevit_s",
    "mobilevit_v2_0.5_256": "mobilevitv2_050",
    "mobilevit_v2_0.75_256": "mobilevitv2_075",
    "mobilevit_v2_1.0_256": "mobilevitv2_100",
    "mobilevit_v2_1.25_256": "mobilevitv2_125",
    "mobilevit_v2_1.5_256": "mobilevitv2_150",
    "mobilevit_v2_1.75_256": "mobilevitv2_175",
    "mobilevit_v2_2.0_256": "mobilevitv2_200",
    "mobilevit_xs_256": "mobilevit_xs",
    "mobilevit_xxs_256": "mobilevit_xxs",
    "repvit_m0.9_224": "repvit_m0_9",
    "repvit_m1.0_224": "repvit_m1_0",
    "shvit_s1_224": "shvit_s1",
    "starnet_s1_224": "starnet_s1",
    "tinynet_a_192": "tinynet_a",
    "tinynet_b_188": "tinynet_b",
    "tinynet_c_184": "tinynet_c",
    "tinynet_d_152": "tinynet_d",
    "tinynet_e_106": "tinynet_e",
}
SAME_ANSWERS = (
    "mobilenet_v2_1.0_224",
    "efficientnet_b0_224",
    "efficientnet_lite0_224",
    "tinynet_e_106",
    "mobilevit_xxs_256",
    "mobilevit_v2_0.5_256",
)


def timm_model(name: str) -> nn.Module:
    import timm

    model: nn.Module = timm.create_model(TIMM[name])
    return model.eval()


def test_the_golden_file_lists_every_published_network_and_no_other():
    assert sorted(GOLDEN) == NAMES
    assert len([name for name in NAMES if name.startswith("mobilenet_v2_")]) == 22


@pytest.mark.parametrize("name", NAMES)
def test_counts_are_the_golden_ones_and_round_to_the_published(name):
    costs = search_spaces.count(search_spaces.reference(name), num_classes=1000)
    assert GOLDEN[name]["counted"].items() <= costs.items()
    published = GOLDEN[name]["published"]
    for key in ("params", "macs"):
        written = published[f"{key}_millions"]
        if written is not None and published["digits"] == "rounded down":
            assert getattr(costs, key) // 10**6 == int(written)
        elif written is not None:
            assert f"{getattr(costs, key) / 1e6:.{len(written.partition('.')[2])}f}" == written


@pytest.mark.parametrize("name", NAMES)
def test_counted_costs_are_those_of_what_runs(name):
    architecture = search_spaces.reference(name)
    with torch.device("meta"):
        network = search_spaces.build(architecture, num_classes=1000)
    ran = trace(network, resolution=architecture.resolution)
    assert ran.items() <= search_spaces.count(architecture, num_classes=1000).items()


@given(
    name=st.sampled_from(NAMES),
    resolution=st.integers(32, 200),
    classes=st.integers(1, 1000),
    colours=st.integers(1, 4),
)
@settings(max_examples=20)
def test_at_any_size_counted_costs_are_those_of_what_runs(name, resolution, classes, colours):
    architecture = search_spaces.reference(name)
    resolution = max(resolution, smallest_side(architecture))
    architecture = replace(architecture, resolution=resolution)
    with torch.device("meta"):
        network = search_spaces.build(architecture, num_classes=classes, in_channels=colours)
    counted = search_spaces.count(architecture, num_classes=classes, in_channels=colours)
    ran = trace(network, resolution=resolution, in_channels=colours)
    assert ran.items() <= counted.items()


@pytest.mark.parametrize("name", TIMM)
def test_params_and_macs_are_those_of_timm(name):
    architecture = search_spaces.reference(name)
    with torch.device("meta"):
        model = timm_model(name)
        image = torch.empty(1, 3, architecture.resolution, architecture.resolution)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(image)
    costs = search_spaces.count(architecture, num_classes=1000)
    assert costs.params == sum(p.numel() for p in model.parameters())
    assert 2 * costs.macs == counter.get_total_flops()


def copy_in_order(source: nn.Module, target: nn.Module) -> None:
    """Copy every tensor to the one at the same place of the other network."""
    given, taken = source.state_dict(), target.state_dict()
    assert len(given) == len(taken)
    target.load_state_dict(
        {key: value.reshape(taken[key].shape) for key, value in zip(taken, given.values(), strict=True)}
    )


def unsettled(network: nn.Module) -> nn.Module:
    """Return the network with norms that a slip would show in: none of them is the identity."""
    generator = torch.Generator().manual_seed(0)
    for module in network.modules():
        state: dict[str, Any] = module.state_dict()
        if isinstance(module, nn.BatchNorm2d | nn.GroupNorm | nn.LayerNorm):
            state["weight"].copy_(torch.rand(state["weight"].shape, generator=generator) + 0.5)
            state["bias"].copy_(torch.randn(state["bias"].shape, generator=generator) / 4)
    return network


@pytest.mark.slow
@pytest.mark.parametrize("name", SAME_ANSWERS)
@torch.no_grad()
def test_with_the_weights_of_timm_it_answers_as_timm_does(name):
    torch.manual_seed(0)
    architecture = search_spaces.reference(name)
    theirs = unsettled(timm_model(name))
    ours = search_spaces.build(architecture, num_classes=1000).eval()
    copy_in_order(theirs, ours)
    image = torch.randn(2, 3, architecture.resolution, architecture.resolution)
    expected = theirs(image)
    assert expected.std() > 1e-3
    torch.testing.assert_close(ours(image), expected, atol=1e-4, rtol=1e-4)


def test_an_unknown_name_offers_the_nearest():
    with pytest.raises(UnknownNameError, match=r"Did you mean 'tinynet_e_106'\?"):
        search_spaces.reference("tinynet_e_160")
