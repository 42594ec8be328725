"""Decoded images of a study behind a URL lie in the user's cache, or in a private folder without a home."""

import os
import pwd
from pathlib import Path

from nas.files.local_paths import image_cache
from nas.study.naming import IMAGES

URL = "s3://bucket/nas-runs/study"


def no_name(_uid):
    raise KeyError("getpwuid(): uid not found")


def test_with_a_home_it_is_in_its_cache(tmp_path, monkeypatch):
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert image_cache(URL) == tmp_path / ".cache" / "nas" / IMAGES
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "mine"))
    assert image_cache(URL) == tmp_path / "mine" / "nas" / IMAGES


def test_without_a_home_it_is_private(tmp_path, monkeypatch):
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv("HOME")
    monkeypatch.setattr(pwd, "getpwuid", no_name)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(os, "access", lambda path, _mode: Path(path) != Path("/"))  # root may write there
    folder = tmp_path / f"nas-{os.getuid()}"
    assert image_cache(URL) == folder / IMAGES
    assert folder.stat().st_mode & 0o777 == 0o700
