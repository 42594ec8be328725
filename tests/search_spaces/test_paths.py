"""Paths are taken as people type them."""

from pathlib import Path

import pytest

from search_spaces.errors import InvalidValueError
from search_spaces.paths import expanded


def test_a_tilde_is_the_home_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert expanded("~/images") == tmp_path / "images"
    assert expanded(Path("images")) == Path("images")


def test_the_home_of_nobody_is_refused_in_a_line():
    with pytest.raises(InvalidValueError, match=r"'~nobody-at-all'.*no such user") as caught:
        expanded("~nobody-at-all/images")
    assert len(str(caught.value).splitlines()) == 1
