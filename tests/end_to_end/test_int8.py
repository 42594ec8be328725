"""A search whose networks are deployed in int8: valued, retrained, tested and exported in that form."""

import json

import optuna
import pytest
from optuna.trial import TrialState

from tests.end_to_end.conftest import Desk

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]


def test_a_budget_in_int8_is_of_what_is_deployed_from_the_search_to_the_export(desk: Desk):
    ended = desk.search(
        "--budget", "300KiB-peak@int8", "--budget", "2M-MACs", "--trials", "3", "--study", "s"
    )
    assert ended.status == 0, ended.err
    assert "in int8" in ended.out
    trained = [trial for trial in desk.trials() if trial["state"] == "COMPLETE"]
    assert trained
    for trial in trained:
        attributes, last = trial["attributes"], max(trial["curve"].items())[1]
        assert attributes["int8_drop"] == pytest.approx(last - attributes["int8"], abs=1e-5)
    best = json.loads(desk.here("show", "s", "--json").out)["networks"][0]
    assert best["accuracy"] == pytest.approx(best["fp32_accuracy"] - best["int8_drop"], abs=1e-5)
    study = optuna.load_study(study_name="s", storage=f"sqlite:///{desk.folder}/nas.db")
    assert {t.value for t in study.get_trials(states=[TrialState.COMPLETE])} == {
        t["attributes"]["int8"] for t in trained
    }

    retrained = desk.nas("retrain", "s", "--recipe", "quick.yaml")
    assert retrained.status == 0, retrained.err
    assert retrained.err.count("Quantisation-aware") == 1
    assert "accuracy in int8" in retrained.err
    (figure,) = (
        score
        for score in json.loads(desk.here("show", "s", "--json").out)["networks"][0]["scores"]
        if (score["weights"], score["split"], score.get("form")) == ("retrained", "test", "int8")
    )
    exported = desk.nas("export", "s", "--to", "net", "--int8", "--weights-of", "retrain")
    assert exported.status == 0, exported.err
    record = json.loads((desk.folder / "net" / "net_int8.json").read_text())
    assert record["split"] == "test"
    assert record["accuracy"]["int8"] == pytest.approx(figure["value"], abs=1e-6)  # of the same file
    assert 0.9 < record["predictions_as_trained"] <= 1  # of a network that hardly learnt


def test_networks_of_a_search_for_int8_are_compared_in_int8(desk: Desk):
    ended = desk.search(
        "--budget", "300KiB-peak@int8", "--budget", "1M-MACs", "--trials", "2", "--study", "s"
    )
    assert ended.status == 0, ended.err
    words = ("compare", "s", "--with", "mobilenet_v2", "--recipe", "quick.yaml", "--seeds", "1", "--final")
    compared = desk.nas(*words, "--json")
    assert compared.status == 0, compared.err
    found = json.loads(compared.out)
    assert (found["name"], found["form"]) == ("s-compared-quick-int8", "int8")
    trained = [trial for trial in desk.trials() if "int8" in trial["attributes"]][-2:]
    values = [network["validation"]["value"] for network in found["networks"]]
    assert sorted(values) == pytest.approx(sorted(trial["attributes"]["int8"] for trial in trained), abs=1e-5)
    shown = desk.here(*words)  # nothing is trained again
    assert shown.status == 0, shown.err
    assert "accuracy in int8 on" in shown.out
    assert "accuracy in int8 on" in desk.here("show", "s").out


def test_weights_of_4_bits_are_searched_exported_and_explained(desk: Desk):
    (desk.folder / "bits.yaml").write_text(
        "version: 2\nname: bits\nresolution: [16]\nwidth: [0.5, 1.0]\nweight_bits: [8, 4]\nstages:\n"
        "  - {channels: 32, stride: 2, weight_bits: 4, options: {mixer: depthwise, kernel: [3, 5]}}\n"
        "  - {channels: 64, stride: 2, options: {mixer: depthwise, kernel: [3, 5]}}\n"
    )
    asked = ("--space", "bits.yaml", "--budget", "24KiB-weights@int8", "--trials", "2", "--study", "s")
    ended = desk.search(*asked)
    assert ended.status == 0, ended.err
    best = json.loads(desk.here("show", "s", "--json").out)["networks"][0]
    assert best["costs"]["weights"] <= 4 * 24 * 1024
    exported = desk.nas("export", "s", "--to", "net", "--int8")
    assert exported.status == 0, exported.err
    record = json.loads((desk.folder / "net" / "net_int8.json").read_text())
    assert "stages.0.0" in record["four_bit_blocks"]
    assert record["weights_bytes"] == best["costs"]["weights"] / 4
    assert record["accuracy"]["int8"] == pytest.approx(best["accuracy"], abs=1e-6)  # of the same file
    found = json.loads(desk.here("explain", "s", "--sensitivity", "--json").out)
    assert [(drop["stage"], drop["bits"]) for drop in found["drops"]] == [(1, 8), (1, 4), (2, 8), (2, 4)]
    wrong = desk.here("explain", "s", "--sensitivity", "--budget", "2M-MACs")
    assert wrong.status == 2
    assert "--sensitivity" in wrong.err
