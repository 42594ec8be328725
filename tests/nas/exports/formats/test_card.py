"""The card says what the network takes and where it comes from, and its code runs."""

import re
import subprocess
import sys

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from nas.exports.formats import EXPORTERS
from nas.exports.formats.torch_module import load_module
from tests.nas.exports.networks import PROVENANCE, around_mixer, network_to_export


def written(folder, mixer="dilated_reparam", **known):
    given = network_to_export(around_mixer(mixer), **known)
    for form in ("torch_module", "card"):
        EXPORTERS[form].write(given, folder)
    return (folder / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("deploy", [False, True])
def test_its_macs_and_params_are_those_of_the_written_network(deploy, tmp_path):
    card = written(tmp_path, deploy=deploy)
    network = load_module(tmp_path / "my_net.py").my_net(deploy=True).to("meta")
    with FlopCounterMode(display=False) as counter:
        network(torch.empty(1, 3, 32, 32, device="meta"))
    macs, params = (int(n.replace(",", "")) for n in re.findall(r"\(([\d,]+)\) \|", card)[:2])
    assert 2 * macs == counter.get_total_flops()
    assert params == sum(p.numel() for p in network.parameters())
    assert ("The weights are those for inference." in card) == deploy
    assert ("--weights my_net.safetensors" in card) != deploy  # training goes on in the other form


def test_it_shows_everything_that_is_known(tmp_path):
    others = [{"network": "a|b", "accuracy": "97 %"}, {"network": "c", "accuracy": "96 %"}]
    card = written(tmp_path, classes=("ant", "bee"), front_networks=tuple(others))
    for topic, value in PROVENANCE.items():
        assert f"| {topic} | {value} |" in card
    assert "| a\\|b | 97 % |\n| c | 96 % |" in card
    assert "ant, bee" in card
    assert "metaformer of dilated_reparam" in card


def test_what_is_unknown_has_no_section(tmp_path):
    card = written(tmp_path, "attention")
    assert "Other networks of the Pareto front" not in card
    assert "## Classes" not in card
    assert "form for inference" not in card


@pytest.mark.slow
def test_its_code_runs(tmp_path):
    code = re.search(r"```python\n(.*?)```", written(tmp_path), re.DOTALL)
    assert code is not None
    done = subprocess.run(
        [sys.executable, "-c", code[1]], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
