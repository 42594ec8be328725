"""The default space holds networks near the budgets; an empty one names those that are not."""

from typing import Any

import numpy as np
import pytest

import search_spaces
from search_spaces.budget import Budget
from search_spaces.catalog_editions import current_names
from search_spaces.catalog_fit import check_fits, default_space, fitting_spaces, in_words, space_by_size
from search_spaces.errors import NothingFitsError
from search_spaces.pricing import prices

SHAPE: dict[str, Any] = {"num_classes": 10, "in_channels": 3}


def chosen(side, *texts):
    return default_space(side, [Budget.parse(text) for text in texts], **SHAPE)


@pytest.mark.parametrize(
    ("side", "budgets", "space"),
    [
        (8, ["300M-MACs"], "hybrid_small"),
        (32, ["20M-MACs"], "hybrid_small"),
        (32, ["300M-MACs"], "hybrid_small"),
        (32, ["5M-MACs"], "hybrid_small"),
        (32, ["2M-MACs"], "mobile_small"),  # of which many more fit
        (64, ["5ms@cpu"], "hybrid_small"),
        (224, ["300M-MACs"], "hybrid"),
        (224, ["1G-MACs", "4M-params"], "hybrid"),
        (224, ["5ms@cpu"], "hybrid"),
        (224, ["20M-MACs"], "mobile_cnn"),
        (500, ["50M-MACs", "5ms@cpu"], "mobile_cnn"),
        (224, ["512KiB-peak"], "mobile_cnn"),
        (224, ["3M-MACs"], "mobile_small"),  # nothing for photographs is as small
        (32, ["120k-params"], "mobile_small"),
    ],
)
def test_images_and_budgets_choose_the_space(side, budgets, space):
    assert chosen(side, *budgets) == space


@pytest.mark.parametrize("side", [32, 224])
@pytest.mark.parametrize("text", ["1M-MACs", "500M-MACs", "20G-MACs", "25k-params", "30M-params"])
def test_a_space_around_one_family_is_taken_by_its_name_alone(side, text):
    assert not chosen(side, text).startswith("mobilevit")


def test_from_a_smaller_catalog_the_choice_is_what_it_was():
    earlier = ["hybrid", "hybrid_small", "mobile_cnn"]
    for side, text, space in ((32, "5M-MACs", "hybrid_small"), (224, "3M-MACs", "hybrid_small")):
        assert default_space(side, [Budget.parse(text)], **SHAPE, among=earlier) == space


def test_where_nothing_fits_anywhere_the_images_choose():
    assert chosen(224, "1k-MACs") == space_by_size(224) == "hybrid"
    assert chosen(32, "1k-MACs") == space_by_size(32) == "hybrid_small"


def test_spaces_in_which_networks_fit_are_named_with_their_shares():
    shares = fitting_spaces([Budget.parse("20M-MACs")], **SHAPE)
    assert set(shares) == {"hybrid_small", "mobile_cnn", "mobile_small", "mobilevit_small", "mobilevit_v2"}
    assert list(shares.values()) == sorted(shares.values(), reverse=True)
    assert (
        in_words({"a": 0.123, "b": 0.00002})
        == "--space a (12.3% of it fits) or --space b (less than 0.1% of it fits)"
    )
    assert fitting_spaces([], **SHAPE, besides="hybrid").keys() == set(current_names()) - {"hybrid"}


def test_a_space_in_which_nothing_fits_names_those_in_which_something_does():
    table = prices(search_spaces.load("hybrid").codes, **SHAPE)
    advice = r"Networks fit in --space mobile_small \(5\d.\d% of it fits\) .* or --space mobile_cnn"
    with pytest.raises(NothingFitsError, match=rf"the smallest needs 26\.6M macs\. .* {advice}"):
        check_fits(table, [Budget.parse("20M-MACs")])
    with pytest.raises(NothingFitsError, match=r"choose another space\.$"):
        check_fits(table, [Budget.parse("1k-MACs")])
    check_fits(table, [Budget.parse("300M-MACs")])
    with pytest.raises(NothingFitsError, match="or choose another space"):
        search_spaces.load("hybrid").sample(np.random.default_rng(0), budgets=[Budget.parse("1k-MACs")])
