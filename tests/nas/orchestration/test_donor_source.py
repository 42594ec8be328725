"""Searches and retrainings begin with trained weights, and say whose and what of them is new."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from optuna.pruners import NopPruner
from optuna.samplers import RandomSampler
from optuna.storages import get_storage
from safetensors import safe_open

import search_spaces
from nas.files.locating import files_of
from nas.orchestration.donor_source import donor_from, normalisation, place_donor
from nas.orchestration.plan_start import begun
from nas.orchestration.search_plan import SearchPlan
from nas.orchestration.search_planning import plan_search
from nas.orchestration.search_request import SearchRequest
from nas.resources import Slots
from nas.storage.optuna_storage import open_storage
from nas.study.places import folder_of
from nas.study.retrained import Retrained, store
from nas.study.study import begin, images_of
from search_spaces.architecture import Architecture, Stage, options_of
from search_spaces.errors import InvalidValueError, WeightsError
from trials.datasets import open_images
from trials.pretrained.donor import Donor
from trials.pretrained.donor_file import packed
from trials.pretrained.inheritance import renormalised
from trials.recipes import load_recipe
from trials.training.epoch_result import EpochResult
from trials.training.recipe import Recipe
from trials.training.run_trial import TrialConfig, run_trial

SMALL = Architecture(
    network="pyramid",
    resolution=16,
    stages=tuple(
        Stage(
            block="inverted_residual",
            channels=channels,
            depth=2,
            stride=stride,
            options=options_of({"expansion": 4, "kernel": 5}),
        )
        for channels, stride in ((16, 1), (32, 2))
    ),
    options=options_of({"stem_channels": 16, "head_channels": 64}),
)


def donor(**changes) -> Donor:
    torch.manual_seed(0)
    network = search_spaces.build(SMALL, num_classes=4, in_channels=3)
    fields = {
        "source": "small",
        "architecture": SMALL,
        "weights": network.state_dict(),
        "mean": (0.4, 0.5, 0.6),
        "std": (0.2, 0.2, 0.2),
        "licence": "cc-by-4.0",
    }
    return Donor(**{**fields, **changes})


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "small.safetensors"
    path.write_bytes(packed(donor()))
    return path


def planned(tmp_path: Path, weights: str | None, **options) -> SearchPlan:
    given = {
        "budget": ["1M-MACs"],
        "space": None,
        "data": "digits",
        "trials": 2,
        "hours": None,
        "study": None,
        "storage": f"sqlite:///{tmp_path}/nas.db",
        "sampler": "factor_gp",
        "recipe": "proxy",
        "seed": 0,
        "storage_path": str(tmp_path / "runs"),
    }
    request = SearchRequest(**{**given, **options}, weights=weights)
    return plan_search(request, Slots(count=1, threads=1, gpus=0, device="cpu"))


def test_a_search_with_weights_is_around_them_and_normalises_images_as_they_were(file, tmp_path):
    plan = planned(tmp_path, str(file))
    assert plan.space.contains(SMALL)
    assert plan.splits.mean == (0.5,)  # digits are grey: the mean of the colours
    assert plan.images["mean"] == [0.5]
    assert plan.settings.weights == str(file)
    assert plan.settings.to_json()["weights_digest"] == donor().digest
    assert "with-small" in plan.name
    without = planned(tmp_path, None, space="hybrid_small", budget=["9M-MACs"])
    assert "weights" not in without.settings.to_json()


def test_a_search_around_weights_begins_with_their_network_on_the_largest_images_that_fit(file, tmp_path):
    assert list(planned(tmp_path, str(file), budget=["100M-MACs"]).published.values()) == [SMALL]
    most = search_spaces.count(SMALL, num_classes=10, in_channels=1, deploy=True).macs
    smaller = planned(tmp_path, str(file), budget=[f"{most - 1}-MACs"]).published
    assert list(smaller.values()) == [replace(SMALL, resolution=8)]
    (shallower,) = planned(tmp_path, str(file), budget=[f"{most // 8}-MACs"]).published.values()
    assert (shallower.resolution, shallower.stages[0].depth) == (8, 1)
    assert not planned(tmp_path, str(file), sampler="random").published


def test_a_search_around_weights_goes_on_in_the_space_in_which_it_was_begun(file, tmp_path, monkeypatch):
    with monkeypatch.context() as earlier:
        earlier.setattr("search_spaces.surroundings._SIDES", ())
        before = planned(tmp_path, str(file))
        begun(before, get_storage(open_storage(before.url)))
    again = planned(tmp_path, str(file))
    assert again.space.resolution == before.space.resolution == (16,)
    assert again.settings.difference(before.settings) is None
    assert planned(tmp_path, str(file), budget=["2M-MACs"]).space.resolution == (8, 16)


def test_other_weights_make_another_search(file, tmp_path):
    plan = planned(tmp_path, str(file))
    file.write_bytes(packed(donor(weights={**donor().weights, "head.bias": torch.ones(4)})))
    difference = plan.settings.difference(planned(tmp_path, str(file)).settings)
    assert difference is not None
    assert "source of weights" in difference


def test_networks_with_weights_are_fine_tuned_unless_a_recipe_is_named_or_the_search_began_otherwise(
    file, tmp_path
):
    storage = f"sqlite:///{tmp_path}/nas.db"
    assert (
        planned(tmp_path, None, recipe=None, space="hybrid_small", budget=["9M-MACs"]).recipe.name == "proxy"
    )
    plan = planned(tmp_path, str(file), recipe=None)
    assert (plan.recipe.name, plan.request.recipe) == ("fine_tune", "fine_tune")
    before = planned(tmp_path, str(file))
    begin(
        get_storage(open_storage(storage)),
        before.name,
        before.settings,
        sampler=RandomSampler(0),
        pruner=NopPruner(),
        images=before.images,
        folder=before.folder,
    )
    again = planned(tmp_path, str(file), recipe=None)
    assert (again.name, again.settings) == (before.name, before.settings)


def test_an_evaluator_that_trains_weights_of_its_own_takes_no_others(file, tmp_path):
    with pytest.raises(InvalidValueError, match="expected one of --evaluator and --weights"):
        planned(tmp_path, str(file), evaluator="supernet")


def test_weights_of_nothing_are_refused_on_one_line(tmp_path):
    with pytest.raises(WeightsError, match="Found no weights called 'nobody'"):
        donor_from("nobody", f"sqlite:///{tmp_path}/nas.db")


def test_a_trial_trains_what_it_inherited_and_says_so_in_its_weights(file, tmp_path):
    images = open_images("digits", seed=0, cache=None)
    config = TrialConfig(
        architecture=SMALL,
        num_classes=10,
        in_channels=1,
        data="digits",
        data_seed=0,
        recipe=Recipe(name="short", epochs=1, epoch_images=16, batch_size=8),
        seed=0,
        trial=0,
        folder=str(tmp_path / "trial"),
        fingerprint=images.fingerprint,
        donor=str(file),
        normalise=((0.5,), (0.25,)),
    )
    assert TrialConfig.from_json(config.to_json()) == config
    reported: list[EpochResult] = []
    run_trial(config, reported.append)
    assert 0 < (reported[0].new_parameters or 0) < 0.5  # the head, counted where it is inherited
    written = tmp_path / "trial" / "weights.safetensors"
    with safe_open(written, framework="pt") as opened:
        kept = opened.get_tensor("stages.0.0.body.0.weight")
    assert (kept - donor().weights["stages.0.0.body.0.weight"]).abs().max() < 0.05
    again = donor_from(str(written), f"sqlite:///{tmp_path}/nas.db")
    assert (again.mean, again.std, again.licence) == ((0.5,), (0.25,), "cc-by-4.0")


@pytest.mark.parametrize("option", ["weights", "teacher"])
def test_a_search_goes_on_with_what_a_network_had_learnt_when_it_was_begun(searched, tmp_path, option: str):
    folder = Path(folder_of(searched))
    trained = search_spaces.build(SMALL, num_classes=10, in_channels=1).state_dict()
    classes = tuple(images_of(searched)["classes"])
    own = donor(weights=trained, classes=classes, mean=(0.5,), std=(0.2,))
    later = replace(own, weights={**trained, "head.bias": torch.ones(10)})
    for name, content in (("trials/00000", own), ("retrained/00000", later)):
        (folder / name).mkdir(parents=True)
        (folder / name / "weights.safetensors").write_bytes(packed(content))
    given: dict[str, Any] = {"study": "user", "weights": None, option: "mine#0"}
    plan = planned(tmp_path, **given)
    study = begun(plan, get_storage(open_storage(plan.url)))
    place_donor(plan.donor, plan.splits, study, files_of(study), lambda _: None)
    retrained = Retrained(
        trial=0,
        recipe=load_recipe("full").to_json(),
        joined=False,
        from_weights=False,
        accuracy=0.99,
        standard_error=0.001,
        test_accuracy=None,
        test_standard_error=None,
        seconds=1.0,
        weights="retrained/00000/weights.safetensors",
    )
    store(searched, retrained)
    again, other = planned(tmp_path, **given), planned(tmp_path, **{**given, "study": "another"})
    assert plan.settings.difference(other.settings) is not None  # it begins with what the network is now
    assert plan.settings.difference(again.settings) is None
    assert begun(again, get_storage(open_storage(plan.url))).study_name == "user"
    if option == "weights":
        assert again.donor is not None
        assert (again.donor.digest, again.donor.source) == (own.digest, "mine#0")


@pytest.mark.parametrize("channels", [1, 3])
def test_weights_renormalised_for_other_images_answer_the_same_away_from_the_border(channels):
    torch.manual_seed(0)
    network = search_spaces.build(SMALL, num_classes=4, in_channels=channels).eval()
    found = normalisation(donor(), channels)
    assert found is not None
    new = ((0.1,) * channels, (0.5,) * channels)
    other = search_spaces.build(SMALL, num_classes=4, in_channels=channels).eval()
    other.load_state_dict(renormalised(network.state_dict(), found, new))
    pixels = torch.rand(1, channels, 16, 16)

    def stem(of: torch.nn.Module, given: tuple[tuple[float, ...], tuple[float, ...]]) -> torch.Tensor:
        mean, std = (torch.tensor(values)[:, None, None] for values in given)
        found: torch.Tensor = of.get_submodule("stem")((pixels - mean) / std)
        return found[:, :, 1:, 1:]

    with torch.no_grad():
        torch.testing.assert_close(stem(network, found), stem(other, new), atol=1e-5, rtol=1e-4)
