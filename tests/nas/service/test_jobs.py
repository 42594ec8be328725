"""Jobs in the database: who may move them, and what becomes of those whose process dies."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from nas.service.job_queue import MOST_CRASHES, OrphanWatch, begin_next
from nas.service.job_table import JobTable, change
from nas.service.refusals import ConflictError, NotFoundError
from nas.service.workers import Workers
from nas.storage.schema import JobRow

pytestmark = pytest.mark.usefixtures("tokens")


def dead_process():
    """Return the number and identity of a process of this machine that has ended."""
    code = "from nas.study.processes import this_process; print(*this_process(), sep='|')"
    number, identity = subprocess.check_output([sys.executable, "-c", code], text=True).strip().split("|")
    return int(number), identity


def begun(table):
    held = begin_next(table, host="here")
    assert held is not None
    return held


def test_a_job_goes_from_the_queue_to_its_end(table):
    job = table.submit("ann", "ann.first", {"budget": ["1M-MACs"]})
    assert table.get(job.id) == job
    held = begun(table)
    assert (held.job.id, held.job.state) == (job.id, "running")
    assert begin_next(table, host="here") is None
    assert table.beat(job.id, held.holder, 2.5) is None
    assert table.finish(job.id, held.holder, "done", exit_status=0)
    ended = table.get(job.id)
    assert (ended.state, ended.used_s, ended.exit_status, ended.name) == ("done", 2.5, 0, "first")
    assert not table.finish(job.id, held.holder, "failed")


def test_a_study_is_searched_once_at_a_time(table):
    table.submit("ann", "ann.same", {})
    with pytest.raises(ConflictError, match=r"study 'same' waits or runs already"):
        table.submit("ann", "ann.same", {})
    table.submit("bob", "bob.same", {})
    held = begun(table)
    table.finish(held.job.id, held.holder, "done")
    table.submit("ann", "ann.same", {})


def test_a_study_has_one_open_job_of_each_kind(table):
    table.submit("ann", "ann.same", {})
    job = table.submit("ann", "ann.same", {"epochs": 3}, kind="retrain")
    assert (table.get(job.id).kind, job.to_json()["kind"]) == ("retrain", "retrain")
    with pytest.raises(ConflictError, match=r"job \(retrain\) of the study 'same' waits or runs already"):
        table.submit("ann", "ann.same", {}, kind="retrain")


def test_what_came_of_a_job_is_kept(table):
    job = table.submit("ann", "ann.measured", {}, kind="measure")
    held = begun(table)
    assert table.get(job.id).result is None
    table.finish(held.job.id, held.holder, "done", exit_status=0, result={"median_ms": 1.5})
    assert table.get(job.id).result == {"median_ms": 1.5}


def test_a_job_of_another_user_is_not_there(table):
    job = table.submit("ann", "ann.first", {})
    with pytest.raises(NotFoundError):
        table.get(job.id, user="bob")
    assert table.page(user="bob") == ()


def test_pages_follow_each_other_latest_first(table):
    made = [table.submit("ann", f"ann.{n}", {}) for n in range(5)]
    first = table.page(limit=2)
    second = table.page(limit=2, before=first[-1].number)
    assert [*first, *second] == made[:0:-1]


def test_a_queued_job_is_cancelled_at_once_and_a_running_one_by_its_process(table):
    waiting, other = (table.submit("ann", f"ann.{n}", {}, priority=-n) for n in range(2))
    held = begun(table)
    assert table.cancel(other, "drain").state == "cancelled"
    asked = table.cancel(waiting, "drain")
    assert (asked.state, asked.cancel) == ("running", "drain")
    assert table.beat(waiting.id, held.holder, 0.0) == "drain"
    assert table.cancel(waiting, "now").cancel == "now"
    assert table.cancel(waiting, "drain").cancel == "now"
    table.finish(waiting.id, held.holder, "cancelled")
    assert table.cancel(waiting, "now").state == "cancelled"


def test_the_job_of_a_dead_process_goes_on_elsewhere(table):
    job = table.submit("ann", "ann.first", {})
    held = begun(table)
    number, identity = dead_process()
    table.hold(job.id, held.holder, process=number, machine=identity, host="here")
    assert [back.state for back in OrphanWatch(table, lambda _: 3).look()] == ["queued"]
    with pytest.raises(NotFoundError):
        table.beat(job.id, held.holder, 1.0)
    assert not table.finish(job.id, held.holder, "done")
    assert begun(table).job.id == job.id


def test_a_live_process_keeps_its_job_and_a_silent_one_on_another_machine_loses_it(table):
    table.submit("ann", "ann.first", {})
    held = begun(table)
    now = [0.0]
    watch = OrphanWatch(table, lambda _: 0, silence_s=60, clock=lambda: now[0])
    for moment in range(0, 60, 5):
        now[0] = moment
        assert watch.look() == ()
    table.beat(held.job.id, held.holder, 1.0)
    for moment in range(60, 120, 5):
        now[0] = moment
        assert watch.look() == ()
    now[0] = 120.0
    assert [job.state for job in watch.look()] == ["queued"]


def test_a_process_that_could_not_beat_while_the_database_was_away_keeps_its_job(table):
    table.submit("ann", "ann.first", {})
    held = begun(table)
    now = [0.0]
    watch = OrphanWatch(table, lambda _: 0, silence_s=60, clock=lambda: now[0])
    assert watch.look() == ()
    now[0] = 900.0  # no look in between could read the table
    assert watch.look() == ()
    assert table.beat(held.job.id, held.holder, 900.0) is None


def test_a_job_that_only_crashes_fails_and_one_that_gets_on_does_not(table):
    number, identity = dead_process()
    epochs = [0]

    def crash(watch):
        held = begun(table)
        table.hold(held.job.id, held.holder, process=number, machine=identity, host="here")
        return watch.look()[0]

    job = table.submit("ann", "ann.first", {})
    watch = OrphanWatch(table, lambda _: epochs[0])
    for _ in range(2 * MOST_CRASHES):
        epochs[0] += 1
        assert crash(watch).state == "queued"
    states = [crash(watch).state for _ in range(MOST_CRASHES - 1)]
    assert states == ["queued"] * (MOST_CRASHES - 2) + ["failed"]
    assert "without finishing an epoch" in str(table.get(job.id).error)


def test_a_retraining_that_gets_on_does_not_fail_for_its_crashes(table):
    number, identity = dead_process()
    job = table.submit("ann", "ann.first", {}, kind="retrain")
    watch = OrphanWatch(table, lambda _: 0)

    def crash(used_s):
        held = begun(table)
        table.hold(held.job.id, held.holder, process=number, machine=identity, host="here")
        table.beat(held.job.id, held.holder, used_s)
        return watch.look()[0]

    assert [crash(3_600.0).state for _ in range(2 * MOST_CRASHES)] == ["queued"] * 2 * MOST_CRASHES
    states = [crash(10.0).state for _ in range(MOST_CRASHES - 1)]
    assert states == ["queued"] * (MOST_CRASHES - 2) + ["failed"]
    assert "process of this retraining ended 5 times in a row" in str(table.get(job.id).error)


def test_the_job_of_a_process_that_died_while_it_was_cancelled_is_cancelled(table):
    job = table.submit("ann", "ann.first", {})
    held = begun(table)
    number, identity = dead_process()
    table.hold(job.id, held.holder, process=number, machine=identity, host="here")
    table.cancel(job, "now")
    assert [back.state for back in OrphanWatch(table, lambda _: 0).look()] == ["cancelled"]


def test_the_quota_of_a_user_holds(table):
    from nas.service.tokens import Tokens

    Tokens(table).create("ann", jobs_at_once=1)
    for number in range(3):
        table.submit("ann", f"ann.{number}", {})
    assert begun(table).job.user == "ann"
    assert begin_next(table, host="here") is None
    table.submit("bob", "bob.0", {})
    assert begun(table).job.user == "bob"


def test_this_process_holds_a_job_until_it_has_a_process_of_its_own(table):
    table.submit("ann", "ann.first", {})
    begun(table)
    assert OrphanWatch(table, lambda _: 0).look() == ()


@pytest.mark.slow
def test_postgresql_keeps_the_same_queue(postgresql_database):
    from nas.service.job_table import JobTable
    from nas.service.tokens import Tokens

    with JobTable(postgresql_database) as kept:
        Tokens(kept).create("ann")
        job = kept.submit("ann", "ann.first", {"budget": ["1M-MACs"]})
        with pytest.raises(ConflictError):
            kept.submit("ann", "ann.first", {})
        held = begun(kept)
        assert kept.beat(job.id, held.holder, 1.5) is None
        assert OrphanWatch(kept, lambda _: 0).look() == ()
        assert kept.cancel(job, "drain").cancel == "drain"
        assert kept.finish(job.id, held.holder, "cancelled", exit_status=130)
        assert kept.counts()["cancelled"] == 1


def test_a_retraining_has_its_share_of_the_cores(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr("nas.service.workers.usable_cores", lambda: list(range(16)))
    assert [Workers(count=count).threads_of("retrain") for count in (0, 1, 3, 32)] == ["16", "16", "5", "1"]
    assert Workers(count=2).threads_of("search") == "1"
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    assert Workers(count=1).threads_of("retrain") == "4"


def test_users_are_charged_what_their_jobs_have_used_within_the_last_day(table):
    hours = timedelta(hours=1)

    def has_used(user, study, used, **values):
        job = table.submit(user, f"{user}.{study}", {})
        with table.writing() as session:
            change(session, (JobRow.id == job.id,), used_s=used.total_seconds(), **values)

    now = datetime.now(UTC)
    has_used(
        "ann", "ended", 240 * hours, state="done", ended_at=now - 23 * hours
    )  # 1 hour is of the last day
    has_used("bob", "ended", 2 * hours, state="done", ended_at=now)
    has_used("ann", "goes on", 24.5 * hours, priority=-1)  # and 24 of this one
    has_used("bob", "runs", 100 * hours, state="running", holder="theirs")
    table.submit("ann", "ann.next", {})
    table.submit("bob", "bob.next", {})
    assert begun(table).job.study == "ann.next"


@pytest.mark.slow
def test_times_are_utc_whatever_the_time_zone_of_postgresql(postgresql_database):
    from nas.service.tokens import Tokens

    with JobTable(f"{postgresql_database}?options=-c%20timezone%3DAsia/Tokyo") as kept:
        Tokens(kept).create("ann")
        kept.submit("ann", "ann.first", {})
        job = begun(kept).job
    assert job.started_at is not None
    assert abs(job.started_at - job.submitted_at) < timedelta(minutes=5)
