"""What published networks reach on ImageNet-1k is known with its recipe and its source."""

import itertools
import json
from importlib.resources import files

import pytest

import search_spaces
from search_spaces.published_results import published_result, published_results

RECIPES = json.loads((files("search_spaces.published") / "imagenet.json").read_text())["recipes"]


def test_every_published_network_has_a_result_and_every_result_is_of_a_published_network():
    assert {name for name in search_spaces.references() if published_results(name)} == {
        name for recipe in RECIPES for name in recipe["top1"]
    }
    assert [name for name in search_spaces.references() if not published_results(name)] == []


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: next(iter(recipe["top1"])))
def test_a_recipe_names_its_source_and_says_what_is_not_plain(recipe):
    assert recipe["source"].startswith("https://")
    assert recipe["epochs"] is None or 100 <= recipe["epochs"] <= 3600
    assert all(40 < top1 < 90 for top1 in recipe["top1"].values())
    for name in recipe["top1"]:
        found = [one for one in published_results(name) if one.source == recipe["source"]]
        assert all(one.plain == (recipe["teacher"] is None and recipe["extra_data"] is None) for one in found)


def test_the_first_result_is_the_authors_and_says_its_recipe_in_words():
    found = published_result("repvit_m0.9_224")
    assert found is not None
    assert (found.top1, found.resolution, found.plain) == (78.7, 224, False)
    assert found.recipe == "300 epochs, teacher RegNetY-16GF, by the authors"


def test_of_one_recipe_a_network_that_is_larger_in_every_way_is_more_accurate():
    for recipe in RECIPES:
        sizes = {name: size_of(name) for name in recipe["top1"]}
        for (small, less), (large, more) in itertools.permutations(sizes.items(), 2):
            if less != more and all(a <= b for a, b in zip(less, more, strict=True)):
                assert recipe["top1"][small] < recipe["top1"][large]


def size_of(name: str) -> tuple[int, int, int]:
    network = search_spaces.reference(name)
    costs = search_spaces.count(network, num_classes=1000)
    return network.resolution, costs.macs, costs.params
