"""nas compare: killed and begun again it goes on, and its study is treated well by all other commands."""

import json
import signal

import optuna
import pytest

from nas.scaling.family import base_of, member_within
from nas.study.network_lookup import FoundNetwork
from search_spaces.architecture import Architecture
from search_spaces.budget import Budget
from search_spaces.published import reference
from tests.end_to_end.conftest import Desk
from tests.nas.pretended_search import pretend_search

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]  # a busy host takes several times as long
WORDS = (
    "compare",
    "mine",
    "--with",
    "mobilenet_v2",
    "--with",
    "tinynet",
    "--recipe",
    "quick.yaml",
    "--seeds",
    "2",
)


def ended(trials):
    """Return the trainings of a comparison that have reached their end."""
    return [t for t in trials if "training_seed" in t["attributes"] and t["state"] == "COMPLETE"]


def one_network(budget: Budget) -> Architecture:
    """Return a small network within a budget."""
    found = FoundNetwork(
        name="small", architecture=reference("mobilenet_v3_small_224"), num_classes=10, in_channels=1
    )
    return member_within(found, base_of(found, None), [budget], "compound").architecture


def test_a_comparison_killed_halfway_goes_on_and_every_command_knows_it(desk: Desk):
    budget = Budget.parse("1M-MACs")
    pretend_search(desk.folder, one_network(budget), budget)
    process = desk.start(*WORDS)
    desk.wait_until(lambda trials: bool(ended(trials)), process)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    kept = ended(desk.trials())

    first = desk.nas(*WORDS, "--json")
    assert first.status == 0, first.err
    found = json.loads(first.out)
    after = ended(desk.trials())
    assert [t for t in after if t["number"] in {k["number"] for k in kept}] == kept
    assert len(after) == 6
    assert not [t for t in desk.trials() if t["state"] == "RUNNING"]
    names = {network["name"] for network in found["networks"]}
    assert names == {"mine#0", "mobilenet_v2", "tinynet"}
    for network in found["networks"]:
        assert set(network["validation"]["values"]) == {"0", "1"}
        assert network["costs"]["macs"] <= 1e6
        assert network["fits"]
    others = found["networks"][1:]
    assert all(r["validation"]["difference"]["low"] <= r["validation"]["alone"]["low"] for r in others)
    assert found["test_images"] is None

    again = desk.here(*WORDS, "--final")
    assert again.status == 0, again.err
    assert ended(desk.trials()) == after
    assert "test images" in again.out
    assert desk.here("studies", "check").out.count(f"{found['name']}") == 0
    assert "mobilenet_v2" in desk.here("show", found["name"]).out
    shown = desk.here("show").out  # of the latest search, not of the comparison
    assert "mine: best networks" in shown
    assert "mine#0 (first) and 2 others" in shown
    assert [c["name"] for c in json.loads(desk.here("show", "--json").out)["comparisons"]] == [found["name"]]
    for name in ("page.html", "page.md"):
        written = desk.here("report", "mine", "--to", name)
        assert written.status == 0, written.err
        assert "first ahead by" in (desk.folder / name).read_text()
    refused = desk.here("compare", found["name"])
    assert (refused.status, refused.err.count("\n")) == (2, 1), refused.err

    exported = desk.here("export", f"{found['name']}#{others[0]['trials']['0']}", "--to", "other")
    assert exported.status == 0, exported.err
    assert (desk.folder / "other" / "other.py").exists()
    renamed = desk.here("studies", "rename", "mine", "ours")
    assert renamed.status == 0, renamed.err
    assert "ours" in desk.here("show").out
    assert "(first) and 2 others" in desk.here("show").out
    listed = desk.here("studies", "--json")
    assert {s["study"] for s in json.loads(listed.out)["studies"]} == {"ours", found["name"]}
    deleted = desk.here("studies", "delete", found["name"], "--yes")
    assert deleted.status == 0, deleted.err
    assert not (desk.folder / "nas-runs" / found["name"]).exists()


def test_a_scaled_network_is_trained_compared_and_exported_by_its_file(desk: Desk):
    for budget, folder in (("1M-MACs", "family"), ("500k-MACs", "smaller")):
        scale = ("scale", "mobilenet_v2_0.35_96", "--budget", budget, "--to", folder)
        assert desk.here(*scale, "--classes", "10", "--channels", "1").status == 0
    name, smaller = (
        f"{folder}/{file.name}"
        for folder in ("family", "smaller")
        for file in (desk.folder / folder).iterdir()
    )
    trained = desk.here("retrain", name, "--recipe", "quick.yaml", "--json")
    assert trained.status == 0, trained.err
    told = json.loads(trained.out)
    assert told["winner"]["test_accuracy"] is not None
    again = desk.nas("compare", name, smaller, "--recipe", "quick.yaml", "--seeds", "1", "--json")
    assert again.status == 0, again.err
    compared = json.loads(again.out)
    assert compared["name"] == told["study"]
    assert compared["networks"][0]["trials"] == {"0": told["winner"]["trial"]}  # not trained again
    exported = desk.here("export", name, "--to", "scaled")
    assert exported.status == 0, exported.err
    assert (desk.folder / "scaled" / "scaled.safetensors").exists()

    # Each with its own weights: another study, by the same command as before and --weights.
    other = f"{compared['name']}#{compared['networks'][1]['trials']['0']}"
    words = ("compare", "scaled", other, "--recipe", "quick.yaml", "--seeds", "1", "--weights")
    own = desk.nas(*words, "--json")
    assert own.status == 0, own.err
    fine = json.loads(own.out)
    assert fine["name"] not in {compared["name"], told["study"]}
    assert all(network["origin"].endswith("with its own weights") for network in fine["networks"])
    study = optuna.load_study(study_name=fine["name"], storage=f"sqlite:///{desk.folder}/nas.db")
    shares = [trial.user_attrs["new_parameters"] for trial in study.trials]
    assert shares == [0.0, 0.0]  # classes are known by their names, so that the heads are inherited too
    listed = json.loads(desk.here("studies", "--json").out)["studies"]
    assert {row["study"]: row["compares"] for row in listed}[fine["name"]] == ""
    refused = desk.here("compare", "scaled", "mobilenet_v2_0.35_96", "--weights")
    assert (refused.status, refused.err.count("\n")) == (2, 1), refused.err
