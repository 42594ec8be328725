"""The training script trains where only torch is installed, with the recipe that was used."""

import re
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file, save_file
from sklearn.datasets import load_digits

from nas.exporters import EXPORTERS
from search_spaces.architecture import Architecture, Stage, options_of
from search_spaces.errors import ExportError
from tests.nas.exporters.bare import link_packages
from tests.nas.exporters.networks import delivery

RECIPES = {
    "plain": {"name": "plain", "epochs": 1, "recalibration_batches": 0, "precision": "fp32"},
    "short": {"name": "short", "epochs": 3, "rungs": [1, 3], "warmup_epochs": 0.3},
    "full": {
        "name": "full",
        "epochs": 60,
        "optimiser": "sgd",
        "schedule": "cosine",
        "gradient_clip": 5.0,
        "shift": 0.1,
        "flip": True,
        "mixup": 0.2,
    },
}
RUN = """
import runpy, sys
sys.path[:0] = sys.argv[1:3]
del sys.argv[:3]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def written(folder, recipe):
    stages = tuple(
        Stage(block="metaformer", channels=c, depth=1, stride=2, options=options_of({"mixer": mixer}))
        for c, mixer in ((16, "dilated_reparam"), (32, "attention"))
    )
    options = options_of({"stem_stride": 1})
    architecture = Architecture(network="pyramid", resolution=8, stages=stages, options=options)
    known = {"in_channels": 1, "mean": (0.3,), "std": (0.35,), "recipe": recipe}
    given = delivery(architecture, **known)
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
@pytest.mark.parametrize("recipe", ["short", pytest.param("full", marks=pytest.mark.long)])
def test_one_epoch_on_digits_learns_where_only_torch_is_installed(recipe, packages, tmp_path):
    found = load_digits()
    images = torch.from_numpy(found.images * 15.9).byte()[:, None]
    save_file({"images": images, "labels": torch.from_numpy(found.target)}, tmp_path / "digits.safetensors")
    script = written(tmp_path, {**RECIPES[recipe], "flip": False})
    done = run(script, packages, tmp_path / "digits.safetensors", "--epochs", 1)
    assert done.returncode == 0, done.stderr
    (accuracy,) = map(float, re.findall(r"accuracy ([\d.]+)%", done.stdout))
    assert accuracy > 30  # chance is 10; one epoch of warming up and falling reaches more
    weights = torch.load(tmp_path / "trained.pt", weights_only=True)
    assert weights.keys() == load_file(tmp_path / "my_net.safetensors").keys()


@pytest.mark.parametrize("recipe", RECIPES)
def test_the_script_passes_ruff_and_says_what_it_leaves_out(recipe, tmp_path):
    text = written(tmp_path, RECIPES[recipe]).read_text()
    for arguments in (["check"], ["format", "--check"]):
        command = [sys.executable, "-m", "ruff", *arguments, "--isolated", "--no-cache", tmp_path]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout
    assert f"EPOCHS = {RECIPES[recipe]['epochs']}" in text
    assert ("Left out of the recipe 'full': mixup 0.2." in text) == (recipe == "full")


def test_without_a_recipe_there_is_no_script(tmp_path):
    with pytest.raises(ExportError, match="no recipe was given"):
        written(tmp_path, None)
