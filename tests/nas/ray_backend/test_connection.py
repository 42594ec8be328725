"""Ray is started and left without traces, and a start that fails is one line."""

import os
import pwd
import subprocess
import sys
from pathlib import Path

import pytest
import ray

from nas.ray_backend.connection import ray_here
from nas.ray_backend.ray_cluster import own_folders
from nas.ray_backend.ray_process import have_home
from nas.ray_backend.session_token import token_in
from search_spaces.errors import UserError


@pytest.mark.parametrize(
    "raised",
    [
        Exception("The current node timed out during startup. This could happen because some of it failed."),
        TimeoutError("gave up\nafter 30 s"),
        RuntimeError(""),
    ],
)
def test_a_ray_that_does_not_start_is_one_line_and_leaves_nothing(raised, monkeypatch):
    given = {}

    def refuse(**options):
        given.update(options)
        raise raised

    monkeypatch.setattr(ray, "init", refuse)  # a real one takes half a minute to give up
    with pytest.raises(UserError, match=r"Cannot start Ray on this machine: .* Expected it to run") as told:
        ray_here(1).__enter__()
    assert "\n" not in str(told.value)
    assert not Path(given["_temp_dir"]).exists()


def test_nodes_are_told_of_own_folders_and_not_of_this_machines_libraries(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", ["", *sys.path, str(tmp_path)])
    monkeypatch.chdir(tmp_path)
    folders = own_folders()
    assert str(tmp_path) in folders
    assert str(Path(os.__file__).parent) not in folders
    assert not [folder for folder in folders if "site-packages" in folder]


def no_name(_uid):
    raise KeyError("getpwuid(): uid not found")


def test_a_user_without_a_name_and_a_home_gets_a_token_in_the_folder_of_the_session(tmp_path, monkeypatch):
    monkeypatch.delenv("HOME")
    monkeypatch.setattr(pwd, "getpwuid", no_name)
    for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"):
        monkeypatch.delenv(name, raising=False)
    with token_in(tmp_path):
        assert os.environ["RAY_AUTH_TOKEN_PATH"] == str(tmp_path / "auth_token")
        assert len((tmp_path / "auth_token").read_text()) == 64
        assert (tmp_path / "auth_token").stat().st_mode & 0o077 == 0
    assert "RAY_AUTH_TOKEN_PATH" not in os.environ
    have_home()
    assert Path.home() == Path("/")


def test_ray_can_be_imported_by_a_user_without_a_name_and_a_home():
    code = (
        "import pwd\ndef none(uid): raise KeyError\npwd.getpwuid = none\nimport nas.ray_backend.connection\n"
    )
    environment = {name: value for name, value in os.environ.items() if name != "HOME"}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True, timeout=120)
