"""Users send archives of images; those that would do harm are refused and leave nothing behind."""

import http.client
import json
import os
import resource
import shutil
import urllib.parse
import zipfile
from dataclasses import replace
from pathlib import Path

import optuna
import pytest

from nas.service.archive import unpack
from nas.service.client import Client
from nas.service.connection import ServiceError
from nas.service.job_queue import begin_next
from nas.service.refusals import RefusedError
from nas.service.tokens import Tokens
from nas.service.upload_use import job_using
from nas.service.uploads import Uploads
from nas.storage.optuna_storage import open_storage
from nas.study import study as studies
from tests.nas.service.hostile_archives import good, hostile, zipped
from tests.nas.study.test_study import SETTINGS
from trials.datasets import open_images


@pytest.fixture
def ann(served):
    client = Client(served[0], served[2]["ann"])
    yield client
    for one in client.data()["uploads"]:
        client.delete_data(one["name"])


def put(served, name, content, *, user="ann", length=None):
    """Return status and problem of an upload."""
    address = urllib.parse.urlsplit(served[0]).netloc
    connection = http.client.HTTPConnection(address, timeout=60)
    headers = {"Authorization": f"Bearer {served[2][user]}", **({"Content-Length": length} if length else {})}
    connection.request("PUT", f"/v1/data/{name}", body=content, headers=headers)
    answer = connection.getresponse()
    read = answer.status, json.loads(answer.read())
    connection.close()
    return read


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz", "tar of ."])
def test_a_sent_archive_is_a_data_set_of_its_user_alone(served, ann, tmp_path, kind):
    (tmp_path / "flowers").write_bytes(good()[kind])
    sent = ann.send_data("flowers", tmp_path / "flowers")
    assert (sent["name"], sent["images"]) == ("flowers", 6)
    assert ann.data()["uploads"] == [sent]
    assert ann.data()["server"] == ["digits"]
    assert ann.connection.json("GET", "/me")["data"] == ["digits", "flowers"]
    path = served[1].workers.data_of("ann")["flowers"]
    assert set(open_images(path, seed=0, cache=None).classes) == {"rose", "tulip"}
    job = ann.search("1M-MACs", data="flowers", study=f"on flowers as {kind}")
    bob = Client(served[0], served[2]["bob"])
    assert bob.data()["uploads"] == []
    with pytest.raises(ServiceError, match="No data set of this server"):
        bob.search("1M-MACs", data="flowers")
    with pytest.raises(ServiceError, match="no such data set"):
        bob.delete_data("flowers")
    with pytest.raises(ServiceError, match="uses this data set"):
        ann.delete_data("flowers")
    ann.cancel(job["id"])
    compared = ann.compare("mobilenet_v2_1.0_224", data="digits")
    with pytest.raises(ServiceError, match="no such data set"):
        ann.connection.json("DELETE", "/data/%00")
    ann.cancel(compared["id"])
    ann.delete_data("flowers")
    assert ann.data()["uploads"] == []
    assert not Path(path).exists()


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("retrain", {"study": "on tulips"}),
        ("compare", {"networks": ["on tulips#3", "mobilenet_v2_1.0_224"]}),
        ("compare", {"networks": ["mobilenet_v2_1.0_224"], "data": "tulips"}),
        ("search", {"budget": ["1M-MACs"], "data": "tulips"}),
    ],
)
@pytest.mark.parametrize("begun", [False, True])
def test_a_data_set_is_kept_while_a_job_reads_it(table, tmp_path, kind, options, begun):
    uploads = Uploads(tmp_path / "uploads")
    for user in ("ann", "bob"):
        Tokens(table).create(user)
        (uploads.folder / user / "tulips" / "all" / "red").mkdir(parents=True)
    storage = optuna.storages.get_storage(open_storage(table.url))
    studies.begin(
        storage,
        "ann.on tulips",
        replace(SETTINGS, data=str(uploads.folder / "ann" / "tulips" / "all")),
        sampler=optuna.samplers.RandomSampler(),
        pruner=optuna.pruners.NopPruner(),
        images={"classes": ["a", "b"], "channels": 1, "mean": [0.5], "std": [0.5]},
        folder=str(tmp_path / "runs"),
    )
    assert job_using(table, uploads, "ann", "tulips") is None
    table.submit("bob", "bob.on tulips", options, kind=kind)
    job = table.submit("ann", "ann.another", options, kind=kind, priority=1)
    if begun:
        assert begin_next(table, host="here") is not None
        assert begin_next(table, host="here") is not None
    using = job_using(table, uploads, "ann", "tulips")
    assert using is not None
    assert using.id == job.id
    assert job_using(table, uploads, "ann", "tul") is None
    table.cancel(job, "now")
    if not begun:
        assert job_using(table, uploads, "ann", "tulips") is None


def test_a_deletion_that_is_cut_short_leaves_no_half_of_a_data_set(tmp_path, monkeypatch):
    uploads = Uploads(tmp_path / "uploads")
    (uploads.folder / "ann" / "tulips" / "red").mkdir(parents=True)
    (uploads.folder / "ann" / "tulips" / "white").mkdir()

    def cut_short(folder, *_, **__):
        (Path(folder) / "red").rmdir()
        raise KeyboardInterrupt

    with monkeypatch.context() as killed:
        killed.setattr("nas.service.uploads.shutil.rmtree", cut_short)
        with pytest.raises(KeyboardInterrupt):
            uploads.remove("ann", "tulips")
    assert uploads.of("ann") == {}
    monkeypatch.setattr("nas.service.uploads.time.time", lambda: 1e11)
    uploads.sweep()
    assert everything_in(uploads.folder) == [str(uploads.folder / "ann")]


def everything_in(folder):
    return sorted(str(path) for path in folder.rglob("*"))


@pytest.mark.slow
def test_two_hundred_hostile_archives_are_refused_and_leave_nothing(served, ann):
    uploads = served[1].workers.uploads
    home = uploads.folder.parents[2]
    uploads.folder.joinpath("ann").mkdir(parents=True, exist_ok=True)
    before = everything_in(home)
    archives = list(hostile())
    for what, content in archives:
        status, problem = put(served, "harm", content)
        assert status in {413, 422}, (what, status, problem)
        assert "\n" not in problem["detail"]
        assert str(home) not in problem["detail"]
        assert everything_in(home) == before, what
    assert len(archives) >= 200
    assert ann.data()["uploads"] == []


@pytest.mark.parametrize(
    ("name", "user", "length", "status", "expected"),
    [
        ("digits", "ann", None, 409, "The server has a data set 'digits'"),
        ("..", "ann", None, 422, "Cannot call a data set"),
        (".hidden", "ann", None, 422, "Cannot call a data set"),
        ("a%2F..%2Fb", "ann", None, 404, "Not Found"),
        ("flowers", "viewer", None, 403, "only reads"),
        ("flowers", "ann", str(5 * 1024**3), 413, "at most 4096 MiB"),
    ],
)
def test_an_upload_that_may_not_be_is_refused_before_it_is_read(served, name, user, length, status, expected):
    found, problem = put(served, name, b"", user=user, length=length)
    assert (found, expected in problem["detail"]) == (status, True), problem


def test_a_second_upload_of_a_name_is_refused(served, ann, tmp_path):
    (tmp_path / "flowers.zip").write_bytes(good()["zip"])
    ann.send_data("flowers", tmp_path / "flowers.zip")
    with pytest.raises(ServiceError, match="already"):
        ann.send_data("flowers", tmp_path / "flowers.zip")
    assert put(served, "flowers", good()["zip"])[0] == 409


@pytest.fixture
def no_room():
    """Let no file of this process grow beyond 1 MiB, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024**2, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.usefixtures("no_room")
@pytest.mark.parametrize("pressed", [False, True])
def test_on_a_full_disk_an_upload_is_refused_and_leaves_nothing(served, ann, pressed):
    home = served[1].workers.uploads.folder
    home.joinpath("ann").mkdir(parents=True, exist_ok=True)
    before = everything_in(home)
    image = bytes(3 * 1024**2) if pressed else os.urandom(2 * 1024**2)
    content = zipped(("a/1.png", image), method=zipfile.ZIP_DEFLATED if pressed else zipfile.ZIP_STORED)
    assert (len(content) > 1024**2) != pressed
    status, problem = put(served, "flowers", content)
    assert (status, problem["title"]) == (507, "Insufficient Storage")
    assert problem["detail"].startswith("A disk of this service is full: expected room for what this")
    assert everything_in(home) == before
    assert ann.data()["uploads"] == []


def test_what_is_unpacked_is_counted_and_not_believed(tmp_path):
    (tmp_path / "archive").write_bytes(zipped(*((f"a/{number}.png", bytes(1000)) for number in range(20))))
    with pytest.raises(RefusedError, match="unpacks to too much"):
        unpack(tmp_path / "archive", tmp_path / "to", most_bytes=10_000)


def test_drafts_of_servers_that_were_killed_are_removed_after_a_day(tmp_path):
    uploads = Uploads(tmp_path)
    for name in (".draft-old", ".draft-new", "kept"):
        (tmp_path / "ann" / name / "images").mkdir(parents=True)
    os.utime(tmp_path / "ann" / ".draft-old", (0, 0))
    uploads.sweep()
    assert sorted(path.name for path in (tmp_path / "ann").iterdir()) == [".draft-new", "kept"]
    shutil.rmtree(tmp_path / "ann")
