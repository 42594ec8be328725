"""An exported folder is complete or absent, and what cannot be exported is refused in one line."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from nas.exports.export_folder import export_network
from search_spaces.architecture import Architecture
from search_spaces.errors import ExportError
from tests.nas.exports.networks import around_mixer, names_in, trained

ARCHITECTURE = around_mixer("depthwise")
FILES = {"my_net.py", "my_net.safetensors", "architecture.json"}


@pytest.fixture(scope="module")
def weights():
    return trained(ARCHITECTURE).state_dict()


def export(folder, weights, **changes):
    settings = {"name": "my_net", "num_classes": 10, "mean": (0.5,) * 3, "std": (0.2,) * 3}
    forms = {"forms": ["torch_module"]} if "forms" not in changes else {}
    return export_network(ARCHITECTURE, folder=folder, weights=weights, **{**settings, **forms, **changes})


def refused(match, folder, weights, **changes):
    with pytest.raises(ExportError, match=match) as caught:
        export(folder, weights, **changes)
    assert "\n" not in str(caught.value)


def test_a_folder_that_is_missing_or_empty_receives_the_files(weights, tmp_path):
    assert {path.name for path in export(tmp_path / "new" / "deep", weights)} == FILES
    assert names_in(tmp_path / "new" / "deep") == FILES
    (tmp_path / "empty").mkdir()
    export(tmp_path / "empty", weights)
    assert names_in(tmp_path / "empty") == FILES


def test_the_architecture_file_holds_the_architecture(weights, tmp_path):
    export(tmp_path / "out", weights)
    text = (tmp_path / "out" / "architecture.json").read_text()
    assert Architecture.from_json(text) == ARCHITECTURE


def test_a_file_of_weights_is_delivered_bit_for_bit(weights, tmp_path):
    save_file(weights, tmp_path / "weights.safetensors")
    export(tmp_path / "out", tmp_path / "weights.safetensors")
    written = load_file(tmp_path / "out" / "my_net.safetensors")
    assert all(torch.equal(written[name], value) for name, value in weights.items())
    assert written.keys() == weights.keys()


def test_whoever_may_read_one_file_may_read_all(weights, tmp_path):
    files = export(tmp_path / "out", weights, forms=["torch_module", "timm", "onnx", "card"])
    assert len({file.stat().st_mode for file in files}) == 1


def test_class_names_and_paths_that_are_no_utf8_are_written_escaped(weights, tmp_path):
    latin = os.fsdecode(b"caf\xe9")
    facts = {"classes": [latin, *"bcdefghij"], "provenance": {"data": f"/images/{latin}"}}
    export(tmp_path / "out", weights, forms=["torch_module", "timm", "card"], **facts)
    config = json.loads((tmp_path / "out" / "config.json").read_text())
    assert config["label_names"][0] == "caf\\xe9"
    assert "caf\\xe9, b, c" in (tmp_path / "out" / "README.md").read_text()


def test_a_folder_with_files_is_refused_and_left_as_it_was(weights, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    refused("it holds 'notes.txt', expected an empty folder", tmp_path, weights)
    assert names_in(tmp_path) == {"notes.txt"}


def test_force_replaces_an_earlier_export_and_nothing_else(weights, tmp_path):
    export(tmp_path, weights)
    (tmp_path / "notes.txt").write_text("mine")
    before = (tmp_path / "my_net.safetensors").read_bytes()
    other = {name: value + 1 for name, value in weights.items()}
    export(tmp_path, other, force=True)
    assert (tmp_path / "my_net.safetensors").read_bytes() != before
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert names_in(tmp_path) == {*FILES, "notes.txt"}


def test_into_a_repository_only_its_own_files_are_in_the_way(weights, tmp_path):
    (tmp_path / "train.py").write_text("mine")
    export(tmp_path, weights, into=True)
    assert names_in(tmp_path) == {*FILES, "train.py"}
    refused("it holds 'architecture.json' and 2 more", tmp_path, weights, into=True)
    export(tmp_path, weights, into=True, force=True)
    assert (tmp_path / "train.py").read_text() == "mine"


def test_files_of_others_stay_that_an_export_in_other_forms_would_write(weights, tmp_path):
    for name in ("my_net.onnx", "my_net.tflite", "held_out.json"):
        (tmp_path / name).write_text("mine")
    export(tmp_path, weights, into=True)
    assert names_in(tmp_path) == {*FILES, "my_net.onnx", "my_net.tflite", "held_out.json"}
    export(tmp_path, weights, into=True, force=True)  # an earlier export in other forms is replaced
    assert names_in(tmp_path) == {*FILES, "held_out.json"}


@pytest.mark.parametrize("name", ["held", "config"])
def test_force_leaves_files_that_are_called_alike_for_every_network(name, weights, tmp_path):
    for file in ("held_out.json", "config.json"):
        (tmp_path / file).write_text("mine")
    export(tmp_path, weights, name=name, into=True, force=True)
    assert {"held_out.json", "config.json"} <= names_in(tmp_path)


def test_a_file_or_a_folder_in_the_way_is_refused(weights, tmp_path):
    (tmp_path / "file").write_text("mine")
    refused("file' is a file, expected a folder", tmp_path / "file", weights)
    refused("file' is a file, expected a folder", tmp_path / "file" / "below", weights)
    (tmp_path / "out" / "my_net.py").mkdir(parents=True)
    refused("'my_net.py' is a folder", tmp_path / "out", weights, force=True)


@pytest.mark.parametrize("name", ["", "my-net", "1net", "class", "match", "_", "a b", "../up", "réseau"])
def test_a_name_that_is_no_identifier_is_refused(name, weights, tmp_path):
    refused("expected a Python identifier", tmp_path / "out", weights, name=name)
    assert names_in(tmp_path) == set()


@pytest.mark.parametrize("name", ["json", "torch", "safetensors", "print", "random"])
def test_a_name_that_hides_a_module_is_refused(name, weights, tmp_path):
    refused("would hide", tmp_path / "out", weights, name=name)
    assert names_in(tmp_path) == set()


@pytest.mark.parametrize("name", ["nn", "Tensor", "Depthwise", "MetaFormer", "partial"])
def test_a_name_that_the_file_needs_is_refused(name, weights, tmp_path):
    refused("uses that name itself", tmp_path / "out", weights, name=name)
    assert names_in(tmp_path) == set()


@pytest.mark.parametrize("name", ["a", "A", "pyramid", "Pyramid", "_hidden", "net__2", "metaFormer"])
def test_any_other_name_will_do(name, weights, tmp_path):
    export(tmp_path / "out", weights, name=name)


def test_weights_of_another_network_are_refused(tmp_path):
    other = trained(around_mixer("attention")).state_dict()
    refused("its weights do not fit", tmp_path / "out", other)
    assert names_in(tmp_path) == set()


def test_weights_that_are_not_numbers_are_refused(weights, tmp_path):
    broken = {name: value * float("nan") if value.ndim else value for name, value in weights.items()}
    refused("differ from the trained network's by nan", tmp_path / "out", broken)
    assert names_in(tmp_path) == set()


def test_a_weights_file_with_another_hash_or_none_is_refused(weights, tmp_path):
    file = tmp_path / "weights.safetensors"
    refused("Cannot read the weights", tmp_path / "out", file)
    save_file(weights, file)
    refused("is damaged or of another training", tmp_path / "out", file, sha256="0" * 64)
    file.write_bytes(file.read_bytes()[:-100])
    refused("Cannot read the weights", tmp_path / "out", file)
    assert names_in(tmp_path) == {"weights.safetensors"}


def test_provenance_may_say_anything(weights, tmp_path):
    said = {"study": 'quoted """ \\ back\nslash \\', "who": "Ünï{code}"}
    export(tmp_path / "out", weights, provenance=said)
    assert "Ünï{code}" in (tmp_path / "out" / "my_net.py").read_text(encoding="utf-8")


DISK_FULL = """
import resource, signal, sys
from pathlib import Path
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
from nas.exports.export_folder import export_network
from search_spaces.errors import ExportError
from tests.nas.exports.networks import around_mixer, trained
a = around_mixer("depthwise")
try:
    weights = trained(a).state_dict()
    export_network(a, folder=Path(sys.argv[1]), name="my_net", weights=weights, num_classes=10,
                   mean=(0.5,) * 3, std=(0.2,) * 3, forms=["torch_module"])
except ExportError as error:
    sys.exit(f"refused: {error}")
"""


@pytest.mark.slow
@pytest.mark.parametrize("most_bytes", [100, 20_000])  # the code does not fit; the weights do not
def test_a_disk_without_room_leaves_nothing_behind(tmp_path, most_bytes):
    # A file larger than the limit cannot be written, as on a full disk.
    command = [sys.executable, "-c", DISK_FULL, str(tmp_path / "deep" / "out"), str(most_bytes)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[3])
    assert "refused: Cannot export to" in done.stderr, done.stderr
    assert names_in(tmp_path) == set()
