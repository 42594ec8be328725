"""From the shell to trained networks: the whole of it, on real images, in a minute."""

import json
import re
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.conftest import Desk

pytestmark = pytest.mark.slow

FINISHED = {"COMPLETE", "PRUNED"}


def finished(trials: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [t for t in trials if t["state"] in FINISHED]


def test_it_says_what_fits_and_ends_with_a_table_and_the_next_commands(searched: Desk):
    err, out = ((searched.folder / name).read_text() for name in ("err.txt", "out.txt"))
    assert "1,077 to train on" in err
    assert "% of the space fits" in err
    assert "about" in err
    assert "best networks within 4M-MACs" in out
    assert "seed 0" in out
    assert "nas dashboard mine" in out
    assert "nas export mine --to my_net" in out
    assert "% of the slots' time was not spent on training" in out


def test_every_trained_network_fits_and_none_was_trained_twice(searched: Desk):
    import search_spaces

    trials = finished(searched.trials())
    assert len(trials) >= 3
    prints = [t["attributes"]["fingerprint"] for t in trials]
    assert len(set(prints)) == len(prints)
    for trial in trials:
        network = search_spaces.Architecture.from_json(trial["attributes"]["architecture"])
        costs = search_spaces.count(network, num_classes=10, in_channels=1, deploy=True)
        assert costs.macs == trial["attributes"]["macs"] <= 4_000_000
        assert sorted(trial["curve"]) in ([1], [1, 2])
        assert (trial["state"] == "COMPLETE") == (2 in trial["curve"])


def test_every_trained_network_has_its_epochs_written_for_tensorboard_and_in_the_study(searched: Desk):
    logs = searched.folder / "nas-runs" / "mine" / "tensorboard"
    for trial in finished(searched.trials()):
        assert list((logs / f"{trial['number']:05d}").glob("events.out.tfevents.*"))
        told = trial["attributes"]["metrics"]
        assert sorted(told) == [str(epoch) for epoch in sorted(trial["curve"])]
        assert all(epoch["accuracy"] == pytest.approx(trial["curve"][int(n)]) for n, epoch in told.items())
        assert all(0 <= epoch["macro_f1"] <= 1 for epoch in told.values())


def test_a_search_leaves_everything_consistent(searched: Desk):
    checked = searched.here("studies", "check")
    assert (checked.status, checked.out.count("Everything is consistent")) == (0, 1), checked


def test_show_prints_the_same_networks_and_json(searched: Desk):
    told = json.loads(searched.here("show", "mine", "--json").out)
    assert told["version"] == 2
    assert told["study"] == "mine"
    assert {n["trial"] for n in told["networks"]} >= {0, 1, 2}
    assert "best networks within 4M-MACs" in searched.nas("show").out


def test_a_larger_number_of_trials_goes_on_in_its_own_folder_and_the_old_ones_stay(searched: Desk):
    before = searched.trials()
    more = ("--trials", "4", "--storage-path", "elsewhere", "--json")
    ended = searched.search("--budget", "4M-MACs", "--study", "mine", *more)
    assert ended.status == 0, ended.err
    after = searched.trials()
    assert after[: len(before)] == before
    assert len(finished(after)) == 4
    told = json.loads(ended.out)
    assert Path(told["folder"]) == searched.folder / "nas-runs" / "mine"
    assert not (searched.folder / "elsewhere" / "mine").exists()
    for network in told["networks"]:
        folder = searched.folder / "nas-runs" / "mine" / "trials" / f"{network['trial']:05d}"
        # A training that is stopped early may have reached its end before it hears of it.
        assert (folder / "weights.safetensors").exists() or network["state"] != "complete"
    same = ("--recipe", "quick.yaml", "--budget", "4M-MACs", "--trials", "4", "--study", "mine")
    again = searched.here("search", *same)
    assert again.status == 0
    assert "all 4 networks already" in again.err
    assert searched.trials() == after


@pytest.mark.parametrize(
    ("words", "difference"),
    [
        (("--budget", "5M-MACs"), "its budget is '4M-MACs', not '5M-MACs'"),
        (("--budget", "4M-MACs", "--seed", "1"), "its seed is 0, not 1"),
        (("--budget", "4M-MACs", "--sampler", "random"), "its sampler is 'factor_gp', not 'random'"),
    ],
)
def test_another_search_under_the_same_name_is_refused(searched: Desk, words, difference: str):
    before = searched.trials()
    ended = searched.here("search", "--recipe", "quick.yaml", *words, "--trials", "9", "--study", "mine")
    assert ended.status == 2
    assert difference in ended.err
    assert "Traceback" not in ended.err
    assert searched.trials() == before


@pytest.mark.chaos
def test_a_search_killed_halfway_goes_on_and_loses_nothing(desk: Desk):
    words = ("--budget", "4M-MACs", "--trials", "4")
    process = desk.start("search", "--recipe", "quick.yaml", *words)
    desk.wait_until(lambda trials: bool(finished(trials)), process)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    before = desk.trials()
    kept = {t["number"]: t for t in finished(before)}

    ended = desk.search(*words)
    assert ended.status == 0, ended.err
    after = desk.trials()
    assert {t["number"]: t for t in after if t["number"] in kept} == kept
    assert len(finished(after)) == 4
    assert not [t for t in after if t["state"] == "RUNNING"]
    assert all(sorted(t["curve"]) in ([1], [1, 2]) for t in finished(after))
    prints = [t["attributes"]["fingerprint"] for t in finished(after)]
    assert len(set(prints)) == len(prints)


def test_a_second_driver_is_refused_and_ctrl_c_lets_the_running_networks_finish(desk: Desk):
    words = ("--budget", "4M-MACs", "--trials", "40")
    process = desk.start("search", "--recipe", "quick.yaml", *words)
    desk.wait_until(bool, process)
    second = desk.here("search", "--recipe", "quick.yaml", *words)
    assert second.status == 2
    assert f"is being searched by process {process.pid}" in second.err
    desk.wait_until(lambda trials: any(t["curve"] for t in trials), process)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=200)
    assert process.returncode == 130, err
    assert "No further training starts" in err
    assert finished(desk.trials())
    assert len(finished(desk.trials())) < 40


def test_hours_end_a_search_by_time(desk: Desk):
    ended = desk.search("--budget", "4M-MACs", "--trials", "400", "--hours", "0.005")
    assert ended.status == 0, ended.err
    assert len(finished(desk.trials())) < 400


def test_images_in_class_folders_are_searched_too(desk: Desk):
    from PIL import Image
    from sklearn.datasets import load_digits

    digits = load_digits()
    for index in range(240):
        folder = desk.folder / "shapes" / f"digit{digits.target[index] % 2}"
        folder.mkdir(parents=True, exist_ok=True)
        pixels = (digits.images[index] * 15.9).astype("uint8")
        Image.fromarray(pixels).resize((16, 16)).convert("RGB").save(folder / f"{index}.png")
    ended = desk.search("--budget", "4M-MACs", "--trials", "1", "--data", "shapes", "--json")
    assert ended.status == 0, ended.err
    told = json.loads(ended.out)
    assert Path(told["data"]) == desk.folder / "shapes"
    assert told["trained"] == 1


@pytest.mark.long
def test_a_search_in_postgresql_ends_and_goes_on(desk: Desk, postgresql: str):
    words = ("--budget", "4M-MACs", "--storage", f"{postgresql}postgres", "--study", "shared")
    for trials in ("1", "2"):
        ended = desk.search(*words, "--trials", trials, "--json")
        assert ended.status == 0, ended.err
        told = json.loads(ended.out)
        assert told["trained"] == int(trials)
        assert "secret" not in ended.out + ended.err
    assert not desk.trials()
    assert "secret" not in (desk.folder / "nas-runs" / "shared" / "search.log").read_text()


def test_trainings_that_fail_are_recorded_with_their_reason_and_bounded(desk: Desk):
    (desk.folder / "wild.yaml").write_text(
        "epochs: 2\nlearning_rate: 1.0e30\nbatch_size: 128\nwarmup_epochs: 0\n"
    )
    ended = desk.nas("search", "--budget", "4M-MACs", "--trials", "8", "--recipe", "wild.yaml")
    assert ended.status == 2, ended.err
    # Two train at a time, so the fourth may fail while the third is counted.
    assert re.search("[34] trainings failed, the last because of: NonFiniteLossError", ended.err)
    assert "Traceback" not in ended.err
    failed = [t for t in desk.trials() if t["state"] == "FAIL"]
    assert len(failed) >= 3
    assert all("loss became" in t["attributes"]["reason"] for t in failed)
    assert not finished(desk.trials())


@pytest.mark.long
def test_cifar10_is_searched_in_twenty_minutes(desk: Desk):
    data = Path("../shared/data/cifar10").resolve()
    if not data.exists():
        pytest.skip("the CIFAR-10 images are not beside this repository, at ../shared/data/cifar10")
    ended = desk.nas("search", "--data", str(data), "--budget", "20M-MACs", "--trials", "8", "--json")
    assert ended.status == 0, ended.err
    told = json.loads(ended.out)
    assert told["trained"] == 8
    assert told["networks"][0]["accuracy"] > 0.3
