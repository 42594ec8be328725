"""What a search leaves: a table, a study, logs, and networks that are exported as they were trained."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.end_to_end.conftest import Desk

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]  # a busy host takes several times as long

TRAINED = {"COMPLETE", "PRUNED"}

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
def searched(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """A desk at which a search of three networks has ended."""
    desk = Desk(tmp_path_factory.mktemp("searched"))
    ended = desk.search("--budget", "2M-MACs", "--trials", "3", "--study", "mine", "--log-to", "tensorboard")
    assert ended.status == 0, ended.err
    (desk.folder / "out.txt").write_text(ended.out)
    (desk.folder / "err.txt").write_text(ended.err)
    return desk


def trained_in(searched: Desk) -> list[dict[str, Any]]:
    return [trial for trial in searched.trials() if trial["state"] in TRAINED]


def test_it_says_what_fits_and_ends_with_a_table_and_the_next_commands(searched: Desk):
    err, out = ((searched.folder / name).read_text() for name in ("err.txt", "out.txt"))
    assert "1,077 to train on" in err
    assert "% of the space fits" in err
    assert "about" in err
    assert "best networks within 2M-MACs" in out
    assert "seed 0" in out
    assert "nas dashboard mine" in out
    assert "nas export mine --to my_net" in out
    assert "% of the slots' time was not spent on training" in out


def test_every_trained_network_fits_and_none_was_trained_twice(searched: Desk):
    import search_spaces

    trials = trained_in(searched)
    assert len(trials) == 3
    prints = [t["attributes"]["fingerprint"] for t in trials]
    assert len(set(prints)) == len(prints)
    for trial in trials:
        network = search_spaces.Architecture.from_json(trial["attributes"]["architecture"])
        costs = search_spaces.count(network, num_classes=10, in_channels=1, deploy=True)
        assert costs.macs == trial["attributes"]["macs"] <= 2_000_000
        assert sorted(trial["curve"]) in ([1], [1, 2])
        assert (trial["state"] == "COMPLETE") == (2 in trial["curve"])


def test_every_trained_network_has_its_epochs_written_for_tensorboard_and_in_the_study(searched: Desk):
    logs = searched.folder / "nas-runs" / "mine" / "tensorboard"
    for trial in trained_in(searched):
        assert list((logs / f"{trial['number']:05d}").glob("events.out.tfevents.*"))
        told = trial["attributes"]["metrics"]
        assert sorted(told) == [str(epoch) for epoch in sorted(trial["curve"])]
        rounded = {n: round(value, 6) for n, value in trial["curve"].items()}
        assert {int(n): epoch["accuracy"] for n, epoch in told.items()} == pytest.approx(rounded)
        assert all(0 <= epoch["macro_f1"] <= 1 for epoch in told.values())


def test_a_search_leaves_everything_consistent(searched: Desk):
    checked = searched.here("studies", "check")
    assert (checked.status, checked.out.count("Everything is consistent")) == (0, 1), checked


def test_show_prints_the_same_networks_and_json(searched: Desk):
    told = json.loads(searched.here("show", "mine", "--json").out)
    assert told["version"] == 2
    assert told["study"] == "mine"
    assert {n["trial"] for n in told["networks"]} >= {0, 1, 2}
    assert "best networks within 2M-MACs" in searched.here("show").out


@pytest.mark.parametrize(
    ("words", "difference"),
    [
        (("--budget", "5M-MACs"), "its budget is '2M-MACs', not '5M-MACs'"),
        (("--budget", "2M-MACs", "--seed", "1"), "its seed is 0, not 1"),
        (("--budget", "2M-MACs", "--sampler", "random"), "its sampler is 'factor_gp', not 'random'"),
    ],
)
def test_another_search_under_the_same_name_is_refused(searched: Desk, words, difference: str):
    before = searched.trials()
    ended = searched.here("search", "--recipe", "quick.yaml", *words, "--trials", "9", "--study", "mine")
    assert ended.status == 2
    assert difference in ended.err
    assert "Traceback" not in ended.err
    assert searched.trials() == before


@pytest.fixture(scope="module")
def exported(searched: Desk) -> Path:
    ended = searched.here("export", "mine", "--to", "my_net")
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
    ("words", "message"),
    [
        (("mine",), "No folder to write to: expected --to"),
        (("mine", "--to", "other", "--trial", "99"), "was not trained to the end"),
        (("nine", "--to", "other"), "Did you mean 'mine'"),
        (("mine", "--to", "other", "--name", "1net"), "1net"),
        (("mine", "--to", "."), "."),
        (("mine", "--to", "other", "--classes", "0"), "expected at least 1"),
        (("mine", "--to", "other", "--pareto", "--trial", "0"), "expected --pareto and --to"),
        (("mine", "--to", "other", "--into", "other"), "Two folders to write to: expected --to"),
        (("mine", "--to", "other", "--name", "torch"), "would hide the installed package torch"),
    ],
)
def test_what_cannot_be_exported_is_said_in_a_line_and_nothing_is_written(
    searched: Desk, words, message: str
):
    ended = searched.here("export", *words)
    assert ended.status == 2
    assert message in ended.err
    assert "Traceback" not in ended.err
    assert not (searched.folder / "other").exists()


def trained_weights(searched: Desk, exported: Path) -> Path:
    """Return the weights of the network that was exported."""
    described = (exported / "architecture.json").read_text().strip()
    number = next(t["number"] for t in searched.trials() if t["attributes"]["architecture"] == described)
    return searched.folder / "nas-runs" / "mine" / "trials" / f"{number:05d}" / "weights.safetensors"


def test_the_card_says_how_to_find_it_again_and_what_it_was_measured_by(exported: Path, searched: Desk):
    card = (exported / "README.md").read_text()
    recipe = searched.folder / "quick.yaml"
    assert f"--recipe {recipe} --sampler factor_gp --seed 0 --trials 3 --study mine |" in card
    for expected in (
        "on validation images",
        "on test images",
        "95 % interval",
        "on the wall clock median",
        "threads 1, dtype fp32, batch 1",
        "Licence",
    ):
        assert expected in card, expected


def test_a_head_for_other_classes_is_new_and_the_budget_is_checked_again(searched: Desk, exported: Path):
    ended = searched.here("export", "mine", "--to", "finer", "--classes", "9000")
    assert ended.status == 0, ended.err
    assert "2M-MACs no longer holds: 9000 classes exceed it by" in ended.err
    assert "The head for 9000 classes is new and must be trained" in ended.err
    written = load_file(searched.folder / "finer" / "finer.safetensors")
    trained = load_file(trained_weights(searched, exported))
    assert written.pop("head.weight").shape[0] == written.pop("head.bias").shape[0] == 9000
    assert all(torch.equal(written[name], trained[name]) for name in written)
    assert "2M-MACs no longer holds" in (searched.folder / "finer" / "README.md").read_text()
    kept = searched.here("export", "mine", "--to", "fewer", "--classes", "2")
    assert "2M-MACs holds with 2 classes." in kept.err


def test_a_front_is_a_folder_for_each_network_that_none_beats(searched: Desk, exported: Path):
    ended = searched.here("export", "mine", "--to", "front", "--pareto")
    assert ended.status == 0, ended.err
    folders = sorted(path.name for path in (searched.folder / "front").iterdir())
    best = trained_weights(searched, exported).parent.name
    assert f"front_{int(best)}" in folders
    shown = json.loads(searched.here("show", "mine", "--pareto", "--json").out)
    assert folders == sorted(f"front_{network['trial']}" for network in shown["networks"])
    for name in folders:
        assert (searched.folder / "front" / name / f"{name}.py").exists()
    assert len(ended.out.splitlines()) == 11 * len(folders)


def test_every_export_is_kept_in_the_store(searched: Desk, exported: Path):
    from nas.storage.store import Store

    with Store(f"sqlite:///{searched.folder / 'nas.db'}") as store:
        kept = store.exports("mine")
    assert (kept[0].name, kept[0].folder) == ("my_net", str(exported))


def test_weights_that_changed_since_or_are_gone_are_refused_in_a_line(searched: Desk, exported: Path):
    weights = trained_weights(searched, exported)
    whole = weights.read_bytes()
    try:
        weights.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        changed = searched.here("export", "mine", "--to", "other")
        weights.unlink()
        gone = searched.here("export", "mine", "--to", "other")
    finally:
        weights.write_bytes(whole)
    assert (changed.status, gone.status) == (2, 2)
    assert "it is damaged or of another training" in changed.err
    assert "train it again: nas retrain mine --trial" in gone.err
    assert len(gone.err.strip().splitlines()) == 1
    assert not (searched.folder / "other").exists()
