"""Bits of weights are offered in int8 alone, and refused before any training where something lacks them."""

from pathlib import Path

import pytest

import search_spaces
from nas.orchestration.deployed_space import deployed_space
from search_spaces.errors import SpaceError
from search_spaces.space import SearchSpace
from search_spaces.whole_weights import offers_four_bits


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
