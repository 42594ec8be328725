"""Networks timed with LiteRT, for real where the extra is installed."""

import pytest
import torch
from torch import nn

from search_spaces.errors import TargetError
from tests.nas.exports.networks import HAS_LITERT
from tests.trials.targets.test_ssh import board, target
from trials.latency.latency import setting_of
from trials.latency.litert_model import check_installed, litert_model
from trials.latency_measurement import measure, measure_layers, probe

__all__ = ["board", "target"]

needs_litert = pytest.mark.skipif(not HAS_LITERT, reason="needs the extra litert")
NETWORK = nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())


class Lacking(nn.Module):
    """Uses an operator that LiteRT does not have."""

    def forward(self, x):
        return torch.special.bessel_j0(x).mean(dim=(2, 3))


def timed(network=NETWORK, **words):
    return measure(network, resolution=8, in_channels=1, seconds=0.1, **words)


@needs_litert
@pytest.mark.slow
def test_a_target_with_this_runtime_times_networks_with_it(tmp_path):
    file = tmp_path / "targets.yaml"
    file.write_text("version: 1\ntargets:\n  small: {kind: cpu, runtime: litert, dtype: int8}\n")
    latency = timed(target="small", targets_file=file)
    assert 0 < latency.low_ms <= latency.median_ms <= latency.high_ms
    assert (latency.conditions["runtime"], latency.conditions["dtype"]) == ("litert", "int8")
    assert setting_of(probe("small", targets_file=file)) == latency.setting


@needs_litert
@pytest.mark.slow
def test_an_operator_that_the_runtime_lacks_is_named_in_one_line():
    with pytest.raises(TargetError, match=r"it has no operator for aten.*bessel_j0") as caught:
        timed(Lacking(), target="cpu:runtime=litert")
    assert "\n" not in str(caught.value)


@needs_litert
def test_calibration_images_of_another_shape_are_an_error():
    images = torch.zeros(4, 3, 8, 8)
    with pytest.raises(TargetError, match=r"shape \(3, 8, 8\): expected \(1, 8, 8\)"):
        litert_model(NETWORK, resolution=8, in_channels=1, dtype="int8", images=images)


@needs_litert
@pytest.mark.long
@pytest.mark.parametrize("dtype", ["fp32", "int8"])
def test_a_network_is_timed_with_this_runtime_on_another_machine(target, dtype):
    latency = timed(**target(runtime="litert", dtype=dtype))
    assert latency.median_ms > 0
    assert (latency.conditions["target"], latency.conditions["runtime"]) == ("board", "litert")


def test_an_extra_that_is_not_installed_is_an_error_with_the_command_that_installs_it():
    with pytest.raises(TargetError, match=r"pip install litert-torch ai-edge"):
        check_installed(["absent_package"])


def test_a_runtime_that_is_unknown_is_an_error_that_lists_the_known_ones():
    with pytest.raises(TargetError, match="'tflite' is unknown: expected one of onnxruntime, litert"):
        timed(target="cpu:runtime=tflite")


@needs_litert
def test_layers_are_timed_by_another_runtime():
    with pytest.raises(TargetError, match="times a network, not its layers"):
        measure_layers(NETWORK, resolution=8, in_channels=1, target="cpu:runtime=litert")
