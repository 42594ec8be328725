"""The exported network is the trained one, in an environment that lacks this project."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.end_to_end.conftest import Desk

pytestmark = pytest.mark.slow

OUTSIDE = """
import importlib.util, sys
sys.path[:0] = [{site!r}, {folder!r}]
for ours in ("nas", "search_spaces", "trials", "dashboards"):
    assert importlib.util.find_spec(ours) is None, ours
from safetensors.torch import load_file, save_file
from my_net import my_net
network = my_net()
network.load_state_dict(load_file("{folder}/my_net.safetensors"))
images = load_file("{folder}/images.st")["images"]
save_file({{"scores": network.eval()(images).detach()}}, "{folder}/scores.st")
"""


@pytest.fixture(scope="module")
def exported(searched: Desk) -> Path:
    ended = searched.nas("export", "mine", "--to", "my_net")
    assert ended.status == 0, ended.err
    assert ended.out.splitlines()[0].endswith("my_net/my_net.py")
    return searched.folder / "my_net"


def test_outside_it_gives_the_trained_networks_outputs(exported: Path, searched: Desk):
    import search_spaces

    network = search_spaces.Architecture.from_json((exported / "architecture.json").read_text())
    trained = search_spaces.build(network, num_classes=10, in_channels=1)
    number = next(
        t["number"] for t in searched.trials() if t["attributes"]["architecture"] == network.to_json()
    )
    runs = searched.folder / "nas-runs" / "mine" / "trials"
    trained.load_state_dict(load_file(runs / f"{number:05d}" / "weights.safetensors"))
    side = network.resolution
    images = torch.rand(4, 1, side, side, generator=torch.Generator().manual_seed(0))
    save_file({"images": images}, exported / "images.st")
    site = next(p for p in sys.path if p.endswith("site-packages"))
    script = OUTSIDE.format(site=site, folder=str(exported))
    # Isolated and without site.py, so that the editable install's .pth file is not read.
    subprocess.run([sys.executable, "-I", "-S", "-c", script], check=True, timeout=200)
    scores = load_file(exported / "scores.st")["scores"]
    torch.testing.assert_close(scores, trained.eval()(images).detach(), atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("mine",), "Expected one folder to write to"),
        (("mine", "--to", "other", "--trial", "99"), "was not trained to the end"),
        (("nine", "--to", "other"), "Did you mean 'mine'"),
        (("mine", "--to", "other", "--name", "1net"), "1net"),
        (("mine", "--to", "."), "."),
    ],
)
def test_what_cannot_be_exported_is_said_in_a_line_and_nothing_is_written(searched: Desk, words, told: str):
    ended = searched.nas("export", *words)
    assert ended.status == 2
    assert told in ended.err
    assert "Traceback" not in ended.err
    assert not (searched.folder / "other").exists()
