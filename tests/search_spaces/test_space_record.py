"""A space outlives the file it came from."""

import json

import pytest

import search_spaces
from search_spaces.errors import SpaceError
from search_spaces.space_record import from_record, to_record


@pytest.mark.parametrize("name", ["hybrid", "hybrid_small", "mobile_cnn"])
def test_a_space_comes_back_from_json_as_it_was(name):
    space = search_spaces.load(name)
    read = from_record(json.loads(json.dumps(to_record(space))))
    assert to_record(read) == to_record(space)
    assert read.choices == space.choices
    assert read.size == space.size


def test_a_space_of_another_version_is_refused():
    with pytest.raises(SpaceError, match="in format 2: this version reads 1"):
        from_record({**to_record(search_spaces.load("mobile_cnn")), "version": 2})
