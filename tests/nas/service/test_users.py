"""A user is listed with use, backed up with studies that open again, and deleted with all data."""

import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime

import pytest

import nas
from nas.service.job_queue import begin_next
from nas.service.job_table import JobTable
from nas.service.refusals import ConflictError, NotFoundError
from nas.service.tokens import Tokens
from nas.service.user_data import back_up, delete_user, users
from nas.service.user_files import comparisons_of, exports_of
from nas.service.workers import Workers
from nas.storage.records import Export, Measurement
from nas.storage.schema import JobRow
from nas.storage.store import Store
from search_spaces.errors import InvalidValueError
from tests.golden.test_golden_study import laid_out
from tests.in_process import nas_in_process


@pytest.fixture
def desk(tmp_path):
    """Return a folder with studies of ann and bob, a data set and a job of each."""
    folder = tmp_path / "desk"
    folder.mkdir()
    laid_out(folder)
    url = f"sqlite:///{folder}/nas.db"
    for old, new in (("first", "ann.first"), ("second", "bob.second")):
        nas.rename_study(old, new, storage=url)
    workers = Workers(storage_path=folder / "nas-runs")
    with JobTable(url) as table:
        for user in ("ann", "bob"):
            Tokens(table).create(user)
            job = table.submit(user, f"{user}.first", {"budget": ["1M-MACs"]})
            images = workers.uploads.folder / user / "flowers" / "rose"
            images.mkdir(parents=True)
            (images / "1.png").write_bytes(b"an image")
            workers.log_of(job.id).write_text("a log")
            for kept in (exports_of(workers.storage_path, user), comparisons_of(workers.storage_path, user)):
                kept.mkdir(parents=True)
                (kept / "network.zip").write_bytes(b"a network")
    return folder


@pytest.fixture
def opened(desk):
    with JobTable(f"sqlite:///{desk}/nas.db") as table:
        yield table, Workers(storage_path=desk / "nas-runs")


def files_of(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.mark.slow
def test_users_are_listed_with_their_use(opened):
    table, workers = opened
    held = begin_next(table, host="here")
    assert held is not None
    table.beat(held.job.id, held.holder, 1800.0)
    found = {one.user: one for one in users(table, workers)}
    assert set(found) == {"ann", "bob"}
    assert (found["ann"].tokens, found["ann"].jobs, found["ann"].open) == (1, 1, 1)
    assert found["ann"].used_hours == 0.5
    assert found["bob"].used_hours == 0.0
    assert found["ann"].disk_bytes > 8


@pytest.mark.slow
def test_a_backup_opens_as_a_storage_of_its_own(desk, opened, tmp_path):
    table, workers = opened
    before = nas.show("ann.first", storage=table.url)
    folder = back_up(table, workers, "ann", tmp_path / "backup")
    shutil.rmtree(desk / "nas-runs")
    kept = nas.studies(storage=f"sqlite:///{folder}/nas.db")
    assert [one.study for one in kept] == ["ann.first"]
    after = nas.show("ann.first", storage=f"sqlite:///{folder}/nas.db")
    assert [n.architecture for n in after.networks] == [n.architecture for n in before.networks]
    assert [n.accuracy for n in after.networks] == [n.accuracy for n in before.networks]
    assert after.folder == str(folder / "nas-runs" / "ann.first")
    assert kept[0].disk_bytes > 0
    assert (folder / "uploads" / "flowers" / "rose" / "1.png").read_bytes() == b"an image"
    record = json.loads((folder / "user.json").read_text())
    assert [job["study"] for job in record["jobs"]] == ["first"]
    assert "digest" not in json.dumps(record)
    with pytest.raises(InvalidValueError, match="it is not empty"):
        back_up(table, workers, "bob", folder)
    assert json.loads((folder / "user.json").read_text()) == record


@pytest.mark.slow
def test_networks_of_a_backup_fit_by_the_same_measurements(desk, opened, tmp_path):
    table, workers = opened
    nas.rename_study("strict", "ann.strict", storage=table.url)
    missed = nas.show("ann.strict", storage=table.url).best
    assert missed is not None
    with Store(table.url) as store:
        (known,) = store.latest(missed.architecture, num_classes=10, in_channels=1).values()
        slow = replace(known, median_ms=900.0, low_ms=899.0, high_ms=901.0, stable=True)
        at = datetime(2026, 1, 1, tzinfo=UTC)
        store.add_measurement(
            Measurement(
                architecture=missed.architecture,
                num_classes=10,
                in_channels=1,
                latency=slow,
                measured_at=at,
            )
        )
        store.add_export(
            Export(
                architecture=missed.architecture,
                study="ann.strict",
                trial=missed.trial,
                name="net",
                folder=str(desk / "net"),
                exported_at=at,
            )
        )
        exports = store.exports("ann.strict")
    folder = back_up(table, workers, "ann", tmp_path / "backup")
    copy = f"sqlite:///{folder}/nas.db"
    before, after = (nas.show("ann.strict", storage=one) for one in (table.url, copy))
    verdicts = [[(n.trial, n.fits, n.latency_ms, n.reason) for n in one.networks] for one in (before, after)]
    assert verdicts[0] == verdicts[1]
    assert (missed.trial, False) in {(trial, fits) for trial, fits, _, _ in verdicts[1]}
    with Store(copy) as store:
        assert store.exports("ann.strict") == exports


@pytest.mark.slow
def test_a_deleted_user_leaves_nothing_and_others_keep_everything(desk, opened):
    table, workers = opened
    (job,) = table.page(user="ann")
    theirs = {name for name in files_of(desk / "nas-runs") if "bob" in name}
    others = {one.study: one.trained for one in nas.studies(storage=table.url)}
    assert delete_user(table, workers, "ann") == ()
    assert "ann" not in {one.user for one in users(table, workers)}
    assert table.page(user="ann") == ()
    left = {one.study: one.trained for one in nas.studies(storage=table.url)}
    assert left == {name: trained for name, trained in others.items() if name != "ann.first"}
    names = files_of(desk / "nas-runs")
    assert not [name for name in names if "ann" in name or job.id in name]
    assert theirs <= names
    with pytest.raises(NotFoundError):
        delete_user(table, workers, "ann")


def test_data_of_a_running_job_is_not_backed_up(opened, tmp_path):
    table, workers = opened
    held = begin_next(table, host="here")
    assert held is not None
    with pytest.raises(ConflictError, match=f"A job of {held.job.user} runs"):
        back_up(table, workers, held.job.user, tmp_path / "backup")
    assert not (tmp_path / "backup").exists()


def test_a_running_job_is_stopped_before_its_user_is_deleted(opened):
    table, workers = opened
    held = begin_next(table, host="here")
    assert held is not None
    lines = []

    def ended(line):
        lines.append(line)
        assert table.beat(held.job.id, held.holder, 1.0) == "now"
        table.finish(held.job.id, held.holder, "cancelled", exit_status=130)

    delete_user(table, workers, held.job.user, report_line=ended)
    assert lines == [f"Waiting for the job {held.job.id} to end."]
    with table.writing() as session:
        assert session.query(JobRow).where(JobRow.user == held.job.user).count() == 0


@pytest.mark.slow
def test_the_commands_limit_list_back_up_and_delete(desk):
    def run(*words):
        return nas_in_process(desk, "users", *words)

    assert run("quota", "ann", "--slot-hours", "2", "--disk-gib", "5").status == 0
    listed = run("list")
    assert "1 open of 1 jobs  0.00 of 2 h this month" in listed.out
    assert "of 5 GiB" in listed.out
    assert run("backup", "ann", "--to", "saved").status == 0
    assert (desk / "saved" / "nas.db").is_file()
    refused = run("delete", "ann")
    assert (refused.status, refused.err) == (
        2,
        "Cannot ask for confirmation to delete ann: expected a terminal. Add --yes.\n",
    )
    assert run("delete", "ann", "--yes").out == "ann is deleted.\n"
    assert run("delete", "ann", "--yes").status == 2
    assert run("quota", "bob", "--slot-hours", "-1").status == 2
    nothing = run("quota", "bob")
    assert (nothing.status, nothing.out, nothing.err.count("\n")) == (2, "", 1)
    assert "expected --slot-hours, --disk-gib or --jobs-at-once" in nothing.err
