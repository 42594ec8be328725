"""ONNX files give the scores of the network, and int8 keeps its accuracy."""

import json
from dataclasses import replace

import numpy as np
import onnx
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_digits
from torch.nn import functional as F

import search_spaces
from nas.exports.formats import EXPORTERS
from nas.exports.formats._onnx_graph import write_graph
from nas.exports.formats._onnx_session import scores_of, session
from nas.exports.preprocessing import resized
from search_spaces.architecture import Architecture, Stage, options_of
from search_spaces.errors import ExportError
from tests.nas.exports.networks import every_part, network_to_export
from trials.images.decoding import PixelFormat, decode_image
from trials.training.batches import Preprocessor

PARTS = every_part()
SOME = ("mixer-attention", "mixer-dilated_reparam")
ALL = [pytest.param(name, marks=() if name in SOME else pytest.mark.long) for name in PARTS]


@pytest.mark.slow
@pytest.mark.parametrize("name", ALL)
def test_an_onnx_file_takes_any_batch_and_gives_the_scores_of_the_network(name, tmp_path):
    given = network_to_export(PARTS[name])
    EXPORTERS["onnx"].write(given, tmp_path)
    running = session(tmp_path / "my_net.onnx")
    for batch in (1, 2, 7):
        images = torch.rand(batch, *given.shape, generator=torch.Generator().manual_seed(batch))
        expected = given.scores(images)
        assert (scores_of(running, images) - expected).abs().max() <= 1e-4 * expected.abs().max().clamp(min=1)


@pytest.mark.slow
@pytest.mark.parametrize("side", [32, 40])
def test_an_onnx_file_may_take_images_of_any_size_and_see_the_pixels_of_the_search(side, tmp_path):
    decoded = (side, side, 3)
    given = network_to_export(PARTS["mixer-depthwise"], decoded=decoded, with_preprocessing=True)
    EXPORTERS["onnx"].write(given, tmp_path)
    running = session(tmp_path / "my_net.onnx")
    rng = np.random.default_rng(0)
    prepare = Preprocessor(given.mean, given.std, given.architecture.resolution, torch.device("cpu"))
    pixel_format = PixelFormat(height=side, width=side, channels=3)
    for batch, height, width in ((1, 40, 40), (3, 100, 61), (2, 61, 100), (1, 17, 300), (1, 5, 3)):
        images = rng.integers(0, 256, (batch, height, width, 3), dtype=np.uint8)
        seen = np.stack([np.asarray(decode_image(image, pixel_format)) for image in images])
        expected = given.scores(prepare(torch.from_numpy(seen).permute(0, 3, 1, 2).float() / 255))
        found = scores_of(running, torch.from_numpy(images))
        assert (found - expected).abs().max() <= 1e-4 * expected.abs().max().clamp(min=1)


def test_bytes_are_resized_as_pillow_resizes_them():
    rng = np.random.default_rng(0)
    for height, width, side in rng.integers(1, 120, (40, 3)).tolist():
        image = rng.integers(0, 256, (height, width), dtype=np.uint8)
        expected = Image.fromarray(image).resize((side, side), Image.Resampling.BILINEAR)
        found = resized(torch.from_numpy(image)[None, None].double(), side, side)
        assert np.array_equal(found[0, 0].numpy(), np.asarray(expected)), (height, width, side)


def test_preprocessing_without_the_size_of_the_images_is_refused(tmp_path):
    given = network_to_export(PARTS["mixer-depthwise"], with_preprocessing=True)
    with pytest.raises(ExportError, match="expected to know the size"):
        EXPORTERS["onnx"].write(given, tmp_path)


@pytest.mark.slow
def test_an_onnx_file_holds_the_form_for_inference(tmp_path):
    write_graph(network_to_export(PARTS["mixer-dilated_reparam"]), tmp_path / "my_net.onnx")
    graph = onnx.load(tmp_path / "my_net.onnx").graph
    kernels = [
        tuple(a.ints)
        for node in graph.node
        if node.op_type == "Conv"
        for a in node.attribute
        if a.name == "kernel_shape"
    ]
    assert kernels.count((7, 7)) == 4  # one for each of the four blocks, its branches merged
    assert (5, 5) not in kernels


def digits():
    """Return scikit-learn's digits, [n, 1, 8, 8], and their labels, shuffled."""
    found = load_digits()
    images = torch.from_numpy(found.images).float().div(16).sub(0.3).div(0.35)[:, None]
    order = torch.from_numpy(np.random.default_rng(0).permutation(len(images)))
    return images[order], torch.from_numpy(found.target)[order]


def trained_on_digits(architecture, images, labels):
    """Return a network after three epochs."""
    torch.manual_seed(0)
    network = search_spaces.build(architecture, num_classes=10, in_channels=1).train()
    optimiser = torch.optim.AdamW(network.parameters(), lr=3e-3)
    for _ in range(3):
        for batch, target in zip(images.split(32), labels.split(32), strict=True):
            optimiser.zero_grad()
            F.cross_entropy(network(batch), target).backward()
            optimiser.step()
    return network.eval()


@pytest.fixture(scope="module")
def int8(tmp_path_factory):
    """Return a network trained on digits, its held-out images and labels, and the folder of its int8 form."""
    stages = tuple(
        Stage(block="metaformer", channels=c, depth=1, stride=2, options=options_of({"mixer": mixer}))
        for c, mixer in ((16, "depthwise"), (32, "attention"))
    )
    architecture = Architecture(
        network="pyramid", resolution=8, stages=stages, options=options_of({"stem_stride": 1})
    )
    images, labels = digits()
    with torch.random.fork_rng(devices=[]):
        network = trained_on_digits(architecture, images[:1200], labels[:1200])
    held_out = images[1200:], labels[1200:]
    known = {"in_channels": 1, "mean": (0.3,), "std": (0.35,), "calibration": images[:64]}
    given = network_to_export(architecture, weights=network.state_dict(), held_out=held_out, **known)
    folder = tmp_path_factory.mktemp("int8")
    EXPORTERS["onnx_int8"].write(given, folder)
    return given, held_out, folder


@pytest.mark.slow
def test_int8_loses_at_most_one_point_on_digits(int8):
    given, (images, labels), folder = int8
    accuracy = float((given.scores(images).argmax(dim=1) == labels).float().mean())
    record = json.loads((folder / "my_net_int8.json").read_text())
    assert accuracy > 0.9
    assert abs(record["accuracy"]["fp32"] - accuracy) < 0.002
    assert record["accuracy"]["int8"] >= accuracy - 0.01
    assert record["images"] == len(labels)
    apart = record["int8_minus_fp32"]
    assert apart["value"] == pytest.approx(record["accuracy"]["int8"] - record["accuracy"]["fp32"])
    assert apart["low"] < apart["value"] < apart["high"] < apart["low"] + 0.03
    assert all(0 < record["latency_ms"][form] < 1000 for form in ("fp32", "int8"))
    running = session(folder / "my_net_int8.onnx")
    found = scores_of(running, images).argmax(dim=1)
    assert float((found == labels).float().mean()) == pytest.approx(record["accuracy"]["int8"])


@pytest.mark.slow
def test_int8_weights_are_bytes(int8):
    model = onnx.load(int8[2] / "my_net_int8.onnx")
    names = {n.input[0] for n in model.graph.node if n.op_type == "DequantizeLinear"}
    weights = {i.name: i.data_type for i in model.graph.initializer if i.name in names and len(i.dims) == 4}
    assert len(weights) >= 9  # every convolution: stem, two blocks of a down, two MLP layers and the mixers'
    assert set(weights.values()) == {onnx.TensorProto.INT8}


@pytest.mark.slow
def test_the_int8_form_of_a_network_with_weights_of_4_bits_says_where_and_how_large(int8, tmp_path):
    given, (images, labels), _ = int8
    first, *others = given.architecture.stages
    four = replace(first, options=options_of({**dict(first.options), "weight_bits": 4}))
    mixed = replace(given.architecture, stages=(four, *others))
    known = {"in_channels": 1, "mean": (0.3,), "std": (0.35,), "calibration": given.calibration}
    exported = network_to_export(mixed, weights=given.weights, held_out=(images, labels), **known)
    EXPORTERS["onnx_int8"].write(exported, tmp_path)
    record = json.loads((tmp_path / "my_net_int8.json").read_text())
    assert record["four_bit_blocks"] == ["stages.0.0"]
    assert record["weights_bytes"] == exported.costs.weights // 4 < exported.costs.params
    assert record["cosine_to_fake_quantised"] > 0.99
    assert record["accuracy"]["int8"] > record["accuracy"]["fp32"] - 0.1
    file = onnx.load(tmp_path / "my_net_int8.onnx")
    assert onnx.TensorProto.INT4 in {tensor.data_type for tensor in file.graph.initializer}
    for form in ("torch_module", "onnx"):  # what is exported in floats is the same as ever
        EXPORTERS[form].write(exported, tmp_path)


def test_int8_without_images_to_calibrate_on_is_refused(tmp_path):
    with pytest.raises(ExportError, match="without calibration images"):
        EXPORTERS["onnx_int8"].write(network_to_export(PARTS["mixer-depthwise"], calibration=None), tmp_path)
