"""A study knows the command that began it."""

import shlex
from pathlib import Path

from nas.study.reproduce_command import Request, command, keep_request
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


def options(text):
    words = shlex.split(text)
    assert words[:2] == ["nas", "search"]
    return list(zip(words[2::2], words[3::2], strict=True))


def test_files_are_named_by_their_whole_path_and_all_else_as_typed(study, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    request = Request.of(
        space="my.yaml", recipe="quick.yml", seed_with=["old#3", "net.json"], learn_from="older"
    )
    keep_request(study, request)
    told = options(command(study, SETTINGS, trials=40))
    here = Path.cwd()
    assert told == [
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
    ]


def test_what_was_left_to_the_images_is_named_by_what_it_became(study):
    keep_request(study, Request.of(space=None, recipe="proxy", seed_with=(), learn_from=""))
    told = dict(options(command(study, SETTINGS, trials=1)))
    assert (told["--space"], told["--recipe"]) == ("mine", "proxy")
