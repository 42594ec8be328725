"""A space outlives the file it came from."""

import json
from dataclasses import dataclass, field, fields

import pytest

import search_spaces
from search_spaces.catalog import SPACES
from search_spaces.errors import SpaceError
from search_spaces.space import SearchSpace
from search_spaces.space_record import STORED_AS, from_record, space_digest, to_record
from search_spaces.stage_choices import StageSpace


@dataclass(frozen=True, kw_only=True, eq=False)
class LaterSpace(SearchSpace):
    """A space of a later version, which has a field more and calls another otherwise."""

    blur: float = 0.0
    multiple: int = field(default=8, metadata={STORED_AS: "rounding"})


@dataclass(frozen=True, kw_only=True)
class LaterStage(StageSpace):
    """A stage of a later version, which has a field more."""

    branches: tuple[int, ...] = (1,)


def later(space: SearchSpace, *, blur: float = 0.0, branches: tuple[int, ...] = (1,)) -> LaterSpace:
    values = {f.name: getattr(space, f.name) for f in fields(SearchSpace)}
    stages = tuple(
        LaterStage(**{f.name: getattr(stage, f.name) for f in fields(StageSpace)}, branches=branches)
        for stage in values.pop("stages")
    )
    return LaterSpace(**values, stages=stages, blur=blur)


@pytest.mark.parametrize("name", SPACES)
def test_a_space_comes_back_from_json_as_it_was(name):
    space = search_spaces.load(name)
    read = from_record(json.loads(json.dumps(to_record(space))))
    assert to_record(read) == to_record(space)
    assert read.choices == space.choices
    assert read.size == space.size


def test_a_space_of_another_version_is_refused():
    with pytest.raises(SpaceError, match="in format 3: this version reads 1 and 2"):
        from_record({**to_record(search_spaces.load("mobile_cnn")), "version": 3})


def test_the_digest_of_a_space_is_what_the_first_studies_stored():
    assert space_digest(search_spaces.load("tests/golden/f9056bc/tiny.yaml")) == "6e535e65a64ca702"


def test_a_later_field_at_its_default_changes_neither_digest_nor_record():
    space = search_spaces.load("hybrid_small")
    assert to_record(later(space)) == to_record(space)
    assert space_digest(later(space)) == space_digest(space)


def test_a_later_field_that_is_used_changes_the_digest():
    space = search_spaces.load("hybrid_small")
    found = {space_digest(s) for s in (space, later(space, blur=0.1), later(space, branches=(1, 2)))}
    assert len(found) == 3


def test_a_space_that_uses_a_later_field_is_refused_in_one_line():
    with pytest.raises(SpaceError, match="stored with 'blur': expected only name, resolution"):
        from_record(to_record(later(search_spaces.load("mobile_cnn"), blur=0.1)))


def test_a_renamed_field_keeps_its_stored_name():
    space = search_spaces.load("mobile_cnn")
    renamed = LaterSpace(**{f.name: getattr(space, f.name) for f in fields(SearchSpace)}, multiple=4)
    assert to_record(renamed) == {**to_record(space), "rounding": 4}
