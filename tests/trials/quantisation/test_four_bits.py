"""Weights of 4 bits: what is trained and valued is what the file holds, whose bytes the count says."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import numpy_helper

import search_spaces
from search_spaces.architecture import Architecture, Stage, options_of
from search_spaces.errors import TargetError
from search_spaces.weight_bits import marked_blocks
from trials.latency.litert_model import litert_model
from trials.latency.onnx_model import deployed, onnx_model
from trials.quantisation.fake_int8_network import FakeInt8Network
from trials.quantisation.fake_quantisation import fake_quantised, packed_weights
from trials.quantisation.int8_network import Int8Network
from trials.quantisation.onnx_graph import write_onnx
from trials.quantisation.static_int8 import quantise


def mixed(resolution: int = 24) -> Architecture:
    """Return a small network whose second stage, of ragged rows, and one block of whose third have 4 bits."""
    stages = (
        Stage(block="inverted_residual", channels=16, depth=1, stride=2, options=(("kernel", 3),)),
        Stage(
            block="metaformer",
            channels=48,
            depth=2,
            stride=2,
            options=options_of({"mixer": "depthwise", "kernel": 5, "weight_bits": 4}),
        ),
        Stage.made_of(
            "metaformer",
            32,
            1,
            [options_of({"mixer": "attention"}), options_of({"mixer": "depthwise", "weight_bits": 4})],
        ),
    )
    return Architecture(network="pyramid", resolution=resolution, stages=stages)


@pytest.fixture(scope="module")
def network() -> torch.nn.Module:
    torch.manual_seed(0)
    found = search_spaces.build(mixed(), num_classes=10)
    with torch.no_grad():
        for _ in range(5):
            found.train()(torch.randn(64, 3, 24, 24))
    return found.eval()


def test_each_32_weights_of_an_output_channel_have_a_scale_and_15_values() -> None:
    weight = torch.randn(6, 40, generator=torch.Generator().manual_seed(0)).reshape(6, 40, 1, 1)
    scaled = weight * torch.logspace(-3, 3, 6).reshape(6, 1, 1, 1)
    found = packed_weights(scaled)
    for row, whole in zip(found.flatten(1), scaled.flatten(1), strict=True):
        for part, exact in ((row[:32], whole[:32]), (row[32:], whole[32:])):
            step = exact.abs().max() / 7
            assert len(part.unique()) <= 15
            assert (part - exact).abs().max() <= 0.501 * step


def test_the_file_takes_the_bytes_that_are_counted(network: torch.nn.Module, tmp_path: Path) -> None:
    images = torch.randn(8, 3, 24, 24)
    write_onnx(deployed(network), images[:2], {0: torch.export.Dim("batch")}, tmp_path / "plain.onnx")
    quantise(tmp_path / "plain.onnx", tmp_path / "mixed.onnx", images, marked_blocks(network))
    weights = {t.name: t for t in onnx.load(tmp_path / "mixed.onnx").graph.initializer}
    packed = {n: t for n, t in weights.items() if t.data_type == onnx.TensorProto.INT4}
    four = sum(len(t.raw_data) + 4 * np.prod(weights[f"{n}_scale"].dims) for n, t in packed.items())
    names = {path for path, _ in network.named_parameters()}
    whole = {n: t for n, t in weights.items() if n.removesuffix("_quantized") in names and "weight_q" in n}
    eight = sum(numpy_helper.to_array(t).size for t in whole.values() if len(t.dims) > 1)
    counted = search_spaces.count(mixed(), num_classes=10, deploy=True)
    others = sum(p.numel() for p in deployed(network).parameters() if p.dim() < 2)  # norms and biases
    assert len(packed) == len([m for b in marked_blocks(network) for m in _convolutions(network, b)])
    assert 4 * (four + eight + others) == counted.weights


def test_weights_that_the_runtime_scales_and_renames_have_4_bits_too(tmp_path: Path) -> None:
    options = options_of({"mixer": "depthwise", "weight_bits": 4})
    stage = Stage(block="convnext", channels=16, depth=2, stride=2, options=options)
    network = search_spaces.build(
        Architecture(network="pyramid", resolution=16, stages=(stage,)), num_classes=3
    )
    images = torch.randn(4, 3, 16, 16)
    write_onnx(deployed(network.eval()), images[:2], {0: torch.export.Dim("batch")}, tmp_path / "plain.onnx")
    quantise(tmp_path / "plain.onnx", tmp_path / "mixed.onnx", images, marked_blocks(network))
    found = [
        t
        for t in onnx.load(tmp_path / "mixed.onnx").graph.initializer
        if t.data_type == onnx.TensorProto.INT4
    ]
    assert len(found) == sum(len(_convolutions(network, one)) for one in marked_blocks(network))


def _convolutions(network: torch.nn.Module, block: str) -> list[torch.nn.Conv2d]:
    return [m for m in network.get_submodule(block).modules() if isinstance(m, torch.nn.Conv2d)]


def test_what_is_fake_quantised_is_what_the_runtime_computes(network: torch.nn.Module) -> None:
    images = torch.randn(64, 3, 24, 24, generator=torch.Generator().manual_seed(1))
    runtime, fake = Int8Network(network, images)(images), FakeInt8Network(network, images)(images)
    eight = search_spaces.build(mixed(), num_classes=10).eval()
    eight.load_state_dict(network.state_dict())
    eight.four_bit_blocks = ()  # type: ignore[assignment]
    far = (FakeInt8Network(eight, images)(images) - runtime).abs().mean()
    assert (fake - runtime).abs().mean() < 0.5 * far
    assert float((runtime.argmax(1) == fake.argmax(1)).double().mean()) >= 0.9


def test_training_rounds_marked_blocks_alone_and_leaves_no_hooks(network: torch.nn.Module) -> None:
    images = torch.randn(4, 3, 24, 24)
    with fake_quantised(network, on=True):
        mixed_scores = network(images)
    with fake_quantised(on=True):
        whole = network(images)
    assert not torch.equal(mixed_scores, whole)
    mixed_scores.sum().backward()
    assert all(p.grad is not None for p in network.parameters())
    network.zero_grad()
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in network.modules())


def test_files_that_are_timed_have_four_bits_too(network: torch.nn.Module) -> None:
    file = onnx_model(deployed(network), resolution=24, in_channels=3, dtype="int8")
    kinds = [t.data_type for t in onnx.load_from_string(file).graph.initializer]
    assert kinds.count(onnx.TensorProto.INT4) == len(
        [m for b in marked_blocks(network) for m in _convolutions(network, b)]
    )
    running = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    (scores,) = running.run(None, {"images": np.zeros((1, 3, 24, 24), np.float32)})
    assert np.isfinite(scores).all()


def test_litert_refuses_them_by_name(network: torch.nn.Module, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trials.latency.litert_model.check_installed", lambda: None)
    with pytest.raises(TargetError, match="weight_bits 4"):
        litert_model(network, resolution=24, in_channels=3, dtype="int8")
