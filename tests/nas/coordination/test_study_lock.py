"""A study has one driver; a folder that cannot be written is an error of one line."""

import pytest

from nas.coordination.study_lock import study_lock
from search_spaces.errors import FilesError, StudyError


def test_a_study_that_is_locked_is_refused_to_a_second_driver(tmp_path):
    refused = pytest.raises(StudyError, match="is being searched by process")
    with study_lock(tmp_path, "mine"), refused, study_lock(tmp_path, "mine"):
        pass


@pytest.mark.parametrize("in_the_way", ["mine", "mine/driver.lock/x"])
def test_a_folder_or_lock_that_cannot_be_written_is_an_error_of_one_line(tmp_path, in_the_way):
    (tmp_path / in_the_way).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / in_the_way).touch()
    refused = pytest.raises(FilesError, match=r"Cannot write '.*driver.lock'")
    with refused as caught, study_lock(tmp_path / "mine", "mine"):
        pass
    assert "\n" not in str(caught.value)
