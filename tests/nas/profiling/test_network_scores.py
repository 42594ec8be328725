"""Scores and counts of a sample of networks near a budget, and how they agree."""

import json
import math
from typing import Any

import pytest
import torch

import search_spaces
from nas.__main__ import run
from nas.profiling.network_scores import NEAR, check_scored, profile_scores, scores_of
from search_spaces.budget import Budget
from search_spaces.errors import InvalidValueError
from search_spaces.graph_counts import count_names
from search_spaces.pricing import prices
from trials.scores import SCORES
from trials.scoring import ScoringImages

NOISE = ScoringImages(classes=10, channels=1)
BUDGET = Budget.parse("2M-MACs")


def profile(networks: int) -> Any:
    table = prices(search_spaces.load("hybrid_small").codes, num_classes=10, in_channels=1)
    lines: list[str] = []
    found = profile_scores(
        table, [BUDGET], NOISE, data="noise", networks=networks, seed=0, report_line=lines.append
    )
    assert len(lines) == networks
    return found


def test_networks_near_the_budget_are_scored_and_agreement_is_of_each_with_each() -> None:
    found = profile(3)
    for network in found.networks:
        macs = search_spaces.count(network, num_classes=10, in_channels=1, deploy=True).macs
        assert NEAR * BUDGET.limit <= macs <= BUDGET.limit
    assert len({network.fingerprint for network in found.networks}) == 3
    assert set(SCORES) | set(count_names(4)) <= set(found.columns)
    assert found.agreement["naswot"]["naswot"] == pytest.approx(1)
    assert found.agreement["naswot"]["zico"] == pytest.approx(found.agreement["zico"]["naswot"])
    record = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert [set(one["scores"]) >= set(SCORES) for one in record["networks"]] == [True] * 3
    assert scores_of(found.networks[0], NOISE) == found.found[0]


def test_scores_do_not_depend_on_the_number_of_threads_of_torch() -> None:
    network, before = search_spaces.reference("mobilenet_v2_0.35_96"), torch.get_num_threads()
    images = ScoringImages(classes=10, channels=3)
    try:
        found = []
        for threads in (1, 3):
            torch.set_num_threads(threads)
            found.append(scores_of(network, images).scores)
    finally:
        torch.set_num_threads(before)
    assert found[0] == found[1]


def test_too_few_networks_are_refused_in_one_line() -> None:
    with pytest.raises(InvalidValueError, match="expected --networks of at least 3"):
        check_scored(2)


def test_scores_that_look_at_images_are_left_out_of_large_networks_and_that_is_said() -> None:
    large = search_spaces.reference("mobilevit_v2_1.0_256")
    found = scores_of(large, ScoringImages(classes=1000, channels=3), on_images=None)
    assert math.isfinite(found.scores["deepmad"])
    assert math.isnan(found.scores["naswot"])
    assert found.to_json()["scores"]["naswot"] is None
    assert "--scores takes it" in found.undefined["zico"]


@pytest.mark.slow
def test_profile_prints_a_table_of_scores(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["profile", "--scores", "--budget", "2M-MACs", "--networks", "3"]
    assert run(words) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("3 networks of mobile_small near 2M-MACs, with random weights on digits\n")
    assert all(name in printed for name in SCORES)
    assert run([*words, "--proxy"]) == 2
    assert "expected one of them" in capsys.readouterr().err
