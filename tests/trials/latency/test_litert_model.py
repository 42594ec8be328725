"""LiteRT files in int8 hold every value that calibration images gave."""

import pytest
import torch
from torch import nn

from tests.nas.exports.networks import HAS_LITERT
from trials.latency.litert_model import litert_model


@pytest.mark.slow
@pytest.mark.skipif(not HAS_LITERT, reason="needs the extra litert")
def test_scales_reach_to_the_largest_value_of_any_calibration_image():
    from trials.latency.litert_timing import opened, outputs

    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()).eval()
    images = torch.randn(16, 1, 8, 8)
    images[-1] *= 10  # moving averages would forget it
    file = litert_model(network, resolution=8, in_channels=1, dtype="int8", images=images)
    found = torch.from_numpy(outputs(opened(file), images[-1:].permute(0, 2, 3, 1).contiguous().numpy()))
    with torch.no_grad():
        expected = network(images[-1:])
    assert float((found - expected).abs().max()) < 0.05 * float(expected.abs().max())
