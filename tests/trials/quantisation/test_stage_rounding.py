"""Rounding one stage changes that stage alone, and only within the block."""

import pytest
import torch

import search_spaces
from search_spaces.architecture import Architecture, Stage
from trials.latency.onnx_model import deployed
from trials.quantisation.fake_quantisation import packed_weights, rounded_weights
from trials.quantisation.stage_rounding import rounded_stage


@pytest.mark.parametrize("bits", [8, 4])
def test_the_weights_of_one_stage_are_rounded_within_the_block(bits: int) -> None:
    stages = tuple(Stage(block="inverted_residual", channels=c, depth=1, stride=2) for c in (16, 32))
    torch.manual_seed(0)
    network = deployed(
        search_spaces.build(Architecture(network="pyramid", resolution=16, stages=stages), num_classes=4)
    )
    before = {name: value.clone() for name, value in network.state_dict().items()}
    with rounded_stage(network, 1, bits):
        changed = {
            name for name, value in network.state_dict().items() if not torch.equal(value, before[name])
        }
        assert changed
        for name in changed:
            assert name.startswith("stages.1.")
            rounded = rounded_weights if bits == 8 else packed_weights
            assert torch.equal(network.state_dict()[name], rounded(before[name]))
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
