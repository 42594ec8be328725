"""What every exporter owes, and that every mixer and block in the registries survives the way out."""

import json
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch.nn import functional as F

import search_spaces
from nas.exports.export_folder import export_network
from nas.exports.formats import EXPORTERS
from tests.nas.exports.bare import bare_python
from tests.nas.exports.networks import (
    available_forms,
    every_part,
    names_in,
    network_to_export,
    of_all_parts,
    random_networks,
    trained,
)

RANDOM = {f"random-{i:02d}": a for i, a in enumerate(random_networks(30))}
FEW = every_part() | dict(list(RANDOM.items())[:6])
MIXED = {f"mixed-{i:02d}": a for i, a in enumerate(of_all_parts(36))}
PUBLISHED = {name: search_spaces.reference(name) for name in search_spaces.references()}
SETS = {"few": FEW, "random": RANDOM, "mixed": MIXED, "published": PUBLISHED}
LONG = ("random", "mixed", "published")
EACH_SET = ["few", *(pytest.param(name, marks=pytest.mark.long) for name in LONG)]
EACH_NETWORK = [("few", name) for name in FEW] + [
    pytest.param(kind, name, marks=pytest.mark.long) for kind in LONG for name in SETS[kind]
]
each_set = pytest.mark.parametrize("bare", EACH_SET, indirect=True, scope="module")
# Random networks of parts that no space puts together have longer files, and some published ones a bit.
OF_PEOPLE = [case for case in EACH_NETWORK if "mixed" not in str(getattr(case, "values", case)[0])]
each_network = pytest.mark.parametrize(("bare", "name"), EACH_NETWORK, indirect=["bare"], scope="module")


def export_with_expectations(architecture, folder):
    """Export a network, and beside it what it gives and its gradient in one training step."""
    network = trained(architecture)
    given = network_to_export(architecture, weights=network.state_dict())
    export_network(
        architecture,
        folder=folder,
        name="my_net",
        weights=given.weights,
        num_classes=10,
        mean=given.mean,
        std=given.std,
        provenance=given.provenance,
        forms=["torch_module"],
    )
    images, labels = given.images(2), torch.tensor([1, 4])
    scores = given.scores(images)
    F.cross_entropy(network.train()(images), labels).backward()
    gradients = {
        f"gradient.{k}": p.grad.contiguous() for k, p in network.named_parameters() if p.grad is not None
    }
    expected = {"images": images, "labels": labels, "scores": scores.clone(), **gradients}
    save_file(expected, folder / "expected.safetensors")


@contextmanager
def one_thread():
    """Compute as the script in the fresh environment does: sums of two threads round otherwise.

    Where a ReLU6 cuts at a rounding's distance, gradients of a batch of two then differ by a hundredth.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def bare(request, tmp_path_factory):
    """Return what the exports of a set of networks did where only torch and safetensors are installed."""
    packages, exports = tmp_path_factory.mktemp("packages"), tmp_path_factory.mktemp("exports")
    python = bare_python(packages)
    with one_thread():
        for name, architecture in SETS[request.param].items():
            export_with_expectations(architecture, exports / name)
    script = Path(__file__).parents[1] / "nas" / "exports" / "bare_check.py"
    command = [*python, script, packages, exports]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=exports)
    assert done.returncode == 0, done.stderr
    return exports, json.loads(done.stdout)


@pytest.mark.slow
@each_network
def test_where_only_torch_is_installed_an_export_is_the_trained_network(bare, name):
    assert bare[1]["found"][name]["scores"] <= 1e-5


@pytest.mark.slow
@each_network
def test_where_only_torch_is_installed_an_export_trains_like_the_network(bare, name):
    assert bare[1]["found"][name]["gradients"] <= 1e-4


@pytest.mark.slow
@each_set
def test_an_export_never_imports_us(bare):
    assert bare[1]["ours"] == []


@pytest.mark.slow
@each_set
def test_exported_files_pass_ruff_and_its_format(bare):
    command = [sys.executable, "-m", "ruff"]
    for arguments in (
        ["check", "--isolated", "--no-cache"],
        ["format", "--isolated", "--check", "--no-cache"],
    ):
        done = subprocess.run([*command, *arguments, bare[0]], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout


@pytest.mark.slow
@pytest.mark.parametrize(("bare", "name"), OF_PEOPLE, indirect=["bare"], scope="module")
def test_the_file_of_a_catalog_network_can_be_read_in_one_sitting(bare, name):
    # Published networks with many unequal stages have a line or more for each of them.
    more = 20 + 10 * max(0, len(PUBLISHED[name].stages) - 12) if name in PUBLISHED else 0
    text = (bare[0] / name / "my_net.py").read_text()
    # Two kinds of blocks, transformers and their mixers.
    most = 350 if "class MobileViT" in text or "class MOAT" in text else 300
    assert len(text.splitlines()) < most + more


@pytest.mark.parametrize("form", available_forms())
def test_an_exporter_writes_the_files_that_it_names_and_leaves_the_generator_of_torch_alone(form, tmp_path):
    before, exporter = torch.get_rng_state(), EXPORTERS[form]
    exporter.write(network_to_export(FEW["mixer-depthwise"]), tmp_path)
    assert names_in(tmp_path) == set(exporter.files("my_net"))
    assert torch.equal(torch.get_rng_state(), before)
