"""Whatever can be a teacher is opened by its name, and what cannot gets one line."""

import json
import sys
from typing import Any

import onnx
import pytest
import torch
from onnx import TensorProto, helper
from torch import nn

from search_spaces.errors import RecipeError, UserError
from trials.teachers.onnx_file import opened_onnx
from trials.teachers.opening import open_teacher
from trials.training.recipe import Recipe
from trials.training.teacher import load_teacher

CPU = torch.device("cpu")
WEIGHT = torch.randn(2, 3, generator=torch.Generator().manual_seed(0))


def write_onnx(path, *, batch="batch", side=8, channels=3, classes=2, kind=TensorProto.FLOAT, twice=False):
    """Write a network of means, a cast and a matrix, as another tool may have made it."""
    pixels = kind == TensorProto.UINT8
    shape = [batch, side, side, channels] if pixels else [batch, channels, side, side]
    nodes = [
        helper.make_node("Cast", ["images"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["floats"], ["means"], axes=[1, 2] if pixels else [2, 3], keepdims=0),
        helper.make_node("MatMul", ["means", "weight"], ["scores"]),
    ]
    weight = WEIGHT.T[:, :1].expand(3, classes) if classes != 2 else WEIGHT.T
    weight = weight[:1].expand(channels, -1) if channels != 3 else weight
    inputs = [helper.make_tensor_value_info("images", kind, shape)]
    if twice:
        inputs.append(helper.make_tensor_value_info("more", kind, shape))
    graph = helper.make_graph(
        nodes,
        "foreign",
        inputs,
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [batch, classes])],
        [helper.make_tensor("weight", TensorProto.FLOAT, weight.shape, weight.flatten().tolist())],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), str(path))
    return path


def recipe(teacher):
    return Recipe(name="taught", epochs=1, precision="fp32", teacher=str(teacher))


def images(count=5, side=8):
    return torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("batch", ["batch", 1, 4])
def test_an_onnx_file_of_any_batch_size_says_what_its_network_says(tmp_path, batch):
    teacher = opened_onnx(write_onnx(tmp_path / "foreign.onnx", batch=batch))
    assert (teacher.resolution, teacher.channels, teacher.num_classes) == (8, 3, 2)
    x = images()
    torch.testing.assert_close(teacher.scores(x), x.mean((2, 3)) @ WEIGHT.T, atol=1e-5, rtol=1e-5)


def test_an_onnx_file_of_pixels_gets_them_as_they_are(tmp_path, tiny_splits):
    path = write_onnx(tmp_path / "pixels.onnx", kind=TensorProto.UINT8)
    teacher = load_teacher(recipe(path), tiny_splits, CPU)
    assert teacher is not None
    pixels = torch.from_numpy(tiny_splits.train.images[:4]).permute(0, 3, 1, 2).float()
    expected = (pixels.mean((2, 3)) @ WEIGHT.T).log_softmax(1).clamp_min(-60)
    torch.testing.assert_close(teacher.soft_targets(pixels / 255), expected, atol=0.05, rtol=1e-3)
    assert teacher.notes == ()


def test_a_teacher_that_does_not_say_its_normalisation_gets_that_of_the_images_and_this_is_said(
    tmp_path, tiny_splits
):
    path = write_onnx(tmp_path / "foreign.onnx", side="side")
    teacher = load_teacher(recipe(path), tiny_splits, CPU)
    assert teacher is not None
    assert "does not say how its images are normalised" in teacher.notes[0]
    x = images()
    expected = (((x - 0.4) / 0.2).mean((2, 3)) @ WEIGHT.T).log_softmax(1)
    torch.testing.assert_close(teacher.soft_targets(x), expected, atol=1e-2, rtol=1e-3)


def test_an_onnx_file_of_an_export_takes_what_lies_beside_it(tmp_path):
    path = write_onnx(tmp_path / "net.onnx")
    given = {"mean": [0.1, 0.2, 0.3], "std": [0.5, 0.5, 0.5]}
    config: dict[str, Any] = {
        "architecture": "net", "pretrained_cfg": given, "label_names": ["dark", "bright"],
    }  # fmt: skip
    (tmp_path / "config.json").write_text(json.dumps(config))
    teacher = open_teacher(str(path))
    assert (teacher.mean, teacher.std, teacher.classes) == ((0.1, 0.2, 0.3), (0.5,) * 3, ("dark", "bright"))
    assert teacher.resolution == 8
    open_sides = write_onnx(tmp_path / "net_int8.onnx", side="side")
    assert opened_onnx(open_sides).resolution is None
    config["pretrained_cfg"]["input_size"] = [3, 24, 24]
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert opened_onnx(open_sides).resolution == 24
    assert opened_onnx(path.rename(tmp_path / "other.onnx")).mean is None


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"classes": 5}, r"has 5 classes: expected 2 \(dark, bright\)"),
        ({"channels": 1}, "takes images of 1 channels: expected 3"),
        ({"twice": True}, "expected an ONNX file with one input"),
    ],
)
def test_an_onnx_file_that_does_not_suit_gets_one_line(tmp_path, tiny_splits, fields, expected):
    path = write_onnx(tmp_path / "foreign.onnx", **fields)
    with pytest.raises(RecipeError, match=expected) as caught:
        load_teacher(recipe(path), tiny_splits, CPU)
    assert "\n" not in str(caught.value)


def test_other_names_or_another_order_of_classes_are_refused(tmp_path, tiny_splits):
    path = write_onnx(tmp_path / "net.onnx")
    config = {"architecture": "net", "pretrained_cfg": {"mean": [0] * 3, "std": [1] * 3}}
    (tmp_path / "config.json").write_text(json.dumps({**config, "label_names": ["bright", "dark"]}))
    with pytest.raises(RecipeError, match=r"\(bright, dark\): expected 2 \(dark, bright\) in this order"):
        load_teacher(recipe(path), tiny_splits, CPU)


MODULE = """
import torch
from torch import nn

class Net(nn.Module):
    mean, std, resolution = (0.5, 0.5, 0.5), (0.25, 0.25, 0.25), 16
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.full((2, 3), {weight}))
    def forward(self, x):
        assert x.shape[-1] == 16
        return x.mean((2, 3)) @ self.weight.T

net = Net()

def make():
    return Net()

def number():
    return 3

def broken():
    raise OSError("no such file: weights.pth")

def probabilities():
    net = Net()
    def said(x):
        return net(x).softmax(1)
    said.resolution = 16
    return said

def buffers():
    net = Net()
    net.mean = torch.tensor([0.5, 0.25, 0.125]).reshape(1, 3, 1, 1)
    net.std = torch.full((3,), 0.25).numpy()
    net.classes = 2
    return net

def scalar():
    return lambda x: x.sum()
"""


@pytest.fixture
def own_module(tmp_path, monkeypatch):
    (tmp_path / "users_teacher.py").write_text(MODULE.format(weight=0.5))
    monkeypatch.syspath_prepend(str(tmp_path))
    yield "users_teacher"
    sys.modules.pop("users_teacher", None)


@pytest.mark.parametrize("name", ["make", "net"])
def test_a_function_or_a_network_of_the_users_own_says_how_it_wants_its_images(own_module, name, tiny_splits):
    teacher = load_teacher(recipe(f"{own_module}:{name}"), tiny_splits, CPU)
    assert teacher is not None
    x = images(side=16)
    expected = (((x - 0.5) / 0.25).mean((2, 3)) @ torch.full((3, 2), 0.5)).log_softmax(1)
    torch.testing.assert_close(teacher.soft_targets(x), expected, atol=1e-2, rtol=1e-3)
    assert teacher.soft_targets(images(side=8)).shape == (5, 2)


def test_mean_and_deviation_may_be_tensors_and_classes_a_number(own_module, tiny_splits):
    teacher = open_teacher(f"{own_module}:buffers")
    assert (teacher.mean, teacher.std) == ((0.5, 0.25, 0.125), (0.25, 0.25, 0.25))
    assert (teacher.classes, teacher.channels) == (None, 3)
    assert load_teacher(recipe(f"{own_module}:buffers"), tiny_splits, CPU) is not None


def test_probabilities_are_as_good_as_logits(own_module, tiny_splits):
    plain, other = (
        load_teacher(recipe(f"{own_module}:{name}"), tiny_splits, CPU) for name in ("make", "probabilities")
    )
    assert plain is not None
    assert other is not None
    assert any("returns probabilities" in note for note in other.notes)
    x = torch.rand(3, 3, 16, 16)
    assert other.soft_targets(x).exp().sum(1).tolist() == pytest.approx([1, 1, 1], abs=1e-2)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("number", "expected a function without arguments that returns a network"),
        ("broken", "no such file: weights.pth"),
        ("scalar", r"returns \(\) for 2 images: expected finite scores"),
        ("missing", "missing"),
    ],
)
def test_a_function_that_is_no_teacher_gets_one_line(own_module, name, expected, tiny_splits):
    with pytest.raises(UserError, match=expected) as caught:
        load_teacher(recipe(f"{own_module}:{name}"), tiny_splits, CPU)
    assert "\n" not in str(caught.value)


def test_weights_and_source_tell_functions_apart(tmp_path, monkeypatch):
    found = set()
    for number, weight in enumerate((0.5, 0.6)):
        (tmp_path / f"own_{number}.py").write_text(MODULE.format(weight=weight))
        monkeypatch.syspath_prepend(str(tmp_path))
        found |= {open_teacher(f"own_{number}:net").digest, open_teacher(f"own_{number}:make").digest}
    assert len(found) == 4


@pytest.mark.parametrize("name", ["nothing", "picture.png", "folder", "weights.pth"])
def test_what_is_no_teacher_gets_one_line(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    with pytest.raises(RecipeError, match="Expected") as caught:
        open_teacher(name)
    assert "\n" not in str(caught.value)


def test_a_frozen_teacher_learns_nothing(own_module):
    teacher = open_teacher(f"{own_module}:net").to(CPU)
    assert isinstance(teacher.network, nn.Module)
    assert not any(parameter.requires_grad for parameter in teacher.network.parameters())
