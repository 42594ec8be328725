"""The images of a study are found from any folder, by any process, with the columns that were chosen."""

import pytest

from nas.files.paths import location_of
from nas.ray_backend.node_info import node_facts
from search_spaces.errors import UserError


def test_a_choice_of_columns_stays_behind_the_absolute_path(tmp_path, monkeypatch):
    (tmp_path / "d.parquet").write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    found = location_of("d.parquet?label=a%26b&image=left")
    assert found == f"{tmp_path}/d.parquet?image=left&label=a%26b"
    assert location_of(found) == found
    assert node_facts(images=found)["images"]
    assert not node_facts(images=f"{tmp_path}/absent?label=a")["images"]


@pytest.mark.parametrize("name", ["a?b", "a:b"])
def test_a_folder_whose_name_has_a_mark_is_a_path(tmp_path, monkeypatch, name):
    (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path)
    assert location_of(name) == str(tmp_path / name)
    assert node_facts(images=str(tmp_path / name))["images"]


@pytest.mark.parametrize("data", ["d?colour=x", "s3://bucket/d?image=x", "d?", "d?image=a&image=b"])
def test_what_is_no_choice_of_columns_is_refused(data):
    with pytest.raises(UserError):
        location_of(data)


def test_names_stay_as_they_are():
    assert location_of("digits") == "digits"
    assert location_of("my_module:images") == "my_module:images"
