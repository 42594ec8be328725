"""Hours and disk of users are limited, also of jobs that run."""

import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from nas.service.client import Client
from nas.service.connection import ServiceError
from nas.service.full_disks import FullDisks
from nas.service.job_queue import begin_next
from nas.service.job_table import JobTable
from nas.service.quota_watch import QuotaWatch
from nas.service.quotas import GIB, Quota, Quotas
from nas.service.uploads import Uploads
from nas.service.user_files import disk_bytes, exports_of
from nas.service.workers import Workers
from search_spaces.errors import InvalidValueError, UserError

HOUR_S = 3600.0


@pytest.fixture
def running(table, tokens):
    """Return a job of ann that runs."""
    del tokens
    table.submit("ann", "ann.first", {"budget": ["1M-MACs"]})
    held = begin_next(table, host="here")
    assert held is not None
    return held


def test_signs_of_life_are_charged_to_the_user_of_the_job_and_the_month(table, running):
    for seconds in (1.5, 2.5):
        table.beat(running.job.id, running.holder, seconds)
    quotas, month = Quotas(table), datetime.now(UTC)
    assert quotas.used_s(now=month) == {"ann": 4.0}
    assert quotas.used_s(now=month.replace(year=2001)) == {}
    assert table.get(running.job.id).used_s == 4.0


def test_many_processes_charge_one_user_and_no_second_is_lost(table, tokens):
    del tokens
    for number in range(4):
        table.submit("ann", f"ann.{number}", {})
    held = [begin_next(table, host="here", at_once=4) for _ in range(4)]

    def beat(one):
        with JobTable(table.url) as own:
            for _ in range(10):
                own.beat(one.job.id, one.holder, 1.0)

    threads = [threading.Thread(target=beat, args=(one,)) for one in held]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Quotas(table).used_s() == {"ann": 40.0}


def test_a_running_job_beyond_its_hours_is_drained_and_says_why(table, running, tmp_path):
    watch = QuotaWatch(table, Workers(storage_path=tmp_path, quota=Quota(slot_hours=0.5)))
    table.beat(running.job.id, running.holder, 0.49 * HOUR_S)
    watch.look()
    assert table.get(running.job.id).cancel is None
    table.beat(running.job.id, running.holder, 0.02 * HOUR_S)
    watch.look()
    assert table.beat(running.job.id, running.holder, 0.0) == "drain"
    assert table.finish(running.job.id, running.holder, "cancelled", exit_status=130)
    ended = table.get(running.job.id)
    assert ended.error == (
        "0.51 of 0.5 slot-hours of this month are used: expected fewer. Wait for the next month, or ask your "
        "administrator for more."
    )


def test_a_job_on_too_full_a_disk_is_drained_and_says_why(table, running, tmp_path):
    workers = Workers(storage_path=tmp_path)
    Quotas(table).change("ann", disk_gib=1000 / GIB)
    watch = QuotaWatch(table, workers)
    watch.look()
    assert table.get(running.job.id).cancel is None
    full = workers.uploads.folder / "ann" / "flowers"
    full.mkdir(parents=True)
    (full / "x.png").write_bytes(bytes(2000))
    QuotaWatch(table, workers).look()
    ended = table.get(running.job.id)
    assert ended.cancel == "drain"
    assert "GiB of disk are used" in ended.error


def test_who_has_no_hours_left_waits_and_others_go_on(table, running, tokens):
    del tokens
    table.beat(running.job.id, running.holder, 2 * HOUR_S)
    table.submit("ann", "ann.second", {})
    theirs = table.submit("bob", "bob.first", {})
    quota = Quota(slot_hours=1.0)
    held = begin_next(table, host="here", at_once=9, quota=quota)
    assert held is not None
    assert held.job.id == theirs.id
    assert begin_next(table, host="here", at_once=9, quota=quota) is None
    Quotas(table).change("ann", slot_hours=3.0)
    assert begin_next(table, host="here", at_once=9, quota=quota) is not None


def test_jobs_of_who_has_no_hours_at_all_wait(table, tokens, tmp_path):
    del tokens
    job = table.submit("ann", "ann.first", {})
    Quotas(table).change("ann", slot_hours=0.0)
    assert begin_next(table, host="here") is None
    QuotaWatch(table, Workers(storage_path=tmp_path)).look()
    assert table.get(job.id).state == "queued"
    Quotas(table).change("ann", slot_hours=1.0)
    assert begin_next(table, host="here") is not None


def test_jobs_of_who_has_too_full_a_disk_wait_until_there_is_room(table, tokens, tmp_path):
    del tokens
    now_s = 0.0
    workers = Workers(storage_path=tmp_path, quota=Quota(disk_gib=1000 / GIB))
    full = FullDisks(table, workers, kept="full", clock=lambda: now_s)
    watch = QuotaWatch(table, workers)

    def begun():
        return begin_next(table, host="here", at_once=9, is_full=lambda user: full.reason(user) is not None)

    waiting = [table.submit("ann", f"ann.{number}", {}) for number in range(3)]
    theirs = table.submit("bob", "bob.first", {})
    sent = workers.uploads.folder / "ann" / "flowers" / "x.png"
    sent.parent.mkdir(parents=True)
    sent.write_bytes(bytes(2000))
    assert begun().job.id == theirs.id
    assert begun() is None
    watch.look()
    assert {table.get(job.id).state for job in waiting} == {"queued"}
    sent.unlink()
    now_s = 59.0
    assert begun() is None  # files of all studies are not looked at twice a second
    now_s = 61.0
    assert begun().job.id == waiting[0].id
    watch.look()
    assert table.get(waiting[0].id).cancel is None


def test_no_job_begins_or_is_drained_by_an_old_look_at_the_disk(table, tokens, tmp_path):
    del tokens
    workers = Workers(storage_path=tmp_path, quota=Quota(disk_gib=1000 / GIB))
    begins = FullDisks(table, workers, kept="full")
    drains = FullDisks(table, workers, kept="room")
    sent = workers.uploads.folder / "ann" / "flowers" / "x.png"
    sent.parent.mkdir(parents=True)
    assert begins.reason("ann") is None
    sent.write_bytes(bytes(2000))
    assert begins.reason("ann") is not None
    assert "GiB of disk are used" in str(drains.reason("ann"))
    sent.unlink()
    assert drains.reason("ann") is None


def test_nothing_is_submitted_or_sent_beyond_a_quota(served, tmp_path):
    from tests.nas.service.hostile_archives import good

    secret, _ = served[1].tokens.create("full")
    client, quotas = Client(served[0], secret), Quotas(served[1].table)
    quotas.change("full", slot_hours=0.0)
    with pytest.raises(ServiceError, match=r"0.00 of 0 slot-hours of this month are used") as refused:
        client.search("1M-MACs")
    assert refused.value.status == 403
    quotas.change("full", slot_hours=1.0, disk_gib=100 / GIB)
    client.cancel(client.search("1M-MACs")["id"])
    (tmp_path / "flowers.zip").write_bytes(good()["zip"])
    with pytest.raises(ServiceError, match="unpacks to too much"):
        client.send_data("flowers", tmp_path / "flowers.zip")
    quotas.change("full", disk_gib=1.0)
    client.send_data("flowers", tmp_path / "flowers.zip")
    quotas.change("full", disk_gib=100 / GIB)
    with pytest.raises(ServiceError, match="GiB of disk are used"):
        client.search("1M-MACs")
    client.delete_data("flowers")


def test_kept_exports_count_as_disk_until_their_user_deletes_them(served):
    table, workers = served[1].table, served[1].workers
    secret, _ = served[1].tokens.create("exporter")
    client = Client(served[0], secret)
    kept = exports_of(workers.storage_path, "exporter")
    kept.mkdir(parents=True)
    for number in range(3):
        (kept / f"{number:064x}.zip").write_bytes(bytes(1000))
    assert disk_bytes(table.url, workers, "exporter") == 3000
    Quotas(table).change("exporter", disk_gib=2500 / GIB)
    with pytest.raises(ServiceError, match="GiB of disk are used"):
        client.search("1M-MACs")
    client.delete_archives()
    assert disk_bytes(table.url, workers, "exporter") == 0
    assert client.search("1M-MACs")["state"] == "queued"


@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf")])
def test_a_quota_is_a_number_from_zero(value):
    with pytest.raises(InvalidValueError, match="expected at least 0"):
        Quota(slot_hours=value)


def test_quotas_of_nobody_are_refused(table):
    with pytest.raises(UserError, match="There is no user 'eve'"):
        Quotas(table).change("eve", slot_hours=1.0)


def test_uploads_alone_count_their_bytes(tmp_path):
    (tmp_path / "ann" / "a").mkdir(parents=True)
    (tmp_path / "ann" / "a" / "x.png").write_bytes(bytes(7))
    (tmp_path / "ann" / ".draft-1").mkdir()
    assert Uploads(Path(tmp_path)).bytes_of("ann") == 7
