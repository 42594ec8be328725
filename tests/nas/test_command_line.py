"""The command line is instant, teaches by example, and answers bad input in one line."""

import subprocess
import sys
import typing
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest
import typer

from nas.__main__ import run
from nas.commands import COMMANDS
from search_spaces.costs import COSTS

README = Path(__file__).parents[2] / "README.md"


def test_help_needs_no_torch_and_no_ray():
    script = (
        "import sys; from nas.__main__ import run; run(['--help']); run(['search', '--help']);"
        "run(['explain', '--help']); run(['--version']);"
        "slow = {'torch', 'ray', 'optuna', 'plotly', 'sklearn'} & set(sys.modules); assert not slow, slow"
    )
    subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, timeout=60)


def test_catalogs_need_no_ray_and_no_sampler():
    script = (
        "import sys; from nas.__main__ import run; assert not any(run([n]) for n in sys.argv[1:]);"
        "slow = {'ray', 'gpytorch', 'optuna', 'plotly', 'sklearn'} & set(sys.modules); assert not slow, slow"
    )
    command = [sys.executable, "-c", script, "networks", "spaces", "targets"]
    subprocess.run(command, check=True, capture_output=True, timeout=120)


def function_of(name: str) -> Callable[..., None]:
    command = COMMANDS[name]
    if not isinstance(command, typer.Typer):
        return command
    assert command.registered_callback is not None
    assert command.registered_callback.callback is not None
    return command.registered_callback.callback


@pytest.mark.parametrize("name", list(COMMANDS))
def test_every_command_ends_its_help_with_an_example_and_is_in_the_readme(name: str, capsys):
    assert run([name, "--help"]) == 0
    help_text = capsys.readouterr().out
    assert help_text.startswith(f"Usage: nas {name}")
    docstring = str(function_of(name).__doc__).strip()
    assert docstring.splitlines()[-1].strip().startswith(f"Example: nas {name}")
    assert f"nas {name}" in README.read_text()


def named_options() -> list[tuple[str, str, str]]:
    """Return command, metavar and help of every option and argument that has a metavar."""
    found: list[tuple[str, str, str]] = []
    for name in COMMANDS:
        hints = typing.get_type_hints(function_of(name), include_extras=True)
        for hint in hints.values():
            infos = [info for info in getattr(hint, "__metadata__", ()) if info.metavar is not None]
            found.extend((name, info.metavar, str(info.help)) for info in infos)
    return found


def choices() -> dict[str, list[str]]:
    """Return, by the metavar of an option that takes a name, every name that it accepts."""
    from dashboards.reports import REPORTS
    from nas.orchestration.search_input import LOGS
    from nas.samplers import SAMPLERS
    from nas.scaling.rules import RULES
    from search_spaces.catalog import SPACES
    from trials.datasets import DATASETS
    from trials.recipes import RECIPES
    from trials.targets import TARGETS
    from trials.training.evaluation import METRICS

    return {
        "SAMPLER": list(SAMPLERS),
        "SPACE": list(SPACES),
        "RECIPE": list(RECIPES),
        "RULE": list(RULES),
        "FORMAT": list(REPORTS),
        "TARGET": list(TARGETS),
        "METRIC": list(METRICS),
        "LOG": list(LOGS),
        "DATA": [name for name in DATASETS if DATASETS[name].embedded],
    }


def test_every_option_that_takes_a_name_lists_its_choices():
    known = choices()
    options = named_options()
    assert {metavar for _, metavar, _ in options} >= known.keys()
    lacking = [
        (command, metavar, choice)
        for command, metavar, text in options
        for choice in known.get(metavar, ())
        if choice not in text
    ]
    assert not lacking


def test_every_budget_in_help_shows_an_example():
    budgets = [(command, text) for command, metavar, text in named_options() if metavar == "BUDGET"]
    assert budgets
    assert all("-MACs" in text for _, text in budgets), budgets
    (listed,) = [text for command, text in budgets if command == "search"]
    assert all(cost in listed for cost in COSTS)


def test_help_sends_nobody_to_a_source_file():
    folders = ("nas/", "trials/", "search_spaces/", "dashboards/")
    assert not [(c, text) for c, _, text in named_options() if any(f in text for f in folders)]


@pytest.mark.parametrize(
    "name",
    [name for name in COMMANDS if name not in {"dashboard", "jobs", "mcp", "serve", "tokens", "users"}],
)
def test_a_command_and_its_python_call_have_the_same_defaults(name: str):
    import inspect

    import nas

    command = inspect.signature(function_of(name)).parameters
    call = inspect.signature(getattr(nas, name)).parameters
    shared = [p for p in call.values() if p.name in command and p.default is not p.empty]
    differing = {p.name: (command[p.name].default, p.default) for p in shared}
    assert not {k: v for k, v in differing.items() if v[0] != v[1] and v != (None, ())}


def test_pareto_means_one_thing_in_all_helps(capsys):
    from nas.commands._options import PARETO_FRONT

    for name in ("show", "export"):
        assert run([name, "--help"]) == 0
        assert PARETO_FRONT in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("words", [(), ("studies",)])
def test_a_terminal_of_80_columns_shows_what_each_command_does_in_full(
    words: tuple[str, ...], capsys, monkeypatch
):
    monkeypatch.setenv("COLUMNS", "80")
    assert run([*words, "--help"]) == 0
    _, _, commands = capsys.readouterr().out.partition("Commands:\n")
    assert commands
    assert all(line.endswith(".") and not line.endswith("...") for line in commands.splitlines())


def test_the_version_is_printed(capsys):
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"nas {version('budget-nas')}\n"


def test_without_words_the_help_is_shown(capsys):
    assert run([]) == 0
    assert "nas search --budget 300M-MACs" in capsys.readouterr().out


FITS = ("--budget", "30M-MACs")


@pytest.mark.parametrize(
    ("words", "status", "expected"),
    [
        (("serch",), 2, "Did you mean 'search'"),
        (("search",), 2, "No budget was given"),
        (("search", "--budget", "300M-flops"), 2, "Cannot read the budget '300M-flops'"),
        (("search", "--budget", "0M-MACs"), 2, "Cannot read the budget '0M-MACs'"),
        (("search", "--budget", "3k-MACs"), 3, "the smallest needs"),
        (("search", *FITS, "--space", "hybrid_smal"), 2, "Did you mean 'hybrid_small'"),
        (("search", *FITS, "--sampler", "factor_pg"), 2, "Did you mean 'factor_gp'"),
        (("search", *FITS, "--recipe", "prox"), 2, "Did you mean 'proxy'"),
        (("search", *FITS, "--recipe", "none.yaml"), 2, "Cannot read the recipe 'none.yaml'"),
        (("search", *FITS, "--data", "no/images"), 2, "No images at"),
        (("search", *FITS, "--metric", "acuracy"), 2, "Did you mean 'accuracy'"),
        (("search", *FITS, "--log-to", "tensorbord"), 2, "Did you mean 'tensorboard'"),
        (("search", *FITS, "--keep-checkpoints", "0"), 2, "Cannot keep 0 checkpoints"),
        (("search", *FITS, "--trials", "0"), 2, "Cannot train 0 networks"),
        (("search", *FITS, "--trials", "many"), 2, "--trials"),
        (("search", *FITS, "--seed-with", "mobilenet_v2_1.0_224"), 2, "does not hold the architecture"),
        (("search", *FITS, "--study", "../elsewhere"), 2, "Cannot call a study '../elsewhere'"),
        (("search", *FITS, "--study", "a#1"), 2, "Cannot call a study 'a#1'"),
        (("search", *FITS, "--study", ""), 2, "Cannot call a study ''"),
        (("search", *FITS, "--hours", "0"), 2, "Cannot search for 0 hours"),
        (("search", *FITS, "--seed", "-1"), 2, "Cannot use the seed -1"),
        (("search", *FITS, "--gpus-per-trial", "99"), 2, "99 GPUs"),
        (("search", *FITS, "--gpus-per-trial", "nan"), 2, "nan GPUs"),
        (
            ("search", *FITS, "--data", "~no-such-person/images"),
            2,
            "Cannot use --data '~no-such-person/images'",
        ),
        (("search", *FITS, "--data", "x" * 300), 2, "Cannot use --data"),
        (("search", *FITS, "--study", "images"), 2, "Cannot call a study 'images'"),
        (("search", *FITS, "--storage", "sqlite://"), 2, "is no file"),
        (
            ("search", *FITS, "--storage", "postgresql://me:secret@host:port/nas"),
            2,
            "Cannot read the storage 'postgresql://***'",
        ),
        (("search", *FITS, "--storage", "postgresql+nodriver://me@host/nas"), 2, "postgresql+nodriver"),
        (
            ("search", *FITS, "--storage", "postgresql://me@127.0.0.1:1/nas?password=secret"),
            2,
            "does not answer",
        ),
        (("measure", "~no-such-person"), 2, "No network is called '~no-such-person'"),
        (("measure", "tinynet_e_106", "--to", "/dev/null/x.html"), 2, "Cannot write the roofline to"),
        (("search", *FITS, "--storage", "nowhere"), 2, "Cannot read the storage 'nowhere'"),
        (
            ("search", *FITS, "--storage", "postgresql://me:secret@127.0.0.1:1/nas"),
            2,
            "The storage 'postgresql://me:***@127.0.0.1:1/nas' does not answer",
        ),
        (("show",), 2, "Begin with: nas search"),
        (("export", "--to", "net"), 2, "Begin with: nas search"),
        (("dashboard",), 2, "Begin with: nas search"),
    ],
)
def test_bad_input_gets_one_line_and_nothing_half_written(
    words, status: int, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NAS_STORAGE", raising=False)
    assert run(list(words)) == status
    out, err = capsys.readouterr()
    assert expected in err
    assert len(err.strip().splitlines()) == 1
    assert "secret" not in out + err
    assert not list(tmp_path.glob("nas-runs/*/search.log"))


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda folder: folder.mkdir(), "is empty"),
        (lambda folder: (folder / "cat").mkdir(parents=True), "images"),
        (lambda folder: _images(folder, classes=1), "one class"),
        (lambda folder: _images(folder, classes=2, broken=9), "Cannot read 9 of 49 images"),
    ],
)
def test_images_that_cannot_be_used_get_one_line(
    make, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
):
    monkeypatch.chdir(tmp_path)
    make(tmp_path / "images")
    assert run(["search", "--budget", "30M-MACs", "--data", "images"]) == 2
    err = capsys.readouterr().err
    assert expected in err
    assert len(err.strip().splitlines()) == 1
    assert not (tmp_path / "nas.db").exists()


def test_a_teacher_that_does_not_suit_the_images_is_told_before_anything_is_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taught.yaml").write_text("epochs: 2\nteacher: none.safetensors\n")
    assert run(["search", "--budget", "30M-MACs", "--recipe", "taught.yaml"]) == 2
    err = capsys.readouterr().err
    assert "Cannot use the teacher" in err
    assert len(err.strip().splitlines()) == 1
    assert not (tmp_path / "nas.db").exists()


def _images(folder: Path, *, classes: int, broken: int = 0) -> None:
    from PIL import Image

    for label in range(classes):
        (folder / f"class{label}").mkdir(parents=True)
        for index in range(20):
            Image.new("L", (8, 8), 9 * index).save(folder / f"class{label}" / f"{index}.png")
    for index in range(broken):
        (folder / "class0" / f"broken{index}.png").write_bytes(b"no image")
