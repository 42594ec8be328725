"""A winner is trained again, kept, tested once, and exported with its new weights."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import optuna
import pytest
import torch
from safetensors.torch import load_file, save_file

import nas
import search_spaces
from dashboards.result import TrialResult
from nas.exports.provenance import retraining_command
from nas.orchestration.retrain_result import on_validation
from nas.orchestration.retrained_evaluation import RetrainedEvaluation
from nas.orchestration.retraining import chosen, retrain
from nas.orchestration.retraining_recipe import recipe_of
from nas.orchestration.retraining_runs import RetrainingRuns
from nas.orchestration.retraining_seeds import soup_of
from nas.study import results
from nas.study import study as studies
from nas.study.delivered_weights import weights_of
from nas.study.final_tests import times_tested
from nas.study.naming import retraining_folder
from nas.study.places import folder_of
from nas.study.retrained import Retrained, dropped, final, latest, ranked
from search_spaces.errors import DataError, InvalidValueError, StudyError, UserError
from trials.recipe_choice import RecipeChoice
from trials.recipes import RECIPES, load_recipe, recipe_editions
from trials.training.epoch_result import EpochResult
from trials.training.errors import TrainingError
from trials.training.file_names import CHECKPOINT
from trials.training.recipe import Recipe

pytestmark = pytest.mark.slow
RECIPE = Recipe(name="longer", epochs=2, batch_size=256, precision="fp32", recalibration_batches=1)


def again(
    study: optuna.Study, *, trial: int | None = None, top: int = 1, report_line=lambda _: None, **options
):
    networks = chosen(results.result_of(study), trial=trial, top=top)
    settings = {"weights": None, "device": "cpu", "threads": 1, "report_line": report_line}
    return retrain(study, networks, RECIPE, **{**settings, **options})


def test_the_winner_learns_from_all_but_the_test_images_and_is_tested_once(searched: optuna.Study):
    folder = Path(folder_of(searched))
    lines: list[str] = []
    found = again(searched, report_line=lines.append).winner
    assert (found.trial, found.joined, found.accuracy) == (2, True, None)
    assert found.test_accuracy is not None
    assert found.test_standard_error is not None
    assert 0.1 < found.test_accuracy <= 1.0
    network = results.result_of(searched).networks[0]
    assert weights_of(searched, network, "retrain").file == found.weights
    assert times_tested(searched.user_attrs) == 1
    weights = folder / found.weights
    assert load_file(weights)
    assert not (weights.parent / CHECKPOINT).exists()
    assert sum("test accuracy" in line for line in lines) == 1
    assert not any("%" in line for line in lines if "epoch 1/2" in line)  # of images it learns from

    repeated: list[str] = []
    assert again(searched, report_line=repeated.append).winner == found
    assert repeated == []


def test_the_few_best_are_compared_on_validation_images_and_the_best_of_them_wins(searched: optuna.Study):
    result = again(searched, top=3)
    assert sorted(one.trial for one in result.compared) == [0, 1, 2]
    accuracies = [one.accuracy or 0.0 for one in result.compared]
    assert accuracies == sorted(accuracies, reverse=True)
    assert all(one.test_accuracy is None for one in result.compared)
    assert result.winner.trial == result.compared[0].trial
    shown = results.result_of(searched)
    assert shown.best is not None
    assert shown.best.trial == result.winner.trial
    assert shown.best.retrained_accuracy == accuracies[0]
    assert latest(searched, result.winner.trial) == result.winner


LONGER = RECIPE.model_copy(update={"epochs": 4, "epoch_images": 256, "name": "raced", "warmup_epochs": 0})


def raced(study: optuna.Study, monkeypatch: pytest.MonkeyPatch, report_line=lambda _: None, *, last: int = 0):
    """A race of three networks in which one is always far behind."""
    race = "nas.orchestration.retrainer"
    monkeypatch.setattr(f"{race}.rungs_of", lambda _: (1, 2))
    monkeypatch.setattr(f"{race}.survivors", lambda figures: tuple(sorted(figures.keys() - {last})))
    networks = chosen(results.result_of(study), trial=None, top=3)
    options = {"weights": None, "device": "cpu", "threads": 1, "report_line": report_line}
    return retrain(study, networks, LONGER, **options)


def test_a_network_that_is_clearly_worse_is_not_trained_on_and_a_stopped_race_goes_on(
    searched: optuna.Study, monkeypatch: pytest.MonkeyPatch
):
    class KilledError(Exception):
        pass

    def die(line: str) -> None:
        lines.append(line)
        if line.startswith("#1 epoch 3/4"):
            raise KilledError

    lines: list[str] = []
    with pytest.raises(KilledError):
        raced(searched, monkeypatch, die)
    broken = raced(searched, monkeypatch, lines.append)
    assert sorted(one.trial for one in broken.compared) == [1, 2]
    assert "up to epoch 1 of 4" in lines[0]
    assert any("#0 is not trained on after epoch 1" in line for line in lines)
    assert not any("#0 epoch 2/4" in line for line in lines)
    assert sum(line.startswith("#2 epoch 4/4") for line in lines) <= 2
    assert not list(Path(folder_of(searched)).glob(f"retrained/**/{CHECKPOINT}"))
    assert [line for line in lines if "is delivered" in line]

    files = {path: path.read_bytes() for path in Path(folder_of(searched)).glob("retrained/**/*.safetensors")}
    for path in files:
        path.unlink()
    for key in [key for key in searched.user_attrs if key.startswith("nas:raced:")]:
        searched.set_user_attr(key, {})  # begins again, without the files
    unbroken = raced(searched, monkeypatch)
    assert [one.accuracy for one in unbroken.compared] == [one.accuracy for one in broken.compared]
    assert all(path.read_bytes() == content for path, content in files.items())


def test_a_network_that_a_race_stops_comes_after_those_that_it_leaves(
    searched: optuna.Study, monkeypatch: pytest.MonkeyPatch
):
    best = results.result_of(searched).networks[0].trial
    found = raced(searched, monkeypatch, last=best)
    assert best not in {one.trial for one in found.compared}
    shown = results.result_of(searched)
    assert shown.best is not None
    assert shown.best.trial == found.winner.trial
    assert [n.trial for n in shown.networks][:3] == [*(one.trial for one in found.compared), best]
    assert weights_of(searched, shown.best).file == found.winner.weights
    again(searched, trial=best, seeds=2)  # by another recipe and to its end
    assert dropped(searched) == {}


def test_a_network_whose_training_fails_comes_after_those_that_end(
    searched: optuna.Study, monkeypatch: pytest.MonkeyPatch
):
    best = results.result_of(searched).networks[0].trial
    train = RetrainingRuns.train

    def failing(runs: RetrainingRuns, network: TrialResult, **options):
        if network.trial == best:
            raise TrainingError("The loss is not finite.")
        return train(runs, network, **options)

    monkeypatch.setattr(RetrainingRuns, "train", failing)
    found = again(searched, top=2)
    shown = results.result_of(searched).best
    assert shown is not None
    assert shown.trial == found.winner.trial != best


def test_networks_of_equal_value_are_ordered_as_every_command_orders_them(
    searched: optuna.Study, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(EpochResult, "of", lambda *_: (0.5, 0.01))
    before = [network.trial for network in results.result_of(searched).networks]
    found = again(searched, top=3)
    assert [one.trial for one in found.compared] == before
    assert [network.trial for network in results.result_of(searched).networks] == before


def test_networks_that_ended_before_a_race_stay_in_it(
    searched: optuna.Study, monkeypatch: pytest.MonkeyPatch
):
    for trial in (1, 2):
        again(searched, trial=trial, seeds=2)
    monkeypatch.setattr("nas.orchestration.retrainer.rungs_of", lambda _: (1,))
    found = again(searched, top=2)
    assert sorted(one.trial for one in found.compared) == [1, 2]


def test_what_ended_in_fp32_gets_its_figures_in_int8_when_they_are_asked_for(searched: optuna.Study):
    plain = again(searched).winner
    assert plain.int8 is None
    found = again(searched, deploy_dtype="int8", form_asked="int8").winner
    assert (found.weights, found.test_accuracy) == (plain.weights, plain.test_accuracy)
    assert found.int8 is not None
    assert found.int8_test is not None
    assert again(searched, deploy_dtype="int8", form_asked="int8").winner == found
    seeded = again(searched, seeds=2)
    assert seeded.winner.int8_test is None
    in_int8 = again(searched, seeds=2, deploy_dtype="int8", form_asked="int8")
    assert [one.weights for one in in_int8.seeds] == [one.weights for one in seeded.seeds]
    assert all(one.int8 is not None for one in in_int8.seeds)
    assert in_int8.winner.int8_test is not None


def test_networks_and_seeds_for_int8_are_chosen_by_what_they_reach_in_int8(
    searched: optuna.Study, monkeypatch: pytest.MonkeyPatch
):
    again(searched, top=2)
    in_fp32 = sorted(ranked(searched).values(), key=lambda one: -(one.accuracy or 0.0))
    best, second = (one.trial for one in in_fp32)
    again(searched, trial=second, seeds=2)
    int8 = {best: 0.2, second: 0.3}

    def evaluated(_self: RetrainedEvaluation, network: TrialResult, known: Retrained) -> Retrained:
        return replace(known, int8=[int8[network.trial] + known.seed / 100, 0.01])

    monkeypatch.setattr(RetrainedEvaluation, "with_int8", evaluated)
    found = again(searched, top=2, seeds=2, deploy_dtype="int8", form_asked="int8")
    assert [one.trial for one in found.compared] == [second, best]
    place = {network.trial: i for i, network in enumerate(results.result_of(searched).networks)}
    assert place[second] < place[best]
    assert [one.value for one in found.seeds] == [(0.3, 0.01), (pytest.approx(0.31), 0.01)]
    assert (found.winner.trial, found.winner.seed) == (second, 1)
    assert found.seeds_mean is not None
    assert found.seeds_mean[0] == pytest.approx(0.305)
    shown = on_validation(found.compared[0], "accuracy")
    assert shown == "accuracy 30.00% ± 1.00 in int8 on validation images"
    plain = again(searched, top=2)
    assert [(one.trial, one.int8) for one in plain.compared] == [(best, None), (second, None)]


def test_a_mean_of_weights_that_is_worse_in_int8_is_not_taken(
    searched: optuna.Study, monkeypatch: pytest.MonkeyPatch
):
    def evaluated(_self: RetrainedEvaluation, _network: TrialResult, known: Retrained) -> Retrained:
        return replace(known, int8=[0.1 if known.soup else 0.2, 0.01])

    again(searched, seeds=2)
    monkeypatch.setattr(RetrainedEvaluation, "with_int8", evaluated)
    monkeypatch.setattr("nas.orchestration.retrainer.soup_of", soup_of_poor)
    lines: list[str] = []
    found = again(searched, seeds=2, soup=True, deploy_dtype="int8", report_line=lines.append)
    assert (found.winner.soup, found.winner.souped, found.winner.value) == (None, True, (0.2, 0.01))
    assert sum("no mean of weights is as good as the 20.00% ± 1.00" in line for line in lines) == 1


def soup_of_poor(
    found: Sequence[Retrained], network: TrialResult, runs: RetrainingRuns, *, metric: str
) -> Retrained | None:
    """Return a mean of weights that is written whatever it reaches in fp32."""
    return soup_of([replace(one, accuracy=0.0) for one in found], network, runs, metric=metric)


def test_what_ended_in_fp32_is_trained_again_for_int8(searched: optuna.Study):
    again(searched)
    networks = chosen(results.result_of(searched), trial=None, top=1)
    assert recipe_of(searched, networks, RECIPE, weights=None, deploy_dtype="int8").recipe == (
        RECIPE.model_copy(update={"fake_quant_from": 0.7})
    )
    again(searched, deploy_dtype="int8")  # as versions did before trainings were quantisation-aware
    assert recipe_of(searched, networks, RECIPE, weights=None, deploy_dtype="int8").recipe == RECIPE


def test_several_seeds_are_stored_and_validation_images_choose_one(searched: optuna.Study):
    lines: list[str] = []
    result = again(searched, seeds=2, report_line=lines.append)
    assert [one.seed for one in result.seeds] == [0, 1]
    assert len({one.weights for one in result.seeds}) == 2
    assert result.seeds[0].accuracy is not None
    best = max(result.seeds, key=lambda one: (one.accuracy or 0.0, -one.seed))
    assert (result.winner.weights, result.winner.seeds) == (best.weights, 2)
    assert result.winner.test_accuracy is not None
    assert result.winner.learnt_from == "training"
    assert times_tested(searched.user_attrs) == 1
    assert result.seeds_mean is not None
    assert result.seeds_mean[0] == pytest.approx(np.mean([one.accuracy for one in result.seeds]))
    assert final(searched, result.winner.trial) == result.winner
    network = results.result_of(searched).networks[0]
    assert weights_of(searched, network, exists=lambda file: file == best.weights).file == best.weights
    rows = [(score.split, score.value) for score in network.scores if score.weights == "retrained"]
    assert rows == [("validation", best.accuracy), ("test", result.winner.test_accuracy)]
    assert retraining_command(searched, result.winner).endswith("--seeds 2")
    assert again(searched, seeds=2).winner == result.winner
    with pytest.raises(InvalidValueError, match="expected --seeds of at least 1"):
        again(searched, seeds=0)


def test_a_retraining_that_was_stopped_goes_on_from_its_last_epoch(searched: optuna.Study):
    class KilledError(Exception):
        pass

    def die(line: str) -> None:
        if "epoch 1/2" in line:
            raise KilledError

    with pytest.raises(KilledError):
        again(searched, report_line=die)
    assert final(searched, 2) is None
    broken = again(searched).winner
    weights = Path(folder_of(searched)) / broken.weights
    content = weights.read_bytes()
    weights.unlink()
    assert again(searched).winner.test_accuracy == broken.test_accuracy
    assert weights.read_bytes() == content


def test_another_recipe_is_another_training_and_the_latest_counts(searched: optuna.Study):
    again(searched, trial=0)
    networks = chosen(results.result_of(searched), trial=0, top=1)
    other = RECIPE.model_copy(update={"epochs": 1, "name": "shorter"})
    retrain(searched, networks, other, weights=None, device="cpu", threads=1, report_line=lambda _: None)
    found = final(searched, 0)
    assert found is not None
    assert found.recipe["name"] == "shorter"
    assert ranked(searched) == {}


def test_a_recipe_is_chosen_once_and_what_was_begun_by_another_goes_on(searched: optuna.Study):
    first, second = chosen(results.result_of(searched), trial=None, top=2)
    choice = recipe_of(searched, [first], None, weights=None)
    assert choice.recipe == RECIPES["full"]  # digits are not mirrored
    assert choice.reason.startswith("Recipe full for ")
    assert recipe_of(searched, [first], None, weights="search") == choice
    place = retraining_folder(second.trial, "full", [RECIPES["full"].identity(), True, False])
    begun = Path(folder_of(searched)) / place / CHECKPOINT
    begun.parent.mkdir(parents=True)
    begun.touch()
    assert "was begun" in recipe_of(searched, [second], None, weights=None).reason
    assert recipe_of(searched, [second], RECIPE, weights=None) == RecipeChoice(RECIPE, "")


@pytest.mark.parametrize("dtype", ["fp32", "int8"])
def test_what_was_begun_by_an_earlier_edition_of_a_recipe_goes_on_by_it(searched: optuna.Study, dtype: str):
    first, second = chosen(results.result_of(searched), trial=None, top=2)
    asked, editions = load_recipe("proxy"), list(recipe_editions("proxy"))
    aware = {"fake_quant_from": 0.7} if dtype == "int8" else {}
    before = editions[0].model_copy(update=aware)
    place = retraining_folder(second.trial, "proxy", [before.identity(), True, False])
    begun = Path(folder_of(searched)) / place / CHECKPOINT
    begun.parent.mkdir(parents=True)
    begun.touch()
    for network, expected in ((first, asked.model_copy(update=aware)), (second, before)):
        found = recipe_of(searched, [network], asked, weights=None, deploy_dtype=dtype, editions=editions)
        assert found.recipe == expected


def test_what_is_deployed_in_int8_is_trained_for_it_unless_its_recipe_says_otherwise(
    searched: optuna.Study, tmp_path: Path
):
    def choice(asked: Recipe | None, *networks: TrialResult) -> RecipeChoice:
        return recipe_of(searched, networks or [first], asked, weights=None, deploy_dtype="int8")

    first, second = chosen(results.result_of(searched), trial=None, top=2)
    found = choice(None)
    assert found.recipe == RECIPES["full"].model_copy(update={"fake_quant_from": 0.7})
    assert found.reason.count("Quantisation-aware") == 1
    assert choice(None) == found  # also once it is stored
    assert choice(RECIPE).recipe.fake_quant_from == 0.7
    for name, line, share in (
        ("plain", "", 0.7),
        ("said", "fake_quant_from: 1.0", 1.0),
        ("own", "fake_quant_from: 0.2", 0.2),
    ):
        (tmp_path / f"{name}.yaml").write_text(f"base: full\n{line}\n")
        assert choice(load_recipe(str(tmp_path / f"{name}.yaml"))).recipe.fake_quant_from == share
    # What was begun without goes on without.
    place = retraining_folder(second.trial, RECIPE.name, [RECIPE.identity(), True, False])
    begun = Path(folder_of(searched)) / place / CHECKPOINT
    begun.parent.mkdir(parents=True)
    begun.touch()
    assert choice(RECIPE, second) == RecipeChoice(RECIPE, "")


def test_the_command_of_a_chosen_recipe_names_none(searched: optuna.Study):
    found = again(searched, recipe_reason="Recipe longer for 9 parameters.").winner
    assert retraining_command(searched, found) == "nas retrain mine --trial 2"


def test_weights_of_seeds_are_averaged_where_validation_images_allow_it(searched: optuna.Study):
    lines: list[str] = []
    found = again(searched, seeds=2, soup=True, report_line=lines.append)
    best = max(one.accuracy or 0.0 for one in found.seeds)
    assert (found.winner.seeds, found.winner.souped, found.winner.joined) == (2, True, False)
    assert (found.winner.accuracy or 0.0) >= best
    said = "mean of the weights of seeds 0, 1" if found.winner.soup else "no mean of weights is as good as"
    assert sum(said in line for line in lines) == 1
    assert retraining_command(searched, found.winner).endswith("--seeds 2 --soup")
    repeated: list[str] = []
    assert again(searched, seeds=2, soup=True, report_line=repeated.append).winner == found.winner
    assert repeated == []

    # Where nothing is worse than them, their mean is written.
    network = results.result_of(searched).networks[0]
    runs = RetrainingRuns(searched, RECIPE, weights=None, device="cpu", threads=1, report_line=lambda _: None)
    poor = [replace(one, accuracy=0.0) for one in found.seeds]
    soup = soup_of(poor, network, runs, metric="accuracy")
    assert soup is not None
    assert soup.soup == [0, 1]
    mean, first, second = (load_file(Path(folder_of(searched)) / one.weights) for one in (soup, *found.seeds))
    name = "head.weight"
    assert torch.allclose(mean[name], (first[name] + second[name]) / 2, atol=1e-6)


def test_the_last_epochs_of_a_training_are_averaged_where_validation_images_allow_it(
    searched: optuna.Study,
):
    lines: list[str] = []
    found = again(searched, soup=True, report_line=lines.append)
    assert (found.winner.recipe["soup_epochs"], found.winner.joined, found.seeds) == (2, False, ())
    assert sum("the mean of the last 2 epochs is" in line for line in lines) == 1
    assert retraining_command(searched, found.winner).endswith("--soup")


def test_trained_weights_are_fine_tuned_unless_a_recipe_is_named(searched: optuna.Study):
    networks = chosen(results.result_of(searched), trial=None, top=1)
    choice = recipe_of(searched, networks, None, weights="/weights/donor.safetensors")
    assert (choice.recipe.name, choice.recipe.flip) == ("fine_tune", False)
    assert choice.reason.startswith("Recipe fine_tune for trained weights.")
    assert recipe_of(searched, networks, RECIPE, weights="/weights/donor.safetensors").recipe == RECIPE
    assert recipe_of(searched, networks, None, weights=None).recipe.name != "fine_tune"


def test_what_cannot_be_retrained_is_said(searched: optuna.Study):
    result = results.result_of(searched)
    with pytest.raises(InvalidValueError, match="expected --top of at least 1"):
        chosen(result, trial=None, top=0)
    with pytest.raises(InvalidValueError, match="--trial alone"):
        chosen(result, trial=1, top=2)
    with pytest.raises(StudyError, match="has 3 networks that fit"):
        chosen(result, trial=None, top=4)
    with pytest.raises(StudyError, match="Network #7 of 'mine' was not trained to the end"):
        chosen(result, trial=7, top=1)
    with pytest.raises(StudyError, match="has no weights at"):
        again(searched, weights="search")


def test_images_that_changed_since_the_search_are_refused(searched: optuna.Study):
    settings = {**searched.user_attrs["nas:settings"], "data_fingerprint": "0" * 64}
    searched.set_user_attr("nas:settings", settings)
    with pytest.raises(DataError, match="have changed since the search"):
        again(searched)


def test_an_export_delivers_the_retrained_weights(searched: optuna.Study, storage, tmp_path: Path):
    found = again(searched, recipe_file="/recipes/longer.yaml").winner
    nas.export("mine", into=tmp_path, name="net", storage=storage.url)
    kept = load_file(Path(folder_of(searched)) / found.weights)
    assert same(kept, tmp_path / "net.safetensors")

    # With the weights of the search beside them, validation images decide, and both are told apart.
    network = results.result_of(searched).networks[0]
    own = Path(folder_of(searched)) / "trials" / "00002" / "weights.safetensors"
    own.parent.mkdir(parents=True)
    save_file(search_spaces.build(network.architecture, num_classes=10, in_channels=1).state_dict(), own)
    lines: list[str] = []
    nas.export("mine", into=tmp_path, name="a", storage=storage.url, weights_of="search", force=True)
    nas.export(
        "mine",
        to=tmp_path / "b",
        int8=True,
        storage=storage.url,
        weights_of="retrain",
        report_line=lines.append,
    )
    assert same(load_file(own), tmp_path / "a.safetensors")
    assert same(kept, tmp_path / "b" / "b.safetensors")
    assert "the weights of nas retrain are written" in lines[0]
    assert lines[1].startswith("On test images, by which nothing is chosen: ")

    card = (tmp_path / "b" / "README.md").read_text()
    rows = {cells[1].strip(): cells[2] for line in card.splitlines() if len(cells := line.split("|")) == 4}
    searched_row = rows["accuracy of the weights of the search"]
    assert "70.00% on validation images, " in searched_row
    retrained_row = rows["accuracy of the weights retrained by longer on training and validation images"]
    assert "on test images" in retrained_row
    assert "validation" not in retrained_row  # they learnt from these
    assert rows["weights"].startswith(" retrained: longer, 2 epochs from scratch")
    assert "nas retrain mine --trial 2 --recipe /recipes/longer.yaml" in rows["command"]
    assert "read 3 times in this study" in rows["test images"]  # also by int8 of what learnt from the others

    assert json.loads((tmp_path / "b" / "b_int8.json").read_text())["split"] == "test"
    with pytest.raises(UserError, match="Known: retrain, search"):
        nas.export("mine", to=tmp_path / "c", storage=storage.url, weights_of="best")


def same(kept: dict[str, torch.Tensor], exported: Path) -> bool:
    """Return whether an exported file holds the weights of a network."""
    delivered = load_file(exported)
    return all(torch.equal(kept[name], tensor) for name, tensor in delivered.items() if name in kept)


@pytest.mark.usefixtures("searched")
def test_the_command_says_what_it_does_and_what_came_of_it(
    storage, tmp_path: Path, capsys, monkeypatch: pytest.MonkeyPatch
):
    from nas.__main__ import run

    monkeypatch.setenv("NAS_STORAGE", storage.url)
    recipe = tmp_path / "longer.yaml"
    recipe.write_text("epochs: 1\nbatch_size: 256\nwarmup_epochs: 0\n")
    assert run(["retrain", "mine#1", "--recipe", str(recipe)]) == 0
    out, err = capsys.readouterr()
    assert "#1 of mine after longer: " in out
    assert "on test images" in out
    assert "#1 epoch 1/1  loss" in err
    assert "nas export delivers the weights of nas retrain as those of the search are no longer kept." in out
    assert "--weights-of" not in out
    assert run(["retrain", "mine", "--top", "9"]) == 2
    assert "has 3 networks that fit" in capsys.readouterr().err
    found = final(studies.find(storage, "mine"), 1)
    assert found is not None
    assert found.recipe["name"] == "longer"
