"""The training script trains where only torch is installed, with the recipe that was used."""

import ast
import importlib
import json
import re
import runpy
import subprocess
import sys
from typing import Any

import onnx
import pytest
import torch
from onnx import TensorProto, helper
from PIL import Image
from safetensors.torch import load_file, save_file
from sklearn.datasets import load_digits
from torch import nn

from nas.exports.codegen.augmentation_source import augmentation_source
from nas.exports.formats import EXPORTERS
from search_spaces.architecture import Architecture, Stage, options_of
from search_spaces.building import build
from search_spaces.errors import ExportError
from tests.nas.exports.bare import link_packages
from tests.nas.exports.networks import every_part, network_to_export
from trials.recipes import load_recipe
from trials.training.augmentation import augment
from trials.training.optimisers import build_optimiser
from trials.training.recipe import Recipe

RECIPES = {
    "plain": {"name": "plain", "epochs": 1, "recalibration_batches": 0, "precision": "fp32"},
    "short": {"name": "short", "epochs": 3, "rungs": [1, 3], "warmup_epochs": 0.3, "shift": 0.05},
    "growing": {"name": "growing", "epochs": 4, "sides": [0.5, 1.0], "precision": "fp32", "flip": True},
    "full": {
        "name": "full",
        "epochs": 60,
        "optimiser": "sgd",
        "schedule": "cosine",
        "gradient_clip": 5.0,
        "shift": 0.1,
        "flip": True,
        "randaugment_rounds": 2,
        "randaugment_magnitude": 0.3,
        "erase": 0.25,
        "mixup": 0.2,
        "cutmix": 1.0,
        "drop_path": 0.1,
        "ema_decay": 0.99,
        "epoch_images": 1000,
        "teacher": "teacher.safetensors",
    },
}
RECIPES["strong"] = {**load_recipe("strong").to_json(), "flip": True}
CHANGING: dict[str, dict[str, Any]] = {
    "shift": {"shift": 0.1},
    "flip": {"flip": True},
    "randaugment": {"randaugment_rounds": 2, "randaugment_magnitude": 0.7},
    "erase": {"erase": 0.5},
    "all": {"shift": 0.1, "flip": True, "randaugment_rounds": 1, "erase": 0.3},
}
MILDER = {"flip": False, "randaugment_rounds": 0, "drop_path": 0.0, "erase": 0.0, "ema_decay": 0.9}
RUN = """
import runpy, sys
sys.path[:0] = sys.argv[1:3]
del sys.argv[:3]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def written(folder, recipe, resolution=8, **more):
    stages = tuple(
        Stage(block="metaformer", channels=c, depth=1, stride=2, options=options_of({"mixer": mixer}))
        for c, mixer in ((16, "dilated_reparam"), (32, "attention"))
    )
    options = options_of({"stem_stride": 1})
    architecture = Architecture(network="pyramid", resolution=resolution, stages=stages, options=options)
    known = {"in_channels": 1, "mean": (0.3,), "std": (0.35,), "recipe": recipe, **more}
    given = network_to_export(architecture, **known)
    for form in ("torch_module", "training_script"):
        EXPORTERS[form].write(given, folder)
    return folder / "train.py"


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("packages")
    link_packages(folder, "torch", "safetensors")
    return folder


def run(script, packages, *arguments):
    command = [sys.executable, "-I", "-S", "-c", RUN, script.parent, packages, script, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=script.parent)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("recipe", "epochs"), [("short", 1), pytest.param("full", 5, marks=pytest.mark.long)]
)
def test_it_learns_digits_where_only_torch_is_installed(recipe, epochs, packages, tmp_path):
    found = load_digits()
    images = torch.from_numpy(found.images * 15.9).byte()[:, None]
    save_file({"images": images, "labels": torch.from_numpy(found.target)}, tmp_path / "digits.safetensors")
    script = written(tmp_path, {**RECIPES[recipe], **MILDER})
    done = run(script, packages, tmp_path / "digits.safetensors", "--epochs", epochs)
    assert done.returncode == 0, done.stderr
    *_, accuracy = map(float, re.findall(r"accuracy ([\d.]+)%", done.stdout))
    assert accuracy > 30  # chance is 10; mixed images take more epochs than one
    weights = load_file(tmp_path / "trained.safetensors")
    assert weights.keys() == load_file(tmp_path / "my_net.safetensors").keys()


@pytest.mark.parametrize("name", ["network", "read", "images", "accuracy"])
def test_it_runs_whatever_the_network_is_called(name, packages, tmp_path):
    images = torch.zeros(40, 1, 8, 8, dtype=torch.uint8)
    save_file({"images": images, "labels": torch.arange(40) % 2}, tmp_path / "few.safetensors")
    script = written(tmp_path, RECIPES["plain"], name=name)
    done = run(script, packages, tmp_path / "few.safetensors", "--epochs", "1")
    assert done.returncode == 0, done.stderr


def test_a_recipe_of_any_name_is_named_in_it(tmp_path):
    recipe = {
        **RECIPES["plain"],
        "name": 'C:\\Users """quick"""',
        "teacher": "C:\\N.onnx",
        "largest_batch": 64,
    }
    text = written(tmp_path, {**recipe, "teacher_features": 0.5}).read_text()
    described = ast.get_docstring(ast.parse(text))
    assert described is not None
    assert 'C:\\\\Users """quick"""' in described
    assert "teacher_features, largest_batch" in described


@pytest.mark.parametrize("recipe", RECIPES)
def test_augmentation_documents_no_recipe_parameter_since_it_holds_the_values(recipe):
    text = augmentation_source(Recipe.from_json(RECIPES[recipe]))
    assert "`recipe`" not in text
    assert "recipe:" not in text


@pytest.mark.parametrize("recipe", RECIPES)
def test_the_script_passes_ruff_and_says_what_it_leaves_out(recipe, tmp_path):
    decoded = (8, 8, 1) if recipe == "short" else (9, 9, 1)  # resized once, or in two steps
    text = written(tmp_path, RECIPES[recipe], decoded=decoded).read_text()
    for arguments in (["check"], ["format", "--check"]):
        command = [sys.executable, "-m", "ruff", *arguments, "--isolated", "--no-cache", tmp_path]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout
    assert f"EPOCHS = {RECIPES[recipe]['epochs']}" in text
    assert ("Not part of this script, but of the recipe 'full': --teacher teacher.safetensors." in text) == (
        recipe == "full"
    )


def test_it_trains_at_the_sides_of_the_recipe_and_measures_at_the_network_s_own(tmp_path, monkeypatch):
    script = written(tmp_path, {**RECIPES["growing"], "sides": [0.5, 1.0]}, resolution=32)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "my_net", raising=False)
    found = runpy.run_path(str(script))
    assert found["SIDES"] == [16, 32]
    images = torch.rand(2, 1, 32, 32)
    assert found["prepared"](images, 16).shape[-1] == 16
    assert found["prepared"](images).shape[-1] == 32
    images = torch.randint(0, 256, (40, 1, 32, 32), dtype=torch.uint8)
    save_file({"images": images, "labels": torch.arange(40) % 2}, tmp_path / "two.safetensors")
    seen = []
    arguments = ["train.py", str(tmp_path / "two.safetensors"), "--epochs", "2", "--save", "out.pt"]
    monkeypatch.setattr(sys, "argv", arguments)
    monkeypatch.chdir(tmp_path)

    def watch(module, given):
        if type(module).__name__ == "MyNet":
            seen.append((module.training, given[0].shape[-1]))

    with torch.nn.modules.module.register_module_forward_pre_hook(watch):
        runpy.run_path(str(script), run_name="__main__")
    assert [side for training, side in seen if training] == [16, 16, 32, 32]
    assert {side for training, side in seen if not training} == {32}


@pytest.mark.parametrize("changes", CHANGING)
def test_images_are_changed_as_the_recipe_changes_them(changes, tmp_path, monkeypatch):
    recipe = {"name": "changing", "epochs": 1, "warmup_epochs": 0, **CHANGING[changes]}
    script = written(tmp_path, recipe)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "my_net", raising=False)
    found = runpy.run_path(str(script))["augment"]
    images = torch.rand(32, 3, 12, 12, generator=torch.Generator().manual_seed(0))
    theirs = found(images, torch.Generator().manual_seed(1))
    ours = augment(images, Recipe.from_json(recipe), torch.Generator().manual_seed(1))
    assert torch.equal(theirs, ours)
    assert not torch.equal(theirs, images)


@pytest.mark.slow
def test_weights_for_other_classes_lend_all_but_their_head(packages, tmp_path):
    images = torch.randint(0, 256, (60, 1, 8, 8), dtype=torch.uint8)
    file = tmp_path / "three.safetensors"
    save_file({"images": images, "labels": torch.arange(60) % 3}, file)
    script = written(tmp_path, RECIPES["plain"])
    done = run(script, packages, file, "--weights", tmp_path / "my_net.safetensors", "--save", "first.pt")
    assert done.returncode == 0, done.stderr
    assert torch.load(tmp_path / "first.pt", weights_only=True)["head.bias"].shape == (3,)


@pytest.mark.slow
def test_what_it_saves_it_starts_from_again_with_another_learning_rate(packages, tmp_path):
    images = torch.randint(0, 256, (60, 1, 8, 8), dtype=torch.uint8)
    file = tmp_path / "three.safetensors"
    save_file({"images": images, "labels": torch.arange(60) % 3}, file)
    script = written(tmp_path, RECIPES["plain"])
    assert run(script, packages, file).returncode == 0
    first = load_file(tmp_path / "trained.safetensors")
    done = run(script, packages, file, "--weights", "trained.safetensors", "--lr", "0")
    assert done.returncode == 0, done.stderr
    again = load_file(tmp_path / "trained.safetensors")
    moved = [name for name in first if "running" not in name and "batches" not in name]
    assert all(torch.equal(first[name], again[name]) for name in moved)


def in_one_line(done):
    """Return the message of a script that refused its input."""
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr.strip().splitlines()[-1]  # torch warns above it that NumPy is missing


def test_weight_decay_applies_to_what_it_applied_to_in_the_search(tmp_path, monkeypatch):
    def decayed(network: nn.Module, optimiser: torch.optim.Optimizer) -> set[str]:
        ids = {id(p) for group in optimiser.param_groups if group["weight_decay"] for p in group["params"]}
        return {name for name, parameter in network.named_parameters() if id(parameter) in ids}

    script = written(tmp_path, RECIPES["plain"])
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "my_net", raising=False)
    delivered = runpy.run_path(str(script))["make_optimiser"]
    for name, architecture in every_part().items():
        network = build(architecture, num_classes=3)
        searched = build_optimiser(network, Recipe.from_json(RECIPES["plain"]))
        assert decayed(network, delivered(network, 0.1)) == decayed(network, searched), name


@pytest.mark.slow
def test_what_it_cannot_use_is_named_in_one_line(packages, tmp_path):
    script = written(tmp_path, RECIPES["plain"])
    (tmp_path / "folder").mkdir()
    assert "pip install pillow numpy" in in_one_line(run(script, packages, tmp_path / "folder"))
    empty = {"images": torch.zeros(0, 1, 8, 8, dtype=torch.uint8), "labels": torch.zeros(0).long()}
    save_file(empty, tmp_path / "empty.safetensors")
    assert "0 images, none to train on" in in_one_line(run(script, packages, tmp_path / "empty.safetensors"))
    (tmp_path / "text.safetensors").write_text("mine")
    in_one_line(run(script, packages, tmp_path / "text.safetensors"))
    save_file({"pixels": torch.zeros(1)}, tmp_path / "other.safetensors")
    told = in_one_line(run(script, packages, tmp_path / "other.safetensors"))
    assert "has no ['images', 'labels']" in told
    images = torch.zeros(9, 1, 8, 8, dtype=torch.uint8)
    labels = torch.arange(9) % 3
    for wrong, expected in (
        ({"images": images / 255}, "torch.float32 and shape [9, 1, 8, 8]: expected torch.uint8 [n, 1, h, w]"),
        ({"images": images[:, 0]}, "shape [9, 8, 8]"),
        ({"images": images.permute(0, 2, 3, 1).contiguous()}, "shape [9, 8, 8, 1]"),
        ({"labels": labels - 1}, "expected a class from 0 on of each image"),
        ({"labels": labels[:8].contiguous()}, "labels of torch.int64 and shape [8]"),
        ({"labels": labels.float()}, "labels of torch.float32"),
    ):
        save_file({"images": images, "labels": labels, **wrong}, tmp_path / "wrong.safetensors")
        assert expected in in_one_line(run(script, packages, tmp_path / "wrong.safetensors"))
    save_file({"images": images, "labels": labels.int()}, tmp_path / "few.safetensors")
    told = in_one_line(run(script, packages, "few.safetensors", "--weights", "other.safetensors"))
    assert "expected weights of my_net" in told


def test_without_a_recipe_there_is_no_script(tmp_path):
    with pytest.raises(ExportError, match="no recipe was given"):
        written(tmp_path, None)


OWN_TEACHER = """
import torch
from torch import nn

class Net(nn.Module):
    mean, std, resolution = (0.5,), (0.25,), 4
    asked = 0
    def forward(self, x):
        assert x.shape[1:] == (1, 4, 4)
        Net.asked += len(x)
        return torch.stack([x.mean((1, 2, 3)), -x.mean((1, 2, 3))], 1)[:, :{classes}]

def make():
    return Net()
"""


@pytest.mark.parametrize(("recipe", "asked"), [("plain", 36), ("short", 36 * 3)])
def test_it_learns_from_a_teacher_too(recipe, asked, tmp_path, monkeypatch, capsys):
    script = written(tmp_path, {**RECIPES[recipe], "epochs": 3, "rungs": []})
    (tmp_path / "own_teacher.py").write_text(OWN_TEACHER.format(classes=2))
    images = torch.randint(0, 256, (40, 1, 8, 8), dtype=torch.uint8)
    save_file({"images": images, "labels": torch.arange(40) % 2}, tmp_path / "two.safetensors")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    weights = []
    for more in (
        [],
        ["--teacher", "own_teacher:make"],
        ["--teacher", "own_teacher:make", "--teacher-share", "0"],
    ):
        for module in ("my_net", "teacher", "own_teacher"):
            monkeypatch.delitem(sys.modules, module, raising=False)
        monkeypatch.setattr(sys, "argv", ["train.py", "two.safetensors", *more])
        runpy.run_path(str(script), run_name="__main__")
        read = load_file("trained.safetensors")  # mapped, and written over by the next
        weights.append({name: value.clone() for name, value in read.items()})
        if more:
            assert sys.modules["own_teacher"].Net.asked == asked + 2  # the two that it is tried with
    alone, taught, deaf = weights
    assert all(torch.equal(alone[name], deaf[name]) for name in alone)
    assert not all(torch.equal(alone[name], taught[name]) for name in alone)
    capsys.readouterr()


SOFT_TEACHER = """
import torch
from torch import nn

class Net(nn.Module):
    classes = 2
    def __init__(self):
        super().__init__()
        self.register_buffer("mean", torch.tensor([0.5]).reshape(1, 1, 1, 1))
        self.register_buffer("std", torch.tensor([0.25]).reshape(1, 1, 1, 1))
    def forward(self, x):
        return torch.stack([x.mean((1, 2, 3)), -x.mean((1, 2, 3))], 1).softmax(1)
"""


def opened_teacher(source, folder, monkeypatch, **more):
    """Return a teacher as the exported teacher.py opens it in a folder."""
    written(folder, RECIPES["plain"])
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(folder)
    for module in ("teacher", "soft_teacher"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    about = {"classes": 2, "side": 8, "mean": [0.3], "std": [0.35], "names": None, "images": 4, **more}
    return importlib.import_module("teacher").Teacher(source, device=torch.device("cpu"), **about)


def test_a_teacher_of_probabilities_teaches_by_their_logarithms(tmp_path, monkeypatch, capsys):
    (tmp_path / "soft_teacher.py").write_text(SOFT_TEACHER)
    teacher = opened_teacher("soft_teacher:Net", tmp_path, monkeypatch)
    assert "returns probabilities" in capsys.readouterr().err
    images = torch.rand(4, 1, 8, 8)
    mean = ((images - 0.5) / 0.25).mean((1, 2, 3))
    expected = torch.stack([mean, -mean], 1).log_softmax(1)
    torch.testing.assert_close(teacher.scores(images), expected)


@pytest.mark.parametrize(("file", "mean"), [("net", 0.1), ("net_int8", 0.1), ("other", 0.3)])
def test_an_onnx_teacher_takes_its_normalisation_from_the_export_beside_it(file, mean, tmp_path, monkeypatch):
    graph = helper.make_graph(
        [
            helper.make_node("Flatten", ["images"], ["flat"]),
            helper.make_node("MatMul", ["flat", "weight"], ["scores"]),
        ],
        "foreign",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["batch", 1, 8, 8])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["batch", 2])],
        [helper.make_tensor("weight", TensorProto.FLOAT, (64, 2), [*range(128)])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, str(tmp_path / f"{file}.onnx"))
    given = {"mean": [0.1], "std": [0.5], "input_size": [1, 8, 8]}
    config = {"architecture": "net", "pretrained_cfg": given, "label_names": ["dark", "bright"]}
    (tmp_path / "config.json").write_text(json.dumps(config))
    source = f"{file}.onnx"
    teacher = opened_teacher(source, tmp_path, monkeypatch, names=("dark", "bright"))
    assert teacher.mean.flatten().tolist() == pytest.approx([mean])
    if file != "other":
        with pytest.raises(ValueError, match="has the classes dark, bright: expected bright, dark in this"):
            opened_teacher(source, tmp_path, monkeypatch, names=("bright", "dark"))


def test_a_teacher_of_other_classes_than_the_folders_gets_one_line(tmp_path, monkeypatch, capsys):
    script = written(tmp_path, RECIPES["plain"])
    (tmp_path / "soft_teacher.py").write_text(SOFT_TEACHER.replace("classes = 2", "classes = ['x', 'y']"))
    for name in ("x", "z"):
        (tmp_path / "images" / name).mkdir(parents=True)
        for number in range(12):
            Image.new("L", (8, 8), number).save(tmp_path / "images" / name / f"{number}.png")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    for module in ("my_net", "teacher", "soft_teacher", "image_folder"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    monkeypatch.setattr(sys, "argv", ["train.py", "images", "--teacher", "soft_teacher:Net"])
    with pytest.raises(SystemExit):
        runpy.run_path(str(script), run_name="__main__")
    assert "has the classes x, y: expected x, z in this order" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("teacher", "expected"),
    [
        ("own_teacher:make", r"returns (2, 1) for 2 images: expected (2, 2)"),
        ("own_teacher:nobody", "Cannot use the teacher 'own_teacher:nobody'"),
        ("absent.onnx", "Cannot use the teacher 'absent.onnx'"),
    ],
)
def test_a_teacher_that_does_not_suit_gets_one_line(teacher, expected, tmp_path, monkeypatch, capsys):
    script = written(tmp_path, RECIPES["plain"])
    (tmp_path / "own_teacher.py").write_text(OWN_TEACHER.format(classes=1))
    images = torch.zeros(20, 1, 8, 8, dtype=torch.uint8)
    save_file({"images": images, "labels": torch.arange(20) % 2}, tmp_path / "two.safetensors")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    for module in ("my_net", "teacher", "own_teacher"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    monkeypatch.setattr(sys, "argv", ["train.py", "two.safetensors", "--teacher", teacher])
    with pytest.raises(SystemExit) as caught:
        runpy.run_path(str(script), run_name="__main__")
    assert caught.value.code == 2
    err = capsys.readouterr().err
    assert expected in err
    assert len(err.strip().splitlines()) == 1
