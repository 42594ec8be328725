"""A folder is written whole or not at all, also into one that has something in it."""

from pathlib import Path

import pytest

from nas.exports.target_folder import check_folder
from nas.files.staging import staged_folder
from search_spaces.errors import ExportError


def write(folder, names):
    with staged_folder(folder, "write to") as stage:
        for name in names:
            (stage / name).parent.mkdir(parents=True, exist_ok=True)
            (stage / name).write_text("new")


def texts(folder):
    return {str(p.relative_to(folder)): p.read_text() for p in folder.rglob("*") if p.is_file()}


def test_files_of_an_earlier_run_are_replaced(tmp_path):
    write(tmp_path / "out", ["a.txt", "b.txt"])
    (tmp_path / "out" / "mine.txt").write_text("old")
    write(tmp_path / "out", ["a.txt", "sub/c.txt"])
    assert texts(tmp_path / "out") == {"a.txt": "new", "b.txt": "new", "mine.txt": "old", "sub/c.txt": "new"}


@pytest.mark.parametrize("clash", ["z/kept.txt", "z.txt/kept.txt"])
def test_nothing_is_replaced_where_a_folder_is_in_the_way(tmp_path, clash):
    folder = tmp_path / "out"
    (folder / clash).parent.mkdir(parents=True)
    (folder / clash).write_text("old")
    (folder / "a.txt").write_text("old")
    with pytest.raises(ExportError, match=r"something in it\. Nothing was written"):
        write(folder, ["a.txt", "z/new.txt", "z.txt"])
    assert texts(folder) == {clash: "old", "a.txt": "old"}
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out"]


def test_a_folder_that_exists_is_written_without_touching_the_one_above(tmp_path, monkeypatch):
    folder = tmp_path / "out"
    folder.mkdir()
    make = Path.mkdir

    def checked(path, *arguments, **options):
        if path.parent == tmp_path and not path.exists():
            raise PermissionError(13, "Permission denied")
        return make(path, *arguments, **options)

    monkeypatch.setattr(Path, "mkdir", checked)
    monkeypatch.setattr(Path, "rename", lambda *_: pytest.fail("a mount point cannot be renamed onto"))
    inode = folder.stat().st_ino
    write(folder, ["a.txt", "sub/b.txt"])
    assert texts(folder) == {"a.txt": "new", "sub/b.txt": "new"}
    assert sorted(p.name for p in folder.iterdir()) == ["a.txt", "sub"]
    assert folder.stat().st_ino == inode


def test_what_makes_a_folder_an_export_is_moved_last(tmp_path, monkeypatch):
    moved = []
    replace = Path.replace

    def noted(path, to):
        moved.append(to.name)
        return replace(path, to)

    monkeypatch.setattr(Path, "replace", noted)
    (tmp_path / "out").mkdir()
    write(tmp_path / "out", ["net.py", "architecture.json", "config.json", "README.md", "w.safetensors"])
    assert moved[-2:] == ["config.json", "architecture.json"]


def test_what_a_killed_export_left_is_not_in_the_way_of_the_next(tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    with staged_folder(folder, "write into") as stage:
        left = stage.name
        check_folder(folder, ["a.txt"], into=False, force=False)
        (stage / "a.txt").write_text("new")
    (folder / left).mkdir()
    with pytest.raises(ExportError, match=r"holds 'a\.txt'"):
        check_folder(folder, ["a.txt"], into=False, force=False)
