"""timm builds an exported network by its name.

timm is no dependency of ours; ``make test`` installs it for developers.
"""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

from nas.exports.formats import EXPORTERS
from tests.nas.exports.networks import around_mixer, network_to_export

TIMM = importlib.util.find_spec("timm")
PACKAGES = None if TIMM is None or TIMM.origin is None else Path(TIMM.origin).parents[1]


def written(folder, mixer="attention", **known):
    given = network_to_export(around_mixer(mixer), **known)
    for form in ("torch_module", "timm"):
        EXPORTERS[form].write(given, folder)
    return given


@pytest.mark.slow
@pytest.mark.skipif(PACKAGES is None, reason="timm is not installed")
@pytest.mark.parametrize(("mixer", "deploy"), [("attention", False), ("dilated_reparam", True)])
def test_timm_creates_the_network_in_all_its_forms(mixer, deploy, tmp_path):
    written(tmp_path, mixer, deploy=deploy)
    script = Path(__file__).parents[1] / "timm_check.py"
    command = [sys.executable, script, tmp_path, str(PACKAGES)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr


def test_the_configuration_says_how_images_are_prepared_and_what_scores_mean(tmp_path):
    classes = tuple(f"class {i}" for i in range(10))
    given = written(tmp_path, classes=classes)
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["architecture"] == "my_net"
    assert config["label_names"] == list(classes)
    assert config["pretrained_cfg"]["input_size"] == list(given.shape)
    assert config["pretrained_cfg"]["mean"] == list(given.mean)
    assert config["nas"]["architecture"] == json.loads(given.architecture.to_json())


def test_the_registration_passes_ruff_and_its_format(tmp_path):
    written(tmp_path)
    for arguments in (["check"], ["format", "--check"]):
        command = [sys.executable, "-m", "ruff", *arguments, "--isolated", "--no-cache", tmp_path]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout
