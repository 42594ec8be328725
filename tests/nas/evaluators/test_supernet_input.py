"""What a supernet cannot be used or trained for is one line, before anything is begun."""

from dataclasses import replace
from pathlib import Path

import pytest

from nas.__main__ import run
from nas.evaluators import EVALUATORS, SearchFacts
from nas.evaluators._weight_sharing import band_of, supernet_recipe
from search_spaces.budget import Budget
from search_spaces.elastic import SharedWeights
from search_spaces.elastic.layout import SharedLayout
from search_spaces.loading import load
from search_spaces.pricing import prices
from search_spaces.space_record import to_record
from tests.nas.administration.test_supernet_consistency import begun
from trials.datasets import open_images
from trials.recipes import load_recipe
from trials.supernet import SupernetRecipe
from trials.supernet.memory import forecast_memory
from trials.supernet.step_networks import StepNetworks
from trials.supernet.weights_file import write_supernet
from trials.training.errors import OutOfMemoryError
from trials.training.file_names import SUPERNET
from trials.training.recipe import Recipe

SPACE = """
version: 1
name: few
resolution: [8]
width: [0.5, 1.0]
divisor: 8
options: {stem_channels: 16, stem_stride: 1}
stages:
  - channels: 16
    depth: [1, 2]
    options: {mixer: [depthwise, separable_attention], kernel: [3, 5], dilation: [1, 2]}
"""


@pytest.fixture
def written(tmp_path: Path, storage, monkeypatch):
    """Return what keeps a supernet of the space with a study, for a band of MACs and images."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NAS_STORAGE", storage.url)
    (tmp_path / "few.yaml").write_text(SPACE)
    (tmp_path / "other.yaml").write_text(SPACE.replace("depth: [1, 2]", "depth: [1]"))
    space, splits = load("few.yaml"), open_images("digits", seed=0, cache=None)
    study = begun(storage, tmp_path / "runs")
    study.set_user_attr("nas:space", to_record(space))

    def write(**changes) -> None:
        shared = SharedWeights(space, num_classes=10, in_channels=1)
        recipe = SupernetRecipe(name="s", training=Recipe(name="s", epochs=1))
        path = Path(study.user_attrs["nas:folder"])
        place = (path if path.is_absolute() else tmp_path / path) / "supernet" / SUPERNET
        write_supernet(place, shared, replace(splits, **changes), recipe, band=(50_000, 90_000), seed=0)

    return write


def said(capsys, *words: str) -> str:
    given = ["search", "--supernet", "mine", "--study", "new", *words]
    given += [] if "--budget" in words else ["--budget", "80k-MACs"]
    status = run(given)
    out, err = capsys.readouterr()
    assert (status, out) == (2, "")
    assert len(err.strip().splitlines()) == 1
    assert not Path("nas-runs").exists()
    return str(err)


def test_a_search_is_in_the_space_of_its_supernet_and_another_split_or_budget_is_refused(written, capsys):
    assert "The study 'mine' has no trained supernet: expected one of a search" in said(capsys)
    written()
    assert "The supernet is of the space 'few', and the search of 'few', whose" in said(
        capsys, "--space", "other.yaml"
    )
    assert "among which may be validation and test images of seed 1" in said(capsys, "--seed", "1")
    outside = said(capsys, "--budget", "200k-MACs")
    assert "is for 50,000 to 90,000 MACs: expected a budget between them, found 200,000" in outside
    assert "expected a network of those within 80k-MACs and 1k-params, found none" in said(
        capsys, "--budget", "80k-MACs", "--budget", "1k-params"
    )
    written(fingerprint="0" * 64)
    assert "was trained on other images of the same classes" in said(capsys)
    written(classes=tuple("abcdefghij"))
    assert "The supernet has 10 classes (a, b, c, d, e" in said(capsys)


@pytest.fixture
def facts(tmp_path: Path, monkeypatch) -> SearchFacts:
    """Return a search in the space."""
    monkeypatch.chdir(tmp_path)
    Path("few.yaml").write_text(SPACE)
    space, splits = load("few.yaml"), open_images("digits", seed=0, cache=None)
    return SearchFacts(
        space=space,
        prices=prices(space.codes, num_classes=10, in_channels=1),
        budgets=(Budget.parse("80k-MACs"),),
        recipe=load_recipe("proxy"),
        splits=splits,
        data="digits",
        cache="images",
        seed=0,
        metric="accuracy",
        trials=2,
        device="cpu",
        threads=1,
    )


@pytest.mark.parametrize("budget", ["12ms@cpu", "4k-params", "200k-activations"])
def test_without_a_budget_on_macs_a_trained_supernet_reads_what_it_is_for(facts, budget: str):
    shared, band = SharedWeights(facts.space, num_classes=10, in_channels=1), (50_000, 90_000)
    recipe = SupernetRecipe(name="s", training=Recipe(name="s", epochs=1))
    write_supernet(Path("s.safetensors"), shared, facts.splits, recipe, band=band, seed=0)
    budgets = (Budget.parse(budget),)
    work = EVALUATORS["supernet"].work(replace(facts, budgets=budgets, weights=Path("s.safetensors")))
    assert work is not None
    assert work.config["band"] == list(band)
    assert work.config["budgets"] == [b.text for b in budgets if b.counted] + ["90000-MACs"]


def test_with_a_latency_alone_a_supernet_is_for_all_sizes_and_says_so(facts):
    facts = replace(facts, budgets=(Budget.parse("12ms@cpu"),))
    work = EVALUATORS["supernet"].work(facts)
    assert work is not None
    least, most = facts.prices.extremes("macs")
    assert (work.config["band"][0], work.config["band"][1]) == pytest.approx((least, most), rel=0.1)
    assert "with a second --budget such as 300M-MACs" in work.lines[-1]
    begun = EVALUATORS["supernet"].work(replace(facts, band=(60_000, 90_000)))
    assert begun is not None
    assert begun.config["band"] == [60_000, 90_000]  # with which it has begun


def test_what_cannot_share_is_named_and_too_little_memory_says_how_large_a_network_may_be(facts):
    space = facts.space
    for name in ("supernet", "sortednet"):
        work = EVALUATORS[name].work(facts)
        assert work is not None
        assert work.lines[1].endswith(
            "Values with weights of their own: stage1.mixer, stage1.dilation of depthwise"
        )
    recipe, band = supernet_recipe(facts.recipe), band_of(facts)
    networks = StepNetworks(space, recipe, band, num_classes=10, in_channels=1, seed=0)
    layout = SharedLayout(space, num_classes=10, in_channels=1)
    most = forecast_memory(layout, networks, recipe).total
    with pytest.raises(OutOfMemoryError, match=r"The largest network may have about [0-9.]+k MACs"):
        EVALUATORS["supernet"].work(replace(facts, memory=most - 1))
    with pytest.raises(OutOfMemoryError, match="Not even its smallest network fits"):
        EVALUATORS["supernet"].work(replace(facts, memory=1000))
