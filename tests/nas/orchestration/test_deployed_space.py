"""Bits of weights are offered in int8 alone, and refused before any training where something lacks them."""

from pathlib import Path

import pytest
from optuna.storages import get_storage

import search_spaces
from nas.orchestration.deployed_space import deployed_space
from nas.orchestration.plan_start import begun
from nas.storage.optuna_storage import open_storage
from search_spaces.errors import SpaceError
from search_spaces.space import SearchSpace
from search_spaces.whole_weights import offers_four_bits
from tests.nas.orchestration.test_donor_source import planned


@pytest.fixture
def space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SearchSpace:
    monkeypatch.chdir(tmp_path)
    Path("targets.yaml").write_text(
        "version: 1\ntargets:\n  phone: {kind: cpu, runtime: litert, dtype: int8}\n"
    )
    Path("space.yaml").write_text(
        "version: 2\nname: bits\nresolution: [16, 24]\nweight_bits: [8, 4]\nstages:\n"
        "  - {channels: 32, stride: 2, options: {mixer: depthwise}}\n"
    )
    return search_spaces.load("space.yaml")


def test_bits_are_a_choice_in_int8_alone(space: SearchSpace) -> None:
    assert deployed_space(space, "int8", targets=["cpu:dtype=int8"]) is space
    plain = deployed_space(space, "fp32", targets=["phone"], evaluator="supernet")
    assert not offers_four_bits(plain)
    assert 2 * plain.size == space.size
    hybrid = search_spaces.load("hybrid_small")
    assert deployed_space(hybrid, "fp32") is hybrid


@pytest.mark.parametrize(
    ("targets", "evaluator", "said"), [(["phone"], "train", "LiteRT"), ([], "supernet", "")]
)
def test_what_lacks_four_bits_is_named_before_any_training(
    space: SearchSpace, targets: list[str], evaluator: str, said: str
) -> None:
    with pytest.raises(SpaceError, match=f"weight_bits 4, .*{said}"):
        deployed_space(space, "int8", targets=targets, evaluator=evaluator)


@pytest.mark.usefixtures("space")
@pytest.mark.parametrize(
    ("budget", "form"), [("24KiB-weights@int8", "fp32"), ("2M-MACs", "int8"), ("24KiB-weights@int8", "int8")]
)
def test_a_study_goes_on_in_the_numbers_in_which_it_was_begun(tmp_path: Path, budget: str, form: str) -> None:
    asked = {"space": "space.yaml", "budget": [budget], "study": "mine"}
    before = planned(tmp_path, None, **asked, deploy_dtype=form)
    begun(before, get_storage(open_storage(before.url)))
    again = planned(tmp_path, None, **asked)
    assert again.settings.difference(before.settings) is None
    assert offers_four_bits(again.space) == (form == "int8")
