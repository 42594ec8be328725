"""The files of a study behave alike wherever they lie."""

import pytest

from dashboards.artifacts import Artifacts
from nas.files.locating import artifacts_at, usable_location
from trials.training.attempt_fence import ATTEMPT
from trials.training.checksum import CHECKSUM
from trials.training.file_names import WEIGHTS

NAME = "trials/00003/architecture.json"


def read(files, name):
    with files.fetched(name) as path:
        return path.read_text()


def test_what_is_written_is_read_replaced_listed_and_removed(files):
    assert files.sizes() == {}
    assert not files.exists(NAME)
    for text in ("first", "the second"):
        files.write(NAME, text)
        assert read(files, NAME) == text
    assert files.sizes() == files.sizes("trials") == {NAME: 10}
    assert files.disk_bytes() == 10
    assert files.exists(NAME)
    files.remove([NAME, "absent"])
    assert not files.exists(NAME)
    assert files.sizes() == {}


def test_a_folder_is_removed_with_all_that_is_in_it(files):
    for number in range(3):
        files.write(f"trials/{number:05d}/checkpoint.pt", "c")
    files.write("retrained/weights", "w")
    files.remove(["trials"])
    assert files.sizes() == {"retrained/weights": 1}


def test_what_is_not_there_is_missed(files):
    with pytest.raises(FileNotFoundError), files.fetched(NAME):
        pass


def test_weights_come_with_their_checksum(files):
    files.write(f"trials/00000/{WEIGHTS}", "weights")
    files.write(f"trials/00000/{WEIGHTS}{CHECKSUM}", "sum")
    with files.fetched(f"trials/00000/{WEIGHTS}") as path:
        assert path.with_name(path.name + CHECKSUM).read_text() == "sum"


def test_a_new_attempt_leaves_its_name(files):
    names = [files.begin_attempt(3) for _ in range(2)]
    assert len(set(names)) == 2
    assert read(files, f"trials/00003/{ATTEMPT}") == names[-1]


def test_a_new_attempt_deletes_what_a_killed_one_was_writing(files):
    for name in (WEIGHTS, f".{WEIGHTS}-0123abcd"):
        files.write(f"trials/00003/{name}", "weights")
    files.begin_attempt(3)
    assert set(files.sizes("trials")) == {f"trials/00003/{name}" for name in (WEIGHTS, ATTEMPT)}


def test_artifacts_are_handed_out_from_where_they_lie_and_nothing_else_is(files, tmp_path):
    exported = tmp_path / "my_net.py"
    exported.write_text("text")
    files.artifacts().write("0a-1b", exported, linked=False)
    files.write(NAME, "{}")
    handed = Artifacts(lambda: [artifacts_at(files.location)])
    with handed.open_reader("0a-1b") as file:
        assert file.read() == b"text"
    direct = files.artifact_id(3, "architecture.json")
    if direct is not None:
        with handed.open_reader(direct) as file:
            assert file.read() == b"{}"
    assert not handed.holds("../trials/00003/architecture.json")
    assert not handed.holds("0c-2d")
    handed.remove("0a-1b")
    assert not Artifacts(lambda: [artifacts_at(files.location)]).holds("0a-1b")


def test_a_place_is_tried_and_left_as_it_was(place, files):
    assert usable_location(place) == place
    files.check()
    assert files.sizes() == {}
