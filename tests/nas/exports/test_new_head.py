"""A new head is fresh and always the same, the rest is as trained, and budgets are checked with it."""

import torch

from nas.exports.new_head import budget_sentences, with_new_head
from search_spaces.budget import Budget
from search_spaces.counting import count
from tests.nas.exports.networks import around_mixer, trained

ARCHITECTURE = around_mixer("dilated_reparam")


def test_only_the_head_is_new():
    weights = trained(ARCHITECTURE).state_dict()
    before = torch.get_rng_state()
    found = with_new_head(weights, ARCHITECTURE, num_classes=7, in_channels=3)
    again = with_new_head(weights, ARCHITECTURE, num_classes=7, in_channels=3)
    assert torch.equal(torch.get_rng_state(), before)
    assert found.keys() == weights.keys()
    for name, value in found.items():
        assert torch.equal(value, again[name])
        assert name.startswith("head.") or value is weights[name]
    assert found["head.weight"].shape[0] == 7


def test_budgets_are_those_of_the_form_for_inference_with_so_many_classes():
    few, many = (count(ARCHITECTURE, num_classes=n, deploy=True).params for n in (10, 500))
    limit = (few + many) // 2
    budgets = [Budget.parse(f"{limit}-params"), Budget.parse("12ms@cpu")]
    kept, timed = budget_sentences(ARCHITECTURE, budgets, num_classes=10, in_channels=3)
    missed, _ = budget_sentences(ARCHITECTURE, budgets, num_classes=500, in_channels=3)
    assert kept == f"{limit}-params holds with 10 classes"
    assert missed == f"{limit}-params no longer holds: 500 classes exceed it by {many / limit - 1:.2%}"
    assert timed.startswith("12ms@cpu was measured with another head")
