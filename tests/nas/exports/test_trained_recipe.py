"""The recipe of an export leaves nothing to images that are not there."""

from types import SimpleNamespace
from typing import Any

import pytest

from nas.exports import trained_recipe as module
from nas.exports.trained_recipe import trained_recipe
from nas.study.delivered_weights import DeliveredWeights
from trials.datasets import open_images
from trials.images.splits import Splits
from trials.recipes import load_recipe

WEIGHTS = DeliveredWeights(file="trials/00000/weights.safetensors", retrained=None)


@pytest.fixture(scope="module")
def digits() -> Splits:
    return open_images("digits", seed=0, cache=None)


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch):
    """Return what makes a study hold a recipe."""

    def hold(recipe: dict[str, Any]) -> Any:
        monkeypatch.setattr(module, "settings_of", lambda _: SimpleNamespace(recipe=recipe))

    return hold


def test_images_settle_whether_they_were_mirrored(held, study, digits: Splits):
    stored = load_recipe("strong").to_json()
    held(stored)
    assert trained_recipe(study, WEIGHTS, digits) == {**stored, "flip": False}
    assert trained_recipe(study, WEIGHTS, None) == stored


def test_a_settled_recipe_stays_as_it_is_stored(held, study, digits: Splits):
    held({"name": "earlier", "epochs": 1, "flip": True})
    assert trained_recipe(study, WEIGHTS, digits) == {"name": "earlier", "epochs": 1, "flip": True}
