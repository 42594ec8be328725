"""A profile agrees with the space it describes."""

import numpy as np
import pytest
from PIL import Image

import nas
from nas.__main__ import run
from nas.commands._profile_tables import print_profile
from nas.profiling.space_profile import profile_space
from search_spaces.budget import Budget
from search_spaces.errors import NothingFitsError
from search_spaces.pricing import prices
from search_spaces.space import SearchSpace
from search_spaces.stage_choices import StageSpace


def test_shares_and_quantiles_are_those_of_the_enumerated_space(tiny_prices):
    budget = Budget.parse("300k-MACs")
    profile = profile_space(tiny_prices, [budget], np.random.default_rng(0))
    networks = tiny_prices.codes
    codes = np.stack(np.meshgrid(*map(np.arange, networks.radices), indexing="ij"), -1).reshape(
        -1, len(networks.radices)
    )
    codes = np.unique(networks.canonical(codes), axis=0)
    assert len(codes) == profile.size
    macs = tiny_prices.of(codes, "macs")
    # 20,000 draws: 0.02 is above five standard errors of a share, a false alarm in two million.
    assert profile.share == pytest.approx((macs <= 300_000).mean(), abs=0.02)
    assert profile.costs["macs"].smallest == macs.min()
    assert profile.costs["macs"].largest == macs.max()
    assert profile.costs["macs"].fitting[-1] <= 300_000
    assert set(profile.factors["resolution"]) == {"8", "16"}
    assert profile.factors["resolution"]["8"] > profile.factors["resolution"]["16"]


def test_a_share_that_no_draw_meets_is_counted(capsys):
    profile = nas.profile("460k-MACs", space="hybrid_small")
    # 20,000 draws of the networks that are counted: 10 % is above five standard errors of a share of a third.
    assert profile.share == pytest.approx(3.3e-10, rel=0.1)
    sides = list(profile.factors["resolution"].values())
    assert sides[0] > profile.share > sides[-1]
    print_profile(profile)
    assert "1 in 3" in capsys.readouterr().out.splitlines()[0]


def test_a_latency_is_named_as_not_considered_and_refused_alone(capsys):
    assert run(["profile", "--budget", "300M-MACs", "--budget", "5ms@cpu"]) == 0
    heading, line, *_ = capsys.readouterr().out.splitlines()
    assert heading.endswith("fit 300M-MACs")
    assert line == "Not considered, because it has to be measured: 5ms@cpu."
    assert run(["profile", "--budget", "5ms@cpu"]) == 2
    assert "Cannot profile 5ms@cpu: it has to be measured." in capsys.readouterr().err


def test_nothing_fits_says_what_the_smallest_needs(tiny_prices):
    with pytest.raises(NothingFitsError, match="the smallest needs"):
        profile_space(tiny_prices, [Budget.parse("1k-MACs")], np.random.default_rng(0))


def test_the_command_prints_tables_and_json(capsys):
    import json

    assert run(["profile", "--budget", "300M-MACs"]) == 0
    out = capsys.readouterr().out
    assert "fit 300M-MACs" in out
    assert "share that fits, by factor" in out
    assert run(["profile", "--budget", "300M-MACs", "--json"]) == 0
    profile = json.loads(capsys.readouterr().out)
    assert profile["version"] == 1
    assert profile["share"] < 0.92  # the budget bites: a tenth of hybrid_small exceeds it


@pytest.mark.parametrize(
    "words",
    [
        ("--classes", "1"),
        ("--classes", "100000000000000"),
        ("--channels", "0"),
        ("--channels", "100000000"),
        ("--seed", "-1"),
    ],
)
def test_numbers_that_cannot_be_are_refused(words, capsys):
    assert run(["profile", "--budget", "300M-MACs", *words]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--recipe", "full"), "--recipe without --proxy"),
        (("--full", "strong"), "--full without --proxy"),
        (("--gpus-per-trial", "1"), "--gpus-per-trial without --proxy"),
        (("--scores", "--recipe", "full"), "--recipe without --proxy"),
        (("--networks", "3"), "--networks without --proxy or --scores"),
        (("--proxy", "--classes", "3"), "--classes here: the images of --data decide"),
        (("--scores", "--channels", "1"), "--channels here: the images of --data decide"),
    ],
)
def test_an_option_that_would_do_nothing_is_refused(words, said, capsys):
    assert run(["profile", "--budget", "2M-MACs", *words]) == 2
    assert capsys.readouterr().err == f"Cannot use {said}. Leave it out.\n"


def test_without_a_budget_costs_are_shown_alone(capsys):
    assert run(["profile", "--space", "mobile_small"]) == 0
    out = capsys.readouterr().out
    assert "networks; --budget shows how many fit" in out
    assert "of those that fit" not in out


def test_the_factors_of_a_stage_and_of_the_skeleton_are_shown():
    stage = StageSpace(
        channels=16,
        depth=(2,),
        width=(1.0, 2.0),
        block=("metaformer", "inverted_residual"),
        patterns={"attend": ("none", "all")},
        options={"mixer": ("depthwise",), "attention_mixer": ("attention",)},
    )
    space = SearchSpace(name="shown", resolution=(16,), skeleton={"stem_stride": (1, 2)}, stages=(stage,))
    table = prices(space.codes, num_classes=10)
    limit = sum(table.extremes("macs")) // 4
    budget = Budget(resource="macs", limit=limit, text="tight")
    factors = profile_space(table, [budget], np.random.default_rng(0)).factors
    assert list(factors)[4:] == ["stem_stride", "stage1.width", "stage1.block", "stage1.attend"]
    assert factors["stem_stride"]["2"] > factors["stem_stride"]["1"]
    assert factors["stage1.width"]["1.0"] > factors["stage1.width"]["2.0"]


def test_without_a_space_it_is_the_one_that_a_search_of_the_images_takes(tmp_path):
    rng = np.random.default_rng(0)
    for number in range(40):
        folder = tmp_path / "photographs" / f"class{number % 2}"
        folder.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 256, (150, 160, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    found = nas.profile("20M-MACs", data=str(tmp_path / "photographs"), storage_path=str(tmp_path / "runs"))
    assert found.space == "mobile_cnn"
    digits = nas.profile("20M-MACs", data="digits", storage_path=str(tmp_path / "runs"))
    assert digits == nas.profile("20M-MACs", space="hybrid_small", classes=10, channels=1)
