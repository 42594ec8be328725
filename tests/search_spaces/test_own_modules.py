"""Modules of the user are found in the working folder, and hide nothing that is installed."""

import sys

import pytest

from search_spaces.errors import UnknownNameError
from search_spaces.mixers import MIXERS
from search_spaces.shelf import Shelf


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    return Shelf[object](MIXERS.package, "MIXER", "thing")


def test_a_module_of_the_working_folder_is_taken_by_its_name(shelf, tmp_path):
    (tmp_path / "own_things.py").write_text("import own_more\nTHING = own_more.NUMBER\n")
    (tmp_path / "own_more.py").write_text("NUMBER = 7\n")
    assert shelf["own_things:THING"] == 7
    assert sys.path[-1] == str(tmp_path)


def test_a_file_called_like_a_package_hides_nothing(shelf, tmp_path):
    (tmp_path / "pyarrow.py").write_text("raise SystemExit('not a library')\n")
    assert shelf["pyarrow:__name__"] == "pyarrow"
    assert str(tmp_path) not in sys.path


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("raise SystemExit('no')", r"SystemExit\('no'\)"),
        ("1 / 0", "ZeroDivisionError"),
        ("def f(:", "SyntaxError"),
        ("x = 1", "has no attribute 'THING'"),
        ("import no_such_module", "No module named 'no_such_module'"),
    ],
)
def test_a_module_that_cannot_be_imported_is_one_line(shelf, tmp_path, text, said):
    name = f"own_broken_{abs(hash(text))}"
    (tmp_path / f"{name}.py").write_text(text)
    with pytest.raises(UnknownNameError, match=rf"Cannot take the thing '{name}:THING': .*{said}") as told:
        assert shelf[f"{name}:THING"]
    assert "\n" not in str(told.value)


def test_nothing_of_that_name_is_one_line(shelf):
    for name in ("absent_module:X", ":X", "..:X", "a b:X"):
        with pytest.raises(UnknownNameError, match="working folder"):
            assert shelf[name]
