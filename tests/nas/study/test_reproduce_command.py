"""A study knows the command that began it, complete enough to do the search again."""

import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
import pytest
import typer.main

from nas.commands.search import COMMAND
from nas.study.reproduce_command import (
    LEFT_OUT,
    Request,
    export_command,
    keep_request,
    retrain_command,
    search_command,
)
from nas.study.reproducibility import agreed_slots
from nas.study.settings import Settings
from search_spaces.budget import Budget

SETTINGS = Settings(
    space="mine",
    space_digest="0",
    budgets=(Budget.parse("300M-MACs"), Budget.parse("12ms@cpu")),
    data="/photos of birds",
    data_fingerprint="0",
    recipe={"name": "quick"},
    sampler="tpe",
    seed=3,
)


def begun(study, settings: Settings = SETTINGS):
    """Return the study with settings beside it."""
    study.set_user_attr("nas:settings", settings.to_json())
    return study


def options(text: str) -> list[tuple[str, str]]:
    words = shlex.split(text)
    assert words[:2] == ["nas", "search"]
    return list(zip(words[2::2], words[3::2], strict=True))


def parsed(text: str) -> dict[str, Any]:
    """Return what the command line itself understands of a command."""
    app = typer.Typer()
    app.command("search")(COMMAND)
    command = typer.main.get_command(app)
    with command.make_context("nas search", shlex.split(text)[2:]) as context:
        return dict(context.params)


def test_files_are_named_by_their_whole_path_and_all_else_as_typed(study, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    request = Request.of(
        space="my.yaml", recipe="quick.yml", seed_with=["old#3", "net.json"], learn_from=["older"], trials=40
    )
    keep_request(begun(study), request)
    here = Path.cwd()
    assert options(search_command(study, trained=7)) == [
        ("--budget", "300M-MACs"),
        ("--budget", "12ms@cpu"),
        ("--data", "/photos of birds"),
        ("--space", str(here / "my.yaml")),
        ("--recipe", str(here / "quick.yml")),
        ("--sampler", "tpe"),
        ("--seed", "3"),
        ("--trials", "40"),
        ("--learn-from", "older"),
        ("--seed-with", "old#3"),
        ("--seed-with", str(here / "net.json")),
        ("--study", study.study_name),
    ]


def test_what_was_left_to_the_images_is_named_by_what_it_became(study):
    keep_request(begun(study), Request.of(space=None, recipe="proxy", seed_with=(), learn_from=()))
    found = dict(options(search_command(study, trained=1)))
    assert (found["--space"], found["--recipe"]) == ("mine", "proxy")


def test_the_command_line_reads_back_every_option_that_was_given(study):
    given = {
        "budget": ["300M-MACs", "12ms@cpu"],
        "space": "hybrid_small",
        "data": "/photos of birds",
        "trials": 40,
        "hours": 1.5,
        "study": study.study_name,
        "sampler": "factor_gp",
        "recipe": "/recipes/it's mine.yaml",
        "seed": 3,
        "seed_with": ["old study#3", "mobilenet_v2_1.0_224"],
        "learn_from": ["an older study", "another"],
        "metric": "macro_f1",
        "evaluator": "supernet",
        "supernet": "a trained one",
        "teacher": "/nets/it is big.onnx",
        "weights": "/nets/my donor",
        "reproducible": False,
        "deploy_dtype": "int8",
    }
    settings = replace(
        SETTINGS,
        space="hybrid_small",
        sampler="factor_gp",
        metric="macro_f1",
        learn_from=("an older study", "another"),
        evaluator="supernet",
        supernet="a trained one",
        teacher="/nets/it is big.onnx",
        weights="/nets/my donor",
        deploy_dtype="int8",
    )
    request = Request.of(
        space=None,
        recipe="/recipes/it's mine.yaml",
        seed_with=["old study#3", "mobilenet_v2_1.0_224"],
        learn_from=["an older study", "another"],
        trials=40,
        hours=1.5,
    )
    keep_request(begun(study, settings), request)
    agreed_slots(study, False, default=True, slots=2)
    found = parsed(search_command(study, trained=0))
    assert {name: value for name, value in found.items() if name not in LEFT_OUT} == given
    assert set(found) == given.keys() | LEFT_OUT  # a new option has to be in one of them


def test_the_command_has_the_trials_asked_for_and_never_none_of_them(study):
    keep_request(begun(study), Request.of(space=None, recipe="proxy", seed_with=(), learn_from=(), trials=20))
    assert parsed(search_command(study, trained=0))["trials"] == 20
    longer = Request.of(space=None, recipe="proxy", seed_with=["a#1"], learn_from=(), trials=40)
    keep_request(study, longer)
    keep_request(study, replace(longer, seed_with=(), trials=10))  # went on, and asked for less
    found = parsed(search_command(study, trained=3))
    assert (found["trials"], found["seed_with"]) == (40, ["a#1"])


@pytest.mark.parametrize(("trained", "trials"), [(7, "7"), (0, None)])
def test_a_study_that_did_not_keep_its_request_still_has_a_command(study, trained: int, trials: str | None):
    begun(study, replace(SETTINGS, learn_from=("older",), metric="macro_f1"))
    found = dict(options(search_command(study, trained=trained)))
    assert (found["--space"], found["--recipe"]) == ("mine.yaml", "quick.yaml")
    assert (found["--learn-from"], found["--metric"]) == ("older", "macro_f1")
    assert found.get("--trials") == trials


def test_a_study_that_kept_no_number_of_trials_names_those_it_trained(study):
    old = {"space": "", "recipe": "proxy", "seed_with": [], "learn_from": ""}
    begun(study).set_user_attr("nas:request", old)
    found = dict(options(search_command(study, trained=7)))
    assert (found["--space"], found["--trials"]) == ("mine", "7")


def test_the_name_of_a_study_is_left_out_where_it_is_the_default():
    study = begun(optuna.create_study(study_name=SETTINGS.default_name()))
    assert parsed(search_command(study, trained=1))["study"] is None


def test_folders_of_networks_are_named_by_their_whole_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "exported").mkdir()
    (tmp_path / "mobilenet_v2_1.0_224").mkdir()  # the published network of that name comes first
    request = Request.of(
        space=None, recipe="proxy", seed_with=["exported", "mobilenet_v2_1.0_224", "older"], learn_from=()
    )
    assert request.seed_with == (str(Path.cwd() / "exported"), "mobilenet_v2_1.0_224", "older")


def test_names_are_quoted_in_what_follows_a_search():
    assert export_command("my birds") == "nas export 'my birds' --to my_net"
    retraining = retrain_command("my birds", 3, "full", from_weights=True)
    assert retraining == "nas retrain 'my birds' --trial 3 --recipe full --from-weights"
