"""A search whose networks are deployed in int8: valued, retrained, tested and exported in that form."""

import json

import pytest

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
