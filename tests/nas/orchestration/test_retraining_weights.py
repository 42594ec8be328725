"""A retraining begins with the weights it is asked for, not with any that judge themselves; licences stay."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
import pytest
import torch

import search_spaces
from dashboards.result import TrialResult
from nas.exports.provenance import provenance, retraining_command
from nas.orchestration.donor_source import donor_from, unseen
from nas.orchestration.initial_weights import DONOR, checked_source, source_for
from nas.orchestration.retraining import chosen, retrain
from nas.orchestration.retraining_recipe import recipe_of
from nas.study import trial_attributes
from nas.study.compared_training import TrainingKey, name_training
from nas.study.delivered_weights import weights_of
from nas.study.donor import DONOR_FILE, RANDOM, donor_file, keep_donor, keep_donors
from nas.study.places import folder_of
from nas.study.results import result_of
from nas.study.retrained import Retrained, ranked, store
from nas.study.study import find, settings_of
from search_spaces.counting import count
from search_spaces.errors import InvalidValueError
from tests.nas.opened import opened
from trials.datasets import open_images
from trials.pretrained.donor import Donor
from trials.pretrained.donor_file import donor_facts, packed, read_donor
from trials.training.recipe import Recipe
from trials.training.weights_file import write_weights

pytestmark = pytest.mark.slow
RECIPE = Recipe(name="short", epochs=1, batch_size=256, epoch_images=256, recalibration_batches=1)


def network_of(study: optuna.Study) -> TrialResult:
    (network,) = chosen(result_of(study), trial=2, top=1)
    return network


def donor_for(study: optuna.Study, seed: int) -> Donor:
    """Return weights for the network #2 of a study of digits."""
    torch.manual_seed(seed)
    architecture = network_of(study).architecture
    return Donor(
        source="theirs",
        architecture=architecture,
        weights=search_spaces.build(architecture, num_classes=10, in_channels=1).state_dict(),
        mean=(0.3,),
        std=(0.4,),
        classes=tuple(map(str, range(10))),
        licence="cc-by-nc-4.0",
        origin="a shelf",
    )


def again(study: optuna.Study, weights: str | None, recipe: Recipe = RECIPE, **options: Any) -> Retrained:
    given: dict[str, Any] = {
        "weights": weights,
        "device": "cpu",
        "threads": 1,
        "report_line": lambda _: None,
        **options,
    }
    return retrain(study, [network_of(study)], recipe, **given).winner


def test_weights_that_learnt_from_the_validation_images_that_judge_are_those_of_the_search(
    searched: optuna.Study, storage
):
    splits = open_images("digits", seed=0, cache=None)
    network, folder = network_of(searched), Path(folder_of(searched))
    for place, seed in (("trials/00002", 1), ("retrained/00002/x", 2)):
        module = search_spaces.build(network.architecture, num_classes=10, in_channels=1)
        module.load_state_dict(donor_for(searched, seed).weights)
        (folder / place).mkdir(parents=True)
        write_weights(folder / place / "weights.safetensors", module, splits, network.architecture)
    retrained = Retrained(
        trial=2,
        recipe=RECIPE.to_json(),
        joined=True,
        from_weights=False,
        accuracy=None,
        standard_error=None,
        test_accuracy=0.9,
        test_standard_error=0.01,
        seconds=1.0,
        weights="retrained/00002/x/weights.safetensors",
        seen_accuracy=0.99,
    )
    store(searched, retrained)

    delivered = donor_from("mine#2", storage.url)
    assert delivered.seen_validation == splits.fingerprint
    assert delivered.digest == replace(donor_for(searched, 2), source="mine#2").digest
    assert unseen(delivered, storage.url, "other images") is delivered
    judged = unseen(delivered, storage.url, splits.fingerprint)
    assert judged.digest == donor_from("mine#2", storage.url, kind="search").digest != delivered.digest
    assert "learnt from these validation images" in judged.notes[-1]

    lines: list[str] = []
    again(searched, "mine#2", report_line=lines.append)
    assert any("those of its retraining learnt from these validation images" in line for line in lines)


@pytest.mark.parametrize("role", ["weights", "teacher"])
def test_another_file_at_the_same_path_is_another_training(searched: optuna.Study, tmp_path: Path, role: str):
    file = tmp_path / "theirs.safetensors"

    def trained(seed: int) -> Retrained:
        file.write_bytes(packed(donor_for(searched, seed)))
        if role == "weights":
            return again(searched, str(file))
        return again(searched, None, RECIPE.model_copy(update={"teacher": str(file)}))

    first = trained(1)
    assert trained(1) == first
    other = trained(2)
    assert other.weights != first.weights
    assert trained(1).weights == first.weights
    assert trained(2).weights == other.weights


def test_what_begins_with_the_weights_of_its_search_is_fine_tuned_and_the_command_says_so(
    searched: optuna.Study,
):
    own = donor_for(searched, 1)
    keep_donor(searched, donor_facts(own))
    (Path(folder_of(searched)) / DONOR_FILE).parent.mkdir(parents=True, exist_ok=True)
    (Path(folder_of(searched)) / DONOR_FILE).write_bytes(packed(own))
    assert source_for(searched, None) == DONOR
    for source, recipe in ((None, "fine_tune"), (DONOR, "fine_tune"), (RANDOM, "full")):
        networks, weights = [network_of(searched)], source_for(searched, source)
        assert recipe_of(searched, networks, None, weights=weights).recipe.name == recipe
    begun = again(searched, source_for(searched, None))
    assert retraining_command(searched, begun).endswith("--weights donor")
    card = provenance(
        searched, result_of(searched), network_of(searched),
        weights=weights_of(searched, network_of(searched), "retrain"), latencies={},
    )  # fmt: skip
    assert card["licence"] == "cc-by-nc-4.0"
    assert read_donor(f"{folder_of(searched)}/{begun.weights}").licence == "cc-by-nc-4.0"
    random = again(searched, source_for(searched, RANDOM))
    assert random.weights != begun.weights
    assert retraining_command(searched, random).endswith("--weights random")


def test_each_network_of_a_comparison_keeps_what_it_began_with(searched: optuna.Study):
    own = donor_for(searched, 1)
    architecture, trial = network_of(searched).architecture, searched.ask()
    costs = count(architecture, num_classes=10, in_channels=1, deploy=True)
    name_training(
        opened(searched), trial.number, "theirs", TrainingKey(architecture.fingerprint, 0, own.digest)
    )
    trial_attributes.describe(opened(searched), trial.number, architecture, costs, [-0.5])
    trial.report(0.9, 1)
    searched.tell(trial, 0.9)
    (network,) = chosen(result_of(searched), trial=trial.number, top=1)
    for_images = donor_for(searched, 3)  # in other weights, as those for other images are
    keep_donors(searched, {own.digest: donor_facts(for_images)})
    file = Path(folder_of(searched)) / donor_file(for_images.digest)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(packed(for_images))
    weights = weights_of(searched, network)
    card = provenance(searched, result_of(searched), network, weights=weights, latencies={})
    assert card["licence"] == "cc-by-nc-4.0"
    assert card["began with"] == "theirs (a shelf; licence cc-by-nc-4.0)"
    assert source_for(searched, None) == DONOR
    found = retrain(
        searched, [network], RECIPE, weights=DONOR, device="cpu", threads=1, report_line=lambda _: None
    )
    assert found.winner.start is not None
    assert found.winner.start["donor"]["digest"] == for_images.digest


def test_a_folder_called_like_a_study_does_not_hide_it(
    searched: optuna.Study, storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    Path("mine").mkdir()
    assert checked_source("mine", storage.url) == "mine"
    again(find(storage, "mine"), None)
    assert donor_from("mine#2", storage.url, kind="retrain").source == "mine#2"
    assert settings_of(searched).data == "digits"


def test_the_last_epochs_of_one_are_not_averaged(searched: optuna.Study):
    with pytest.raises(InvalidValueError, match="which has 1: expected at least 2"):
        again(searched, None, soup=True)
    assert not ranked(searched)
