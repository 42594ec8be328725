import json

import pytest
from torch import nn

from search_spaces.errors import TargetError
from trials.latency.latency import Latency
from trials.latency_measurement import measure, measure_layers, probe


def network(width=8):
    return nn.Sequential(
        nn.Conv2d(1, width, 3, padding=1, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(),
        nn.Conv2d(width, width, 3, padding=1),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(width, 4),
    )


def timed(width=8, **options):
    return measure(network(width), resolution=16, in_channels=1, seconds=0.1, **options)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["fp32", "int8"])
def test_a_network_is_timed_with_its_conditions(dtype):
    latency = timed(target=f"cpu:dtype={dtype}")
    assert 0.0 < latency.low_ms <= latency.median_ms <= latency.high_ms
    conditions = latency.conditions
    assert conditions["dtype"] == dtype
    assert conditions["resolution"] == 16
    assert conditions["threads"] == conditions["batch"] == 1
    assert conditions["runtime"] == "onnxruntime"
    assert {"device", "version", "governor", "load", "waited_s", "reference_ms", "drift"} <= set(conditions)
    assert Latency.from_json(json.loads(json.dumps(latency.to_json()))) == latency


@pytest.mark.slow
def test_a_network_of_a_hundred_times_the_work_takes_longer():
    assert timed(width=128).median_ms > 2 * timed(width=8).median_ms


def test_a_dtype_that_is_not_measured_is_refused_before_anything_is_timed():
    with pytest.raises(TargetError, match="The dtype 'fp16' is not measured: expected one of fp32, int8"):
        probe("cpu:dtype=fp16")


def test_the_network_is_left_as_it_was():
    net = network().train()
    before = {k: v.clone() for k, v in net.state_dict().items()}
    measure(net, resolution=8, in_channels=1, seconds=0.02)
    assert net.training
    assert all((before[k] == v).all() for k, v in net.state_dict().items())


class Folding(nn.Module):
    """Counts how often it was folded for inference."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3)
        self.folded = False

    def switch_to_deploy(self):
        self.folded = True

    def forward(self, x):
        if not self.folded:
            raise RuntimeError("the training form was timed")
        return self.conv(x).mean(dim=(2, 3))


def test_the_inference_form_is_what_is_timed():
    net = Folding()
    assert measure(net, resolution=8, in_channels=1, seconds=0.02).median_ms > 0
    assert not net.folded


def test_a_network_that_does_not_fit_its_images_is_an_error_of_one_line():
    with pytest.raises(TargetError, match="Cannot export the network to ONNX") as caught:
        measure(network(), resolution=16, in_channels=3)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("cpu:threads=0", "expected 1 to"),
        ("cpu:threads=4096", "expected 1 to"),
        ("cpu:threads=two", "expected a whole number"),
        ("cpu:dtype=fp8", "expected one of fp32, int8"),
        ("cpu:threads", "Cannot read the target"),
    ],
)
def test_an_option_out_of_range_is_an_error_that_says_the_range(target, expected):
    with pytest.raises(TargetError, match=expected):
        measure(network(), resolution=8, in_channels=1, target=target)


def test_probing_tells_what_answers():
    conditions = probe("cpu")
    assert conditions["target"] == "cpu"
    assert {"device", "runtime", "version", "threads"} <= set(conditions)


class RuntimeFaultError(Exception):
    """An error that derives from Exception only, as those of ONNX Runtime."""


def fail(*_, **__):
    raise RuntimeFaultError("NOT_IMPLEMENTED : no kernel\nfor Conv")


@pytest.mark.parametrize(
    ("function", "target", "expected"),
    [
        ("trials.latency.onnx_timing.time_onnx", "cpu", "cannot run the network: NOT_IMPLEMENTED"),
        ("trials.latency.onnx_model._quantised", "cpu:dtype=int8", "Cannot quantise the network"),
        ("torch.onnx.export", "cpu", "Cannot export the network to ONNX"),
    ],
)
def test_whatever_fails_is_an_error_of_the_target_in_one_line(
    monkeypatch, tmp_path, function, target, expected
):
    monkeypatch.setattr(function, fail)
    with pytest.raises(TargetError, match=expected) as caught:
        timed(target=target, lock=tmp_path / "lock")
    assert "\n" not in str(caught.value)


def test_layers_that_the_runtime_cannot_run_are_an_error_of_the_target(monkeypatch, tmp_path):
    monkeypatch.setattr("trials.latency_measurement.host_lock", lambda: tmp_path / "lock")
    monkeypatch.setattr("trials.targets.cpu.time_layers", fail)
    with pytest.raises(TargetError, match="cannot run the network: NOT_IMPLEMENTED : no kernel for Conv"):
        measure_layers(network(), resolution=16, in_channels=1)
