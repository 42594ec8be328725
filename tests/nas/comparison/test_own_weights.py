"""Networks of a comparison begin with their own trained weights, and those without are named."""

from dataclasses import replace

import pytest
import torch

from nas.comparison import own_weights as module
from nas.comparison.entrant import Entrant
from nas.comparison.own_weights import own_weights
from nas.comparison.request import Request
from search_spaces.errors import WeightsError
from tests.nas.orchestration.test_donor_source import SMALL, donor
from trials.datasets import open_images

FOUND = Entrant(name="mine#3", origin="found by mine", architecture=SMALL, weights="mine#3")
FAMILY = Entrant(
    name="family",
    origin="family_1_16 scaled",
    architecture=replace(SMALL, resolution=32),
    published="family_1_16",
    weights="family_1_16",
)
BARE = Entrant(name="own.json", origin="as named", architecture=replace(SMALL, resolution=48))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str | None]]:
    """The weights that were asked for; of ``family`` alone there are none."""
    sources: list[tuple[str, str | None]] = []

    def opened(source: str, _url: str, *, kind: str | None = None):
        sources.append((source, kind))
        if source == "family_1_16":
            raise WeightsError("Cannot download 'family'.")
        return donor(source=source)

    monkeypatch.setattr(module, "donor_from", opened)
    return sources


def begun(*entrants: Entrant, chosen: bool = True, lines: list[str] | None = None):
    images = open_images("digits", seed=0, cache=None)
    said: list[str] = [] if lines is None else lines
    return own_weights(entrants, images, "sqlite:///nas.db", chosen=chosen, say=said.append), images


def test_each_has_its_own_for_the_images_of_the_comparison(asked):
    other = replace(FAMILY, name="other", weights="other_1_16")
    found, images = begun(FOUND, other)
    assert asked == [("mine#3", "search"), ("other_1_16", "search")]  # not what learnt from validation images
    assert [one.origin for one in found.entrants] == [
        "found by mine, with its own weights",
        "family_1_16 scaled, with its own weights",
    ]
    for one in found.entrants:
        assert one.digest is not None
        weights = found.donors[one.digest]
        assert weights.mean == images.mean * 3  # grey images through a network for colours
        assert torch.equal(weights.weights["head.weight"], donor().weights["head.weight"])
        assert not torch.equal(weights.weights["stem.0.weight"], donor().weights["stem.0.weight"])


def test_networks_of_one_architecture_have_each_their_own(monkeypatch: pytest.MonkeyPatch):
    def opened(source: str, _url: str, **_: object):
        first = donor(source=source)
        weights = {name: tensor + (source == "later") for name, tensor in first.weights.items()}
        return replace(first, weights=weights)

    monkeypatch.setattr(module, "donor_from", opened)
    later = replace(FOUND, name="later", weights="later")
    found, _ = begun(FOUND, later, replace(FOUND, name="again"))
    first, second, third = found.entrants
    assert first.digest != second.digest
    assert first.training(0) == third.training(0) != second.training(0)
    assert len(found.donors) == 2


@pytest.mark.usefixtures("asked")
def test_a_family_that_nobody_named_is_left_out_where_its_weights_cannot_be_had():
    lines: list[str] = []
    other = replace(FAMILY, name="other", weights="other_1_16")
    found, _ = begun(FOUND, FAMILY, other, chosen=False, lines=lines)
    assert [one.name for one in found.entrants] == ["mine#3", "other"]
    assert found.left_out == {"family": "Cannot download 'family'."}
    assert "Left out family: Cannot download 'family'." in lines


@pytest.mark.usefixtures("asked")
def test_what_was_named_and_has_no_weights_is_an_error_of_one_line():
    with pytest.raises(WeightsError, match="Cannot download"):
        begun(FOUND, FAMILY)
    with pytest.raises(WeightsError, match=r"own.json has no weights of its own"):
        begun(FOUND, BARE)
    with pytest.raises(WeightsError, match="Name others with --with, or leave --weights out"):
        begun(FOUND, FAMILY, chosen=False)


@pytest.mark.parametrize(
    ("weights", "named", "expected"),
    [(False, None, "full"), (True, None, "fine_tune"), (True, "full", "full")],
)
def test_what_begins_with_trained_weights_is_fine_tuned_unless_a_recipe_is_named(weights, named, expected):
    request = Request(
        networks=("mine",),
        others=(),
        data=None,
        recipe=named,
        seeds=3,
        rule=None,
        study=None,
        url="sqlite:///nas.db",
        storage_path="nas-runs",
        final=False,
        weights=weights,
    )
    assert request.recipe_name == expected
