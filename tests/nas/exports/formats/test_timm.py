"""timm builds an exported network by its name, and finds in it what it finds in its own models.

timm is no dependency of ours; ``make test`` installs it for developers.
"""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nas.exports.formats import EXPORTERS
from search_spaces.architecture import options_of
from search_spaces.errors import ExportError
from tests.importable_torchvision import imports
from tests.nas.exports.networks import every_part, network_to_export, random_networks

CHECK = Path(__file__).parents[1] / "timm_check.py"
PARTS = every_part()
HIDDEN = replace(PARTS["mixer-attention"], options=options_of({"head_channels": 48, "head_hidden": 64}))
GREY: dict[str, Any] = {"in_channels": 1, "mean": (0.3,), "std": (0.35,)}


def written(folder, architecture=PARTS["mixer-attention"], **known):
    """Write an export called like its folder."""
    folder.mkdir(exist_ok=True)
    given = network_to_export(architecture, name=folder.name, **known)
    for form in ("torch_module", "timm"):
        EXPORTERS[form].write(given, folder)
    return given


def checked(folder):
    """Run timm's own checks on every export below a folder."""
    command = [sys.executable, CHECK, folder]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr


def test_timm_can_be_imported_in_the_environment_that_make_installs():
    assert imports("timm")


@pytest.mark.slow
def test_a_network_of_each_kind_behaves_as_the_models_of_timm(tmp_path):
    written(tmp_path / "net_attention")
    written(tmp_path / "net_deployed", PARTS["mixer-dilated_reparam"], deploy=True)
    written(tmp_path / "net_hidden", HIDDEN)
    written(tmp_path / "net_patches", PARTS["network-patchified"])
    written(tmp_path / "net_grey", PARTS["mixer-depthwise"], **GREY)
    checked(tmp_path)


@pytest.mark.long
def test_every_network_behaves_as_the_models_of_timm(tmp_path):
    for name, architecture in PARTS.items():
        written(tmp_path / f"net_{name.replace('-', '_')}", architecture)
    for number, architecture in enumerate(random_networks(8)):
        written(tmp_path / f"net_{number}", architecture)
    checked(tmp_path)


@pytest.mark.parametrize("name", ["drop_path", "partial", "linspace", "SelectAdaptivePool2d"])
def test_a_name_that_the_registration_imports_is_refused(name, tmp_path):
    with pytest.raises(ExportError, match="uses that name itself"):
        written(tmp_path / name)


def test_the_configuration_says_how_images_are_prepared_and_what_scores_mean(tmp_path):
    classes = tuple(f"class {i}" for i in range(10))
    given = written(tmp_path / "my_net", classes=classes)
    config = json.loads((tmp_path / "my_net" / "config.json").read_text())
    assert config["architecture"] == "my_net"
    assert config["label_names"] == list(classes)
    assert config["pretrained_cfg"]["input_size"] == list(given.shape)
    assert config["pretrained_cfg"]["mean"] == list(given.mean)
    assert config["nas"]["architecture"] == json.loads(given.architecture.to_json())


def test_the_registration_passes_ruff_and_its_format(tmp_path):
    written(tmp_path / "my_net")
    written(tmp_path / "other_net", HIDDEN)
    for arguments in (["check"], ["format", "--check"]):
        command = [sys.executable, "-m", "ruff", *arguments, "--isolated", "--no-cache", tmp_path]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout
