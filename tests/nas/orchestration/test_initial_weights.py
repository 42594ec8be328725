"""A retraining starts from a network's slice of the supernet of its study, and says so."""

import json
from dataclasses import replace
from pathlib import Path

import optuna
import pytest
import torch
from safetensors.torch import load_file

from nas.administration.renaming import rename
from nas.exports.provenance import provenance
from nas.files.supernet_file import about_source, supernet_file
from nas.orchestration.initial_weights import START
from nas.orchestration.retraining import chosen, retrain
from nas.study import study as studies
from nas.study.delivered_weights import weights_of
from nas.study.expected_values import ExpectedValues, store_expected
from nas.study.places import folder_of
from nas.study.results import result_of
from nas.study.retrained import final
from nas.study.settings import Settings
from search_spaces.elastic import SharedWeights
from search_spaces.errors import DataError, SpaceError, StudyError
from search_spaces.space_record import to_record
from trials.datasets import open_images
from trials.images.splits import Splits
from trials.supernet import SupernetRecipe
from trials.supernet.weights_file import write_supernet
from trials.training.errors import CheckpointError
from trials.training.file_names import SUPERNET
from trials.training.recipe import Recipe

pytestmark = pytest.mark.slow
RECIPE = Recipe(
    name="short", epochs=2, warmup_epochs=0, batch_size=256, epoch_images=256, precision="fp32",
    recalibration_batches=1,
)  # fmt: skip


@pytest.fixture
def splits() -> Splits:
    return open_images("digits", seed=0, cache=None)


def shared_for(space, splits: Splits) -> SharedWeights:
    return SharedWeights(space, num_classes=len(splits.classes), in_channels=splits.channels, seed=3)


def keep_supernet(study: optuna.Study, shared: SharedWeights, splits: Splits, band=(1, 10**9)) -> Path:
    """Give a study the supernet of a search with --evaluator supernet."""
    studies.keep_space(study, shared.space)
    study.set_user_attr("nas:settings", {**study.user_attrs["nas:settings"], "evaluator": "supernet"})
    path = Path(folder_of(study)) / "supernet" / SUPERNET
    recipe = SupernetRecipe(name="s", training=Recipe(name="s", epochs=1, precision="fp32"))
    write_supernet(path, shared, splits, recipe, band=band, seed=0)
    return path


def again(study: optuna.Study, report_line=lambda _: None, trial: int = 2):
    networks = chosen(result_of(study), trial=trial, top=1)
    return retrain(
        study, networks, RECIPE, weights="supernet", device="cpu", threads=1, report_line=report_line
    )


class KilledError(Exception):
    pass


def die(line: str) -> None:
    if "epoch 1/2" in line:
        raise KilledError


def architecture_of(study: optuna.Study):
    return next(n for n in result_of(study).networks if n.trial == 2).architecture


def test_it_starts_from_its_slice_and_goes_on_to_the_same_bytes_without_the_supernet(
    searched, tiny_prices, splits
):
    shared = shared_for(tiny_prices.codes.space, splits)
    file = keep_supernet(searched, shared, splits)
    lines: list[str] = []
    whole = again(searched, lines.append).winner
    weights = Path(folder_of(searched)) / whole.weights
    trained = weights.read_bytes()
    assert not (weights.parent / START).exists()
    assert "#2 starts from its slice of the supernet of 'mine', " in lines[0]

    weights.unlink()
    with pytest.raises(KilledError):
        again(searched, die)
    start, own = load_file(weights.parent / START), shared.module(architecture_of(searched))
    assert all(torch.equal(tensor, start[name]) for name, tensor in own.named_parameters())
    statistics = {name: tensor for name, tensor in own.named_buffers() if tensor.is_floating_point()}
    assert not any(torch.equal(tensor, start[name]) for name, tensor in statistics.items())  # re-estimated
    file.unlink()
    assert again(searched).winner.test_accuracy == whole.test_accuracy
    assert weights.read_bytes() == trained
    assert again(searched).winner == final(searched, 2)  # and what is done already needs none

    weights.unlink()
    with pytest.raises(StudyError, match="The supernet of 'mine' is not trained yet: expected"):
        again(searched)


def test_what_it_started_from_stands_in_the_record_the_views_the_card_and_the_command(
    searched, tiny_prices, splits, storage, tmp_path, capsys
):
    from nas.__main__ import run

    keep_supernet(searched, shared_for(tiny_prices.codes.space, splits), splits, band=(1, 2))
    recipe = tmp_path / "short.yaml"
    recipe.write_text("epochs: 1\nepoch_images: 256\nbatch_size: 256\nwarmup_epochs: 0\n")
    given = ["retrain", "mine#2", "--recipe", str(recipe), "--storage", storage.url]
    assert run([*given, "--weights", "supernet", "--json"]) == 0
    start = json.loads(capsys.readouterr().out)["winner"]["start"]
    assert (start["source"], start["metric"]) == ("supernet", "accuracy")
    assert 0 < start["value"] < 0.6
    assert start["words"].startswith(
        "its slice of the supernet of 'mine' (which is for 1 to 2 MACs, and this"
    )
    network = result_of(searched).networks[0]
    assert {score.started_from for score in network.scores} == {None, start["words"]}
    chosen_weights = weights_of(searched, network, "retrain")
    card = provenance(searched, result_of(searched), network, weights=chosen_weights, latencies={})
    assert card["weights"].startswith("retrained: short, 1 epochs from its slice of the supernet of 'mine'")
    assert card["command"].endswith(f"nas retrain mine --trial 2 --recipe {recipe} --weights supernet")

    assert run([*given, "--weights", "search"]) == 2
    assert run([*given, "--weights", "bests"]) == 2
    assert run([*given, "--weights", "supernet", "--from-weights"]) == 2
    err = capsys.readouterr().err
    assert "expected those that its trial wrote" in err
    assert "'bests'" in err
    assert len(err.strip().splitlines()) == 3
    assert "expected one of --from-weights and --weights" in err


def test_a_supernet_of_another_study_is_found_under_its_new_name_and_missed_in_one_line(
    searched, tiny_prices, splits, storage
):
    with pytest.raises(StudyError, match="The study 'mine' has no supernet: expected one of a search with"):
        again(searched)
    keep_supernet(searched, shared_for(tiny_prices.codes.space, splits), splits)
    settings = searched.user_attrs["nas:settings"]
    user = studies.begin(
        storage,
        "user",
        Settings.from_json({**settings, "supernet": "mine"}),
        sampler=optuna.samplers.RandomSampler(),
        pruner=optuna.pruners.NopPruner(),
        images=studies.images_of(searched),
        folder=str(Path(folder_of(searched)).with_name("user")),
    )
    assert supernet_file(user).parent.parent.name == "mine"
    about = about_source(searched)
    store_expected(
        user, ExpectedValues(source="supernet of mine", codes=[], values=[], budgets=(), about=about)
    )
    rename(storage, "mine", "ours")
    assert studies.settings_of(studies.find(storage, "user")).supernet == "ours"
    stale = {**user.user_attrs["nas:settings"], "supernet": "mine"}  # renamed by an earlier version
    user.set_user_attr("nas:settings", stale)
    assert supernet_file(user).parent.parent.name == "ours"
    supernet_file(user).unlink()
    with pytest.raises(StudyError, match="The supernet of 'mine', which 'user' uses, is not there: expected"):
        supernet_file(user)
    optuna.delete_study(study_name="ours", storage=storage)
    with pytest.raises(StudyError, match="which 'user' uses, is not there: that study is gone"):
        supernet_file(user)


def test_a_supernet_that_is_not_the_study_s_is_refused(searched, tiny_prices, splits):
    space = tiny_prices.codes.space
    keep_supernet(searched, shared_for(space, splits), replace(splits, fingerprint="0" * 64))
    with pytest.raises(DataError, match="was trained on other images of the same classes"):
        again(searched)
    smaller = replace(space, name="smaller", resolution=(8,))
    file = keep_supernet(searched, shared_for(smaller, splits), splits)
    searched.set_user_attr("nas:space", to_record(space))
    with pytest.raises(SpaceError, match="The supernet is of the space 'smaller'"):
        again(searched)
    outside = next(n for n in result_of(searched).networks if n.architecture.resolution == 16)
    searched.set_user_attr("nas:space", to_record(smaller))
    with pytest.raises(StudyError, match=f"Network #{outside.trial} of 'mine' is not part of its supernet"):
        again(searched, trial=outside.trial)
    file.write_bytes(b"half")
    with pytest.raises(CheckpointError, match="Cannot read the supernet"):
        again(searched)
