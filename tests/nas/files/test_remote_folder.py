"""What goes wrong with a place behind a URL is reported in one line, and half a file is never seen."""

import socket
import sys
from pathlib import Path

import pytest

from nas.files.remote_folder import RemoteFolder
from nas.files.urls import checked_url
from search_spaces.errors import FilesError, InvalidValueError


def test_a_put_that_fails_leaves_what_was_there(tmp_path: Path):
    folder = RemoteFolder(f"file://{tmp_path}/there")
    (tmp_path / "whole").write_text("whole")
    folder.put(tmp_path / "whole", "a/checkpoint.pt")
    with pytest.raises(FilesError, match=r"Cannot write 'file://.*checkpoint\.pt'"):
        folder.put(tmp_path / "absent", "a/checkpoint.pt")
    assert (tmp_path / "there" / "a" / "checkpoint.pt").read_text() == "whole"
    assert folder.sizes() == {"a/checkpoint.pt": 5}


def test_files_are_moved_into_place_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    folder = RemoteFolder(f"file://{tmp_path}/there")
    (tmp_path / "whole").write_text("whole")
    folder.put(tmp_path / "whole", "checkpoint.pt")
    system, _ = folder._at("")
    seen: list[str] = []
    move = system.mv

    def looked_at(draft: str, path: str) -> None:
        seen.append(Path(path).read_text())
        move(draft, path)

    monkeypatch.setattr(system, "mv", looked_at)
    (tmp_path / "whole").write_text("the next")
    folder.put(tmp_path / "whole", "checkpoint.pt")
    assert seen == ["whole"]  # the old one until the new one is there as a whole
    assert (tmp_path / "there" / "checkpoint.pt").read_text() == "the next"


def test_a_place_that_nobody_may_write_is_refused():
    with pytest.raises(FilesError, match=r"Cannot write 'file:///proc/nas-runs.* check the URL"):
        RemoteFolder("file:///proc/nas-runs").probe()


@pytest.mark.usefixtures("sftp")
def test_a_host_that_does_not_answer_may_come_back():
    with socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        closed = chosen.getsockname()[1]
    with pytest.raises(FilesError, match="Cannot look at 'sftp://127") as caught:
        RemoteFolder(f"sftp://127.0.0.1:{closed}/there").exists("checkpoint.pt")
    assert caught.value.passing
    assert "\n" not in str(caught.value)


def test_an_unknown_host_is_not_trusted(sftp: str, tmp_path: Path):
    (tmp_path / "home" / ".ssh" / "known_hosts").write_text("")
    with pytest.raises(FilesError, match="known_hosts"):
        RemoteFolder(sftp).probe()


@pytest.mark.usefixtures("s3")
def test_a_bucket_that_is_not_there_is_refused_and_not_made():
    with pytest.raises(FilesError, match="Cannot write 's3://absent-bucket"):
        RemoteFolder("s3://absent-bucket/there").probe()
    assert RemoteFolder("s3://absent-bucket").sizes() == {}


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "gcsfs", None)
    with pytest.raises(FilesError, match="pip install gcsfs"):
        RemoteFolder("gs://bucket/there").probe()


@pytest.mark.parametrize(
    "url",
    [
        "s3://key:TOPSECRET@bucket/runs",
        "s3://key:TOP/SECRET@bucket/runs",
        "s3://key%3ATOPSECRET@bucket/runs",
        "sftp://me:TOPSECRET@host/runs",
        "nonsense://me:TOPSECRET@host/runs",
        "s3://bucket/runs?secret=TOPSECRET",
    ],
)
def test_passwords_are_refused_and_not_repeated(url: str):
    with pytest.raises(InvalidValueError, match="configuration") as caught:
        checked_url(url)
    assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "s33://bucket",
        "://bucket",
        "s3://",
        "file://runs",
        "memory://runs",
        "s3://bucket/../other",
        "zip::s3://b/c",
    ],
)
def test_what_is_no_place_is_refused(url: str):
    with pytest.raises(InvalidValueError, match="Cannot use --storage-path"):
        checked_url(url)


def test_a_slash_at_the_end_does_not_matter():
    assert checked_url("s3://bucket/runs/") == "s3://bucket/runs"
