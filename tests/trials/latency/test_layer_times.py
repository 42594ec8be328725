"""Layers that ran, with the multiply-accumulates that were counted beforehand."""

import json

import numpy as np
import pytest

import search_spaces
from dashboards.figures import layer_times
from search_spaces.errors import TargetError
from trials.latency.onnx_profiler import module_path
from trials.latency_measurement import measure_layers


def timed(architecture, target="cpu"):
    network = search_spaces.build(architecture, num_classes=10, in_channels=3)
    return measure_layers(network, resolution=architecture.resolution, in_channels=3, target=target)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("target", "seed"),
    [
        ("cpu", 0),
        ("cpu:dtype=int8", 1),
        *(pytest.param("cpu", seed, marks=pytest.mark.long) for seed in range(1, 5)),
        *(pytest.param("cpu:dtype=int8", seed, marks=pytest.mark.long) for seed in (0, 2, 3)),
    ],
)
def test_the_layers_that_ran_have_the_macs_that_were_counted(target, seed):
    architecture = search_spaces.load("mobile_cnn").sample(np.random.default_rng(seed))
    times = timed(architecture, target)
    counted = search_spaces.count(architecture, num_classes=10, in_channels=3, deploy=True)
    assert sum(layer.macs for layer in times.layers) == counted.macs
    assert sum(block.macs for block in times.blocks()) == counted.macs
    assert sum(block.time_ms for block in times.blocks()) == pytest.approx(times.time_ms)
    blocks = [f"stages.{i}.{j}" for i, s in enumerate(architecture.stages) for j in range(s.depth)]
    assert [b.name for b in times.blocks() if b.name.startswith("stages")] == blocks


@pytest.mark.slow
def test_no_layer_is_quicker_than_the_peak():
    times = timed(search_spaces.load("hybrid_small").sample(np.random.default_rng(0)))
    assert all(layer.macs <= times.peak_macs_per_ms * layer.time_ms * (1 + 1e-9) for layer in times.layers)
    assert 0 < times.ideal_ms < times.time_ms
    assert times.peak_bytes_per_ms > 1e5  # a tenth of a gigabyte a second: any memory is quicker
    assert json.loads(json.dumps(times.to_json()))["conditions"]["target"] == "cpu"
    figure = layer_times.draw(times, "it")
    bars = [trace for trace in figure.data if trace.type == "bar"]
    assert sum(map(sum, (bar.x for bar in bars))) == pytest.approx(times.time_ms)


def test_a_target_that_runs_no_onnx_runtime_says_that_it_cannot_tell_layers(tmp_path):
    file = tmp_path / "targets.yaml"
    file.write_text("version: 1\ntargets:\n  mine: {kind: command, address: time_it}\n")
    network = search_spaces.build(
        search_spaces.load("hybrid_small").sample(np.random.default_rng(0)), num_classes=10
    )
    with pytest.raises(TargetError, match="'time_it' times a network, not its layers"):
        measure_layers(network, resolution=32, in_channels=3, target="mine", targets_file=file)


@pytest.mark.parametrize(
    ("node", "path"),
    [
        ("/stem/stem.0/Conv_output_0_nchwc_kernel_time", "stem.0"),
        ("/stages/stages.1/stages.1.0/mix/mix.1/conv/Conv_kernel_time", "stages.1.0.mix.1.conv"),
        ("/stages/stages.0/stages.0.0/mlp/mlp.2/Mul/QuickGeluFusion/_kernel_time", "stages.0.0.mlp.2"),
        ("/ReduceMean_kernel_time", None),
        ("Transpose_token_43_kernel_time", None),
    ],
)
def test_an_operation_belongs_to_its_module(node, path):
    assert module_path(node) == path
